//! Errors of the JetStream API, and the envelope that every reply comes in.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::codes::ErrorCode;

/// What the server answers when it refuses a call.
///
/// Go by [`err_code`](Self::err_code): descriptions change between versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{description} ({err_code})")]
#[non_exhaustive]
pub struct ApiError {
    /// The class, in the manner of HTTP; 500 for many an invalid configuration.
    #[serde(default)]
    pub code: u16,
    /// What went wrong. [`ErrorCode::NONE`] from servers that do not tell.
    #[serde(default)]
    pub err_code: ErrorCode,
    /// For people.
    #[serde(default)]
    pub description: String,
}

impl ApiError {
    /// An error with these parts.
    pub fn new(code: u16, err_code: ErrorCode, description: impl Into<String>) -> Self {
        Self { code, err_code, description: description.into() }
    }

    /// Whether the last sequence was another than the publisher expected. A stream with replicas says so with a code of
    /// its own when two publishers race.
    pub fn is_wrong_last_sequence(&self) -> bool {
        matches!(
            self.err_code,
            ErrorCode::STREAM_WRONG_LAST_SEQUENCE | ErrorCode::STREAM_WRONG_LAST_SEQUENCE_CONSTANT
        )
    }

    /// Whether there is no such stream.
    pub fn is_stream_not_found(&self) -> bool {
        self.err_code == ErrorCode::STREAM_NOT_FOUND
    }

    /// Whether there is no such consumer.
    pub fn is_consumer_not_found(&self) -> bool {
        matches!(self.err_code, ErrorCode::CONSUMER_NOT_FOUND | ErrorCode::CONSUMER_DOES_NOT_EXIST)
    }

    /// Whether there is no such message.
    pub fn is_message_not_found(&self) -> bool {
        matches!(self.err_code, ErrorCode::NO_MESSAGE_FOUND | ErrorCode::SEQUENCE_NOT_FOUND)
    }

    /// Whether a message with the same id is being stored at the moment. Publishing it again a little later tells how
    /// that went.
    pub fn is_duplicate_in_process(&self) -> bool {
        self.err_code == ErrorCode::STREAM_DUPLICATE_MESSAGE_CONFLICT
    }

    /// Whether JetStream is off, for the account or altogether.
    pub fn is_jetstream_not_enabled(&self) -> bool {
        matches!(
            self.err_code,
            ErrorCode::JETSTREAM_NOT_ENABLED | ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT
        )
    }

    /// Whether the stream or consumer is there but cannot be served, because its servers are away or too old.
    pub fn is_offline(&self) -> bool {
        matches!(
            self.err_code,
            ErrorCode::STREAM_OFFLINE
                | ErrorCode::CONSUMER_OFFLINE
                | ErrorCode::STREAM_OFFLINE_REASON
                | ErrorCode::CONSUMER_OFFLINE_REASON
        )
    }

    /// What mends it, for the errors of which that can be said.
    ///
    /// ```
    /// use nuncio_proto::js::codes::ErrorCode;
    /// use nuncio_proto::js::error::ApiError;
    ///
    /// let error = ApiError::new(404, ErrorCode::STREAM_NOT_FOUND, "stream not found");
    /// assert_eq!(error.hint(), Some("create it, or see that the name, the account and the domain are right"));
    /// ```
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self.err_code {
            ErrorCode::STREAM_NOT_FOUND
            | ErrorCode::CONSUMER_NOT_FOUND
            | ErrorCode::CONSUMER_DOES_NOT_EXIST => {
                "create it, or see that the name, the account and the domain are right"
            }
            ErrorCode::JETSTREAM_NOT_ENABLED | ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT => {
                "enable JetStream in the server's configuration, for the account too if it has several"
            }
            ErrorCode::STREAM_NAME_EXIST => "update the stream, or choose another name",
            ErrorCode::CONSUMER_ALREADY_EXISTS => "update the consumer, or choose another name",
            ErrorCode::STREAM_SUBJECT_OVERLAP => "let no two streams take the same subject",
            ErrorCode::INVALID_JSON => "the server may be too old for a field that is set",
            ErrorCode::CLUSTER_REQUIRED | ErrorCode::STREAM_REPLICAS_NOT_SUPPORTED => {
                "this server is not in a cluster"
            }
            ErrorCode::REQUIRED_API_LEVEL => "upgrade the servers",
            ErrorCode::ACCOUNT_RESOURCES_EXCEEDED
            | ErrorCode::MAXIMUM_STREAMS_LIMIT
            | ErrorCode::MAXIMUM_CONSUMERS_LIMIT
            | ErrorCode::STORAGE_RESOURCES_EXCEEDED
            | ErrorCode::MEMORY_RESOURCES_EXCEEDED => {
                "delete what is not needed, or raise the account's limits"
            }
            ErrorCode::STREAM_MAX_BYTES_REQUIRED => "set max_bytes",
            _ => return None,
        })
    }

    /// Whether the same call may succeed a moment later: there is no leader just now, the server has too much to do, or
    /// the same message is being stored.
    ///
    /// Limits that are reached come with class 503 as well, and do not go away by themselves.
    pub fn is_retryable(&self) -> bool {
        self.is_former_leader()
            || matches!(
                self.err_code,
                ErrorCode::CLUSTER_NOT_AVAILABLE
                    | ErrorCode::CLUSTER_NOT_LEADER
                    | ErrorCode::STREAM_DUPLICATE_MESSAGE_CONFLICT
                    | ErrorCode::STREAM_EXPECTED_LAST_SEQ_PER_SUBJECT_NOT_READY
                    | ErrorCode::STREAM_TOO_MANY_REQUESTS
                    | ErrorCode::ATOMIC_PUBLISH_TOO_MANY_IN_FLIGHT
                    | ErrorCode::FAST_BATCH_TOO_MANY_IN_FLIGHT
            )
    }

    /// Whether it is from a server that took a message for a stream which it does not lead any more: nothing was stored.
    /// nats-server 2.11 says so without a code, and failures to write come without one as well.
    fn is_former_leader(&self) -> bool {
        self.code == 503 && self.err_code == ErrorCode::NONE && self.description == "raft: not leader"
    }
}

