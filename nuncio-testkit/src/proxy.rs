//! A TCP proxy that stands between client and server and injects faults.

mod connection;
mod pump;
mod toxics;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;

use crate::error::Error;
use crate::port::Port;
use crate::wait::Deadline;
use connection::Open;
pub use toxics::{Cut, Toxics};

/// How long opening or closing the listener may take.
const LIMIT: Duration = Duration::from_secs(10);
/// The pause before a failed accept or bind is tried again.
const PAUSE: Duration = Duration::from_millis(10);

/// A TCP proxy on 127.0.0.1 whose two directions can be delayed, throttled, sliced, stalled and cut at a given byte.
///
/// Dropping it closes the listener and all connections.
///
/// ```no_run
/// use nuncio_testkit::{Cut, NatsServer, Proxy};
///
/// # async fn example() -> Result<(), nuncio_testkit::Error> {
/// let server = NatsServer::start().await?;
/// let proxy = Proxy::start(server.addr()).await?;
/// // The first client to connect to proxy.url() is reset after 1500 bytes from the server.
/// proxy.to_client().cut_once_after(1500, Cut::Rst);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Proxy {
    port: Port,
    shared: Arc<Shared>,
    accepts: watch::Sender<bool>,
    listens: watch::Receiver<bool>,
    task: JoinHandle<()>,
}

/// What a proxy has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ProxyStats {
    /// Connections accepted.
    pub accepted: u64,
    /// Connections open now.
    pub open: u64,
    /// Connections reset because the server could not be reached.
    pub failed: u64,
    /// Bytes forwarded to the server.
    pub bytes_to_server: u64,
    /// Bytes forwarded to the client.
    pub bytes_to_client: u64,
}

/// What the proxy shares with its connections.
#[derive(Debug)]
struct Shared {
    upstream: Mutex<String>,
    connect_delay: Mutex<Duration>,
    to_server: Toxics,
    to_client: Toxics,
    cut_all: watch::Sender<Cut>,
    accepted: AtomicU64,
    open: AtomicU64,
    failed: AtomicU64,
}

