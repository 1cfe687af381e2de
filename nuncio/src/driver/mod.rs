//! The task that owns a connection: it dials, reads, writes, keeps the time, and ends it.
//!
//! Everything it owns alone needs no lock: the registry of subscriptions, the server pool, the batch that is being
//! written. What it shares with the handles is in [`shared`].

mod control;
mod dispatch;
mod ending;
mod establish;
pub(crate) mod gate;
mod input;
mod leave;
mod link;
mod refusal;
mod renewal;
pub(crate) mod room;
pub(crate) mod route;
mod serve;
pub(crate) mod shared;
mod stock;
mod timing;
mod verdict;
pub(crate) mod wait;
mod write;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::task::Waker;

use nuncio_proto::outbox::Batch;
use nuncio_proto::pool::ServerId;
use nuncio_proto::registry::Registry;
use nuncio_proto::server_error::ServerError;
use tokio::sync::oneshot;

use crate::auth::Presented;
use crate::driver::dispatch::Pass;
use crate::driver::ending::Ending;
use crate::driver::leave::Leaving;
use crate::driver::link::Link;
use crate::driver::refusal::{Denials, Undecided};
use crate::driver::route::{Change, Route};
use crate::driver::serve::Served;
use crate::driver::shared::Shared;
use crate::driver::timing::{Alarm, FirstMessages};
use crate::error::{CloseReason, ConnectError, DisconnectCause};
use crate::events::Event;
use crate::queue::{Queue, SubscriptionEnd};
use crate::stats::Counters;

/// Tells [`connect`](crate::connect()) how the first attempt went.
pub(crate) type First = oneshot::Sender<Result<(), ConnectError>>;

pub(crate) struct Driver {
    shared: Arc<Shared>,
    registry: Registry<Route>,
    /// What is being written; whole frames, from the outbox.
    writing: Batch,
    /// The last that goes to a server that is being left. Seldom there, and apart, so that a connection is small.
    parting: Option<Box<Batch>>,
    leaving: Leaving,
    undecided: Undecided,
    denials: Denials,
    pass: Pass,
    /// Whose requests were answered, and who has not been told yet.
    answered: VecDeque<Waker>,
    /// How many of them go on at once.
    at_once: usize,
    /// Rounds of them since orders and the time had their turn.
    rounds: u32,
    alarm: Alarm,
    ending: Ending,
    /// `PING`s of the ending that are not answered.
    end_questions: u32,
    first_messages: FirstMessages,
    /// The last refusal of credentials by each server.
    refusals: HashMap<ServerId, ServerError>,
    /// Credentials that were refused once they had expired, while newer ones may come.
    outdated: Option<Presented>,
    /// The expiry of the credentials that were renewed last.
    renewed: Option<std::time::SystemTime>,
    seed: fastrand::Rng,
    /// Queues that must have room before more is read.
    holding: Vec<Arc<Queue>>,
    connected_before: bool,
    finished: bool,
}

impl Driver {
    pub(crate) fn new(shared: Arc<Shared>, seed: u64) -> Self {
        Self {
            shared,
            registry: Registry::default(),
            writing: Batch::new(),
            parting: None,
            leaving: Leaving::No,
            undecided: Undecided::default(),
            denials: Denials::default(),
            pass: Pass::default(),
            answered: VecDeque::new(),
            at_once: 0,
            rounds: 0,
            alarm: Alarm::default(),
            ending: Ending::None,
            end_questions: 0,
            first_messages: FirstMessages::default(),
            refusals: HashMap::new(),
            outdated: None,
            renewed: None,
            seed: fastrand::Rng::with_seed(seed),
            holding: Vec::new(),
            connected_before: false,
            finished: false,
        }
    }

    // In a box, since a future keeps what it is given twice.
    pub(crate) async fn run(mut self: Box<Self>, first: First) {
        let reason = self.live(Some(first)).await;
        self.finish(reason);
    }

    /// Connects, serves and reconnects until the connection is over for good.
    async fn live(&mut self, mut first: Option<First>) -> CloseReason {
        loop {
            // In memory of its own, which it needs while it lasts: it is several times as large as all else here.
            let mut link = match Box::pin(self.establish(&mut first)).await {
                Ok(link) => link,
                Err(reason) => return reason,
            };
            self.go_up(&mut link);
            if let Some(first) = first.take() {
                // Nobody listens any more when the attempt was cancelled; the handles are gone then as well.
                let _ = first.send(Ok(()));
            }
            match self.serve(&mut link).await {
                Served::Over(reason) => {
                    link.shut_down().await;
                    return reason;
                }
                Served::Lost(cause) => {
                    let cause = link.explain(cause);
                    self.go_down(&link, cause.clone());
                    if !self.shared.config.reconnect {
                        return CloseReason::ReconnectOff(cause);
                    }
                }
            }
        }
    }

