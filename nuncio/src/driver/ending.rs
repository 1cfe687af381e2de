//! The end of a connection that the application wants: closing, draining, and dropping all handles.

use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use nuncio_proto::encode;
use nuncio_proto::registry::Registry;

use crate::DrainReport;
use crate::driver::Driver;
use crate::driver::route::Route;
use crate::driver::shared::{DrainOrder, Stage, Waiter, now};
use crate::driver::wait::instant_after;
use crate::error::CloseReason;
use crate::queue::{Drained, Poller, Queue, SubscriptionEnd};

/// While a drain waits for consumers it looks at them this often.
const LOOK: Duration = Duration::from_millis(5);

/// A queue that nobody but the one who awaits the drain has ever polled holds a drain up for no longer than this,
/// unless it gets shorter.
const IDLE: Duration = Duration::from_millis(250);

/// How far an ending has come.
#[derive(Debug)]
pub(super) enum Ending {
    /// The connection is wanted.
    None,
    /// All subscriptions but those of replies are unsubscribed from, and the server is asked to confirm.
    Unsubscribing { order: DrainOrder, confirmed: bool },
    /// Consumers handle what has arrived, requests wait for their replies.
    Emptying { order: DrainOrder, queues: Vec<Arc<Queue>>, look: Instant, idle: Idle },
    /// Everything is written, and the server is asked to confirm.
    Flushing { reason: CloseReason, deadline: Instant, asked: bool, confirmed: bool, report: DrainReport },
}

/// How long queues that may never be emptied have not changed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Idle {
    waiting: usize,
    since: Instant,
}

impl Ending {
    /// The connection is wanted.
    pub(super) fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// When it has to be looked at again, whatever else happens.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::None => None,
            Self::Unsubscribing { order, .. } => Some(order.deadline),
            Self::Emptying { order, look, .. } => Some(order.deadline.min(*look)),
            Self::Flushing { deadline, .. } => Some(*deadline),
        }
    }

    fn answered(&mut self) {
        match self {
            Self::Unsubscribing { confirmed, .. } | Self::Flushing { confirmed, .. } => *confirmed = true,
            Self::None | Self::Emptying { .. } => {}
        }
    }

    fn interrupted(&mut self) {
        match self {
            // It took the subscriptions along.
            Self::Unsubscribing { confirmed, .. } => *confirmed = true,
            Self::Flushing { asked, .. } => *asked = false,
            Self::None | Self::Emptying { .. } => {}
        }
    }

    pub(super) fn report(&self) -> Option<DrainReport> {
        match self {
            Self::Flushing { report, confirmed, .. } => Some(DrainReport { flushed: *confirmed, ..*report }),
            _ => None,
        }
    }
}

impl Driver {
    /// The server confirmed what it was asked to. Where it was asked again since, the answer to that is what counts.
    pub(super) fn end_confirmed(&mut self) {
        self.end_questions = self.end_questions.saturating_sub(1);
        if self.end_questions == 0 {
            self.ending.answered();
        }
    }

    /// The server that was asked is gone.
    pub(super) fn end_interrupted(&mut self) {
        self.end_questions = self.end_questions.saturating_sub(1);
        self.ending.interrupted();
    }

    /// Moves the end on while the connection stands; the reason once it is over.
    pub(super) fn end_while_up(&mut self) -> Option<CloseReason> {
        self.take_orders();
        self.move_on();
        match &mut self.ending {
            Ending::Flushing { reason, deadline, asked, confirmed, .. } => {
                if *confirmed || now() >= *deadline {
                    return Some(reason.clone());
                }
                if !std::mem::replace(asked, true) {
                    self.end_questions += 1;
                    let waker = self.shared.core().ping(Waiter::Drain);
                    waker.into_iter().for_each(Waker::wake);
                }
                None
            }
            _ => None,
        }
    }

    /// Moves the end on while there is no connection; the reason once it is over.
    pub(super) fn end_while_down(&mut self) -> Option<CloseReason> {
        self.take_orders();
        if let Ending::Unsubscribing { confirmed, .. } = &mut self.ending {
            *confirmed = true;
        }
        self.move_on();
        match &self.ending {
            Ending::Flushing { reason, deadline, .. } => {
                let nothing_left = self.shared.core().batch.is_empty();
                // Closing must not wait for a server that may never come back.
                let over = *reason == CloseReason::Closed || nothing_left || now() >= *deadline;
                over.then(|| reason.clone())
            }
            _ => None,
        }
    }

