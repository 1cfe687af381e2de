//! Asking whether pulls are still known when a server may be gone that says nothing, and whether the consumer is there.

use std::time::{Duration, Instant};

use super::{Body, Pull, Stage};
use crate::js::output::{End, Output, Presence};
use crate::js::status::{PullStatus, StatusKind};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// A request that takes no message, to hear whether somebody answers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question {
    id: u64,
    asked: Instant,
}

impl Pull {
    /// The cluster has other servers than before: the one that had the pulls may be gone, so it is asked.
    ///
    /// The end of a server that was killed would show by its heartbeats alone otherwise, and where nothing comes they are
    /// rare. A server that leads the consumer answers at once that there is nothing; without one nobody answers, and that is
    /// told.
    pub fn servers_changed(&mut self, now: Instant) {
        let relies = self.hearing.is_waiting() && !self.ledger.is_idle();
        if self.stage != Stage::Running || !self.hearing.is_connected() || !relies {
            return;
        }
        let body = Body {
            batch: 1,
            // No message fits.
            max_bytes: Some(1),
            no_wait: true,
            ..Body::of(&self.config.priority, self.pin.as_deref())
        };
        let id = self.ledger.reserve();
        self.question = Some(Question { id, asked: now });
        self.out.push_back(Output::Pull { id, body: body.encode() });
    }

    /// Whether the status is an answer to the question; then it has been acted on.
    pub(super) fn answers(&mut self, id: u64, status: &PullStatus<'_>, now: Instant) -> bool {
        if self.question.take_if(|question| question.id == id).is_none() {
            return false;
        }
        match status.kind {
            StatusKind::NoResponders | StatusKind::LeadershipChange | StatusKind::ServerShutdown => {
                self.calm = false;
                self.troubled = true;
                self.ledger.clear();
                self.pause(now, None);
            }
            // Whoever answers leads the consumer. That is who has the pulls: until another one is elected, nobody answers.
            _ => self.alive(),
        }
        true
    }

    /// When it is taken for silence that nothing was heard since the question.
    pub(super) fn unanswered(&self) -> Option<Instant> {
        let question = self.question.filter(|question| self.hearing.quiet_since() <= question.asked)?;
        Some(question.asked + PATIENCE)
    }

    pub(super) fn probe(&mut self) {
        if !self.probing {
            self.probing = true;
            self.out.push_back(Output::Probe);
        }
    }

    /// What came of [`Output::Probe`].
    pub fn probed(&mut self, presence: Presence) {
        self.probing = false;
        match presence {
            Presence::ConsumerMissing => self.finish(End::ConsumerDeleted),
            Presence::StreamMissing => self.finish(End::StreamDeleted),
            Presence::Present | Presence::Unknown => {}
        }
    }
}
