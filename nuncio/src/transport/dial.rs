//! Reaching a server: name look-up and TCP, or what takes their place, and what runs on top.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;
use std::time::Duration;

use nuncio_proto::addr::{Scheme, ServerAddr};
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::time::{Instant, timeout_at};

use crate::config::Config;
use crate::connector::ProxyError;
use crate::error::ConnectError;
#[cfg(feature = "websocket")]
use crate::transport::websocket;
use crate::transport::{Connection, Connector, Transport};

/// Host and port, or the path of a socket, as shown in errors and events; never user information.
pub(crate) fn host_port(server: &ServerAddr) -> String {
    if server.scheme() == Scheme::Unix {
        return server.to_string();
    }
    if server.host().contains(':') {
        format!("[{}]:{}", server.host(), server.port())
    } else {
        format!("{}:{}", server.host(), server.port())
    }
}

/// Puts WebSocket on top of a stream that nothing but TLS has been said on.
#[cfg(feature = "websocket")]
pub(crate) async fn open_websocket(
    io: Transport,
    config: &Config,
    server: &ServerAddr,
    deadline: Instant,
) -> Result<Transport, ConnectError> {
    let encrypted = io.is_tls();
    let opened = timeout_at(deadline, websocket::open(io, config, server, encrypted))
        .await
        .map_err(|_| late(config, server, "WebSocket upgrade"))?;
    opened.map(|stream| Transport::WebSocket(Box::new(stream)))
}

#[cfg(not(feature = "websocket"))]
pub(crate) async fn open_websocket(
    io: Transport,
    _config: &Config,
    _server: &ServerAddr,
    _deadline: Instant,
) -> Result<Transport, ConnectError> {
    // Such addresses were refused before anything was dialled.
    Ok(io)
}

/// Reaches the server, by a stream of bytes that nothing has been said on.
pub(crate) async fn reach(
    config: &Config,
    server: &ServerAddr,
    deadline: Instant,
    seed: u64,
) -> Result<Transport, ConnectError> {
    let failed = |error: io::Error| failed(server, &error);
    if let Some(connector) = &config.connector {
        let connecting = guarded(&**connector, server);
        let made =
            timeout_at(deadline, connecting).await.map_err(|_| late(config, server, "the connector"))?;
        return made.map(Transport::Custom).map_err(|error| match ProxyError::of(&error) {
            Some(error) => ConnectError::Proxy { server: host_port(server), error },
            None => failed(error),
        });
    }
    #[cfg(unix)]
    if let (Scheme::Unix, Some(path)) = (server.scheme(), server.path()) {
        let connecting = timeout_at(deadline, tokio::net::UnixStream::connect(path));
        let made = connecting.await.map_err(|_| late(config, server, "the Unix socket"))?;
        return made.map(|stream| Transport::Custom(Box::new(stream))).map_err(failed);
    }
    let mut addresses = resolve(config, server, deadline).await?;
    if !config.keep_server_order {
        // ADR-11: clients spread over all addresses of a name.
        fastrand::Rng::with_seed(seed).shuffle(&mut addresses);
    }
    first_of(addresses, config, server, deadline).await
}

/// What the application's connector makes. Its panic fails this attempt, and does not end the connection.
async fn guarded(connector: &dyn Connector, server: &ServerAddr) -> io::Result<Box<dyn Connection>> {
    let panicked = || io::Error::other("the connector has panicked");
    let connecting = catch_unwind(AssertUnwindSafe(|| connector.connect(server.clone())));
    let mut connecting = connecting.map_err(|_| panicked())?;
    poll_fn(|cx| {
        let polled = catch_unwind(AssertUnwindSafe(|| connecting.as_mut().poll(cx)));
        polled.unwrap_or_else(|_| Poll::Ready(Err(panicked())))
    })
    .await
}

