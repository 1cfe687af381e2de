//! Which server to dial next, and when.
//!
//! The pool is a state machine without a clock: the time is an argument, and a seed decides everything that is
//! random. Dialling goes in rounds. In a round each server is dialled at most once, without waiting; between
//! two rounds lies a wait of the [`Backoff`]. The loop of the caller:
//!
//! ```
//! use std::time::Instant;
//! use nuncio_proto::addr::ServerAddr;
//! use nuncio_proto::pool::{Next, Pool, PoolOptions};
//!
//! let mut pool = Pool::new(ServerAddr::parse_list("a,b")?, PoolOptions::default(), 42);
//! let mut now = Instant::now();
//! let mut dialled = 0;
//! while dialled < 4 {
//!     match pool.select(now) {
//!         Next::Dial(_addr, id) => {
//!             dialled += 1;
//!             pool.dial_failed(id, "connection refused"); // or pool.connected(id, now)
//!         }
//!         Next::Wait(until) => now = until, // sleep
//!         Next::Exhausted => break,
//!     }
//! }
//! # Ok::<(), nuncio_proto::addr::AddrError>(())
//! ```

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::addr::ServerAddr;

mod backoff;
mod discovery;
#[cfg(test)]
mod tests;

pub use backoff::{Backoff, MAX_WAIT, MIN_WAIT, WaitFn};
pub use discovery::{Changes, MAX_SERVERS};

/// A connection that ends sooner than this does not count as a recovery: the waits go on growing.
///
/// Else a server that accepts and hangs up at once would be dialled without end and without a wait.
pub const STABLE_AFTER: Duration = Duration::from_secs(10);

/// A server that announces its end sooner than this after the connection was made is no better than one that hangs up.
///
/// Else servers that send clients to each other would be dialled without end and without a wait.
pub const MOVABLE_AFTER: Duration = Duration::from_secs(1);

/// How a pool chooses.
#[derive(Clone, Debug, Default)]
pub struct PoolOptions {
    /// Dial in the order of the list instead of a random one. Default: false.
    pub keep_order: bool,
    /// Failures in a row after which a server is not dialled any more (0 counts as 1). Default: no limit.
    pub max_attempts: Option<u32>,
    /// The waits between the rounds.
    pub backoff: Backoff,
    /// Hand the user information of an address to servers that are learnt over a connection without TLS.
    /// Default: false, since they would get it in clear text. Over TLS it is always handed on.
    pub share_credentials: bool,
}

/// A member of a pool, for as long as the pool lives: never used again for another member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerId(u64);

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Dial this server now, then report [`Pool::connected`] or [`Pool::dial_failed`].
    Dial(ServerAddr, ServerId),
    /// Each server has been dialled once: ask again at that time.
    Wait(Instant),
    /// There is no server left that may be dialled.
    Exhausted,
}

/// One member of a pool and what is known about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    id: ServerId,
    addr: ServerAddr,
    discovered: bool,
    attempts: u32,
    connected_once: bool,
    lame: bool,
    retired: bool,
    last_error: Option<String>,
}

impl Server {
    /// Its id in the pool.
    pub fn id(&self) -> ServerId {
        self.id
    }

    /// Its address.
    pub fn addr(&self) -> &ServerAddr {
        &self.addr
    }

    /// Whether another server named it, as opposed to the user.
    pub fn is_discovered(&self) -> bool {
        self.discovered
    }

    /// Failures in a row.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Whether there was ever a connection to it.
    pub fn connected_once(&self) -> bool {
        self.connected_once
    }

    /// Whether it said that it is about to shut down.
    pub fn is_lame(&self) -> bool {
        self.lame
    }

    /// Whether it is out of rotation: its attempts are used up, or [`Pool::retire`] took it out.
    pub fn is_retired(&self) -> bool {
        self.retired
    }

    /// Why it failed last; gone once it is connected.
    pub fn last_error(&self) -> Option<&str> {
        self.last_error.as_deref()
    }
}

#[derive(Debug)]
enum Phase {
    /// The next selection begins a round.
    Ready,
    /// A round, with the servers that it has still to dial.
    Round(VecDeque<ServerId>),
    /// Between two rounds, with the number of the wait and since when it is due; how long it is has not been drawn yet.
    Due(u32, Instant),
    /// Between two rounds.
    Waiting(Instant),
}

