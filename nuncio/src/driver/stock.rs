//! Taking stock when a connection ends: what was written, what is torn, what is kept.

use std::collections::HashMap;
use std::sync::Arc;
use std::task::Waker;

use nuncio_proto::inbox::Token;
use nuncio_proto::outbox::Batch;
use nuncio_proto::server_error::ServerError;

use crate::DrainReport;
use crate::driver::Driver;
use crate::driver::leave::Leaving;
use crate::driver::link::Link;
use crate::driver::shared::{Failure, Fence, Stage, Waiter, now};
use crate::error::{CloseReason, DisconnectCause};
use crate::events::Event;
use crate::queue::SubscriptionEnd;

/// What a lost connection leaves behind, in messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stock {
    /// Half written.
    pub(super) torn: u64,
    /// Written and not confirmed.
    pub(super) in_doubt: u64,
    /// Not written, kept for the next connection.
    pub(super) kept: u64,
}

impl Driver {
    /// The connection is lost: keeps what was not written and tells everyone who waited for this server.
    pub(super) fn go_down(&mut self, link: &Link, cause: DisconnectCause) {
        // What is opened from here on cannot have been written.
        let newest = self.shared.waits().requests.newest();
        let (stock, fences) = self.take_stock();
        let expired = matches!(cause, DisconnectCause::Server(ServerError::AuthenticationExpired))
            && link.renewal.has_run_out();
        let renewed = cause == DisconnectCause::CredentialsRenewed;
        let moved = cause == DisconnectCause::LameDuck;
        if expired || renewed {
            // That was to come: it says nothing against the server.
            self.shared.pool().left();
        } else if moved {
            self.shared.pool().moved(now());
        } else if cause == DisconnectCause::Forced {
            self.shared.pool().forced();
        } else {
            self.shared.pool().disconnected(now());
        }
        // A drain may be among them, whose fence is about to break.
        let changes = std::mem::take(&mut self.shared.core().changes);
        self.apply(changes);
        self.break_fences(fences);
        // The limit applies now instead of the pace.
        let room = self.shared.core().room.take();
        room.for_each(Waker::wake);
        self.leaving = Leaving::No;
        // Who leaves a lame server has waited for what it owed; replies to the rest come through the next one.
        if self.shared.config.fail_requests_on_disconnect && !moved {
            // What was held back is sent with the new credentials and answered there.
            let newest = if renewed { link.renewal.newest() } else { newest };
            let kept = self.kept_requests();
            self.fail_requests(newest, &kept, &Failure::Disconnected);
        }
        tracing::debug!(server = link.server, %cause, ?stock, "connection lost");
        self.lost_by(&link.server, cause, stock);
    }

    fn take_stock(&mut self) -> (Stock, Vec<Fence>) {
        let writing = std::mem::take(&mut self.writing);
        let parting = self.parting.take();
        let in_flight = writing.messages() + parting.as_ref().map_or(0, |parting| parting.messages());
        let mut kept = Batch::new();
        // Not under the lock: what was written is dropped here, and dropping shared bytes may run the application's code.
        let salvage = writing.salvage(&mut kept);
        if let Some(parting) = parting {
            parting.salvage(&mut kept);
        }
        let mut core = self.shared.core();
        core.up = false;
        std::mem::take(&mut core.batch).salvage(&mut kept);
        let kept_messages = kept.messages();
        core.batch = kept;
        core.gate.change(|terms| terms.in_flight_bytes = 0);
        let fences = core.fences.take_all().collect();
        let ledger = &mut core.ledger;
        let written = ledger.taken.saturating_sub(in_flight) + salvage.written;
        let stock = Stock {
            torn: salvage.torn,
            in_doubt: written.saturating_sub(ledger.confirmed),
            kept: kept_messages,
        };
        ledger.lost += stock.torn;
        ledger.maybe_lost += stock.in_doubt;
        (ledger.taken, ledger.confirmed, ledger.in_flight) = (0, 0, 0);
        (stock, fences)
    }

    /// The requests of which no byte was written.
    fn kept_requests(&self) -> Vec<Token> {
        let own = self.registry.entries().filter_map(|e| Some((&*e.interest.subject, e.route.request()?)));
        let own: HashMap<_, _> = own.collect();
        let mut kept = Vec::new();
        self.shared.core().batch.replies(|reply| {
            kept.extend(self.shared.token_of(reply).or_else(|| own.get(reply).copied()));
        });
        kept
    }

    /// Nobody will answer these any more.
    fn break_fences(&mut self, fences: Vec<Fence>) {
        for fence in fences {
            match fence.waiter {
                // Dropping the sender tells those who wait.
                Waiter::Nobody
                | Waiter::Leave
                | Waiter::Flush(_)
                | Waiter::Confirm(..)
                | Waiter::Published { .. }
                | Waiter::Renewal(_) => {}
                // The server took the subscription along: nothing more can come for it.
                Waiter::Subscription(sid, done) => self.drained(sid, done),
                Waiter::Drain => self.end_interrupted(),
            }
        }
    }

    /// The connection is over for good: everyone who waits is told why.
    pub(super) fn finish(&mut self, reason: CloseReason) {
        if std::mem::replace(&mut self.finished, true) {
            return;
        }
        self.wake_all_answered();
        let (stock, fences) = self.take_stock();
        let kept = self.kept_requests();
        let (room, changes, batch) = {
            let mut core = self.shared.core();
            let batch = std::mem::take(&mut core.batch);
            // Not what stock was taken of: there may have been a message since.
            core.ledger.lost += batch.messages();
            core.gate.change(|terms| terms.stage = Stage::Closed(reason.clone()));
            core.driver = None;
            let (lost, maybe_lost) = (core.ledger.lost, core.ledger.maybe_lost);
            core.drain_report = self.ending.report().map(|report| DrainReport { lost, maybe_lost, ..report });
            (core.room.take(), std::mem::take(&mut core.changes), batch)
        };
        drop(batch);
        self.apply(changes);
        self.break_fences(fences);
        let end = match &reason {
            CloseReason::Drained => SubscriptionEnd::Drained,
            reason => SubscriptionEnd::Closed(reason.clone()),
        };
        let entries = self.registry.take_all();
        self.count_subscriptions();
        for entry in entries {
            entry.route.end(end.clone());
        }
        self.fail_requests(u64::MAX, &kept, &Failure::Closed(reason.clone().into()));
        self.fail_requests(u64::MAX, &[], &Failure::Unsent(reason.clone().into()));
        let mut wakers: Vec<_> = room.collect();
        self.shared.waits().timers.fire_all(&mut wakers);
        wakers.into_iter().for_each(Waker::wake);
        let lost = stock.kept + stock.torn + stock.in_doubt;
        if lost > 0 {
            tracing::warn!(%reason, ?stock, "the connection closed with messages unsent or unconfirmed");
        }
        let shared = Arc::clone(&self.shared);
        shared.events.emit(&Event::Closed { reason: reason.clone() });
        shared.tell_closed(reason);
    }
}
