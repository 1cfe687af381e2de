//! What proxies of both kinds have in common.

use std::io;

use nuncio_proto::addr::{Scheme, ServerAddr};
use nuncio_proto::secret::Secret;
use thiserror::Error as ThisError;
use tokio::net::TcpStream;

/// A proxy did not make a connection.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum ProxyError {
    /// The proxy itself cannot be reached, or the connection to it was lost.
    #[error("the proxy {proxy} cannot be reached: {message}")]
    Io {
        /// The proxy.
        proxy: String,
        /// The kind of the failure.
        kind: io::ErrorKind,
        /// Its text.
        message: String,
    },
    /// The proxy wants a user and a password, or other ones.
    #[error("the proxy refuses the user or the password, or wants some: give them with `user_and_password`")]
    Authentication,
    /// The proxy refused, or could not reach the server.
    #[error("the proxy answered {code}: {reason}")]
    Refused {
        /// The HTTP status, or the reply of SOCKS.
        code: u16,
        /// What it means.
        reason: String,
    },
    /// What answered is not a proxy of this kind.
    #[error("the proxy {proxy} does not answer as one: {problem}")]
    Protocol {
        /// The proxy.
        proxy: String,
        /// What is wrong.
        problem: String,
    },
    /// The proxy cannot be asked with this user, password or server.
    #[error("{problem}")]
    Option {
        /// What is wrong.
        problem: &'static str,
    },
}

impl ProxyError {
    /// The one that a connector's error holds.
    pub(crate) fn of(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref::<Self>().cloned()
    }
}

impl From<ProxyError> for io::Error {
    fn from(error: ProxyError) -> Self {
        let kind = match &error {
            ProxyError::Io { kind, .. } => *kind,
            ProxyError::Authentication => io::ErrorKind::PermissionDenied,
            ProxyError::Refused { .. } => io::ErrorKind::ConnectionRefused,
            ProxyError::Protocol { .. } => io::ErrorKind::InvalidData,
            ProxyError::Option { .. } => io::ErrorKind::InvalidInput,
        };
        Self::new(kind, error)
    }
}

/// Where a proxy is and who asks it.
#[derive(Clone, Debug)]
pub(super) struct Proxy {
    pub(super) at: String,
    pub(super) login: Option<(String, Secret)>,
}

impl Proxy {
    pub(super) fn failed(&self, error: &io::Error) -> ProxyError {
        ProxyError::Io { proxy: self.at.clone(), kind: error.kind(), message: error.to_string() }
    }

    pub(super) fn astray(&self, problem: impl Into<String>) -> ProxyError {
        ProxyError::Protocol { proxy: self.at.clone(), problem: problem.into() }
    }

    pub(super) async fn reach(&self, server: &ServerAddr) -> Result<TcpStream, ProxyError> {
        if server.scheme() == Scheme::Unix {
            return Err(ProxyError::Option {
                problem: "a proxy does not reach the Unix sockets of this machine",
            });
        }
        let reached = async {
            let stream = TcpStream::connect(self.at.as_str()).await?;
            stream.set_nodelay(true)?;
            Ok(stream)
        };
        reached.await.map_err(|error: io::Error| self.failed(&error))
    }
}
