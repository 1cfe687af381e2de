//! What comes before NATS on a new connection: TLS and WebSocket.

use std::io;
use std::time::Duration;

#[cfg(feature = "tls")]
use tokio::io::AsyncWriteExt;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Registration, run, unmuted};
use crate::faults::Cut;
#[cfg(feature = "tls")]
use crate::faults::Direction;
use crate::server::Way;

/// How long TLS and WebSocket may take, as nats-server's `tls { timeout }` and `handshake_timeout`.
const PATIENCE: Duration = Duration::from_secs(2);

/// A stream of bytes, whatever it runs on.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Goes through what comes before NATS, and serves the client.
pub(crate) async fn open<S>(
    registration: Registration,
    stream: S,
    way: Way,
    mut cut: Option<Cut>,
    linger: bool,
) where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    if way == Way::Plain && !registration.shared.config.has_tls(way) {
        return run(registration, stream, cut, linger).await;
    }
    unmuted(&registration.shared).await;
    let opening = tokio::time::timeout(PATIENCE, layers(&registration, stream, way, &mut cut));
    let opened = tokio::select! {
        biased;
        () = registration.link.abort.notified() => return,
        opened = opening => opened,
    };
    match opened {
        Ok(Ok(stream)) => run(registration, stream, cut, linger).await,
        Ok(Err(error)) => tracing::debug!(client = registration.id, %error, "no connection"),
        Err(_) => tracing::debug!(client = registration.id, "no connection in time"),
    }
}

/// TLS if it is configured, and WebSocket on top where that is spoken.
#[allow(unused_variables, unused_mut, reason = "without the features there is nothing to do")]
async fn layers<S>(
    registration: &Registration,
    stream: S,
    way: Way,
    cut: &mut Option<Cut>,
) -> io::Result<Box<dyn Stream>>
where
    S: Stream + 'static,
{
    let mut stream: Box<dyn Stream> = Box::new(stream);
    #[cfg(feature = "tls")]
    if let Some(door) = registration.shared.config.tls(way) {
        if way == Way::Plain && !door.first {
            greet(registration, &mut stream, cut).await?;
        }
        stream = Box::new(door.acceptor.accept(stream).await?);
    }
    #[cfg(feature = "websocket")]
    if way == Way::WebSocket {
        stream = Box::new(crate::websocket::accept(stream).await?);
    }
    Ok(stream)
}

/// Sends the INFO, and what else waits, in clear text.
#[cfg(feature = "tls")]
async fn greet(
    registration: &Registration,
    stream: &mut Box<dyn Stream>,
    cut: &mut Option<Cut>,
) -> io::Result<()> {
    let (mut greeting, closing) = {
        let mut core = registration.shared.lock();
        let Some(client) = core.clients.get_mut(&registration.id) else { return Ok(()) };
        (std::mem::take(&mut client.out), client.closing.is_some())
    };
    let limit = cut.and_then(|cut| cut.limit(Direction::ToClient)).unwrap_or(usize::MAX);
    let all = greeting.len() < limit;
    greeting.truncate(limit);
    *cut = cut.map(|cut| cut.behind(Direction::ToClient, greeting.len()));
    stream.write_all(&greeting).await?;
    stream.flush().await?;
    if let Some(client) = registration.shared.lock().clients.get_mut(&registration.id) {
        client.bytes_out += greeting.len() as u64;
    }
    if all && !closing {
        return Ok(());
    }
    stream.shutdown().await?;
    Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the connection ends behind its greeting"))
}
