//! The handle, and the start and stop of a server.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, duplex};
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::builder::ServerBuilder;
use crate::config::Config;
use crate::connection::{self, Registration};
use crate::core::{Closing, Core};
use crate::faults::Faults;
use crate::listener;

/// How long a shutdown waits for clients that do not read.
const PATIENCE: Duration = Duration::from_secs(1);

/// How many bytes a pipe holds each way.
const PIPE: usize = 64 << 10;

/// A running NATS server.
///
/// Clients come over TCP ([`Server::url`]) or through memory ([`Server::pipe`]). Dropping the server stops it at
/// once: the port is closed and the connections end without another byte. Dropping needs no runtime and never
/// panics; [`Server::shutdown`] is the polite way.
///
/// ```
/// use nuncio_server::Server;
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let server = Server::builder().in_memory().start().await?;
/// let mut client = server.pipe();
/// client.write_all(b"CONNECT {\"verbose\":false}\r\nPING\r\n").await?;
/// let mut bytes = vec![0; 1024];
/// let count = client.read(&mut bytes).await?;
/// assert!(bytes[..count].starts_with(b"INFO {"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Server {
    pub(crate) shared: Arc<Shared>,
}

/// How NATS is spoken on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// As it is.
    Plain,
    /// In the frames of WebSocket.
    #[cfg(feature = "websocket")]
    WebSocket,
}

/// What the handle and the tasks share.
pub(crate) struct Shared {
    pub(crate) config: Arc<Config>,
    pub(crate) muted: watch::Sender<bool>,
    pub(crate) runtime: Handle,
    addr: Mutex<Option<SocketAddr>>,
    #[cfg(feature = "websocket")]
    pub(crate) websocket_addr: Mutex<Option<SocketAddr>>,
    core: Mutex<Core>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("addr", &self.addr()).finish_non_exhaustive()
    }
}

impl Shared {
    /// The core. A panic of another holder leaves nothing half done that matters more than going on.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn addr(&self) -> Option<SocketAddr> {
        *self.addr.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves a new client in a task of its own, or drops the stream where no clients are taken.
    pub(crate) fn begin<S>(self: &Arc<Self>, stream: S, peer: Option<SocketAddr>, way: Way)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (registration, cut) = {
            let mut core = self.lock();
            if core.faults.refuse || !core.listening {
                return;
            }
            let (id, link) = core.admit(peer, way);
            (Registration { shared: Arc::clone(self), id, link }, core.faults.take_cut())
        };
        let id = registration.id;
        // Not under the lock: where the runtime has ended, the task is dropped here, and that locks.
        let task = self.runtime.spawn(connection::open(registration, stream, way, cut, peer.is_some()));
        if let Some(slot) = self.lock().tasks.get_mut(&id) {
            *slot = Some(task.abort_handle());
        }
    }

    /// Waits until something holds of the core.
    pub(crate) async fn wait_until(&self, mut holds: impl FnMut(&Core) -> bool) {
        let mut changed = self.lock().changed.subscribe();
        while !holds(&self.lock()) {
            if changed.changed().await.is_err() {
                return;
            }
        }
    }

    /// Ends all tasks at once.
    fn abort(&self) {
        let (listeners, tasks) = {
            let mut core = self.lock();
            core.listening = false;
            let tasks: Vec<_> = core.tasks.values_mut().filter_map(Option::take).collect();
            (
                std::mem::take(&mut core.listeners),
                tasks.into_iter().chain(core.lame_duck.take()).collect::<Vec<_>>(),
            )
        };
        for listener in listeners {
            listener.abort();
        }
        for task in tasks {
            task.abort();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.abort();
    }
}

impl Server {
    /// Starts a server with the defaults on a free port of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// As [`ServerBuilder::start`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is left behind if the future is dropped.
    pub async fn start() -> io::Result<Server> {
        Server::builder().start().await
    }