    /// Applies what the handles changed about subscriptions.
    fn apply(&mut self, changes: Vec<Change>) {
        for change in changes {
            match change {
                Change::Subscribe { sid, interest, max, route, first_message } => {
                    self.registry.insert(sid, interest, max, route);
                    self.undecided.announced(sid);
                    if let Some(first) = first_message {
                        self.first_messages.expect(first, &mut self.registry);
                    }
                }
                Change::Unsubscribe(sid) => self.end_subscription(sid, SubscriptionEnd::Unsubscribed),
                Change::Release(sid) => self.release(sid),
                // The server was told along with it, or will be with the next `SUB`.
                Change::SetMax(sid, max) if self.registry.set_max(sid, max) => {
                    self.end_subscription(sid, SubscriptionEnd::Max);
                }
                Change::SetMax(..) => self.undecided.made_room(),
                // The old server took the subscription along: nothing more can come.
                Change::Drain(sid) if !self.shared.core().up => {
                    self.end_subscription(sid, SubscriptionEnd::Drained);
                }
                Change::Drain(sid) => {
                    if let Some(entry) = self.registry.get_mut(sid) {
                        entry.draining = true;
                    }
                    self.undecided.made_room();
                }
            }
        }
        self.count_subscriptions();
    }

    /// The server is told as well, unless the one reply has ended the subscription there already.
    fn release(&mut self, sid: u64) {
        if self.registry.remove(sid).is_some() {
            self.undecided.made_room();
            self.unsubscribe(sid);
        }
    }

    /// Tells the server, if there is one, that nothing more is wanted.
    fn unsubscribe(&self, sid: u64) {
        let waker = {
            let mut core = self.shared.core();
            if core.up { core.control(|out| nuncio_proto::encode::unsubscribe(out, sid, None)) } else { None }
        };
        waker.into_iter().for_each(Waker::wake);
    }

    fn end_subscription(&mut self, sid: u64, why: SubscriptionEnd) {
        if !matches!(why, SubscriptionEnd::Denied { .. } | SubscriptionEnd::Refused { .. }) {
            self.undecided.made_room();
        }
        if let Some(entry) = self.registry.remove(sid) {
            // Before the end is told, so that whoever hears of it finds the figure right.
            self.count_subscriptions();
            entry.route.end(why);
        }
    }

    fn count_subscriptions(&self) {
        let count = self.registry.len() as u64;
        self.shared.counters.subscriptions.store(count, std::sync::atomic::Ordering::Relaxed);
    }

    /// The connection stands: tells the server what it has to know, before anything that is buffered.
    fn go_up(&mut self, link: &mut Link) {
        let (over, room) = loop {
            let mut core = self.shared.core();
            let changes = std::mem::take(&mut core.changes);
            if changes.is_empty() {
                // Under the lock, so that every change is either replayed or on the wire, and never both.
                let over = self.registry.replay(&mut link.urgent);
                for entry in self.registry.entries() {
                    entry.route.begin_anew(entry.before);
                }
                let announced =
                    self.registry.sids().into_iter().filter(|sid| over.binary_search(sid).is_err());
                core.announced = self.undecided.begin_anew(announced);
                self.denials.begin_anew(core.pings);
                link.take_over(&mut core);
                core.up = true;
                // Under the lock, so that whoever has it knows which connection is up.
                Counters::add(&self.shared.counters.connects, 1);
                core.gate.change(|terms| terms.moving = None);
                // This is the new connection that was asked for meanwhile.
                core.orders.reconnect = false;
                break (over, core.room.take());
            }
            drop(core);
            self.apply(changes);
        };
        for sid in over {
            let why = match self.registry.get_mut(sid) {
                Some(entry) if entry.draining => SubscriptionEnd::Drained,
                _ => SubscriptionEnd::Max,
            };
            self.end_subscription(sid, why);
        }
        room.for_each(Waker::wake);
        let server = link.server.clone();
        let first = !std::mem::replace(&mut self.connected_before, true);
        self.shared.events.emit(&if first {
            Event::Connected { server }
        } else {
            Event::Reconnected { server }
        });
        self.learn_servers(link);
    }

    fn lost_by(&self, server: &str, cause: DisconnectCause, stock: stock::Stock) {
        self.shared.events.emit(&Event::Disconnected {
            server: server.to_owned(),
            cause,
            lost: stock.torn,
            maybe_lost: stock.in_doubt,
            kept: stock.kept,
        });
    }
}

impl Drop for Driver {
    /// The runtime drops its tasks when it ends: whoever waits must not wait for ever.
    fn drop(&mut self) {
        self.finish(CloseReason::RuntimeEnded);
    }
}