/// The servers that a client may use, and the choice among them. See the [module](self) for its use.
#[derive(Debug)]
pub struct Pool {
    servers: Vec<Server>,
    options: PoolOptions,
    rng: fastrand::Rng,
    next_id: u64,
    phase: Phase,
    /// Waits since the last connection that was stable.
    step: u32,
    /// Connections in a row that ended too soon.
    short_lived: u32,
    current: Option<(ServerId, Instant)>,
    /// The server of the connection that ended last.
    lost: Option<ServerId>,
    /// The server that the user wants to be dialled next.
    preferred: Option<ServerId>,
    /// Waits are those of TLS.
    tls: bool,
}

impl Pool {
    /// A pool of the servers that the user named. What is there twice counts once.
    pub fn new(addrs: Vec<ServerAddr>, options: PoolOptions, seed: u64) -> Pool {
        let mut pool = Pool {
            servers: Vec::with_capacity(addrs.len()),
            options,
            rng: fastrand::Rng::with_seed(seed),
            next_id: 0,
            phase: Phase::Ready,
            step: 0,
            short_lived: 0,
            current: None,
            lost: None,
            preferred: None,
            tls: false,
        };
        pool.set_servers(addrs);
        pool
    }

    /// The members, the user's before the discovered ones.
    pub fn servers(&self) -> &[Server] {
        &self.servers
    }

    /// One member; `None` if it has left.
    pub fn get(&self, id: ServerId) -> Option<&Server> {
        self.servers.iter().find(|server| server.id == id)
    }

    /// The server of the current connection.
    pub fn current(&self) -> Option<ServerId> {
        self.current.map(|(id, _)| id)
    }

    /// What to do next.
    ///
    /// A server is returned at most once between two waits. To wait costs nothing: asking again too early
    /// returns the same time.
    pub fn select(&mut self, now: Instant) -> Next {
        if self.servers.iter().all(|server| server.retired) {
            return Next::Exhausted;
        }
        loop {
            self.settle(now);
            match &mut self.phase {
                Phase::Waiting(until) if now < *until => return Next::Wait(*until),
                Phase::Waiting(_) | Phase::Ready => self.phase = Phase::Round(self.plan()),
                Phase::Due(step, _) => {
                    let wait = self.options.backoff.wait(*step, self.tls, &mut self.rng);
                    self.wait(wait);
                }
                Phase::Round(queue) => {
                    let id = take(queue, self.preferred.take());
                    if let Some(server) = id.and_then(|id| self.get(id)).filter(|server| !server.retired) {
                        return Next::Dial(server.addr.clone(), server.id);
                    }
                }
            }
        }
    }

    /// The function of a [`Backoff::Custom`] and the number of the wait that the next [`Pool::select`] would ask it for;
    /// none if that does not begin a wait.
    ///
    /// For callers who may not call a function of somebody else where they call `select`, under a lock for example. What
    /// it returned goes to [`Pool::wait`], before `select`.
    pub fn asks(&mut self, now: Instant) -> Option<(WaitFn, u32)> {
        if self.servers.iter().all(|server| server.retired) {
            return None;
        }
        self.settle(now);
        match (&self.options.backoff, &self.phase) {
            (Backoff::Custom(wait), Phase::Due(step, _)) => Some((wait.clone(), *step)),
            _ => None,
        }
    }

    /// How long the wait is that is due, from the time at which it became due: see [`Pool::asks`]. Nothing if none is due.
    pub fn wait(&mut self, wait: Duration) {
        if let Phase::Due(_, since) = self.phase {
            self.phase = Phase::Waiting(since.checked_add(backoff::bounded(wait)).unwrap_or(since));
        }
    }

    /// Wishes for a server to be the next one. It is granted if that server is still due in the present round, or a new
    /// round begins now: a wish never makes a server be dialled twice between two waits.
    pub fn prefer(&mut self, id: ServerId) {
        self.preferred = Some(id);
    }

    /// Says whether TLS is used or wanted, which some [`Backoff`]s draw longer waits for. Default: false.
    pub fn set_tls(&mut self, tls: bool) {
        self.tls = tls;
    }

    /// Reports that the server was dialled in vain: no connection, or a handshake that failed.
    pub fn dial_failed(&mut self, id: ServerId, error: impl Into<String>) {
        let max = self.options.max_attempts.map(|max| max.max(1));
        let Some(server) = self.get_mut(id) else { return };
        server.attempts = server.attempts.saturating_add(1);
        server.last_error = Some(error.into());
        server.retired |= max.is_some_and(|max| server.attempts >= max);
    }

    /// Reports that the handshake with the server is done.
    pub fn connected(&mut self, id: ServerId, now: Instant) {
        self.current = Some((id, now));
        self.phase = Phase::Ready;
        let Some(server) = self.get_mut(id) else { return };
        server.attempts = 0;
        server.connected_once = true;
        server.lame = false;
        server.retired = false;
        server.last_error = None;
    }

