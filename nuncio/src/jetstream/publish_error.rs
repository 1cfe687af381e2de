//! Why a message is not confirmed by a stream.

use std::time::Duration;

use nuncio_proto::js::error::{ApiError, DecodeError};
use nuncio_proto::js::expect::OptionError;
use nuncio_proto::js::level::Feature;
use thiserror::Error as ThisError;

use crate::error::CloseReason;
use crate::jetstream::{Error, FastAck};
use crate::{RequestError, ServerError};

/// A message was not confirmed by a stream.
///
/// [`is_stored_unknown`](Self::is_stored_unknown) parts the two kinds: the message is not stored, or it may be.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum PublishError {
    /// The stream refused the message. It is not stored.
    #[error("the message for \"{subject}\" was refused: {error}")]
    Refused {
        /// The subject.
        subject: String,
        /// What the server said.
        error: ApiError,
    },
    /// No stream takes messages of the subject at present. It is not stored.
    #[error(
        "no stream takes messages for \"{subject}\": create one with that subject, and see that JetStream is enabled"
    )]
    NoStream {
        /// The subject.
        subject: String,
    },
    /// The server does not let this user publish to the subject. It is not stored.
    #[error("the server denies publishing to \"{subject}\": the user's permissions do not allow it")]
    Denied {
        /// The subject.
        subject: String,
    },
    /// An option cannot be. Nothing was sent.
    #[error("the message for \"{subject}\" cannot be sent: {error}")]
    Option {
        /// The subject.
        subject: String,
        /// What is wrong.
        error: OptionError,
    },
    /// The servers are too old for what an option asks for. Nothing was sent.
    #[error(
        "the message for \"{subject}\" was not sent: {feature} needs level {needed} of the JetStream API, the server has {server}: upgrade the servers, or leave the option out"
    )]
    Level {
        /// The subject.
        subject: String,
        /// What was asked for.
        feature: Feature,
        /// The level that it needs.
        needed: u32,
        /// The level of the server.
        server: u32,
    },
    /// The servers were asked whether they know what an option asks for, and did not say. Nothing was sent.
    #[error(
        "the message for \"{subject}\" was not sent: whether the servers know {feature} could not be learned"
    )]
    LevelUnknown {
        /// The subject.
        subject: String,
        /// What was asked for.
        feature: Feature,
        /// Why.
        #[source]
        error: Box<Error>,
    },
    /// The window of a publisher had no room. Nothing was sent.
    #[error(
        "no room for a message to \"{subject}\" in the window of {messages} messages and {bytes} bytes: await it, or widen the window"
    )]
    WindowFull {
        /// The subject.
        subject: String,
        /// The window in messages.
        messages: usize,
        /// The window in bytes.
        bytes: usize,
    },
    /// The stream has ended a fast ingest early, since a message was lost or refused; what is stored is told.
    #[error(
        "the fast ingest to \"{subject}\" broke off: {} of {} messages are stored, none behind number {}; send those again",
        ack.stored(), ack.sent, ack.end()
    )]
    Broken {
        /// The subject of its first message.
        subject: String,
        /// What became of it.
        ack: Box<FastAck>,
    },
    /// The message could not be sent.
    #[error(transparent)]
    NotSent(#[from] RequestError),
    /// Whether the message is stored is not known.
    #[error(
        "whether the message for \"{subject}\" is stored is not known: {cause}; publish with a message id to be sure"
    )]
    Unknown {
        /// The subject.
        subject: String,
        /// Why.
        cause: Box<Uncertain>,
    },
}

/// Why it is not known whether a message is stored.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum Uncertain {
    /// No acknowledgement came in time. A stream that was made with `no_ack` never sends one.
    #[error("no acknowledgement came within {after:?}")]
    Timeout {
        /// The time allowed.
        after: Duration,
    },
    /// The connection was lost before the acknowledgement came.
    #[error("the connection was lost before the acknowledgement came")]
    Disconnected,
    /// The connection was closed before the acknowledgement came.
    #[error("the connection was closed before the acknowledgement came: {0}")]
    Closed(CloseReason),
    /// The server does not let this user subscribe to the inbox that acknowledgements come to.
    #[error(
        "the server denies subscribing to the inbox for acknowledgements: allow it, or set another `inbox_prefix`"
    )]
    InboxDenied,
    /// The server refuses to subscribe to the inbox that acknowledgements come to for another reason.
    #[error("the server refuses to subscribe to the inbox for acknowledgements: {0}")]
    InboxRefused(ServerError),
    /// Something else than a stream answered.
    #[error("the answer is no acknowledgement of a stream: {0}")]
    Answer(DecodeError),
    /// The server ended a fast ingest, or does not know it any more.
    #[error("the server has ended the fast ingest: {0}")]
    Ended(ApiError),
    /// The message was sent twice, since the first outcome was not known, and the second time was refused for what the first
    /// may have brought about.
    #[error("it was sent again after a first attempt without an answer, and then refused: {0}")]
    Again(ApiError),
}

impl PublishError {
    /// What the stream said, if it refused the message.
    pub fn api_error(&self) -> Option<&ApiError> {
        match self {
            Self::Refused { error, .. } => Some(error),
            _ => None,
        }
    }

    /// Whether the message may be stored: no answer tells. All other errors mean that it is not, but for
    /// [`Broken`](Self::Broken), which tells of many messages what is stored.
    pub fn is_stored_unknown(&self) -> bool {
        matches!(self, Self::Unknown { .. })
    }

    /// Whether the stream, or the subject, is further than the publisher expected.
    pub fn is_wrong_last_sequence(&self) -> bool {
        self.api_error().is_some_and(ApiError::is_wrong_last_sequence)
    }

    /// Whether no stream takes messages of the subject.
    pub fn is_no_stream(&self) -> bool {
        matches!(self, Self::NoStream { .. })
    }

    /// Whether no answer came, or nothing could be sent, in time.
    pub fn is_timeout(&self) -> bool {
        match self {
            Self::Unknown { cause, .. } => matches!(**cause, Uncertain::Timeout { .. }),
            Self::NotSent(error) => error.is_timeout(),
            Self::LevelUnknown { error, .. } => error.is_timeout(),
            _ => false,
        }
    }

    /// Whether the connection was lost before the answer came.
    pub fn is_disconnected(&self) -> bool {
        match self {
            Self::Unknown { cause, .. } => matches!(**cause, Uncertain::Disconnected),
            Self::NotSent(error) => error.is_disconnected(),
            Self::LevelUnknown { error, .. } => error.is_disconnected(),
            _ => false,
        }
    }

    /// Whether publishing the same message later may succeed. Where the outcome is [unknown](Self::is_stored_unknown)
    /// the message may then be stored twice, unless it has an id or expects the last sequence of the stream.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Refused { error, .. } => error.is_retryable(),
            Self::NoStream { .. } | Self::WindowFull { .. } => true,
            Self::Unknown { cause, .. } => {
                matches!(**cause, Uncertain::Timeout { .. } | Uncertain::Disconnected)
            }
            Self::NotSent(error) => error.is_timeout(),
            Self::LevelUnknown { error, .. } => error.is_retryable(),
            Self::Denied { .. } | Self::Option { .. } | Self::Level { .. } | Self::Broken { .. } => false,
        }
    }
}
