//! The TCP ports.

use std::io;
use std::net::SocketAddr;
use std::sync::Weak;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::server::{Shared, Way};

/// How long to wait after a failed accept, such as for want of file descriptors, and after a port in use.
const AGAIN: Duration = Duration::from_millis(10);

/// How long the port from before may be in use when it is wanted again.
const RETURN: Duration = Duration::from_secs(1);

/// Listens on the address from before, or at first on the configured one.
///
/// A program that is being started by another thread holds copies of all sockets for a moment, so that the port from
/// before may be in use though it was closed.
pub(crate) async fn bind(configured: &str, before: Option<SocketAddr>) -> io::Result<TcpListener> {
    let Some(addr) = before else { return TcpListener::bind(configured).await };
    let deadline = Instant::now() + RETURN;
    loop {
        match TcpListener::bind(addr).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && Instant::now() < deadline => {
                tokio::time::sleep(AGAIN).await;
            }
            bound => return bound,
        }
    }
}

/// Takes connections until the server is gone.
pub(crate) async fn run(shared: Weak<Shared>, listener: TcpListener, way: Way) {
    loop {
        let accepted = listener.accept().await;
        let Some(shared) = shared.upgrade() else { return };
        match accepted {
            Ok((stream, peer)) => {
                // Without it small answers wait for the acknowledgement of the one before.
                let _ = stream.set_nodelay(true);
                shared.begin(stream, Some(peer), way);
            }
            Err(error) => {
                tracing::debug!(%error, "accept failed");
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}
