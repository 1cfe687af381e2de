//! What can go wrong with JetStream.

use std::fmt;
use std::time::Duration;

use nuncio_proto::js::codes::ErrorCode;
use nuncio_proto::js::error::{ApiError, DecodeError};
use nuncio_proto::js::expect::OptionError;
use nuncio_proto::js::level::Feature;
use nuncio_proto::js::name::{NameError, PrefixError};
use thiserror::Error as ThisError;

use crate::error::CloseReason;
use crate::jetstream::FastAck;
use crate::{RequestError, ServerError, SubscribeError};

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
