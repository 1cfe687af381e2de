//! Reading single messages from any replica or mirror of a stream.

use bytes::Bytes;
use nuncio_proto::js::api::direct::{DirectGetRequest, DirectReply};
use nuncio_proto::js::api::message::StoredMessage;
use nuncio_proto::js::codes::ErrorCode;
use nuncio_proto::js::error::ApiError;
use nuncio_proto::js::time::Timestamp;
use nuncio_proto::subject;

use crate::Message;
use crate::jetstream::api::{Crowd, Refusal};
use crate::jetstream::asking::Repeat;
use crate::jetstream::{Error, Stream};

impl Stream {
    /// The message of this sequence, from any replica or mirror, if the stream
    /// [allows that](crate::jetstream::StreamConfig::allow_direct) (direct get, ADR-31).
    ///
    /// That spares the leader, and may miss what was stored a moment ago.
    ///
    /// # Errors
    ///
    /// [`Error::is_message_not_found`] if it is not there, [`Error::NoDirectGet`] if the stream does not allow it; else as
    /// every call.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is changed.
    pub async fn direct_get(&self, sequence: u64) -> Result<StoredMessage, Error> {
        self.direct(&DirectGetRequest::sequence(sequence)).await
    }

    /// The last message of this subject, from any replica or mirror. With wildcards it is the last of all that match.
    ///
    /// # Errors
    ///
    /// As [`direct_get`](Self::direct_get).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is changed.
    pub async fn direct_last(&self, subject: impl Into<String>) -> Result<StoredMessage, Error> {
        self.direct(&DirectGetRequest::last_by_subject(subject)).await
    }

    /// The first message of this subject, which may have wildcards, that has this sequence or a higher one, from any
    /// replica or mirror.
    ///
    /// # Errors
    ///
    /// As [`direct_get`](Self::direct_get).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is changed.
    pub async fn direct_next(
        &self,
        subject: impl Into<String>,
        sequence: u64,
    ) -> Result<StoredMessage, Error> {
        self.direct(&DirectGetRequest::next_by_subject(subject, sequence)).await
    }

    /// The first message that was stored at this time or later, from any replica or mirror. It needs level 1 of the API
    /// (nats-server 2.11).
    ///
    /// # Errors
    ///
    /// As [`direct_get`](Self::direct_get).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is changed.
    pub async fn direct_since(&self, time: impl Into<Timestamp>) -> Result<StoredMessage, Error> {
        self.direct(&DirectGetRequest::start_time(time)).await
    }

    /// The payload of a message alone, without headers, subject, sequence and time, from any replica or mirror. It needs
    /// level 2 of the API (nats-server 2.12).
    ///
    /// # Errors
    ///
    /// As [`direct_get`](Self::direct_get).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is changed.
    pub async fn direct_payload(&self, request: DirectGetRequest) -> Result<Bytes, Error> {
        self.ask_directly(&request.no_headers(true), |reply| match reply.raw_headers() {
            None => Ok(reply.payload_bytes()),
            headers => Err(self.unexpected(DirectReply::parse(headers))),
        })
        .await
    }

    async fn direct(&self, request: &DirectGetRequest) -> Result<StoredMessage, Error> {
        self.ask_directly(request, |reply| match DirectReply::parse(reply.raw_headers()) {
            Ok(DirectReply::Message(message)) => Ok(stored(message, &reply)),
            other => Err(self.unexpected(other)),
        })
        .await
    }

    async fn ask_directly<T>(
        &self,
        request: &DirectGetRequest,
        read: impl Fn(Message) -> Result<T, Refusal> + Send,
    ) -> Result<T, Error> {
        self.js.gate(request.needs()).await?;
        let (operation, body) = self.direct_call(request)?;
        let outcome =
            self.js.call_raw(&operation, &body, Crowd::Free, Repeat::Safe, |reply, _| read(reply)).await;
        outcome.map_err(|error| self.direct_error(error))
    }

    /// Subject and body of a call. The last message of a subject is asked for in the subject, so that permissions can be
    /// given by it.
    pub(super) fn direct_call(&self, request: &DirectGetRequest) -> Result<(String, Vec<u8>), Error> {
        const OPERATION: &str = "DIRECT.GET";
        if let Some(last) = &request.last_by_subject
            && subject::validate_publish(last.as_bytes()).is_ok()
            && subject::is_literal(last.as_bytes())
        {
            let rest = DirectGetRequest::default().no_headers(request.no_headers);
            let body = if rest.no_headers { self.body(&rest)? } else { Vec::new() };
            return Ok((self.js.subject(&[OPERATION, &self.name, last])?, body));
        }
        Ok((self.js.subject(&[OPERATION, &self.name])?, self.body(request)?))
    }

    fn body(&self, request: &DirectGetRequest) -> Result<Vec<u8>, Error> {
        serde_json::to_vec(request)
            .map_err(|error| Error::Body { operation: self.name.to_string(), problem: error.to_string() })
    }

    /// Nobody who answers is a stream that does not allow direct gets, if it is there.
    pub(super) fn direct_error(&self, error: Error) -> Error {
        match error {
            Error::NoJetStream { .. } => Error::NoDirectGet { stream: self.name.to_string() },
            error => error,
        }
    }

    /// What a status says, as the API would say it.
    pub(super) fn unexpected(
        &self,
        reply: Result<DirectReply, nuncio_proto::js::error::DecodeError>,
    ) -> Refusal {
        let error = match reply {
            Ok(DirectReply::NotFound) => ApiError::new(404, ErrorCode::NO_MESSAGE_FOUND, "no message found"),
            Ok(DirectReply::TooMany) => ApiError::new(413, ErrorCode::NONE, "too many results"),
            Ok(DirectReply::Refused { code, description }) => {
                let err_code = match code {
                    408 => ErrorCode::BAD_REQUEST,
                    412 => ErrorCode::REQUIRED_API_LEVEL,
                    429 => ErrorCode::STREAM_TOO_MANY_REQUESTS,
                    _ => ErrorCode::NONE,
                };
                ApiError::new(code, err_code, description)
            }
            Ok(_) => return self.misread("the reply is neither a message nor a status"),
            Err(error) => return self.misread(&error.to_string()),
        };
        Refusal::Api(error)
    }

    fn misread(&self, problem: &str) -> Refusal {
        let error = nuncio_proto::js::error::DecodeError::new(problem);
        Refusal::Error(Error::Answer { operation: format!("DIRECT.GET.{}", self.name), error })
    }
}

pub(super) fn stored(
    message: nuncio_proto::js::api::direct::DirectMessage,
    reply: &Message,
) -> StoredMessage {
    message.with(reply.raw_headers().map(Bytes::copy_from_slice), reply.payload_bytes())
}