    fn take_orders(&mut self) {
        let (close, abandoned, drain) = {
            let core = self.shared.core();
            (core.orders.close, core.orders.abandoned, core.orders.drain)
        };
        let closing = matches!(&self.ending, Ending::Flushing { reason: CloseReason::Closed, .. });
        if close && !closing {
            return self.flush_and_end(CloseReason::Closed, DrainReport::default(), None);
        }
        if !matches!(self.ending, Ending::None) {
            return;
        }
        if let Some(order) = drain {
            self.unsubscribe_all(order);
        } else if abandoned {
            self.flush_and_end(CloseReason::Dropped, DrainReport::default(), None);
        }
    }

    fn move_on(&mut self) {
        match &self.ending {
            Ending::Unsubscribing { order, confirmed } if *confirmed || now() >= order.deadline => {
                let order = *order;
                self.empty(order);
                self.move_on();
            }
            Ending::Emptying { order, look, .. } => {
                let now = now();
                if now >= *look || now >= order.deadline {
                    self.look_at_consumers(now);
                }
            }
            _ => {}
        }
    }

    fn unsubscribe_all(&mut self, order: DrainOrder) {
        let (sids, waker) = loop {
            let mut core = self.shared.core();
            let changes = std::mem::take(&mut core.changes);
            if changes.is_empty() {
                // Under the lock, so that there is no subscription besides these.
                let sids = listening(&mut self.registry);
                core.gate.change(|terms| terms.stage = Stage::DrainingSubscriptions);
                if !core.up {
                    break (sids, None);
                }
                self.end_questions += 1;
                let first =
                    core.control(|out| sids.iter().for_each(|sid| encode::unsubscribe(out, *sid, None)));
                break (sids, first.or(core.ping(Waiter::Drain)));
            }
            drop(core);
            self.apply(changes);
        };
        waker.into_iter().for_each(Waker::wake);
        for sid in sids {
            if let Some(entry) = self.registry.get_mut(sid) {
                entry.draining = true;
            }
        }
        self.ending = Ending::Unsubscribing { order, confirmed: false };
    }

    fn empty(&mut self, order: DrainOrder) {
        let mut queues = Vec::new();
        for sid in listening(&mut self.registry) {
            let Some(entry) = self.registry.remove(sid) else { continue };
            if let Route::Queue { queue, .. } = &entry.route {
                queues.push(Arc::clone(queue));
            }
            entry.route.end(SubscriptionEnd::Drained);
        }
        let now = now();
        let idle = Idle { waiting: usize::MAX, since: now };
        self.ending = Ending::Emptying { order, queues, look: now, idle };
    }

    fn look_at_consumers(&mut self, now: Instant) {
        let unanswered = self.shared.waits().requests.len();
        let Ending::Emptying { order, queues, look, idle } = &mut self.ending else { return };
        let (busy, waiting) = survey(queues, order.caller);
        if waiting != idle.waiting {
            *idle = Idle { waiting, since: now };
        }
        let given_up = waiting == 0 || now.saturating_duration_since(idle.since) >= IDLE;
        let order = *order;
        if (busy.is_none() && unanswered == 0 && given_up) || now >= order.deadline {
            let undelivered = waiting + busy.unwrap_or(0);
            let report = DrainReport { undelivered, unanswered, ..DrainReport::default() };
            self.flush_and_end(CloseReason::Drained, report, Some(order));
        } else {
            *look = now + LOOK;
        }
    }

    fn flush_and_end(&mut self, reason: CloseReason, report: DrainReport, order: Option<DrainOrder>) {
        self.shared.core().gate.change(|terms| terms.stage = Stage::DrainingPublishes);
        let soonest = instant_after(self.shared.config.close_timeout);
        let deadline = order.map_or(soonest, |order| order.deadline.max(soonest));
        self.ending = Ending::Flushing { reason, deadline, asked: false, confirmed: false, report };
    }
}

/// The subscriptions of the application, as opposed to those that requests wait on.
fn listening(registry: &mut Registry<Route>) -> Vec<u64> {
    let mut sids = registry.sids();
    sids.retain(|sid| registry.get_mut(*sid).is_some_and(|entry| !entry.route.is_for_requests()));
    sids
}

/// Messages that busy consumers have before them, if any is busy, and messages that may never be read.
fn survey(queues: &[Arc<Queue>], caller: Poller) -> (Option<usize>, usize) {
    let (mut busy, mut idle) = (None, 0);
    for queue in queues {
        match queue.drained(Some(caller)) {
            Drained::Done => {}
            Drained::Busy(n) => busy = Some(busy.unwrap_or(0) + n),
            Drained::Idle(n) => idle += n,
        }
    }
    (busy, idle)
}
