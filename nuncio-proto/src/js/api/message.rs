//! Messages that are read from a stream by sequence or subject.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::wire::base64;
use crate::header::{HeaderError, HeaderMap, HeaderView, look_up};
use crate::js::error::DecodeError;
use crate::js::headers;
use crate::js::time::Timestamp;

/// Asks the leader of a stream for one message.
///
/// ```
/// use nuncio_proto::js::api::message::GetMessageRequest;
///
/// let body = GetMessageRequest::next_by_subject("orders.*", 7);
/// assert_eq!(serde_json::to_string(&body)?, r#"{"seq":7,"next_by_subj":"orders.*"}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct GetMessageRequest {
    /// Its sequence; with [`next_by_subject`](Self::next_by_subject) the first to look at.
    #[serde(rename = "seq", skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// The last message of these subjects, with wildcards.
    #[serde(rename = "last_by_subj", skip_serializing_if = "Option::is_none")]
    pub last_by_subject: Option<String>,
    /// The first message of these subjects, with wildcards, from a sequence on.
    #[serde(rename = "next_by_subj", skip_serializing_if = "Option::is_none")]
    pub next_by_subject: Option<String>,
}

impl GetMessageRequest {
    /// The message of this sequence.
    pub fn sequence(sequence: u64) -> Self {
        Self { sequence: Some(sequence), ..Self::default() }
    }

    /// The last message of these subjects, with wildcards.
    pub fn last_by_subject(subject: impl Into<String>) -> Self {
        Self { last_by_subject: Some(subject.into()), ..Self::default() }
    }

    /// The first message of these subjects, with wildcards, that has this sequence or a higher one.
    pub fn next_by_subject(subject: impl Into<String>, sequence: u64) -> Self {
        Self { sequence: Some(sequence), next_by_subject: Some(subject.into()), ..Self::default() }
    }
}

/// What the leader answers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct GetMessageReply {
    message: RawMessage,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct RawMessage {
    subject: String,
    seq: u64,
    #[serde(default, deserialize_with = "base64")]
    hdrs: Vec<u8>,
    #[serde(default, deserialize_with = "base64")]
    data: Vec<u8>,
    time: Timestamp,
}

impl From<GetMessageReply> for StoredMessage {
    fn from(reply: GetMessageReply) -> Self {
        let message = reply.message;
        Self {
            stream: None,
            subject: message.subject,
            sequence: message.seq,
            time: message.time,
            header_block: (!message.hdrs.is_empty()).then(|| message.hdrs.into()),
            payload: message.data.into(),
        }
    }
}

/// A message as it is stored in a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredMessage {
    /// The stream that answered, which may be a mirror; `None` when the leader was asked.
    pub stream: Option<String>,
    /// Its subject.
    pub subject: String,
    /// Its sequence.
    pub sequence: u64,
    /// When it was stored.
    pub time: Timestamp,
    /// Its headers as bytes, with the version line. Those that direct get adds are among them.
    pub header_block: Option<Bytes>,
    /// Its payload.
    pub payload: Bytes,
}

impl StoredMessage {
    /// Its headers as they were published, from wherever it was read: without those that direct get adds behind them, which
    /// begin with `Nats-Stream`.
    ///
    /// # Errors
    ///
    /// If they are malformed.
    pub fn own_headers(&self) -> Result<HeaderMap, HeaderError> {
        let all = self.headers()?;
        let mut own = all.len();
        if self.stream.is_some() {
            // A message that was republished once may have headers of these names itself.
            let added = all.iter().enumerate().filter(|(_, (name, _))| *name == headers::STREAM);
            own = added.map(|(at, _)| at).last().unwrap_or(own);
        }
        HeaderMap::try_from_iter(all.iter().take(own))
    }

    /// Its headers, with those that direct get adds.
    ///
    /// # Errors
    ///
    /// If they are malformed; they are read now, not before.
    pub fn headers(&self) -> Result<HeaderView<'_>, HeaderError> {
        HeaderView::parse(self.header_block.as_deref().unwrap_or(b"NATS/1.0\r\n\r\n"))
    }

    /// The first value of a header; `None` if there is none or the headers are malformed.
    pub fn header(&self, name: &str) -> Option<&str> {
        look_up(self.header_block.as_deref()?, name)
    }

    /// Its payload as text.
    ///
    /// # Errors
    ///
    /// If it is not UTF-8.
    pub fn text(&self) -> Result<&str, std::str::Utf8Error> {
        std::str::from_utf8(&self.payload)
    }

    /// Its payload, read as JSON.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] if it is not, or not that of a `T`.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, DecodeError> {
        Ok(serde_json::from_slice(&self.payload)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(stream: Option<&str>, block: &str) -> Vec<(String, String)> {
        let message = StoredMessage {
            stream: stream.map(Into::into),
            subject: "a".into(),
            sequence: 1,
            time: Timestamp::from_nanos(0),
            header_block: Some(Bytes::copy_from_slice(block.as_bytes())),
            payload: Bytes::new(),
        };
        let own = message.own_headers().unwrap();
        own.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn what_direct_get_adds_is_none_of_the_messages_own() {
        let added = "Nats-Stream: S\r\nNats-Subject: a\r\nNats-Sequence: 1\r\nNats-Time-Stamp: t\r\n\r\n";
        assert_eq!(own(Some("S"), &format!("NATS/1.0\r\n{added}")), []);
        let republished = "Nats-Stream: FROM\r\nNats-Subject: b\r\n";
        let wanted = [("Nats-Stream", "FROM"), ("Nats-Subject", "b")].map(|(n, v)| (n.into(), v.into()));
        assert_eq!(own(Some("S"), &format!("NATS/1.0\r\n{republished}{added}")), wanted);
        assert_eq!(own(None, &format!("NATS/1.0\r\n{republished}\r\n")), wanted, "the leader adds nothing");
    }
}
