//! What can go wrong with JetStream.

use std::fmt;
use std::time::Duration;

use nuncio_proto::js::codes::ErrorCode;
use nuncio_proto::js::error::{ApiError, DecodeError};
use nuncio_proto::js::name::{NameError, PrefixError};
use thiserror::Error as ThisError;

use crate::{RequestError, SubscribeError};

/// A call of the JetStream API failed.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum Error {
    /// The server refused the call.
    #[error("{operation} was refused: {error}{}", Hint(error))]
    Api {
        /// The subject of the call, such as `$JS.API.STREAM.CREATE.ORDERS`.
        operation: String,
        /// What the server said.
        error: ApiError,
    },
    /// Nobody answers the API.
    #[error(
        "nobody answers on \"{operation}\": JetStream is not enabled there, or the domain or prefix is another one"
    )]
    NoJetStream {
        /// The subject of the call.
        operation: String,
    },
    /// No answer came in time. The server may have done what it was asked.
    #[error("no answer to {operation} within {after:?}; the server may be busy, or not know this call")]
    Timeout {
        /// The subject of the call.
        operation: String,
        /// The time allowed.
        after: Duration,
    },
    /// Other calls of this context took the whole time, so that this one was not made.
    #[error(
        "{operation} was not called: {limit} other calls were in flight for all of {after:?}; make fewer at once, or allow more with `JetStream::max_calls`"
    )]
    TooManyCalls {
        /// The subject of the call.
        operation: String,
        /// How many may be in flight at once.
        limit: usize,
        /// The time allowed.
        after: Duration,
    },
    /// The server is too old.
    #[error(
        "{feature} needs level {needed} of the JetStream API, the server has {server}: upgrade the servers"
    )]
    Level {
        /// What was asked for.
        feature: String,
        /// The level that it needs.
        needed: u32,
        /// The level of the server.
        server: u32,
    },
    /// The answer cannot be read.
    #[error("the answer to {operation} is not understood: {error}")]
    Answer {
        /// The subject of the call.
        operation: String,
        /// What is wrong with it.
        error: DecodeError,
    },
    /// The body of the call cannot be written.
    #[error("the body of {operation} cannot be written: {problem}")]
    Body {
        /// The subject of the call.
        operation: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Nobody answers direct gets of the stream.
    #[error(
        "nobody answers direct gets of stream \"{stream}\": set allow_direct in its configuration, and see that it is there"
    )]
    NoDirectGet {
        /// The stream.
        stream: String,
    },
    /// More subjects match a wildcard than the server tells of at once.
    #[error(
        "more than 1024 subjects of stream \"{stream}\" match \"{filter}\": ask with several narrower wildcards, or for the subjects themselves, which `Stream::subjects` tells and of which there may be any number"
    )]
    TooManySubjects {
        /// The stream.
        stream: String,
        /// The subject with wildcards.
        filter: String,
    },
    /// A snapshot broke off.
    #[error("the snapshot of stream \"{stream}\" broke off: {problem}; take it again")]
    Snapshot {
        /// The stream.
        stream: String,
        /// Why.
        problem: String,
    },
    /// A restore broke off.
    #[error("the restore of stream \"{stream}\" broke off: {problem}; begin again, with a whole snapshot")]
    Restore {
        /// The stream.
        stream: String,
        /// Why.
        problem: &'static str,
    },
    /// What the answer comes on could not be subscribed to.
    #[error(transparent)]
    Subscribe(#[from] SubscribeError),
    /// No stream takes messages of the subject.
    #[error("no stream takes messages of \"{subject}\": create one with that subject")]
    NoStreamFor {
        /// The subject.
        subject: String,
    },
    /// A stream or consumer cannot have that name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The prefix or domain of this [`JetStream`](crate::jetstream::JetStream) cannot be.
    #[error(transparent)]
    Prefix(#[from] PrefixError),
    /// An option has a value that cannot work.
    #[error("option {option}: {problem}")]
    Option {
        /// The option's name.
        option: &'static str,
        /// What is wrong with it, and what would be right.
        problem: String,
    },
    /// There was no answer for another reason.
    #[error(transparent)]
    Request(#[from] RequestError),
}

/// What mends it, behind the error itself.
struct Hint<'a>(&'a ApiError);

impl fmt::Display for Hint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hint().map_or(Ok(()), |hint| write!(f, "; {hint}"))
    }
}

impl Error {
    /// What the server said, if it refused.
    pub fn api_error(&self) -> Option<&ApiError> {
        match self {
            Self::Api { error, .. } => Some(error),
            _ => None,
        }
    }

    /// Whether there is no such stream.
    pub fn is_stream_not_found(&self) -> bool {
        self.api_error().is_some_and(ApiError::is_stream_not_found)
    }

    /// Whether a stream of the name is there already, with another configuration.
    pub fn is_name_in_use(&self) -> bool {
        self.api_error().is_some_and(|error| error.err_code == ErrorCode::STREAM_NAME_EXIST)
    }

    /// Whether there is no such consumer.
    pub fn is_consumer_not_found(&self) -> bool {
        self.api_error().is_some_and(ApiError::is_consumer_not_found)
    }

    /// Whether there is no such message.
    pub fn is_message_not_found(&self) -> bool {
        self.api_error().is_some_and(ApiError::is_message_not_found)
    }

    /// Whether there is no JetStream: nobody answers, or it is off.
    pub fn is_no_jetstream(&self) -> bool {
        matches!(self, Self::NoJetStream { .. })
            || self.api_error().is_some_and(ApiError::is_jetstream_not_enabled)
    }

    /// Whether no answer came in time.
    pub fn is_timeout(&self) -> bool {
        match self {
            Self::Timeout { .. } | Self::TooManyCalls { .. } => true,
            Self::Request(error) => error.is_timeout(),
            _ => false,
        }
    }

    /// Whether the connection was lost.
    pub fn is_disconnected(&self) -> bool {
        matches!(self, Self::Request(error) if error.is_disconnected())
    }

    /// Whether the same call may succeed later. It has been repeated already, as far as its time allowed.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Api { error, .. } => error.is_retryable(),
            Self::NoJetStream { .. }
            | Self::NoDirectGet { .. }
            | Self::Timeout { .. }
            | Self::TooManyCalls { .. } => true,
            Self::Request(error) => error.is_timeout() || error.is_disconnected(),
            _ => false,
        }
    }
}