/// A connection to the first of these addresses that answers.
async fn first_of(
    addresses: Vec<SocketAddr>,
    config: &Config,
    server: &ServerAddr,
    deadline: Instant,
) -> Result<Transport, ConnectError> {
    let failed = |error: io::Error| failed(server, &error);
    let mut last = None;
    let count = addresses.len();
    for (tried, address) in addresses.into_iter().enumerate() {
        // An address that swallows packets must leave time for the others.
        let left = deadline.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(count - tried).unwrap_or(u32::MAX).max(1);
        match timeout_at(Instant::now() + share, connect_to(address)).await {
            Ok(Ok(stream)) => {
                // Frames are written in batches already; Nagle's algorithm would only delay them.
                stream.set_nodelay(true).map_err(failed)?;
                return Ok(Transport::Tcp(stream));
            }
            Ok(Err(error)) => last = Some(failed(error)),
            Err(_) => last = Some(late(config, server, "TCP connection")),
        }
    }
    Err(last.unwrap_or_else(|| failed(io::Error::other("the name has no address"))))
}

fn failed(server: &ServerAddr, error: &io::Error) -> ConnectError {
    ConnectError::Io { server: host_port(server), kind: error.kind(), message: error.to_string() }
}

async fn resolve(
    config: &Config,
    server: &ServerAddr,
    deadline: Instant,
) -> Result<Vec<SocketAddr>, ConnectError> {
    let unresolved = |message: String| ConnectError::Resolve { server: host_port(server), message };
    let found = timeout_at(deadline, lookup_host((server.host(), server.port())))
        .await
        .map_err(|_| late(config, server, "name look-up"))?
        .map_err(|error| unresolved(error.to_string()))?;
    let addresses: Vec<SocketAddr> = found.collect();
    if addresses.is_empty() {
        return Err(unresolved("the name has no address".into()));
    }
    Ok(addresses)
}

pub(crate) fn late(config: &Config, server: &ServerAddr, stage: &'static str) -> ConnectError {
    let after: Duration = config.connect_timeout;
    ConnectError::Timeout { server: host_port(server), after, stage }
}

/// The send buffer where client and server share a machine, in bytes. The kernel would let it grow to megabytes, which
/// gains nothing where a round trip takes microseconds, and what waits in them has left the cache when it is read.
const LOCAL_SEND_BUFFER: u32 = 256 * 1024;

async fn connect_to(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if address.ip().is_loopback() {
        // It works without, only slower.
        let _ = socket.set_send_buffer_size(LOCAL_SEND_BUFFER);
    }
    socket.connect(address).await
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;
    use tokio::time::timeout;

    use super::*;

    fn local() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 0))
    }

    async fn connected(addresses: Vec<SocketAddr>, within: Duration) -> Result<SocketAddr, ConnectError> {
        let server = ServerAddr::parse("somewhere.example").unwrap();
        let io = first_of(addresses, &Config::default(), &server, Instant::now() + within).await?;
        match io {
            Transport::Tcp(stream) => Ok(stream.peer_addr().unwrap()),
            other => panic!("{other:?}"),
        }
    }

    /// A port whose queue of connections is full: it answers nobody any more.
    async fn silent() -> (TcpListener, Vec<TcpStream>) {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(local()).unwrap();
        let listener = socket.listen(1).unwrap();
        let mut queued = Vec::new();
        let knock =
            || timeout(Duration::from_millis(200), TcpStream::connect(listener.local_addr().unwrap()));
        while let Ok(Ok(stream)) = knock().await {
            queued.push(stream);
        }
        (listener, queued)
    }

    #[tokio::test]
    async fn addresses_that_refuse_or_keep_silent_leave_time_for_the_others() {
        let gone = TcpListener::bind(local()).await.unwrap().local_addr().unwrap();
        let (silent, _queued) = silent().await;
        let good = TcpListener::bind(local()).await.unwrap();
        let addresses = vec![gone, silent.local_addr().unwrap(), good.local_addr().unwrap()];
        let within = Duration::from_secs(3);
        let began = Instant::now();
        assert_eq!(connected(addresses, within).await.unwrap(), good.local_addr().unwrap());
        assert!(began.elapsed() < within, "{:?}", began.elapsed());
    }

    #[tokio::test]
    async fn all_addresses_share_one_deadline() {
        let (silent, _queued) = silent().await;
        let addresses = vec![silent.local_addr().unwrap(); 20];
        let within = Duration::from_millis(500);
        let began = Instant::now();
        let error = connected(addresses, within).await.unwrap_err();
        assert!(error.is_timeout() && error.to_string().contains("somewhere.example:4222"), "{error}");
        assert!(began.elapsed() >= within && began.elapsed() < within * 10, "{:?}", began.elapsed());
    }
}
