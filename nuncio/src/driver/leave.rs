//! Leaving a server that is about to shut down, before it breaks the connection.
//!
//! First new requests wait while those in flight get their replies; everything else goes on. Then all subscriptions are
//! withdrawn and the server is asked to confirm: what it had for this client has arrived then, and what this client
//! published has been processed. Last the connection is made anew, to another server.

use std::task::Waker;
use std::time::{Duration, Instant};

use nuncio_proto::encode;
use nuncio_proto::outbox::Batch;

use crate::driver::Driver;
use crate::driver::link::Link;
use crate::driver::shared::{Waiter, now};

/// How long replies may take; nats-server breaks connections 10 seconds after its announcement at the earliest.
const REPLIES: Duration = Duration::from_secs(5);

/// How long the server's last confirmation may take.
const CONFIRMATION: Duration = Duration::from_secs(2);

/// While requests are in flight, they are looked at this often.
const LOOK: Duration = Duration::from_millis(2);

/// How far leaving a server has come.
#[derive(Debug)]
pub(super) enum Leaving {
    /// It is not being left.
    No,
    /// Requests up to that number wait for their replies.
    Replies { newest: u64, deadline: Instant, look: Instant },
    /// The server is asked to confirm that nothing more comes.
    Parting { deadline: Instant, confirmed: bool },
}

impl Leaving {
    /// When it has to be looked at again, whatever else happens.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::No => None,
            Self::Replies { deadline, look, .. } => Some(*look.min(deadline)),
            Self::Parting { deadline, .. } => Some(*deadline),
        }
    }

    pub(super) fn is_parting(&self) -> bool {
        matches!(self, Self::Parting { .. })
    }

    pub(super) fn answered(&mut self) {
        if let Self::Parting { confirmed, .. } = self {
            *confirmed = true;
        }
    }
}

impl Driver {
    /// The server said that it is about to shut down.
    pub(super) fn begin_to_leave(&mut self, link: &Link) {
        let config = &self.shared.config;
        // Where no connection follows, this one is made the most of.
        if !config.move_on_lame_duck || !config.reconnect || !self.has_another(link) {
            return;
        }
        let newest = self.shared.waits().requests.newest();
        let mut core = self.shared.core();
        core.gate.change(|terms| terms.moving = Some(newest));
        drop(core);
        let now = now();
        self.leaving = Leaving::Replies { newest, deadline: now + REPLIES, look: now };
    }

    fn has_another(&self, link: &Link) -> bool {
        let pool = self.shared.pool();
        pool.servers()
            .iter()
            .any(|server| server.id() != link.id && !server.is_lame() && !server.is_retired())
    }

    /// Moves leaving on; true once there is nothing to stay for.
    pub(super) fn has_left(&mut self) -> bool {
        if matches!(self.leaving, Leaving::No) {
            return false;
        }
        let time = now();
        match &mut self.leaving {
            Leaving::No => false,
            // Whoever ends the connection does not want another one first.
            Leaving::Replies { .. } if !self.ending.is_none() => {
                self.leaving = Leaving::No;
                self.shared.core().gate.change(|terms| terms.moving = None);
                false
            }
            Leaving::Replies { newest, deadline, look } => {
                if time < *look && time < *deadline {
                    return false;
                }
                let waiting = time < *deadline && self.shared.waits().requests.is_any_open_until(*newest);
                if waiting {
                    *look = time + LOOK;
                    return false;
                }
                self.part(time + CONFIRMATION);
                false
            }
            Leaving::Parting { .. } if self.ending.is_flushing() => {
                self.stay();
                false
            }
            Leaving::Parting { deadline, confirmed } => *confirmed || time >= *deadline,
        }
    }

    /// What was kept for the next server is the last that goes to this one: there will be no next one.
    fn stay(&mut self) {
        self.leaving = Leaving::No;
        let mut core = self.shared.core();
        core.up = true;
        core.gate.change(|terms| terms.moving = None);
        let waker = core.driver.take();
        let room = core.room.take();
        drop(core);
        waker.into_iter().chain(room).for_each(Waker::wake);
    }

    /// Withdraws everything from the server. What is published from here on is kept for the next one.
    fn part(&mut self, deadline: Instant) {
        let mut core = loop {
            let mut core = self.shared.core();
            let changes = std::mem::take(&mut core.changes);
            if changes.is_empty() {
                break core;
            }
            drop(core);
            self.apply(changes);
        };
        // Under the lock, so that nothing is subscribed to that is not withdrawn.
        let sids = self.registry.sids();
        let first = core.control(|out| sids.iter().for_each(|sid| encode::unsubscribe(out, *sid, None)));
        let waker = first.or(core.ping(Waiter::Leave));
        core.up = false;
        let parting = std::mem::replace(&mut core.batch, Batch::new());
        core.ledger.taken += parting.messages();
        core.ledger.in_flight += parting.messages();
        core.gate.change(|terms| terms.in_flight_bytes += parting.len());
        self.parting = Some(Box::new(parting));
        let room = core.room.take();
        let waker = waker.or(core.driver.take());
        drop(core);
        waker.into_iter().chain(room).for_each(Waker::wake);
        self.leaving = Leaving::Parting { deadline, confirmed: false };
    }
}