    /// Configures a server.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    pub(crate) async fn start_with(config: Config) -> io::Result<Server> {
        let runtime = Handle::try_current().map_err(io::Error::other)?;
        let config = Arc::new(config);
        let core = Mutex::new(Core::new(Arc::clone(&config)));
        let shared = Shared {
            config,
            muted: watch::Sender::new(false),
            runtime,
            addr: Mutex::new(None),
            #[cfg(feature = "websocket")]
            websocket_addr: Mutex::new(None),
            core,
        };
        let server = Server { shared: Arc::new(shared) };
        server.start_listening().await?;
        Ok(server)
    }

    /// The address of the TCP port; `None` for a server in memory.
    pub fn addr(&self) -> Option<SocketAddr> {
        self.shared.addr()
    }

    /// The TCP port; 0 for a server in memory.
    pub fn port(&self) -> u16 {
        self.addr().map_or(0, |addr| addr.port())
    }

    /// The URL for clients, such as `nats://127.0.0.1:41234`. That of a server in memory leads nowhere.
    pub fn url(&self) -> String {
        match self.addr() {
            None => "nats://in-memory.invalid:4222".to_owned(),
            Some(addr) => format!("nats://{}", reachable(addr)),
        }
    }

    /// The address of the port for WebSocket; `None` without one.
    #[cfg(feature = "websocket")]
    pub fn websocket_addr(&self) -> Option<SocketAddr> {
        *self.shared.websocket_addr.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The URL for clients that speak WebSocket, such as `ws://127.0.0.1:41235`, or `wss://…` with
    /// [`ServerBuilder::websocket_tls`]. That of a server without such a port leads nowhere.
    #[cfg(feature = "websocket")]
    pub fn websocket_url(&self) -> String {
        let scheme = if self.shared.config.has_tls(Way::WebSocket) { "wss" } else { "ws" };
        match self.websocket_addr() {
            None => format!("{scheme}://in-memory.invalid"),
            Some(addr) => format!("{scheme}://{}", reachable(addr)),
        }
    }

    /// A client's end of a new connection through memory on which WebSocket is spoken, as [`Server::pipe`] otherwise.
    #[cfg(feature = "websocket")]
    pub fn websocket_pipe(&self) -> DuplexStream {
        let (client, server) = duplex(PIPE);
        self.shared.begin(server, None, Way::WebSocket);
        client
    }

    /// A client's end of a new connection through memory.
    ///
    /// It is closed already where the server takes no connections.
    pub fn pipe(&self) -> DuplexStream {
        self.pipe_with_capacity(PIPE)
    }

    /// As [`Server::pipe`], with room for so many bytes each way before a writer has to wait. Default: 64 KiB.
    pub fn pipe_with_capacity(&self, bytes: usize) -> DuplexStream {
        let (client, server) = duplex(bytes);
        self.shared.begin(server, None, Way::Plain);
        client
    }

    /// Breaks things on purpose.
    pub fn faults(&self) -> Faults<'_> {
        Faults::new(self)
    }

    /// Takes no new connections any more and closes the TCP ports, so that dialling them is refused. Those connections
    /// that there are go on.
    ///
    /// # Cancel safety
    ///
    /// The ports close even if the future is dropped, though perhaps a little later.
    pub async fn stop_listening(&self) {
        let listeners = {
            let mut core = self.shared.lock();
            core.listening = false;
            std::mem::take(&mut core.listeners)
        };
        for listener in &listeners {
            listener.abort();
        }
        for listener in listeners {
            // The port is closed when the task is gone; that it was cancelled is no news.
            let _ = listener.await;
        }
    }

    /// Takes connections again, on the ports from before. Does nothing if it already does.
    ///
    /// # Errors
    ///
    /// If a port has been taken by another program meanwhile, and is still in use after a second.
    ///
    /// # Cancel safety
    ///
    /// Nothing is changed if the future is dropped.
    pub async fn start_listening(&self) -> io::Result<()> {
        if !self.shared.config.settings.in_memory && self.shared.lock().listeners.is_empty() {
            let socket = listener::bind(&self.shared.config.bind, self.addr()).await?;
            let addr = socket.local_addr()?;
            #[cfg(feature = "websocket")]
            let websocket = match &self.shared.config.websocket {
                Some(websocket) => Some(listener::bind(&websocket.bind, self.websocket_addr()).await?),
                None => None,
            };
            let listen = |socket, way| {
                self.shared.runtime.spawn(listener::run(Arc::downgrade(&self.shared), socket, way))
            };
            *self.shared.addr.lock().unwrap_or_else(PoisonError::into_inner) = Some(addr);
            {
                let mut core = self.shared.lock();
                core.info.host = addr.ip().to_string();
                core.info.port = addr.port();
            }
            let mut listeners = vec![listen(socket, Way::Plain)];
            #[cfg(feature = "websocket")]
            if let Some(socket) = websocket {
                let addr = socket.local_addr()?;
                *self.shared.websocket_addr.lock().unwrap_or_else(PoisonError::into_inner) = Some(addr);
                self.shared.lock().websocket.addr = Some(addr);
                listeners.push(listen(socket, Way::WebSocket));
            }
            self.shared.lock().listeners.append(&mut listeners);
        }
        self.shared.lock().listening = true;
        Ok(())
    }

    /// Ends all connections and comes back on the same port as another server: with a new id, out of lame duck
    /// mode. Client ids are not used twice, and faults stay.
    ///
    /// # Errors
    ///
    /// As [`Server::start_listening`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the server may be left stopped; call it again.
    pub async fn restart(&self) -> io::Result<()> {
        self.stop_listening().await;
        self.disconnect_all();
        self.shared.wait_until(|core| core.clients.is_empty()).await;
        {
            let mut core = self.shared.lock();
            core.renew_id();
            core.info.lame_duck_mode = false;
            if let Some(task) = core.lame_duck.take() {
                task.abort();
            }
        }
        self.start_listening().await
    }

    /// Stops the server: closes the port, sends what is queued for the clients, and closes their connections.
    ///
    /// Clients that do not read are given one second.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the server stops at once.
    pub async fn shutdown(self) {
        self.stop_listening().await;
        {
            let mut core = self.shared.lock();
            let ids: Vec<u64> = core.clients.keys().copied().collect();
            for id in ids {
                core.close(id, Closing::Flush);
            }
        }
        let gone = self.shared.wait_until(|core| core.clients.is_empty());
        // Whoever is still there is cut off by the drop.
        let _ = tokio::time::timeout(PATIENCE, gone).await;
    }
}

/// The address that leads here from this machine.
fn reachable(addr: SocketAddr) -> String {
    if addr.ip().is_unspecified() { format!("127.0.0.1:{}", addr.port()) } else { addr.to_string() }
}