/// A reply that is not what the API answers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the reply cannot be read: {problem}")]
pub struct DecodeError {
    problem: String,
}

impl DecodeError {
    /// A reply with this problem.
    pub fn new(problem: impl Into<String>) -> Self {
        Self { problem: problem.into() }
    }
}

impl From<serde_json::Error> for DecodeError {
    fn from(error: serde_json::Error) -> Self {
        // Its text has a place and a kind, and at most the name or value of one field.
        Self::new(error.to_string())
    }
}

/// Reads what the API replies, the error first: a reply with an error may hold other fields as well.
///
/// ```
/// use nuncio_proto::js::codes::ErrorCode;
/// use nuncio_proto::js::error::Response;
///
/// #[derive(serde::Deserialize)]
/// struct Purged { purged: u64 }
///
/// let refused = br#"{"type":"x","error":{"code":404,"err_code":10059,"description":"stream not found"},"purged":0}"#;
/// let error = Response::<Purged>::parse(refused)?.err().ok_or("an error")?;
/// assert_eq!(error.err_code, ErrorCode::STREAM_NOT_FOUND);
/// assert_eq!(Response::<Purged>::parse(br#"{"purged":7}"#)?.map_err(|e| e.to_string())?.purged, 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Response<T>(std::marker::PhantomData<T>);

#[derive(Deserialize)]
struct Envelope {
    error: Option<ApiError>,
}

impl<T: DeserializeOwned> Response<T> {
    /// The body of the reply, or the error in it.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] if the bytes are neither.
    pub fn parse(reply: &[u8]) -> Result<Result<T, ApiError>, DecodeError> {
        if let Some(error) = serde_json::from_slice::<Envelope>(reply)?.error {
            return Ok(Err(error));
        }
        Ok(Ok(serde_json::from_slice(reply)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(number: u16) -> ApiError {
        ApiError::new(400, ErrorCode(number), "x")
    }

    fn which(predicate: fn(&ApiError) -> bool) -> Vec<u16> {
        ErrorCode::ALL.iter().map(|code| code.0).filter(|n| predicate(&error(*n))).collect()
    }

    #[test]
    fn predicates_hold_for_these_codes_and_no_others() {
        assert_eq!(which(ApiError::is_wrong_last_sequence), [10071, 10164]);
        assert_eq!(which(ApiError::is_stream_not_found), [10059]);
        assert_eq!(which(ApiError::is_consumer_not_found), [10014, 10149]);
        assert_eq!(which(ApiError::is_message_not_found), [10037, 10043]);
        assert_eq!(which(ApiError::is_duplicate_in_process), [10158]);
        assert_eq!(which(ApiError::is_jetstream_not_enabled), [10039, 10076]);
        assert_eq!(which(ApiError::is_offline), [10118, 10119, 10194, 10195]);
        assert_eq!(which(ApiError::is_retryable), [10008, 10009, 10158, 10163, 10167, 10210, 10211]);
    }

    #[test]
    fn a_missing_err_code_is_none() {
        let reply = br#"{"error":{"code":503,"description":"not now"}}"#;
        let error = Response::<serde_json::Value>::parse(reply).unwrap().unwrap_err();
        assert_eq!((error.code, error.err_code), (503, ErrorCode::NONE));
        assert_eq!(error.to_string(), "not now (0)");
        let reply = br#"{"error":null,"purged":1}"#;
        assert_eq!(Response::<serde_json::Value>::parse(reply).unwrap().unwrap()["purged"], 1);
    }

    #[test]
    fn a_leader_that_has_just_stepped_down_is_worth_another_attempt() {
        let error = |code, number, text| ApiError::new(code, ErrorCode(number), text).is_retryable();
        assert!(error(503, 0, "raft: not leader"));
        assert!(!error(503, 0, "no space left on device"));
        assert!(!error(400, 0, "raft: not leader"));
        assert!(!error(503, 10077, "raft: not leader"));
    }

    #[test]
    fn what_is_no_reply_is_a_decode_error() {
        for bad in [&b""[..], b"+OK", b"[]", b"{", b"{\"error\":7}", b"\xff"] {
            assert!(Response::<serde_json::Value>::parse(bad).is_err(), "{bad:?}");
        }
    }
}