    /// Reports that the current connection has ended.
    ///
    /// The next round begins at once, unless one connection after the other ended sooner than
    /// [`STABLE_AFTER`]; the server that was lost comes last in it, unless the order is to be kept.
    pub fn disconnected(&mut self, now: Instant) {
        let Some((id, since)) = self.current.take() else { return };
        self.lost = Some(id);
        if now.saturating_duration_since(since) >= STABLE_AFTER {
            self.short_lived = 0;
        } else {
            self.short_lived = self.short_lived.saturating_add(1);
        }
        self.step = self.short_lived.saturating_sub(1);
        self.phase = match self.step {
            0 => Phase::Ready,
            step => Phase::Due(step, now),
        };
    }

    /// Reports that the current connection was given up for a reason that says nothing against its server.
    ///
    /// The next round begins at once, however short the connection was.
    pub fn left(&mut self) {
        self.current = None;
        self.phase = Phase::Ready;
    }

    /// Reports that the current connection was given up since the application wants another one.
    ///
    /// The next round begins at once, and the server comes last in it, unless the order is to be kept.
    pub fn forced(&mut self) {
        self.lost = self.current.map(|(id, _)| id);
        self.left();
    }

    /// Reports that the current connection was left since its server is about to shut down.
    ///
    /// The next round begins at once: a rolling restart has one such announcement after the other, and none of them says
    /// that the servers are not to be relied on. One that comes within [`MOVABLE_AFTER`] counts as an ordinary loss.
    pub fn moved(&mut self, now: Instant) {
        match self.current {
            Some((id, since)) if now.saturating_duration_since(since) >= MOVABLE_AFTER => {
                self.lost = Some(id);
                self.left();
            }
            _ => self.disconnected(now),
        }
    }

    /// Ends a wait before its time, since something has changed that gives the next round better prospects.
    pub fn hurry(&mut self) {
        if matches!(self.phase, Phase::Waiting(_) | Phase::Due(..)) {
            self.phase = Phase::Ready;
        }
    }

    /// Marks a server that is about to shut down (lame duck mode).
    ///
    /// It comes last in each round until a connection to it succeeds or another server names it again.
    pub fn lame(&mut self, id: ServerId) {
        if let Some(server) = self.get_mut(id) {
            server.lame = true;
        }
    }

    /// Takes a server out of rotation, as when its attempts are used up: say, because it refuses the
    /// credentials again and again.
    pub fn retire(&mut self, id: ServerId) {
        if let Some(server) = self.get_mut(id) {
            server.retired = true;
        }
    }

    fn get_mut(&mut self, id: ServerId) -> Option<&mut Server> {
        self.servers.iter_mut().find(|server| server.id == id)
    }

    /// Adds a member.
    ///
    /// What the user adds is still dialled in a round that is under way. What servers add waits for the next
    /// one: else servers that refuse the client and name ever new ones would keep it dialling without a wait.
    fn add(&mut self, addr: ServerAddr, discovered: bool) {
        let id = ServerId(self.next_id);
        self.next_id += 1;
        self.servers.push(Server {
            id,
            addr,
            discovered,
            attempts: 0,
            connected_once: false,
            lame: false,
            retired: false,
            last_error: None,
        });
        if !discovered && let Phase::Round(queue) = &mut self.phase {
            queue.push_back(id);
        }
    }

    /// The order of a round: at random, but the likely ones first.
    fn plan(&mut self) -> VecDeque<ServerId> {
        let mut order: Vec<&Server> = self.servers.iter().filter(|server| !server.retired).collect();
        if self.options.keep_order {
            order.sort_by_key(|server| server.lame);
        } else {
            self.rng.shuffle(&mut order);
            order.sort_by_key(|server| (server.lame, Some(server.id) == self.lost, server.attempts));
        }
        order.into_iter().map(|server| server.id).collect()
    }

    /// A round of which no server is left is followed by a wait.
    fn settle(&mut self, now: Instant) {
        if let Phase::Round(queue) = &self.phase
            && !queue.iter().filter_map(|id| self.get(*id)).any(|server| !server.retired)
        {
            self.step = self.step.saturating_add(1);
            self.preferred = None;
            self.phase = Phase::Due(self.step, now);
        }
    }
}

/// The wanted one if it is there, else the first.
fn take(queue: &mut VecDeque<ServerId>, wanted: Option<ServerId>) -> Option<ServerId> {
    let at = wanted.and_then(|wanted| queue.iter().position(|id| *id == wanted)).unwrap_or(0);
    queue.remove(at)
}
