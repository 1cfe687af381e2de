//! Reaching a server: name look-up and TCP, or what takes their place, and what runs on top.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use nuncio_proto::addr::{Scheme, ServerAddr};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout_at};

use crate::config::Config;
use crate::connector::ProxyError;
use crate::error::ConnectError;
use crate::transport::Transport;
#[cfg(feature = "websocket")]
use crate::transport::websocket;

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
    let opened = timeout_at(deadline, websocket::open(io, config, server))
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
    let failed = |error: io::Error| ConnectError::Io {
        server: host_port(server),
        kind: error.kind(),
        message: error.to_string(),
    };
    if let Some(connector) = &config.connector {
        let connecting = connector.connect(server.clone());
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
    let mut last = None;
    let count = addresses.len();
    for (tried, address) in addresses.into_iter().enumerate() {
        // An address that swallows packets must leave time for the others.
        let left = deadline.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(count - tried).unwrap_or(u32::MAX).max(1);
        match timeout_at(Instant::now() + share, TcpStream::connect(address)).await {
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
