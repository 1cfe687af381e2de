//! Errors: one small type a verb, one umbrella for `?` in `main`.
//!
//! Display is one level that names the subject or server concerned and how to mend it; causes that are errors of
//! their own come through [`std::error::Error::source`].
//!
//! ```no_run
//! # async fn f(nc: nuncio::Client) -> Result<(), nuncio::Error> {
//! use nuncio::RequestError;
//!
//! match nc.request("time", "").await {
//!     Ok(reply) => println!("{}", reply.text()?),
//!     Err(RequestError::NoResponders { subject }) => println!("nobody listens on {subject}"),
//!     Err(error) if error.is_timeout() => println!("too slow: {error}"),
//!     // Any error of this crate becomes a `nuncio::Error`.
//!     Err(error) => return Err(error.into()),
//! }
//! # Ok(())
//! # }
//! ```

use std::io;
use std::time::Duration;

use nuncio_proto::header::HeaderError;
use nuncio_proto::server_error::ServerError;
use nuncio_proto::subject::SubjectError;
use thiserror::Error as ThisError;

use crate::auth::AuthError;
use crate::codec::CodecError;

mod connect;

pub use connect::ConnectError;

/// Why a connection is over for good.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum CloseReason {
    /// [`Client::close`](crate::Client::close) was called.
    #[error("closed by the application")]
    Closed,
    /// [`Client::drain`](crate::Client::drain) has finished.
    #[error("drained by the application")]
    Drained,
    /// The last client handle and the last subscription were dropped.
    #[error("all handles were dropped")]
    Dropped,
    /// The first connection could not be made.
    #[error("the first connection failed")]
    ConnectFailed,
    /// The connection was lost and reconnecting is switched off.
    #[error("the connection was lost and reconnecting is off: {0}")]
    ReconnectOff(DisconnectCause),
    /// Every server was tried as often as allowed.
    #[error("no server could be reached within the allowed attempts; the last one failed with: {last}")]
    Exhausted {
        /// What the last attempt failed with.
        last: Box<ConnectError>,
    },
    /// A server refused the credentials twice in a row.
    #[error("{server} refused the credentials twice in a row: {error}")]
    Rejected {
        /// Host and port of the server.
        server: String,
        /// What it said.
        error: ServerError,
    },
    /// The runtime that ran the connection has ended.
    #[error("the tokio runtime that ran the connection has ended")]
    RuntimeEnded,
}

impl CloseReason {
    /// Whether the application itself asked for the end.
    pub fn is_wanted(&self) -> bool {
        matches!(self, Self::Closed | Self::Drained | Self::Dropped)
    }
}

/// The connection is over for good.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
#[error("the connection is closed: {reason}")]
pub struct ConnectionClosed {
    /// Why.
    pub reason: CloseReason,
}

/// Why a connection was lost.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum DisconnectCause {
    /// The server closed the connection without a reason. nats-server does so to a slow consumer.
    #[error("the server closed the connection without giving a reason")]
    Eof,
    /// The operating system reported an error.
    #[error("{message}")]
    Io {
        /// Its kind.
        kind: io::ErrorKind,
        /// Its text.
        message: String,
    },
    /// The server said why it closes the connection.
    #[error("the server said: {0}")]
    Server(ServerError),
    /// What the server sent is not the NATS protocol.
    #[error("protocol error: {0}")]
    Protocol(String),
    /// The server left too many pings unanswered.
    #[error("the server did not answer pings")]
    Stale,
    /// The server is about to shut down, and was left in good order for another one
    /// ([`Connect::move_on_lame_duck`](crate::Connect::move_on_lame_duck)).
    #[error("the server is about to shut down and was left for another one")]
    LameDuck,
    /// The application asked for a new connection.
    #[error("reconnecting was asked for")]
    Forced,
    /// The credentials are about to expire and there are newer ones, for which the connection is made anew.
    #[error("reconnecting with newer credentials, since the present ones are about to expire")]
    CredentialsRenewed,
}

impl From<io::Error> for DisconnectCause {
    fn from(error: io::Error) -> Self {
        Self::Io { kind: error.kind(), message: error.to_string() }
    }
}

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
    #[error("the server did not confirm the message")]
    Unconfirmed(#[from] FlushError),
}

