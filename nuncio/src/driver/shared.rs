//! What the handles and the driver of a connection share.

mod deadlines;

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Waker;
use std::time::Instant;

use nuncio_proto::addr::ServerAddr;
use nuncio_proto::inbox::{self, Token};
use nuncio_proto::info::ServerInfo;
use nuncio_proto::outbox::Batch;
use nuncio_proto::pool::{Changes, Pool, Server};
use nuncio_proto::requests::Requests;
use nuncio_proto::server_error::ServerError;
use nuncio_proto::session::fence::Fences;
use nuncio_proto::session::timers::Timers;
use tokio::sync::{oneshot, watch};

use crate::config::Config;
use crate::driver::gate::Gate;
use crate::driver::route::Change;
use crate::error::{CloseReason, ConnectionClosed};
use crate::events::{Event, Hub};
use crate::listen;
use crate::queue::Poller;
use crate::request;
use crate::stats::Counters;
use crate::sync::lock;
use crate::tls::TlsInfo;
use crate::transport::secure::Security;
use crate::{DrainReport, Message};

/// Above this many unwritten bytes a publish lets the driver run before it goes on. It bounds the burst that one
/// write takes, and with it the memory that is hot in the cache.
///
/// A burst fills two segments of the largest size that TCP has, 65,483 bytes on loopback, or four where it is not
/// copied, with room for the control lines; a little more would cost another one, and wake the server for it.
pub(crate) const BURST: usize = 126 * 1024;

/// The sid of the subscription that replies to requests arrive on.
pub(crate) const MUX_SID: u64 = 1;

pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) security: Security,
    core: Mutex<Core>,
    waits: Mutex<Waits>,
    pool: Mutex<Pool>,
    pub(crate) events: Hub,
    /// The server has told of other servers than before, whether they are known to the pool or not.
    pub(crate) cluster: listen::Hub<()>,
    pub(crate) counters: Counters,
    closed: watch::Sender<Option<CloseReason>>,
    /// The earliest deadline of `waits`, in nanoseconds since `base`.
    earliest: AtomicU64,
    /// There are requests in `waits` whose time has not begun.
    unstarted: AtomicBool,
    base: Instant,
    /// `<prefix>.<random>.`: what every reply subject of this connection's requests begins with.
    pub(crate) mux_prefix: Box<[u8]>,
    /// The same with room for a token, where it is not long.
    pub(crate) mux_start: [u8; request::SHORT],
}

/// Everything that has a place in the order of the wire, behind one lock that is held for an encode at most.
pub(crate) struct Core {
    pub(crate) up: bool,
    /// Whether messages are taken; the stage is in it.
    pub(crate) gate: Gate,
    /// Encoded and not yet taken by the driver.
    pub(crate) batch: Batch,
    /// What changed about subscriptions, in order, for the driver's registry.
    pub(crate) changes: Vec<Change>,
    pub(crate) fences: Fences<Fence>,
    pub(crate) next_sid: u64,
    /// `SUB`s of this connection.
    pub(crate) announced: u64,
    /// `PING`s of this connection and those before.
    pub(crate) pings: u64,
    pub(crate) mux_live: bool,
    pub(crate) driver: Option<Waker>,
    /// Publishers that wait for room.
    pub(crate) room: Vec<Waker>,
    pub(crate) info: Arc<ServerInfo>,
    /// Host and port of the server, once there was one.
    pub(crate) server: Option<String>,
    pub(crate) local_addr: Option<SocketAddr>,
    pub(crate) tls: Option<Arc<TlsInfo>>,
    pub(crate) orders: Orders,
    pub(crate) ledger: Ledger,
    pub(crate) drain_report: Option<DrainReport>,
}

/// How far the end of the connection has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Open,
    /// Subscriptions are being emptied: publishing goes on, subscribing and requesting do not.
    DrainingSubscriptions,
    /// The rest is being written.
    DrainingPublishes,
    Closed(CloseReason),
}

