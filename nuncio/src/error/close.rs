//! Why a connection is lost, or over for good.

use std::io;

use nuncio_proto::server_error::ServerError;
use thiserror::Error as ThisError;

use super::ConnectError;

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
