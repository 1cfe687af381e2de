//! Why a request has no reply.

use std::time::Duration;

use nuncio_proto::server_error::ServerError;
use thiserror::Error as ThisError;

use super::{ConnectionClosed, PublishError};
use crate::codec::CodecError;

/// A request got no reply.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum RequestError {
    /// Nobody subscribes to the subject (the server's status 503, ADR-4).
    #[error("no responders on \"{subject}\": nobody subscribes to it")]
    NoResponders {
        /// The subject.
        subject: String,
    },
    /// Somebody may have received the request, but no reply came in time.
    #[error("no reply on \"{subject}\" within {after:?}")]
    Timeout {
        /// The subject.
        subject: String,
        /// The timeout.
        after: Duration,
    },
    /// The server does not let this user publish to the subject.
    #[error("the server denies publishing to \"{subject}\": the user's permissions do not allow it")]
    Denied {
        /// The subject.
        subject: String,
    },
    /// The server does not let this user subscribe to its reply inbox.
    #[error(
        "the server denies subscribing to the reply inbox \"{inbox}\": allow it, or set another `inbox_prefix`"
    )]
    InboxDenied {
        /// The inbox.
        inbox: String,
    },
    /// The server does not take the subscription to its reply inbox for another reason, such as too many subscriptions.
    #[error("the server refuses to subscribe to the reply inbox \"{inbox}\": {error}")]
    InboxRefused {
        /// The inbox.
        inbox: String,
        /// What the server said.
        error: ServerError,
    },
    /// The connection was lost before a reply came; the request may have been received.
    #[error(
        "the connection was lost before a reply on \"{subject}\" came; the request may have been received"
    )]
    Disconnected {
        /// The subject.
        subject: String,
    },
    /// An option has a value that cannot work.
    #[error("option {option}: {problem}")]
    Option {
        /// The option's name.
        option: &'static str,
        /// What is wrong with it, and what would be right.
        problem: &'static str,
    },
    /// The request could not be sent.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The connection is draining: no more requests are accepted.
    #[error("the connection is draining: no more requests are accepted")]
    Draining,
    /// The connection is closed.
    #[error(transparent)]
    Closed(#[from] ConnectionClosed),
}

impl RequestError {
    /// Whether no reply came in time.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout { .. }) || matches!(self, Self::Publish(e) if e.is_timeout())
    }

    /// Whether nobody subscribes to the subject.
    pub fn is_no_responders(&self) -> bool {
        matches!(self, Self::NoResponders { .. })
    }

    /// Whether the connection was lost.
    pub fn is_disconnected(&self) -> bool {
        matches!(self, Self::Disconnected { .. })
    }
}

/// The server did not tell who this connection is logged in as.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum UserInfoError {
    /// It did not answer, or may not be asked.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// Its answer cannot be read.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// It reported an error.
    #[error("the server reports: {description} ({code})")]
    Server {
        /// The code.
        code: u16,
        /// Its text.
        description: String,
    },
}