/// What the handles want of the driver.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    pub(crate) close: bool,
    pub(crate) reconnect: bool,
    /// There are credentials newer than those that expire then.
    pub(crate) renew: Option<std::time::SystemTime>,
    pub(crate) abandoned: bool,
    pub(crate) drain: Option<DrainOrder>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct DrainOrder {
    pub(crate) deadline: Instant,
    pub(crate) caller: Poller,
}

/// Who waits for a `PONG`, and how many messages of this connection were before its `PING`.
#[derive(Debug)]
pub(crate) struct Fence {
    pub(crate) messages: u64,
    /// `SUB`s of this connection before the `PING`.
    pub(crate) announced: u64,
    pub(crate) waiter: Waiter,
}

#[derive(Debug)]
pub(crate) enum Waiter {
    /// Nobody: keepalive, or a checkpoint that confirms what was written.
    Nobody,
    Flush(oneshot::Sender<Instant>),
    /// The server that is being left has sent everything that it had.
    Leave,
    /// The server has taken or refused the subscription.
    Confirm(oneshot::Sender<()>),
    /// A message was published to the subject of that hash, after so many `PING`s: whether that was denied.
    Published {
        subject: u64,
        since: u64,
        done: oneshot::Sender<bool>,
    },
    /// The subscription has been unsubscribed: nothing more will come for it.
    Subscription(u64, Option<oneshot::Sender<()>>),
    /// All subscriptions have been unsubscribed, or all has been written: the drain's next step.
    Drain,
    /// All has been written that is to be before a connection with newer credentials.
    Renewal(u32),
}

/// Where every accepted message is. `published = written + buffered + lost + maybe_lost`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ledger {
    pub(crate) published: u64,
    pub(crate) lost: u64,
    pub(crate) maybe_lost: u64,
    /// In the driver's hands.
    pub(crate) in_flight: u64,
    /// Taken by the driver on this connection, those in flight included.
    pub(crate) taken: u64,
    /// Of those, how many the server has confirmed.
    pub(crate) confirmed: u64,
}

/// Who waits for time or for replies.
pub(crate) struct Waits {
    pub(crate) requests: Requests<Message, Failure>,
    pub(crate) timers: Timers,
}

/// Why a request failed. Small, since it shares its place with the reply.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    Timeout,
    NoResponders,
    Denied,
    InboxDenied,
    InboxRefused(Box<ServerError>),
    Disconnected,
    Closed(Box<CloseReason>),
    /// The connection was closed before any of it was written.
    Unsent(Box<CloseReason>),
}

impl Shared {
    pub(crate) fn new(config: Config, pool: Pool, security: Security, random: [u8; 22]) -> Arc<Self> {
        let mut mux_prefix = Vec::with_capacity(config.inbox_prefix.len() + random.len() + 2);
        mux_prefix.extend_from_slice(config.inbox_prefix.as_bytes());
        mux_prefix.push(b'.');
        mux_prefix.extend_from_slice(&random);
        mux_prefix.push(b'.');
        Arc::new(Self {
            core: Mutex::new(Core::new(config.outbox_limit)),
            config,
            security,
            waits: Mutex::new(Waits { requests: Requests::default(), timers: Timers::default() }),
            pool: Mutex::new(pool),
            events: Hub::default(),
            cluster: listen::Hub::default(),
            counters: Counters::default(),
            closed: watch::Sender::new(None),
            earliest: AtomicU64::new(u64::MAX),
            unstarted: AtomicBool::new(false),
            base: now(),
            mux_start: std::array::from_fn(|at| mux_prefix.get(at).copied().unwrap_or_default()),
            mux_prefix: mux_prefix.into(),
        })
    }

