//! Subscriptions and messages that a server does not take.

use std::collections::VecDeque;
use std::task::Waker;

use nuncio_proto::server_error::ServerError;

use crate::driver::Driver;
use crate::driver::route::Route;
use crate::driver::shared::{Failure, MUX_SID, Waiter};
use crate::error::shown;
use crate::queue::SubscriptionEnd;

/// Subscriptions of whose fate the present server has not told yet, in the order of their `SUB`s.
///
/// Of a limit that is reached a server says neither which subject nor which id is beyond it. But it answers in order: the
/// refusals before a `PONG` are about `SUB`s between its `PING` and the one before, and where no room was made in between,
/// all `SUB`s behind the first that was refused were refused as well.
#[derive(Debug, Default)]
pub(super) struct Undecided {
    /// Number and id of each.
    waiting: VecDeque<(u64, u64)>,
    /// The number of the next `SUB`.
    next: u64,
    /// Room was made when this was the next number: whoever waited then may have been refused before one that was not.
    unclear_below: u64,
    refusals: usize,
    error: Option<ServerError>,
}

impl Undecided {
    /// A new server has been told of these; the number of the next one.
    pub(super) fn begin_anew(&mut self, sids: impl Iterator<Item = u64>) -> u64 {
        *self = Self::default();
        sids.for_each(|sid| self.announced(sid));
        self.next
    }

    pub(super) fn announced(&mut self, sid: u64) {
        self.waiting.push_back((self.next, sid));
        self.next += 1;
    }

    pub(super) fn made_room(&mut self) {
        self.unclear_below = self.next;
    }

    fn denied(&mut self, sid: u64) {
        self.waiting.retain(|(_, waiting)| *waiting != sid);
    }

    /// True for the first refusal since the last `PONG`.
    fn refused(&mut self, error: ServerError) -> bool {
        self.refusals += 1;
        self.error.replace(error).is_none()
    }

    /// The server has decided on all below this number: those that it refused, as far as that can be told, and why.
    fn decided(&mut self, below: u64) -> Option<(Vec<u64>, ServerError)> {
        let count = self.waiting.partition_point(|(number, _)| *number < below);
        let clear = self.waiting.front().is_some_and(|(number, _)| *number >= self.unclear_below);
        let decided = self.waiting.drain(..count);
        let refusals = std::mem::take(&mut self.refusals);
        let error = self.error.take()?;
        let taken = count.saturating_sub(refusals);
        (clear || taken == 0).then(|| (decided.skip(taken).map(|(_, sid)| sid).collect(), error))
    }
}

/// Denials that a server told of lately.
///
/// That of a message comes behind the `PONG`s to all `PING`s before it, and before the one to the next.
#[derive(Debug, Default)]
pub(super) struct Denials {
    /// The hash of each subject, and the `PONG`s before it.
    told: VecDeque<(u64, u64)>,
    answered: u64,
}

impl Denials {
    /// The last ones are those that somebody may wait for.
    const KEPT: usize = 256;

    /// There have been so many `PING`s, and none of them is awaited.
    pub(super) fn begin_anew(&mut self, pings: u64) {
        self.told.clear();
        self.answered = pings;
    }

    pub(super) fn answered(&mut self) {
        self.answered += 1;
    }

    pub(super) fn note(&mut self, subject: u64) {
        let denial = (subject, self.answered);
        if self.told.back() != Some(&denial) {
            if self.told.len() >= Self::KEPT {
                self.told.pop_front();
            }
            self.told.push_back(denial);
        }
    }

    pub(super) fn contain(&self, subject: u64, since: u64) -> bool {
        self.told.iter().any(|(denied, at)| *denied == subject && *at >= since)
    }
}

impl Driver {
    pub(super) fn deny_subscribe(&mut self, subject: &[u8], queue: Option<&[u8]>, sid: Option<u64>) {
        let Some(sid) = self.registry.find(sid, subject, queue) else { return };
        self.undecided.denied(sid);
        self.not_taken(sid, &Failure::InboxDenied, SubscriptionEnd::Denied { subject: shown(subject) });
    }

    /// The server does not say which one it refuses: the answer to the next `PING` tells.
    pub(super) fn refuse_subscribe(&mut self, error: &ServerError) {
        if self.undecided.refused(error.clone()) {
            let waker = self.shared.core().ping(Waiter::Nobody);
            waker.into_iter().for_each(Waker::wake);
        }
    }

    /// The server has decided on the subscriptions announced before a `PING`.
    pub(super) fn decided(&mut self, below: u64) {
        let Some((refused, error)) = self.undecided.decided(below) else { return };
        for sid in refused {
            let Some(entry) = self.registry.get_mut(sid) else { continue };
            let end =
                SubscriptionEnd::Refused { subject: shown(&entry.interest.subject), error: error.clone() };
            self.not_taken(sid, &Failure::InboxRefused(error.clone().into()), end);
        }
    }

    fn not_taken(&mut self, sid: u64, failure: &Failure, end: SubscriptionEnd) {
        if sid == MUX_SID {
            self.registry.remove(sid);
            self.shared.core().mux_live = false;
            // Those that have an inbox of their own wait on.
            let apart: Vec<_> = self.registry.entries().filter_map(|entry| entry.route.request()).collect();
            self.fail_requests(u64::MAX, &apart, failure);
            return;
        }
        if let Some(Route::Reply(token)) = self.registry.get_mut(sid).map(|entry| &entry.route) {
            let waker = self.shared.waits().requests.fail(*token, failure.clone());
            waker.into_iter().for_each(Waker::wake);
        }
        self.end_subscription(sid, end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn undecided(count: u64) -> Undecided {
        let mut undecided = Undecided::default();
        undecided.begin_anew(10..10 + count);
        undecided
    }

    fn refused(undecided: &mut Undecided, times: usize, below: u64) -> Option<Vec<u64>> {
        for _ in 0..times {
            undecided.refused(ServerError::MaxSubscriptions);
        }
        undecided.decided(below).map(|(sids, _)| sids)
    }

    #[test]
    fn the_last_ones_are_refused_where_no_room_was_made() {
        assert_eq!(refused(&mut undecided(5), 2, 5), Some(vec![13, 14]));
        assert_eq!(refused(&mut undecided(5), 5, 5), Some(vec![10, 11, 12, 13, 14]));
        assert_eq!(refused(&mut undecided(5), 0, 5), None);
    }

    #[test]
    fn later_ones_wait_for_the_next_pong() {
        let mut undecided = undecided(3);
        undecided.announced(20);
        assert_eq!(refused(&mut undecided, 1, 3), Some(vec![12]));
        assert_eq!(refused(&mut undecided, 0, 4), None);
        undecided.announced(21);
        assert_eq!(refused(&mut undecided, 1, 5), Some(vec![21]));
    }

    #[test]
    fn nothing_is_guessed_where_room_was_made_meanwhile() {
        let mut undecided = undecided(2);
        undecided.made_room();
        undecided.announced(20);
        assert_eq!(refused(&mut undecided, 1, 3), None);
        undecided.announced(21);
        assert_eq!(refused(&mut undecided, 1, 4), Some(vec![21]), "all is clear again");
    }

    #[test]
    fn all_are_refused_by_as_many_refusals_whatever_happened_meanwhile() {
        let mut undecided = undecided(2);
        undecided.made_room();
        assert_eq!(refused(&mut undecided, 2, 2), Some(vec![10, 11]));
    }

    #[test]
    fn what_permissions_deny_is_no_candidate() {
        let mut undecided = undecided(3);
        undecided.denied(12);
        assert_eq!(refused(&mut undecided, 1, 3), Some(vec![11]));
    }
}
