//! Why a connection could not be made.

use std::io;
use std::time::Duration;

use nuncio_proto::info::InfoError;
use nuncio_proto::server_error::ServerError;
use thiserror::Error as ThisError;

use crate::auth::AuthError;
use crate::connector::ProxyError;
use crate::error::ConnectionClosed;
use crate::tls::TlsProblem;

/// A connection could not be made.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum ConnectError {
    /// A server's address is not usable.
    #[error(transparent)]
    Address(#[from] nuncio_proto::addr::AddrError),
    /// An option has a value that cannot work.
    #[error("option {option}: {problem}")]
    Option {
        /// The option's name.
        option: &'static str,
        /// What is wrong with it, and what would be right.
        problem: String,
    },
    /// There is no tokio runtime to run the connection on.
    #[error("no tokio runtime: call connect inside one, or give its handle with `runtime`")]
    NoRuntime,
    /// The host name could not be resolved.
    #[error("cannot resolve {server}: {message}")]
    Resolve {
        /// Host and port.
        server: String,
        /// What the resolver said.
        message: String,
    },
    /// The server could not be reached.
    #[error("cannot reach {server}: {message}")]
    Io {
        /// Host and port.
        server: String,
        /// Its kind.
        kind: io::ErrorKind,
        /// Its text.
        message: String,
    },
    /// The server did not complete the handshake in time.
    #[error("{server} did not answer within {after:?}: {stage}; raise `connect_timeout` if it is only slow")]
    Timeout {
        /// Host and port.
        server: String,
        /// The timeout.
        after: Duration,
        /// What was awaited.
        stage: &'static str,
    },
    /// The server refused.
    #[error("{server} refused the connection: {error}")]
    Refused {
        /// Host and port.
        server: String,
        /// What it said.
        error: ServerError,
    },
    /// There are no credentials to present: a file, a callback or an argument of [`Auth`](crate::Auth) is to blame.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// What answered does not speak the protocol as expected.
    #[error("{server}: {problem}")]
    Protocol {
        /// Host and port.
        server: String,
        /// What is wrong.
        problem: String,
    },
    /// What answered did not agree to WebSocket.
    #[error("{server} did not agree to WebSocket: {problem}")]
    Upgrade {
        /// Host and port of the server.
        server: String,
        /// The HTTP status it answered with, unless that was 101.
        status: Option<u16>,
        /// What is wrong, and where possible how to mend it.
        problem: String,
    },
    /// The proxy did not make the connection.
    #[error("{server} cannot be reached by the proxy: {error}")]
    Proxy {
        /// Host and port of the server.
        server: String,
        /// What went wrong.
        error: ProxyError,
    },
    /// A secret that lets in whoever reads it would have gone to another machine without TLS. It was not sent.
    ///
    /// See [`Connect::allow_plaintext_auth`](crate::Connect::allow_plaintext_auth) for what counts as such.
    #[error(
        "{server}: {secret} would go there in clear text, for anybody on the way to read: use TLS (a tls:// address or `Connect::tls`) or an NKEY, or set `Connect::allow_plaintext_auth` where the network is trusted; it was not sent"
    )]
    PlaintextAuth {
        /// Host and port of the server.
        server: String,
        /// What it is, in words.
        secret: &'static str,
    },
    /// A server that the cluster told of refused the connection, which had no credentials for it: those in the URL of
    /// another server are for that one alone.
    ///
    /// See [`Connect::share_credentials`](crate::Connect::share_credentials).
    #[error(
        "{server}, which the cluster told of, refused a connection without credentials ({error}): those in the URL of another server are for that one alone; give them with `Connect::user_and_password` or `Connect::token`, or set `Connect::share_credentials`"
    )]
    CredentialsWithheld {
        /// Host and port of the server.
        server: String,
        /// What it said.
        error: ServerError,
    },
    /// The server's `INFO` is not usable.
    #[error("{server}: {error}")]
    Info {
        /// Host and port.
        server: String,
        /// What is wrong.
        error: InfoError,
    },
    /// The server lacks something that an option asks for.
    #[error("{server} does not support {feature}, which an option asks for")]
    Unsupported {
        /// Host and port.
        server: String,
        /// What it lacks.
        feature: &'static str,
    },
    /// There is no TLS with the server that the client and the server agree on.
    #[error("{server}: {problem}")]
    Tls {
        /// Host and port.
        server: String,
        /// What is wrong.
        problem: TlsProblem,
    },
    /// The connection was closed while it was being made.
    #[error(transparent)]
    Closed(#[from] ConnectionClosed),
}

impl ConnectError {
    /// Whether the server refused the credentials, or the lack of them.
    pub fn is_auth(&self) -> bool {
        matches!(self, Self::Refused { error, .. } | Self::CredentialsWithheld { error, .. } if error.is_auth())
    }

    /// Whether the server did not answer in time.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout { .. })
    }

    /// Whether it is about TLS: certificates, the handshake, or that one side wants it and the other does not.
    pub fn is_tls(&self) -> bool {
        matches!(self, Self::Tls { .. })
    }

    /// Whether another attempt, with nothing changed, may succeed.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Resolve { .. }
            | Self::Io { .. }
            | Self::Timeout { .. }
            | Self::Protocol { .. }
            | Self::Upgrade { .. } => true,
            Self::Proxy { error, .. } => *error != ProxyError::Authentication,
            Self::Refused { error, .. } => !error.is_auth(),
            Self::Auth(error) => error.is_retryable(),
            Self::Tls { problem, .. } => problem.is_retryable(),
            _ => false,
        }
    }
}
