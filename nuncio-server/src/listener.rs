//! The TCP port.

use std::io;
use std::net::SocketAddr;
use std::sync::Weak;
use std::time::Duration;

use tokio::net::TcpListener;

use crate::server::Shared;

/// How long to wait after a failed accept, such as for want of file descriptors, or before a port is tried again.
const AGAIN: Duration = Duration::from_millis(10);

/// How often the port from before is tried. A process that is just being started by another thread holds copies of
/// all sockets, and so the port, until it runs its program.
const TRIES: u32 = 100;

/// Listens on the address from before, or at first on the configured one.
pub(crate) async fn bind(configured: &str, before: Option<SocketAddr>) -> io::Result<TcpListener> {
    let Some(addr) = before else { return TcpListener::bind(configured).await };
    for _ in 1..TRIES {
        match TcpListener::bind(addr).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => tokio::time::sleep(AGAIN).await,
            bound => return bound,
        }
    }
    TcpListener::bind(addr).await
}

/// Takes connections until the server is gone.
pub(crate) async fn run(shared: Weak<Shared>, listener: TcpListener) {
    loop {
        let accepted = listener.accept().await;
        let Some(shared) = shared.upgrade() else { return };
        match accepted {
            Ok((stream, peer)) => {
                // Without it small answers wait for the acknowledgement of the one before.
                let _ = stream.set_nodelay(true);
                shared.begin(stream, Some(peer));
            }
            Err(error) => {
                tracing::debug!(%error, "accept failed");
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}