    #[inline]
    pub(crate) fn core(&self) -> MutexGuard<'_, Core> {
        lock(&self.core)
    }

    #[inline]
    pub(crate) fn waits(&self) -> MutexGuard<'_, Waits> {
        lock(&self.waits)
    }

    /// The servers. Not to be locked together with another of these locks.
    pub(crate) fn pool(&self) -> MutexGuard<'_, Pool> {
        lock(&self.pool)
    }

    pub(crate) fn servers(&self) -> Vec<Server> {
        self.pool().servers().to_vec()
    }

    pub(crate) fn tell_servers(&self, changes: Changes) {
        if !changes.is_empty() {
            let text = |list: Vec<ServerAddr>| list.iter().map(ToString::to_string).collect();
            let (added, removed) = (text(changes.added), text(changes.removed));
            self.events.emit(&Event::ServersChanged { added, removed });
        }
    }

    /// Wakes the driver, whatever it waits for.
    pub(crate) fn wake_driver(&self) {
        let waker = self.core().driver.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(crate) fn closed(&self) -> watch::Receiver<Option<CloseReason>> {
        self.closed.subscribe()
    }

    pub(crate) fn tell_closed(&self, reason: CloseReason) {
        self.closed.send_replace(Some(reason));
    }

    /// The token of a reply subject, if it is one of this connection's requests.
    #[inline]
    pub(crate) fn token_of(&self, subject: &[u8]) -> Option<Token> {
        Token::decode(subject.strip_prefix(&*self.mux_prefix)?)
    }

    /// The subject that all replies arrive on.
    pub(crate) fn mux_subject(&self) -> Vec<u8> {
        [&*self.mux_prefix, b"*"].concat()
    }

    pub(crate) fn new_inbox(&self) -> String {
        inbox::new_inbox(&self.config.inbox_prefix)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("name", &self.config.name).finish_non_exhaustive()
    }
}

impl Core {
    fn new(limit: usize) -> Self {
        Self {
            up: false,
            gate: Gate::new(limit),
            batch: Batch::new(),
            changes: Vec::new(),
            fences: Fences::default(),
            next_sid: MUX_SID + 1,
            announced: 0,
            pings: 0,
            mux_live: false,
            driver: None,
            room: Vec::new(),
            info: Arc::default(),
            server: None,
            local_addr: None,
            tls: None,
            orders: Orders::default(),
            ledger: Ledger::default(),
            drain_report: None,
        }
    }

    /// A message is in the outbox, which was `idle` before.
    #[inline]
    pub(crate) fn note_published(&mut self, idle: bool) -> Option<Waker> {
        self.ledger.published += 1;
        if idle && self.up { self.driver.take() } else { None }
    }

    /// Appends frames that are not messages; to be called while the connection is up.
    pub(crate) fn control(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Option<Waker> {
        let idle = self.batch.is_empty();
        self.batch.control(write);
        if idle { self.driver.take() } else { None }
    }

    /// Appends a `PING` whose `PONG` goes to `waiter`.
    pub(crate) fn ping(&mut self, waiter: Waiter) -> Option<Waker> {
        let messages = self.ledger.taken + self.batch.messages();
        self.pings += 1;
        self.fences.push(Fence { messages, announced: self.announced, waiter });
        self.control(|out| out.extend_from_slice(nuncio_proto::encode::PING))
    }

    /// So many messages were taken out of the outbox again. A `PONG` must not confirm them in place of others.
    pub(crate) fn note_dropped(&mut self, messages: u64) {
        self.ledger.lost += messages;
        let taken = self.ledger.taken;
        for fence in self.fences.iter_mut().filter(|fence| fence.messages > taken) {
            // Those behind a fence may be among them: better one too few confirmed than one too many.
            fence.messages = fence.messages.saturating_sub(messages).max(taken);
        }
    }

    pub(crate) fn closed(&self) -> Option<ConnectionClosed> {
        match &self.gate.stage {
            Stage::Closed(reason) => Some(ConnectionClosed { reason: reason.clone() }),
            _ => None,
        }
    }

    /// Bytes that wait to be written, in the driver's hands or not.
    pub(crate) fn buffered_bytes(&self) -> usize {
        self.batch.len() + self.gate.in_flight_bytes
    }
}

/// The clock of the runtime, which tests may stop; the ordinary clock outside of one.
#[inline]
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
