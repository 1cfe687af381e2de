//! What came of a publisher's messages, and who is told.

use std::task::{Context, Poll, Waker};

use nuncio_proto::inbox::Token;
use nuncio_proto::js::puback::PubAck;

use super::state::State;
use super::window::Effects;
use crate::jetstream::PublishError;

/// What came of a message.
pub(super) type Outcome = Result<PubAck, PublishError>;

/// Whose handle it is that waits for the outcome. Small, since most are gone before there is one.
#[derive(Debug, Default)]
pub(super) struct Ticket {
    outcome: Option<Box<Outcome>>,
    waker: Option<Waker>,
}

impl State {
    /// Whether the reply says that a message is stored, and nobody will ask for more than that.
    pub(super) fn is_stored_unseen(&mut self, number: u64, reply: &[u8]) -> bool {
        if self.results.is_some() {
            return false;
        }
        let Some(ticket) = self.entry(number).map(|entry| entry.ticket) else { return false };
        self.tickets.get(ticket).is_none()
            && self.stream.as_deref().is_some_and(|known| PubAck::is_plain(reply, known))
    }

    pub(super) fn deliver(&mut self, number: u64, ticket: Token, outcome: Outcome, effects: &mut Effects) {
        let mut outcome = Some(outcome);
        let reads = self.results.is_some();
        if let Some(ticket) = self.tickets.get_mut(ticket) {
            let told = if reads { outcome.clone() } else { outcome.take() };
            ticket.outcome = told.map(Box::new);
            effects.wakers.extend(ticket.waker.take());
        }
        let Some(outcome) = outcome else { return };
        if reads {
            let entry = self.index(number).and_then(|index| self.entries.get_mut(index));
            if let Some(entry) = entry {
                entry.result = Some(Box::new(outcome));
            }
        } else if let Err(error) = outcome {
            self.failures.push(number, error);
        }
    }

    pub(super) fn poll_ticket(&mut self, ticket: Token, cx: &Context<'_>) -> Poll<Outcome> {
        let Some(entry) = self.tickets.get_mut(ticket) else { return Poll::Pending };
        if let Some(outcome) = entry.outcome.take() {
            self.tickets.remove(ticket);
            return Poll::Ready(*outcome);
        }
        match &mut entry.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    /// Nobody holds the handle any more: its error, if it was not seen, is kept.
    pub(super) fn drop_ticket(&mut self, number: u64, ticket: Token) {
        let outcome = self.tickets.remove(ticket).and_then(|ticket| ticket.outcome);
        if let Some(Err(error)) = outcome.map(|outcome| *outcome)
            && self.results.is_none()
        {
            self.failures.push(number, error);
        }
    }

    /// The next of the ordered results; `None` when there will be none.
    pub(super) fn poll_result(&mut self, cx: &Context<'_>) -> Poll<Option<(u64, Outcome)>> {
        let over = self.ended && self.entries.is_empty();
        let Some(results) = &mut self.results else { return Poll::Ready(None) };
        match results.ready.pop_front() {
            Some(result) => Poll::Ready(Some(result)),
            None if over => Poll::Ready(None),
            None => {
                if !results.waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
                    results.waiting.push(cx.waker().clone());
                }
                Poll::Pending
            }
        }
    }

    /// Nobody reads the results any more: errors that were not read are kept.
    pub(super) fn drop_results(&mut self) {
        if let Some(results) = &mut self.results {
            results.readers -= 1;
            if results.readers > 0 {
                return;
            }
        }
        let unread = self.results.take().into_iter().flat_map(|results| results.ready);
        for (number, outcome) in unread {
            if let Err(error) = outcome {
                self.failures.push(number, error);
            }
        }
        for (number, entry) in (self.base..).zip(self.entries.iter_mut()) {
            if let Some(Err(error)) = entry.result.take().map(|result| *result) {
                self.failures.push(number, error);
            }
        }
    }
}
