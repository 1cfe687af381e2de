//! Unix sockets.

use std::path::PathBuf;

use nuncio_proto::addr::ServerAddr;
use tokio::net::UnixStream;

use crate::transport::{Connection, Connector, ConnectorFuture};

/// Connects to a Unix socket, whatever the address of the server is.
///
/// The address still says whether WebSocket is spoken, and which credentials are used. For a path that is valid text,
/// connecting to `unix:///path` does the same.
///
/// ```no_run
/// # async fn f() -> Result<(), nuncio::Error> {
/// let nc = nuncio::connect("localhost").connector(nuncio::connector::unix("/run/nats.sock")).await?;
/// # Ok(())
/// # }
/// ```
pub fn unix(path: impl Into<PathBuf>) -> Unix {
    Unix { path: path.into() }
}

/// A connector to a Unix socket: see [`unix`].
#[derive(Clone, Debug)]
pub struct Unix {
    path: PathBuf,
}

impl Connector for Unix {
    fn connect(&self, _server: ServerAddr) -> ConnectorFuture {
        let path = self.path.clone();
        Box::pin(async move { Ok(Box::new(UnixStream::connect(path).await?) as Box<dyn Connection>) })
    }
}
