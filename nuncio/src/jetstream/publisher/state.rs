//! The messages of a publisher that are in flight, and who waits for what.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use nuncio_proto::inbox::Token;
use nuncio_proto::js::puback::PubAck;
use nuncio_proto::requests::Ended;
use nuncio_proto::slots::Slots;

use super::failures::Failures;
use super::kept::Kept;
use super::outcomes::{Outcome, Ticket};
use super::results::Ordered;
use super::turns::Turns;
use super::window::Effects;
use crate::Message;
use crate::driver::shared::{Failure, Shared};
use crate::jetstream::attempts::{Attempts, Patience, Verdict};
use crate::publish::Outgoing;
use crate::request::failed;

/// A window may span this many times the messages it holds in flight: so far may others overtake the oldest one.
const SPAN: usize = 8;

/// After so many messages in a row a sender lets the connection write.
const BURST: usize = 128;

#[derive(Debug)]
pub(super) struct State {
    pub(super) messages: usize,
    pub(super) max_bytes: usize,
    /// From the oldest that is not over to the newest, in order.
    pub(super) entries: VecDeque<Entry>,
    /// The number of the first entry.
    pub(super) base: u64,
    in_flight: usize,
    bytes: usize,
    pub(super) tickets: Slots<Ticket>,
    spare: Vec<Vec<u8>>,
    turns: Turns,
    flushes: Vec<(u64, Waker)>,
    resting: usize,
    /// Messages since a sender has last given way.
    burst: usize,
    pub(super) failures: Failures,
    pub(super) results: Option<Ordered>,
    /// The publisher itself is gone.
    pub(super) ended: bool,
    /// The last that answered.
    pub(super) stream: Option<Arc<str>>,
}

#[derive(Debug)]
pub(super) struct Entry {
    size: usize,
    pub(super) ticket: Token,
    kept: Kept,
    attempts: Attempts,
    /// It is sent again at this time, under this token if it still has one.
    rest: Option<(Instant, Option<Token>)>,
    /// It has left for the outgoing buffer.
    sent: bool,
    over: bool,
    /// For the ordered results, while an older message is not over.
    pub(super) result: Option<Box<Outcome>>,
}

/// A message that has its place in the window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed {
    pub(super) number: u64,
    pub(super) ticket: Token,
}

impl State {
    pub(super) fn new(messages: usize, max_bytes: usize) -> Self {
        Self {
            messages: messages.max(1),
            max_bytes,
            entries: VecDeque::new(),
            base: 0,
            in_flight: 0,
            bytes: 0,
            tickets: Slots::new(),
            spare: Vec::new(),
            turns: Turns::default(),
            flushes: Vec::new(),
            resting: 0,
            burst: 0,
            failures: Failures::default(),
            results: None,
            ended: false,
            stream: None,
        }
    }

    pub(super) fn in_flight(&self) -> (usize, usize) {
        (self.in_flight, self.bytes)
    }

    /// Messages that wait before they are sent again.
    pub(super) fn resting(&self) -> usize {
        self.resting
    }

    /// The number of the next message.
    pub(super) fn next(&self) -> u64 {
        self.base + self.entries.len() as u64
    }

    fn fits(&self, size: usize) -> bool {
        self.in_flight == 0
            || (self.in_flight < self.messages
                && self.bytes + size <= self.max_bytes
                && self.entries.len() < self.messages.saturating_mul(SPAN))
    }

    /// Whether so much is free that it is worth waking who waits.
    fn is_roomy(&self) -> bool {
        self.in_flight == 0
            || (self.messages - self.in_flight.min(self.messages) >= (self.messages / 4).max(1)
                && self.bytes <= self.max_bytes - self.max_bytes / 4
                && self.entries.len() < self.messages.saturating_mul(SPAN))
    }

    /// Whether a message may come in: there is room, and nobody has waited longer.
    pub(super) fn admits(&self, size: usize, turn: Option<u64>) -> bool {
        self.fits(size) && self.turns.admit(turn)
    }

