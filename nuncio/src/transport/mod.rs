//! The way to a server: TCP, or whatever a [`Connector`] makes, with TLS over it or without.

use std::fmt;
use std::future::Future;
use std::io;
use std::io::IoSlice;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use nuncio_proto::addr::{Scheme, ServerAddr};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::tls::TlsInfo;

pub(crate) mod dial;
pub(crate) mod exposure;
pub(crate) mod http;
pub(crate) mod secure;
#[cfg(feature = "tls")]
pub(crate) mod tls;
#[cfg(feature = "websocket")]
pub(crate) mod websocket;

/// What no server list may hold, and what this build or this system lacks.
pub(crate) fn check(servers: &[ServerAddr]) -> Result<(), String> {
    let websocket = servers.iter().find(|server| server.scheme().is_websocket());
    let other = servers.iter().find(|server| !server.scheme().is_websocket());
    if let (Some(websocket), Some(other)) = (websocket, other) {
        // A cluster tells a WebSocket client of WebSocket listeners only, and others of the others only.
        return Err(format!("{websocket} and {other} do not go together: use WebSocket for all or for none"));
    }
    if let (Some(websocket), false) = (websocket, cfg!(feature = "websocket")) {
        return Err(format!("{websocket} needs nuncio's feature \"websocket\", which is off"));
    }
    match servers.iter().find(|server| server.scheme() == Scheme::Unix) {
        Some(socket) if cfg!(not(unix)) => Err(format!("{socket} needs a Unix system")),
        _ => Ok(()),
    }
}

/// A two-way stream of bytes that a connection can run on.
pub trait Connection: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Connection for T {}

/// The future of [`Connector::connect`].
pub type ConnectorFuture = Pin<Box<dyn Future<Output = io::Result<Box<dyn Connection>>> + Send>>;

/// Makes connections by other means than TCP; [`connector`](crate::connector) has some in stock.
///
/// It makes the stream of bytes; WebSocket, where the address asks for it, runs on top of it. Implemented for functions from an address to a future:
///
/// ```no_run
/// # async fn f() -> Result<(), nuncio::Error> {
/// let nc = nuncio::connect("localhost")
///     .connector(|server: nuncio::ServerAddr| async move {
///         let stream = tokio::net::TcpStream::connect((server.host(), server.port())).await?;
///         Ok(Box::new(stream) as Box<dyn nuncio::Connection>)
///     })
///     .await?;
/// # Ok(())
/// # }
/// ```
pub trait Connector: Send + Sync + 'static {
    /// Starts to connect to a server. The time it takes counts against the connection's timeout.
    fn connect(&self, server: ServerAddr) -> ConnectorFuture;

    /// Whether nobody can read on the way to this server what is written, so that passwords may go there without TLS:
    /// see [`Connect::allow_plaintext_auth`](crate::Connect::allow_plaintext_auth).
    ///
    /// Default: yes, since who makes a way of its own knows where it leads. The proxies in
    /// [`connector`](crate::connector) say no, since they lead to other machines.
    fn is_private(&self, _server: &ServerAddr) -> bool {
        true
    }
}

impl<F, Fut> Connector for F
where
    F: Fn(ServerAddr) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = io::Result<Box<dyn Connection>>> + Send + 'static,
{
    fn connect(&self, server: ServerAddr) -> ConnectorFuture {
        Box::pin(self(server))
    }
}

/// TCP is called directly, everything else through a table.
pub(crate) enum Transport {
    Tcp(TcpStream),
    /// TLS over one of the others.
    #[cfg(feature = "tls")]
    Tls(Box<tls::Stream>),
    Custom(Box<dyn Connection>),
    /// WebSocket over one of the others.
    #[cfg(feature = "websocket")]
    WebSocket(Box<websocket::WebSocket<Transport>>),
}

