//! From the first byte of a connection to the first `PONG`.

use thiserror::Error;

use crate::info::{InfoError, ServerInfo};
use crate::op::ServerOp;
use crate::server_error::ServerError;

/// What the handshake asks of its driver.
#[derive(Debug)]
pub enum Step {
    /// Read on.
    More,
    /// The server introduced itself: check it, then write `CONNECT` and `PING` in one go.
    Connect(Box<ServerInfo>),
    /// The server presented itself anew before its `PONG`.
    Update(Box<ServerInfo>),
    /// The server keeps sending pings while it has not answered: answer it.
    Pong,
    /// The `PONG` is here: the connection stands.
    Done,
}

/// Why a handshake failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The server refused.
    #[error("{0}")]
    Server(ServerError),
    /// The server's `INFO` is not usable.
    #[error("{0}")]
    Info(InfoError),
    /// The server spoke before its `INFO`: not a NATS server, or one that wants TLS first.
    #[error(
        "the server's first line is not INFO: is this a NATS server, and does it expect TLS from the first byte?"
    )]
    NotNats,
    /// The server closed the connection without a reason.
    #[error(
        "the server closed the connection during the handshake without giving a reason; a server that requires TLS does so"
    )]
    Closed,
}

/// The handshake as a state machine: operations in, steps out.
///
/// Between `CONNECT` and the first `PONG` the server may send `+OK`, `INFO`, `PING` and `-ERR`; a refusal is
/// reported as such even when the server closes the connection right behind it.
#[derive(Debug, Default)]
pub struct Handshake {
    introduced: bool,
}

impl Handshake {
    /// At the first byte of a connection.
    pub fn new() -> Self {
        Self::default()
    }

    /// Behind the `INFO` that opened the connection, where another one read it.
    pub fn introduced() -> Self {
        Self { introduced: true }
    }

    /// Takes one operation of the server.
    ///
    /// # Errors
    ///
    /// When the server refuses, or is no NATS server.
    pub fn handle(&mut self, op: ServerOp<'_>) -> Result<Step, HandshakeError> {
        match (op, self.introduced) {
            (ServerOp::Info(json), introduced) => {
                let info = Box::new(ServerInfo::parse(json).map_err(HandshakeError::Info)?);
                self.introduced = true;
                Ok(if introduced { Step::Update(info) } else { Step::Connect(info) })
            }
            (ServerOp::Err(text), _) => Err(HandshakeError::Server(ServerError::parse(text))),
            (_, false) => Err(HandshakeError::NotNats),
            (ServerOp::Pong, true) => Ok(Step::Done),
            (ServerOp::Ping, true) => Ok(Step::Pong),
            (ServerOp::Ok | ServerOp::Msg(_), true) => Ok(Step::More),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn introduced() -> Handshake {
        let mut handshake = Handshake::new();
        assert!(matches!(handshake.handle(ServerOp::Info(b"{}")), Ok(Step::Connect(_))));
        handshake
    }

    #[test]
    fn info_asks_for_connect_and_pong_ends_it() {
        let mut handshake = introduced();
        assert!(matches!(handshake.handle(ServerOp::Ok), Ok(Step::More)));
        assert!(matches!(handshake.handle(ServerOp::Ping), Ok(Step::Pong)));
        assert!(matches!(handshake.handle(ServerOp::Info(b"{}")), Ok(Step::Update(_))));
        assert!(matches!(handshake.handle(ServerOp::Pong), Ok(Step::Done)));
    }

    #[test]
    fn a_refusal_is_reported_as_the_server_worded_it() {
        let refused = introduced().handle(ServerOp::Err(b"Authorization Violation"));
        assert_eq!(refused.unwrap_err(), HandshakeError::Server(ServerError::AuthorizationViolation));
    }

    #[test]
    fn anything_before_info_is_no_nats_server() {
        let first = Handshake::new().handle(ServerOp::Pong);
        assert_eq!(first.unwrap_err(), HandshakeError::NotNats);
    }
}
