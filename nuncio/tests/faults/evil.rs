//! A server that says what a test tells it to, followed by one that behaves.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use nuncio::{Client, Connect, ConnectError, Connection, DisconnectCause, Event, Events, Subscription};
use nuncio_server::Server;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::wire::{Meter, Metered};

/// Virtual time that anything here may take.
pub const LIMIT: Duration = Duration::from_secs(300);

pub const INFO: &[u8] = b"INFO {\"server_id\":\"evil\",\"version\":\"2.15.1\",\"proto\":1,\"headers\":true,\
    \"max_payload\":1048576,\"port\":4222,\"host\":\"evil\"}\r\n";

/// The evil server's end of a connection.
pub struct Peer {
    pub io: DuplexStream,
    /// What the client sent and was not looked at yet.
    seen: Vec<u8>,
}

impl Peer {
    /// Sends bytes; that the client is gone is no fault.
    pub async fn say(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.io.write_all(bytes.as_ref()).await;
    }

    /// Waits until the client has sent this, and returns all that came before it; `None` when the client is gone.
    pub async fn hear(&mut self, what: &[u8]) -> Option<Vec<u8>> {
        loop {
            if let Some(at) = self.seen.windows(what.len()).position(|bytes| bytes == what) {
                let rest = self.seen.split_off(at + what.len());
                return Some(std::mem::replace(&mut self.seen, rest));
            }
            if self.io.read_buf(&mut self.seen).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    pub async fn shake_hands(&mut self) {
        self.say(INFO).await;
        self.hear(b"PING\r\n").await;
        self.say("PONG\r\n").await;
    }

    /// Answers every `PING` until the client is gone.
    pub async fn answer(mut self) {
        while self.hear(b"PING\r\n").await.is_some() {
            self.say("PONG\r\n").await;
        }
    }

    /// Says nothing more until the client is gone.
    pub async fn listen(mut self) {
        while self.io.read_buf(&mut self.seen).await.unwrap_or(0) > 0 {
            self.seen.clear();
        }
    }
}

type Script = Box<dyn FnOnce(Peer) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

pub fn script<F, Fut>(play: F) -> Script
where
    F: FnOnce(Peer) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    Box::new(move |peer| Box::pin(play(peer)))
}

/// Plays one script for each of the first connections; those after them come to a sane server.
pub struct Stage {
    pub server: Arc<Server>,
    pub meter: Arc<Meter>,
    scripts: Arc<Mutex<Vec<Script>>>,
    capacity: usize,
    plays: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

impl Stage {
    pub async fn new(scripts: impl IntoIterator<Item = Script>) -> Self {
        let mut scripts: Vec<Script> = scripts.into_iter().collect();
        scripts.reverse();
        Self {
            server: Arc::new(Server::builder().in_memory().seed(1).start().await.unwrap()),
            meter: Arc::default(),
            scripts: Arc::new(Mutex::new(scripts)),
            capacity: 64 * 1024,
            plays: Arc::default(),
        }
    }

    /// A server that shakes hands and goes on so once the client has subscribed to `s`, with sid 2.
    pub async fn subscribed<F, Fut>(play: F) -> Self
    where
        F: FnOnce(Peer) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        Self::new([script(|mut peer: Peer| async move {
            peer.shake_hands().await;
            peer.hear(b"SUB s 2\r\n").await;
            play(peer).await;
        })])
        .await
    }

    pub fn capacity(mut self, bytes: usize) -> Self {
        self.capacity = bytes;
        self
    }

    pub fn connect(&self) -> Connect {
        let (scripts, server, meter) =
            (Arc::clone(&self.scripts), Arc::clone(&self.server), Arc::clone(&self.meter));
        let (capacity, plays) = (self.capacity, Arc::clone(&self.plays));
        let connector = move |_| {
            let script = scripts.lock().unwrap().pop();
            let io: Box<dyn Connection> = match script {
                Some(script) => {
                    let (ours, theirs) = duplex(capacity);
                    let play = tokio::spawn(script(Peer { io: theirs, seen: Vec::new() }));
                    plays.lock().unwrap().push(play);
                    Box::new(Metered { io: ours, meter: Arc::clone(&meter) })
                }
                None => Box::new(server.pipe()),
            };
            async { io::Result::Ok(io) }
        };
        nuncio::connect("evil").connector(connector).seed(3)
    }

    /// Connects to an evil server that shakes hands like any other.
    pub async fn client(&self) -> Client {
        limited("connecting", self.connect().into_future()).await.unwrap()
    }

    /// A client that has subscribed to `s`, and what it listens to.
    pub async fn subscriber(&self) -> (Client, Events, Subscription) {
        let nc = self.client().await;
        let (events, s) = (nc.events(), nc.subscribe("s").await.unwrap());
        (nc, events, s)
    }

    /// What a first attempt to connect fails with.
    pub async fn refused(&self) -> ConnectError {
        let connect = self.connect().connect_timeout(Duration::from_secs(5));
        limited("failing to connect", connect.into_future()).await.unwrap_err()
    }
}

pub async fn limited<F: Future>(what: &str, future: F) -> F::Output {
    timeout(LIMIT, future).await.unwrap_or_else(|_| panic!("{what}: hangs"))
}

/// Lets everything run that can.
pub async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

/// The next event that `pick` makes something of.
pub async fn event<T>(events: &mut Events, what: &str, mut pick: impl FnMut(Event) -> Option<T>) -> T {
    let found = async {
        loop {
            let event = events.next().await.unwrap_or_else(|| panic!("{what}: no such event before the end"));
            if let Some(found) = pick(event) {
                return found;
            }
        }
    };
    limited(what, found).await
}

pub async fn lost(events: &mut Events, what: &str) -> DisconnectCause {
    event(events, what, |event| match event {
        Event::Disconnected { cause, .. } => Some(cause),
        _ => None,
    })
    .await
}

/// The client is on the sane server, or will be soon, and everything works: the subscription to `s` above all.
pub async fn works(nc: &Client, events: &mut Events, s: &mut Subscription, what: &str) {
    event(events, what, |event| matches!(event, Event::Reconnected { .. }).then_some(())).await;
    let flushed = limited(&format!("{what}: flush"), nc.flush()).await;
    flushed.unwrap_or_else(|e| panic!("{what}: {e}"));
    while s.try_next().is_some() {}
    nc.publish("s", "well").await.unwrap();
    let message = limited(&format!("{what}: a message"), s.next())
        .await
        .unwrap_or_else(|| panic!("{what}: {:?}", s.ended()));
    assert_eq!(message.payload(), b"well", "{what}");
    let requests = limited(&format!("{what}: a request"), nc.request("nobody", "").into_future()).await;
    assert!(requests.unwrap_err().is_no_responders(), "{what}");
    let report = limited(&format!("{what}: drain"), nc.drain()).await.unwrap();
    assert!(report.flushed, "{what}: {report:?}");
    let left = nc.statistics();
    assert_eq!((left.requests, left.buffered), (0, 0), "{what}");
}