impl Proxy {
    /// Starts a proxy for the server at `upstream`, "host:port".
    ///
    /// # Errors
    ///
    /// When no port can be had.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn start(upstream: impl Into<String>) -> Result<Proxy, Error> {
        // A leased port, so that it can be given up and taken again.
        let port = Port::lease()?;
        let listener = listen(port.number()).await;
        let listener = listener.map_err(|e| Error::io(format!("listen on port {}", port.number()), &e))?;
        let shared = Arc::new(Shared {
            upstream: Mutex::new(upstream.into()),
            connect_delay: Mutex::default(),
            to_server: Toxics::new(),
            to_client: Toxics::new(),
            cut_all: watch::Sender::new(Cut::Rst),
            accepted: AtomicU64::new(0),
            open: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        });
        let (accepts, gate) = watch::channel(true);
        let (report, listens) = watch::channel(true);
        let door = Door { number: port.number(), gate, report, shared: shared.clone() };
        let task = tokio::spawn(door.keep(listener));
        Ok(Proxy { port, shared, accepts, listens, task })
    }

    /// The URL for clients, `nats://127.0.0.1:port`.
    pub fn url(&self) -> String {
        format!("nats://{}", self.addr())
    }

    /// The address for clients, `127.0.0.1:port`.
    pub fn addr(&self) -> String {
        format!("127.0.0.1:{}", self.port())
    }

    /// The port for clients.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// The faults of what the client sends.
    pub fn to_server(&self) -> &Toxics {
        &self.shared.to_server
    }

    /// The faults of what the server sends.
    pub fn to_client(&self) -> &Toxics {
        &self.shared.to_client
    }

    /// Takes back all faults of both directions.
    pub fn clear(&self) {
        self.to_server().clear();
        self.to_client().clear();
    }

    /// Stalls both directions: a partition that may heal. New connections are accepted and get no answer.
    pub fn stall(&self) {
        self.to_server().stall();
        self.to_client().stall();
    }

    /// Lets both directions flow again.
    pub fn flow(&self) {
        self.to_server().flow();
        self.to_client().flow();
    }

    /// Sends the connections accepted from now on to another server.
    pub fn set_upstream(&self, upstream: impl Into<String>) {
        *self.shared.upstream.lock().unwrap_or_else(PoisonError::into_inner) = upstream.into();
    }

    /// Waits so long before each dial of the server, for the connections accepted from now on.
    ///
    /// Changed between two connects it reorders them.
    pub fn delay_connects(&self, delay: Duration) {
        *self.shared.connect_delay.lock().unwrap_or_else(PoisonError::into_inner) = delay;
    }

    /// Cuts all connections accepted so far, as [`stats`](Self::stats) counts them. Those accepted later are not
    /// concerned.
    pub fn cut_all(&self, how: Cut) {
        self.shared.cut_all.send_replace(how);
    }

    /// Refuses new connections ("connection refused") until [`admit`](Self::admit). The open ones go on.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`] if the listener is not closed within ten seconds.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the listener is closed all the same.
    pub async fn refuse(&mut self) -> Result<(), Error> {
        self.listen(false).await
    }

    /// Accepts new connections again, on the same port.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`] if the port cannot be had within ten seconds.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the listener is opened all the same.
    pub async fn admit(&mut self) -> Result<(), Error> {
        self.listen(true).await
    }

    async fn listen(&mut self, wanted: bool) -> Result<(), Error> {
        self.accepts.send_replace(wanted);
        let what = format!("the proxy to {} port {}", if wanted { "open" } else { "close" }, self.port());
        let done = self.listens.wait_for(|listens| *listens == wanted);
        match Deadline::after(LIMIT).timeout(&what, done).await? {
            Ok(_) => Ok(()),
            Err(_) => Err(Error::io(what, &std::io::Error::other("the proxy's runtime has ended"))),
        }
    }

    /// What was done so far.
    pub fn stats(&self) -> ProxyStats {
        ProxyStats {
            accepted: self.shared.accepted.load(Ordering::Relaxed),
            open: self.shared.open.load(Ordering::Relaxed),
            failed: self.shared.failed.load(Ordering::Relaxed),
            bytes_to_server: self.to_server().forwarded(),
            bytes_to_client: self.to_client().forwarded(),
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // The task owns the listener and all connections.
        self.task.abort();
    }
}

impl Shared {
    fn upstream(&self) -> String {
        self.upstream.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn connect_delay(&self) -> Duration {
        *self.connect_delay.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn opened(&self) {
        self.open.fetch_add(1, Ordering::Relaxed);
    }

    fn closed(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    fn failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }
}

/// The accepting side.
struct Door {
    number: u16,
    gate: watch::Receiver<bool>,
    report: watch::Sender<bool>,
    shared: Arc<Shared>,
}

impl Door {
    /// Accepts connections, while the gate is open, until the proxy is dropped.
    async fn keep(mut self, listener: TcpListener) {
        let mut listener = Some(listener);
        let mut connections = JoinSet::new();
        loop {
            let wanted = *self.gate.borrow_and_update();
            if !wanted {
                listener = None;
            } else if listener.is_none() {
                listener = listen(self.number).await.ok();
            }
            self.report.send_replace(listener.is_some());
            tokio::select! {
                biased;
                changed = self.gate.changed() => if changed.is_err() { return },
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
                stream = accept(listener.as_ref()), if wanted => if let Some(stream) = stream {
                    self.shared.accepted.fetch_add(1, Ordering::Relaxed);
                    let (cuts, open) = (self.shared.cut_all.subscribe(), Open::new(&self.shared));
                    connections.spawn(connection::serve(stream, self.shared.clone(), cuts, open));
                },
            }
        }
    }
}

async fn listen(number: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind(("127.0.0.1", number)).await
}

/// The next connection, or nothing after a pause if there is none to be had now.
async fn accept(listener: Option<&TcpListener>) -> Option<TcpStream> {
    if let Some(listener) = listener
        && let Ok((stream, _)) = listener.accept().await
    {
        return Some(stream);
    }
    sleep(PAUSE).await;
    None
}