    /// Whether it is time that the connection writes what has come together: else a window that was acknowledged at once
    /// is sent at once, and the server has nothing to do in the meantime. True once for each such time.
    pub(super) fn gives_way(&mut self) -> bool {
        let over = self.burst >= BURST;
        if over {
            self.burst = 0;
        }
        over
    }

    /// Queues up for room, or keeps the place in the queue.
    pub(super) fn wait(&mut self, turn: Option<u64>, waker: &Waker) -> u64 {
        self.burst = 0;
        self.turns.wait(turn, waker)
    }

    /// Leaves the queue; the waker is that of whoever is first now, if there is room.
    pub(super) fn leave(&mut self, turn: u64) -> Option<Waker> {
        self.turns.leave(turn);
        self.call_first()
    }

    fn call_first(&mut self) -> Option<Waker> {
        if self.is_roomy() { self.turns.call_first() } else { None }
    }

    pub(super) fn spare(&mut self) -> Vec<u8> {
        self.spare.pop().unwrap_or_default()
    }

    /// Gives a message its place.
    pub(super) fn place(&mut self, size: usize, kept: Kept, attempts: Attempts) -> Placed {
        let number = self.next();
        let ticket = self.tickets.insert(Ticket::default());
        self.in_flight += 1;
        self.burst += 1;
        self.bytes += size;
        let entry = Entry { size, ticket, kept, attempts, rest: None, sent: true, over: false, result: None };
        self.entries.push_back(entry);
        Placed { number, ticket }
    }

    pub(super) fn index(&self, number: u64) -> Option<usize> {
        usize::try_from(number.checked_sub(self.base)?).ok()
    }

    pub(super) fn entry(&mut self, number: u64) -> Option<&mut Entry> {
        let index = self.index(number)?;
        self.entries.get_mut(index).filter(|entry| !entry.over)
    }

    pub(super) fn set_sent(&mut self, number: u64, sent: bool) {
        if let Some(entry) = self.entry(number) {
            entry.sent = sent;
        }
    }

    /// The usual end: the message is stored, and nobody will ask about it. True if it was that.
    pub(super) fn take_stored(&mut self, ended: &Ended<Message, Failure>, effects: &mut Effects) -> bool {
        let Ok(reply) = &ended.result else { return false };
        let stored = self.is_stored_unseen(ended.tag, reply.payload());
        if stored {
            self.finish(ended.tag, None, effects);
        }
        stored
    }

    /// Takes in what ended a request.
    pub(super) fn take_end(
        &mut self,
        shared: &Shared,
        ended: Ended<Message, Failure>,
        patience: &Patience,
        now: Instant,
        effects: &mut Effects,
    ) {
        let (number, token) = (ended.tag, ended.token);
        let open = ended.result.is_err();
        let Some(entry) =
            self.index(number).and_then(|index| self.entries.get_mut(index)).filter(|entry| !entry.over)
        else {
            effects.close.extend(open.then_some(token));
            return;
        };
        let sent = entry.kept.sent();
        let verdict = match ended.result {
            Err(Failure::Disconnected) if !entry.sent => {
                effects.reopen.push((token, entry.attempts.deadline));
                return;
            }
            Err(failure) if !entry.sent => {
                let error = failed(shared, failure, sent.subject, patience.timeout);
                Verdict::Done(Err(entry.attempts.unsent(error, &sent, patience)))
            }
            Err(failure) => entry.attempts.judge(Err(failure), &sent, patience, now),
            Ok(reply) => {
                let answer = PubAck::parse_known(reply.payload(), &mut self.stream);
                entry.attempts.judge(Ok(answer), &sent, patience, now)
            }
        };
        match verdict {
            Verdict::Done(outcome) => {
                effects.close.extend(open.then_some(token));
                self.finish(number, Some(outcome), effects);
            }
            Verdict::Again(wait) if wait.is_zero() => effects.again.push((number, open.then_some(token))),
            Verdict::Again(wait) => self.rest(number, now + wait, open.then_some(token)),
        }
    }

