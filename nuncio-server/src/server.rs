//! The handle, and the start and stop of a server.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, duplex};
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::builder::{Config, ServerBuilder};
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

/// What the handle and the tasks share.
pub(crate) struct Shared {
    pub(crate) config: Arc<Config>,
    pub(crate) muted: watch::Sender<bool>,
    pub(crate) runtime: Handle,
    addr: Mutex<Option<SocketAddr>>,
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
    pub(crate) fn begin<S>(self: &Arc<Self>, stream: S, peer: Option<SocketAddr>)
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let (registration, cut) = {
            let mut core = self.lock();
            if core.faults.refuse || !core.listening {
                return;
            }
            let (id, link) = core.admit(peer);
            (Registration { shared: Arc::clone(self), id, link }, core.faults.take_cut())
        };
        let id = registration.id;
        // Not under the lock: where the runtime has ended, the task is dropped here, and that locks.
        let task = self.runtime.spawn(connection::run(registration, stream, cut, peer.is_some()));
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
        let (listener, tasks) = {
            let mut core = self.lock();
            core.listening = false;
            let tasks: Vec<_> = core.tasks.values_mut().filter_map(Option::take).collect();
            (core.listener.take(), tasks.into_iter().chain(core.lame_duck.take()).collect::<Vec<_>>())
        };
        if let Some(listener) = listener {
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
        let shared =
            Shared { config, muted: watch::Sender::new(false), runtime, addr: Mutex::new(None), core };
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
            Some(addr) if addr.ip().is_unspecified() => format!("nats://127.0.0.1:{}", addr.port()),
            Some(addr) => format!("nats://{addr}"),
        }
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
        self.shared.begin(server, None);
        client
    }

    /// Breaks things on purpose.
    pub fn faults(&self) -> Faults<'_> {
        Faults::new(self)
    }

    /// Takes no new connections any more and closes the TCP port, so that dialling it is refused. Those that there
    /// are go on.
    ///
    /// # Cancel safety
    ///
    /// The port closes even if the future is dropped, though perhaps a little later.
    pub async fn stop_listening(&self) {
        let listener = {
            let mut core = self.shared.lock();
            core.listening = false;
            core.listener.take()
        };
        if let Some(listener) = listener {
            listener.abort();
            // The port is closed when the task is gone; that it was cancelled is no news.
            let _ = listener.await;
        }
    }

    /// Takes connections again, on the port from before. Does nothing if it already does.
    ///
    /// # Errors
    ///
    /// If the port has been taken by another program meanwhile, and is still in use after a second.
    ///
    /// # Cancel safety
    ///
    /// Nothing is changed if the future is dropped.
    pub async fn start_listening(&self) -> io::Result<()> {
        if !self.shared.config.settings.in_memory && self.shared.lock().listener.is_none() {
            let socket = listener::bind(&self.shared.config.bind, self.addr()).await?;
            let addr = socket.local_addr()?;
            *self.shared.addr.lock().unwrap_or_else(PoisonError::into_inner) = Some(addr);
            let task = self.shared.runtime.spawn(listener::run(Arc::downgrade(&self.shared), socket));
            let mut core = self.shared.lock();
            core.info.host = addr.ip().to_string();
            core.info.port = addr.port();
            core.listener = Some(task);
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
