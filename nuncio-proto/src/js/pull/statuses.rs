//! What follows from the end of a pull.

use std::time::Instant;

use super::Pull;
use super::ledger::Ended;
use crate::js::output::{End, Event};
use crate::js::status::{PullStatus, RequestLimit, StatusKind};

/// After so many attempts in a row that nobody answered it is told, and looked whether the consumer is there.
const ATTEMPTS: u32 = 3;

impl Pull {
    /// A pull has ended, which is told for the first time.
    pub(super) fn ended(&mut self, ended: Ended, status: &PullStatus<'_>, now: Instant) {
        self.calm = status.kind == StatusKind::Expired && ended.before == self.delivered;
        match status.kind {
            StatusKind::Expired | StatusKind::BatchCompleted => self.alive(),
            StatusKind::SizeExceeded => self.size_exceeded(ended),
            StatusKind::LimitExceeded(limit) => self.limited(limit, ended, status),
            StatusKind::PinMismatch => self.unpinned(ended, now),
            StatusKind::MaxWaiting => self.pause(now, Some(Event::TooManyWaiting)),
            StatusKind::LeadershipChange => self.leaderless(Event::LeadershipChange, now),
            StatusKind::ServerShutdown => self.leaderless(Event::ServerShutdown, now),
            StatusKind::NoResponders => self.refused(now),
            StatusKind::Unknown => {
                let description = status.description();
                self.pause(now, Some(Event::Status { code: status.code, description }));
            }
            _ => self.pause(now, None),
        }
    }

    fn limited(&mut self, limit: Option<RequestLimit>, ended: Ended, status: &PullStatus<'_>) {
        match limit.filter(|limit| self.config.adapt_to(*limit)) {
            Some(limit) => {
                self.adapted_from = self.ledger.next_id();
                self.low = (self.config.threshold_messages(), self.config.threshold_bytes());
                self.tell(Event::Adapted { limit });
            }
            // It was sent before the first one was refused.
            None if ended.id < self.adapted_from => {}
            None => self.finish(End::LimitExceeded { description: status.description() }),
        }
    }

    fn unpinned(&mut self, ended: Ended, now: Instant) {
        if ended.id < self.pin_from {
            return;
        }
        self.pin_from = self.ledger.next_id();
        match self.pin.take() {
            Some(_) => self.tell(Event::Unpinned),
            None => self.pause(now, None),
        }
    }

    /// The leader that has the pulls is gone. Not all of them need be told of: one that reached it too late is lost.
    fn leaderless(&mut self, event: Event, now: Instant) {
        self.ledger.clear();
        self.troubled = true;
        self.pause(now, Some(event));
    }

    fn size_exceeded(&mut self, ended: Ended) {
        self.alive();
        if ended.whole && ended.before == self.delivered {
            self.finish(End::MessageTooLarge { max_bytes: self.config.max_bytes.unwrap_or(0) });
        } else {
            self.whole_only = true;
        }
    }

    fn refused(&mut self, now: Instant) {
        if self.retry_at.is_some() {
            return;
        }
        self.refusals += 1;
        self.troubled = true;
        let told = self.refusals.is_multiple_of(ATTEMPTS);
        self.pause(now, told.then_some(Event::NoResponders { attempts: self.refusals }));
        if told {
            self.probe();
        }
    }
}

/// The end that a status means whatever pull it is about.
pub(crate) fn final_end(kind: StatusKind<'_>, status: &PullStatus<'_>) -> Option<End> {
    Some(match kind {
        StatusKind::BadRequest => End::BadRequest { description: status.description() },
        StatusKind::ConsumerDeleted => End::ConsumerDeleted,
        StatusKind::PushBased => End::PushBased,
        StatusKind::ApiLevel => End::ApiLevel,
        _ => return None,
    })
}