    /// Lets a message wait before it is sent again.
    pub(super) fn rest(&mut self, number: u64, until: Instant, token: Option<Token>) {
        if let Some(entry) = self.entry(number)
            && entry.rest.replace((until, token)).is_none()
        {
            self.resting += 1;
        }
    }

    /// Takes those that have rested, or all.
    pub(super) fn take_rested(&mut self, now: Instant, all: bool, effects: &mut Effects) {
        if self.resting == 0 {
            return;
        }
        for (number, entry) in (self.base..).zip(self.entries.iter_mut()) {
            if let Some((_, token)) = entry.rest.take_if(|(until, _)| all || *until <= now) {
                self.resting -= 1;
                effects.again.push((number, token));
            }
        }
    }

    /// When the next one has rested.
    pub(super) fn next_rest(&self) -> Option<Instant> {
        if self.resting == 0 {
            return None;
        }
        self.entries.iter().filter_map(|entry| entry.rest.map(|(until, _)| until)).min()
    }

    /// What is to be sent again, and until when it waits for an answer in all.
    pub(super) fn again(&mut self, number: u64) -> Option<(Outgoing<'static>, Instant, bool)> {
        let entry = self.entry(number)?;
        let shares = entry.attempts.are_left() && entry.kept.sent().is_idempotent();
        Some((entry.kept.again(), entry.attempts.deadline, shares))
    }

    /// An attempt to send it again failed for good.
    pub(super) fn fail_unsent(
        &mut self,
        number: u64,
        error: crate::RequestError,
        patience: &Patience,
        effects: &mut Effects,
    ) {
        let Some(entry) = self.entry(number) else { return };
        let error = entry.attempts.unsent(error, &entry.kept.sent(), patience);
        self.finish(number, Some(Err(error)), effects);
    }

    /// A message is over; without an outcome nothing is told of it.
    fn finish(&mut self, number: u64, outcome: Option<Outcome>, effects: &mut Effects) {
        let Some(entry) = self.entry(number) else { return };
        entry.over = true;
        let rested = entry.rest.take().is_some();
        let (size, ticket) = (entry.size, entry.ticket);
        let spare = std::mem::take(&mut entry.kept).into_spare();
        if self.spare.len() < self.messages {
            self.spare.extend(spare);
        }
        self.resting -= usize::from(rested);
        self.in_flight -= 1;
        self.bytes -= size;
        if let Some(outcome) = outcome {
            self.deliver(number, ticket, outcome, effects);
        }
        self.advance(effects);
        effects.wakers.extend(self.call_first());
    }

    /// Lets go of those at the front that are over.
    fn advance(&mut self, effects: &mut Effects) {
        let before = self.base;
        while self.entries.front().is_some_and(|entry| entry.over) {
            let Some(entry) = self.entries.pop_front() else { break };
            if let (Some(results), Some(result)) = (&mut self.results, entry.result) {
                results.ready.push_back((self.base, *result));
                effects.wakers.append(&mut results.waiting);
            }
            self.base += 1;
        }
        if self.base == before {
            return;
        }
        let base = self.base;
        effects
            .wakers
            .extend(self.flushes.extract_if(.., |(until, _)| *until <= base).map(|(_, waker)| waker));
        if self.ended && self.entries.is_empty() {
            self.results.iter_mut().for_each(|results| effects.wakers.append(&mut results.waiting));
        }
    }

    /// Whether all before `until` are over.
    pub(super) fn poll_flush(&mut self, until: u64, cx: &Context<'_>) -> Poll<()> {
        if self.base >= until {
            return Poll::Ready(());
        }
        // One task may wait for several.
        self.flushes.retain(|(earlier, waker)| *earlier < until || !waker.will_wake(cx.waker()));
        self.flushes.push((until, cx.waker().clone()));
        Poll::Pending
    }

    /// It was not sent after all, and nothing is told of it.
    pub(super) fn withdraw(&mut self, placed: Placed, effects: &mut Effects) {
        self.tickets.remove(placed.ticket);
        self.finish(placed.number, None, effects);
    }
}