impl Transport {
    /// This end, where there is such a thing.
    pub(crate) fn local_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(tcp) => tcp.local_addr().ok(),
            #[cfg(feature = "tls")]
            Self::Tls(tls) => tls.get_ref().0.inner().local_addr(),
            #[cfg(feature = "websocket")]
            Self::WebSocket(websocket) => websocket.get_ref().local_addr(),
            Self::Custom(_) => None,
        }
    }

    /// What its TLS came to; `None` without.
    pub(crate) fn tls_info(&self) -> Option<Arc<TlsInfo>> {
        match self {
            #[cfg(feature = "tls")]
            Self::Tls(tls) => Some(Arc::new(tls::info(tls.get_ref().1))),
            #[cfg(feature = "websocket")]
            Self::WebSocket(websocket) => websocket.get_ref().tls_info(),
            Self::Tcp(_) | Self::Custom(_) => None,
        }
    }

    /// Takes note of the largest message that the server takes.
    pub(crate) fn set_max_payload(&mut self, bytes: usize) {
        match self {
            #[cfg(feature = "websocket")]
            Self::WebSocket(websocket) => websocket.set_max_payload(bytes),
            // Only what is compressed depends on it.
            _ => {
                let _ = bytes;
            }
        }
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp(_) => "Tcp",
            #[cfg(feature = "tls")]
            Self::Tls(_) => "Tls",
            Self::Custom(_) => "Custom",
            #[cfg(feature = "websocket")]
            Self::WebSocket(_) => "WebSocket",
        })
    }
}

impl Transport {
    /// Whether all that is written is encrypted.
    pub(crate) fn is_tls(&self) -> bool {
        match self {
            #[cfg(feature = "tls")]
            Self::Tls(_) => true,
            #[cfg(feature = "websocket")]
            Self::WebSocket(websocket) => websocket.get_ref().is_tls(),
            Self::Tcp(_) | Self::Custom(_) => false,
        }
    }
}

impl AsyncRead for Transport {
    #[inline]
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Tcp(tcp) => Pin::new(tcp).poll_read(cx, buf),
            #[cfg(feature = "tls")]
            Self::Tls(tls) => match Pin::new(tls.as_mut()).poll_read(cx, buf) {
                // A server that is killed says no farewell. Frames have lengths, so that no cut goes unnoticed.
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    Poll::Ready(Ok(()))
                }
                read => read,
            },
            Self::Custom(custom) => Pin::new(custom).poll_read(cx, buf),
            #[cfg(feature = "websocket")]
            Self::WebSocket(websocket) => Pin::new(websocket.as_mut()).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Transport {
    #[inline]
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Tcp(tcp) => Pin::new(tcp).poll_write(cx, buf),
            #[cfg(feature = "tls")]
            Self::Tls(tls) => Pin::new(tls.as_mut()).poll_write(cx, buf),
            Self::Custom(custom) => Pin::new(custom).poll_write(cx, buf),
            #[cfg(feature = "websocket")]
            Self::WebSocket(websocket) => Pin::new(websocket.as_mut()).poll_write(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Tcp(tcp) => Pin::new(tcp).poll_flush(cx),
            #[cfg(feature = "tls")]
            Self::Tls(tls) => Pin::new(tls.as_mut()).poll_flush(cx),
            Self::Custom(custom) => Pin::new(custom).poll_flush(cx),
            #[cfg(feature = "websocket")]
            Self::WebSocket(websocket) => Pin::new(websocket.as_mut()).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Tcp(tcp) => Pin::new(tcp).poll_shutdown(cx),
            #[cfg(feature = "tls")]
            Self::Tls(tls) => Pin::new(tls.as_mut()).poll_shutdown(cx),
            Self::Custom(custom) => Pin::new(custom).poll_shutdown(cx),
            #[cfg(feature = "websocket")]
            Self::WebSocket(websocket) => Pin::new(websocket.as_mut()).poll_shutdown(cx),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Tcp(tcp) => Pin::new(tcp).poll_write_vectored(cx, bufs),
            #[cfg(feature = "tls")]
            Self::Tls(tls) => Pin::new(tls.as_mut()).poll_write_vectored(cx, bufs),
            Self::Custom(custom) => Pin::new(custom).poll_write_vectored(cx, bufs),
            #[cfg(feature = "websocket")]
            Self::WebSocket(websocket) => Pin::new(websocket.as_mut()).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(tcp) => tcp.is_write_vectored(),
            #[cfg(feature = "tls")]
            Self::Tls(tls) => tls.is_write_vectored(),
            Self::Custom(custom) => custom.is_write_vectored(),
            #[cfg(feature = "websocket")]
            Self::WebSocket(websocket) => websocket.is_write_vectored(),
        }
    }
}
