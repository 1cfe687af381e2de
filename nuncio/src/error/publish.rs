//! Why a message was not published, or not confirmed.

use std::time::Duration;

use nuncio_proto::header::HeaderError;
use nuncio_proto::subject::SubjectError;
use thiserror::Error as ThisError;

use super::{ConnectionClosed, FlushError};
use crate::codec::CodecError;

/// A message could not be published. It was not sent and not buffered.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum PublishError {
    /// The subject or the reply subject breaks a rule.
    #[error(transparent)]
    Subject(#[from] SubjectError),
    /// The subject holds a wildcard, which [`Connect::strict_subjects`](crate::Connect::strict_subjects) forbids, or
    /// where a literal subject is needed.
    #[error("\"{subject}\" holds a wildcard, which only subscriptions may use")]
    Wildcard {
        /// The subject.
        subject: String,
    },
    /// A header breaks a rule.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The payload could not be encoded.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// Headers and payload together are larger than the server allows.
    #[error(
        "message for \"{subject}\" has {size} bytes, the server allows {max}: split it, or raise the server's max_payload"
    )]
    TooLarge {
        /// The subject.
        subject: String,
        /// Bytes of headers and payload.
        size: usize,
        /// The server's limit.
        max: usize,
    },
    /// Subject and reply are longer than a control line may be.
    #[error("subject and reply of {size} bytes do not fit a control line of {max} bytes")]
    SubjectTooLong {
        /// Bytes of subject and reply.
        size: usize,
        /// What fits.
        max: usize,
    },
    /// The server does not support headers.
    #[error("message for \"{subject}\" has headers, which the server does not support")]
    HeadersUnsupported {
        /// The subject.
        subject: String,
    },
    /// The message to respond to has no reply subject.
    #[error("message on \"{subject}\" has no reply subject: its sender expects no response")]
    NoReply {
        /// The subject of that message.
        subject: String,
    },
    /// The buffer of outgoing messages is full.
    #[error(
        "buffer of outgoing messages is full ({buffered} of {limit} bytes): the server is away or reads too slowly; raise `outbox_limit`, wait, or publish less"
    )]
    Full {
        /// Bytes buffered.
        buffered: usize,
        /// The limit.
        limit: usize,
    },
    /// There was no room in the buffer of outgoing messages within the time allowed.
    #[error(
        "no room for a message to \"{subject}\" in the buffer of outgoing messages within {after:?}: the server is away or reads too slowly"
    )]
    Timeout {
        /// The subject.
        subject: String,
        /// How long was waited.
        after: Duration,
    },
    /// The connection is draining: no more messages are accepted.
    #[error("the connection is draining: no more messages are accepted")]
    Draining,
    /// The connection is closed.
    #[error(transparent)]
    Closed(#[from] ConnectionClosed),
}

impl PublishError {
    /// Whether there was no room within the time allowed.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout { .. })
    }

    /// Whether publishing the same message later may succeed.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Full { .. } | Self::Timeout { .. })
    }
}

/// A published message was not confirmed by the server.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum ConfirmError {
    /// It could not be published: it was not sent.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The server does not let this user publish to the subject, or did not a moment before.
    #[error("the server denies publishing to \"{subject}\": the user's permissions do not allow it")]
    Denied {
        /// The subject.
        subject: String,
    },
    /// The server did not confirm it; it may have taken it, unless there was no connection from the start.
    #[error("the server did not confirm the message, and may or may not have taken it")]
    Unconfirmed(#[from] FlushError),
}