/// A subscription could not be made.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum SubscribeError {
    /// The subject or the queue group breaks a rule.
    #[error(transparent)]
    Subject(#[from] SubjectError),
    /// Subject and queue group are longer than a control line may be.
    #[error("subject and queue group of {size} bytes do not fit a control line of {max} bytes")]
    SubjectTooLong {
        /// Bytes of subject and queue group.
        size: usize,
        /// What fits.
        max: usize,
    },
    /// An option has a value that cannot work.
    #[error("option {option}: {problem}")]
    Option {
        /// The option's name.
        option: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The server does not let this user subscribe to the subject. Only a
    /// [confirmed](crate::Subscribe::confirmed) subscription waits to learn that.
    #[error("the server denies subscribing to \"{subject}\": the user's permissions do not allow it")]
    Denied {
        /// The subject.
        subject: String,
    },
    /// The server refuses the subscription for another reason: say, that the connection has as many as it may have.
    #[error("the server refuses to subscribe to \"{subject}\": {error}")]
    Refused {
        /// The subject.
        subject: String,
        /// What it said.
        error: ServerError,
    },
    /// The server did not confirm: nothing is subscribed to.
    #[error("subscribing was not confirmed: {0}")]
    Unconfirmed(FlushError),
    /// The connection is draining: no more subscriptions are accepted.
    #[error("the connection is draining: no more subscriptions are accepted")]
    Draining,
    /// The connection is closed.
    #[error(transparent)]
    Closed(#[from] ConnectionClosed),
}

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

/// A round trip to the server failed.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum FlushError {
    /// There is no connection now, or it was lost before the server answered: what was published before may be lost.
    #[error("the connection was lost before the server confirmed; await Event::Connected and flush again")]
    Disconnected,
    /// The server did not answer in time.
    #[error("the server did not answer within {after:?}")]
    Timeout {
        /// The timeout.
        after: Duration,
    },
    /// The connection is closed.
    #[error(transparent)]
    Closed(#[from] ConnectionClosed),
}

impl FlushError {
    /// Whether the server did not answer in time.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout { .. })
    }
}

/// A drain could not be started or completed.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum DrainError {
    /// The subscription has ended already.
    #[error("the subscription has ended already: {0}")]
    Ended(crate::SubscriptionEnd),
    /// The server did not confirm in time.
    #[error("the server did not confirm the drain within {after:?}")]
    Timeout {
        /// The timeout.
        after: Duration,
    },
    /// The connection is closed.
    #[error(transparent)]
    Closed(#[from] ConnectionClosed),
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

/// Any error of this crate, for functions that pass on several kinds.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum Error {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Publish(#[from] PublishError),
    #[error(transparent)]
    Confirm(#[from] ConfirmError),
    #[error(transparent)]
    Subscribe(#[from] SubscribeError),
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error(transparent)]
    Flush(#[from] FlushError),
    #[error(transparent)]
    Drain(#[from] DrainError),
    #[error(transparent)]
    UserInfo(#[from] UserInfoError),
    #[error(transparent)]
    Auth(#[from] AuthError),
    #[error(transparent)]
    Closed(#[from] ConnectionClosed),
    #[error(transparent)]
    Header(#[from] HeaderError),
    #[error(transparent)]
    Codec(#[from] CodecError),
    #[error(transparent)]
    JetStream(#[from] crate::jetstream::Error),
    #[error(transparent)]
    JetStreamPublish(#[from] crate::jetstream::PublishError),
    #[error(transparent)]
    Consume(#[from] crate::jetstream::ConsumeError),
    #[error(transparent)]
    Ack(#[from] crate::jetstream::AckError),
    #[error(transparent)]
    JetStreamUnconfirmed(#[from] crate::jetstream::Unconfirmed),
}

/// Bytes as text for errors and logs: lossy and cut to a sensible length.
pub(crate) fn shown(bytes: &[u8]) -> String {
    const LONGEST: usize = 256;
    let text = String::from_utf8_lossy(bytes.get(..LONGEST).unwrap_or(bytes));
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            out.extend(c.escape_debug());
        } else {
            out.push(c);
        }
    }
    if bytes.len() > LONGEST {
        out.push('…');
    }
    out
}
