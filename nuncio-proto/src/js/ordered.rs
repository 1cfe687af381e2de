//! The ordered consumer: every message of a stream once and in order, whatever happens to the server's consumer.

mod config;
mod look;

use std::collections::VecDeque;
use std::time::Instant;

use crate::js::ack::Delivery;
use crate::js::output::{End, Event, Output, Recreation, Start};
use crate::js::pace::Pace;
use crate::js::pull::{Pull, PullConfig};
use crate::js::status::{PullStatus, StatusKind};
pub use config::{CreateFailure, OrderedConfig, Verdict};

/// An ordered consumer.
///
/// It has a consumer at the server made with [`Output::Create`] and pulls from it. When a message is missing, when the
/// server's consumer is gone or nothing is heard of it, it has another one made that begins behind the last message.
/// What is still on its way from an old one is dropped, by the serial in the name of the consumer.
///
/// When nothing has been delivered yet, the place to go on from is what the server said of the new consumer when it was
/// made: that is exact for every deliver policy. The last messages of each subject are asked for again when the first
/// round of them was interrupted, since one that is superseded is not wanted any more.
///
/// It is used as [`Pull`] is.
#[derive(Debug)]
pub struct Ordered {
    config: OrderedConfig,
    stage: Stage,
    serial: u64,
    pull: Option<Pull>,
    next_pull: u64,
    connected: bool,
    waiting: bool,
    /// The stream sequence of the last message, or of the one before the first that is to come.
    cursor: Option<u64>,
    /// The number of the last delivery.
    delivery: u64,
    /// Messages left of the first round of last messages per subject.
    first_round: Option<u64>,
    verify: bool,
    /// The creation that is under way looks at that.
    verifying: bool,
    /// The server's consumer has shown a sign of life.
    proven: bool,
    retry_at: Option<Instant>,
    pace: Pace,
    failures: u32,
    delivered: u64,
    heard: Instant,
    due: bool,
    out: VecDeque<Output>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// A consumer has to be made.
    Lacking,
    /// It is being made.
    Creating,
    Live,
    Draining,
    Ended,
}

impl Ordered {
    /// An ordered consumer of a client that is connected; its first output asks for the server's part.
    pub fn new(config: OrderedConfig, now: Instant) -> Self {
        Self {
            stage: Stage::Lacking,
            serial: 0,
            pull: None,
            next_pull: 1,
            connected: true,
            waiting: false,
            cursor: None,
            delivery: 0,
            first_round: None,
            verify: false,
            verifying: false,
            proven: true,
            retry_at: None,
            pace: Pace::of_creations(config.pull.seed),
            failures: 0,
            delivered: 0,
            heard: now,
            due: false,
            out: VecDeque::new(),
            config,
        }
    }

    /// The server's consumer was made: what its reply says of `delivered.stream_seq` and `num_pending`.
    pub fn created(&mut self, serial: u64, delivered: u64, pending: u64, now: Instant) {
        if serial != self.serial || self.stage != Stage::Creating {
            self.out.push_back(Output::Delete { serial });
            return;
        }
        self.stage = Stage::Live;
        self.failures = 0;
        self.delivery = 0;
        self.proven = false;
        self.heard = now;
        if self.config.last_per_subject && self.start() == Start::Initial {
            self.first_round = Some(pending);
        }
        self.cursor.get_or_insert(delivered);
        let left = self.config.pull.stop_after.map(|after| after.saturating_sub(self.delivered));
        let config = PullConfig { stop_after: left, ..self.config.pull.clone() };
        let mut pull = Pull::with_first_id(config, self.next_pull, now);
        pull.waiting(self.waiting, now);
        if !self.connected {
            pull.disconnected();
        }
        self.pull = Some(pull);
    }

    /// The server's consumer could not be made.
    pub fn create_failed(&mut self, serial: u64, failure: CreateFailure, now: Instant) {
        if serial != self.serial || self.stage != Stage::Creating {
            return;
        }
        // Whether it was made all the same is not known.
        self.out.push_back(Output::Delete { serial });
        let error = match failure {
            CreateFailure::Refused(error) => return self.finish(End::CreateFailed { error }),
            CreateFailure::StreamMissing if !self.config.wait_for_stream => {
                return self.finish(End::StreamDeleted);
            }
            CreateFailure::StreamReplaced if !self.config.wait_for_stream => {
                return self.finish(End::StreamReplaced);
            }
            CreateFailure::StreamMissing => self.begin_anew("the stream is missing"),
            CreateFailure::StreamReplaced => self.begin_anew("the stream is another one"),
            CreateFailure::Unavailable(error) => {
                // Whether the stream is the same is not known either.
                self.verify |= self.verifying;
                error
            }
        };
        self.stage = Stage::Lacking;
        self.failures += 1;
        self.retry_at = Some(now + self.pace.next());
        self.tell(Event::CreateFailed { attempts: self.failures, error });
    }

    /// The sequences of the stream that is awaited have nothing to do with those seen.
    fn begin_anew(&mut self, why: &str) -> String {
        self.cursor = None;
        self.first_round = None;
        self.verify = false;
        why.to_owned()
    }

    /// A message of the consumer with that serial has arrived; `size` are the bytes of subject, reply, headers, payload.
    pub fn message(&mut self, serial: u64, delivery: &Delivery<'_>, size: usize, now: Instant) -> Verdict {
        let live = matches!(self.stage, Stage::Live | Stage::Draining);
        if serial != self.serial || !live {
            return Verdict::Drop;
        }
        self.waiting = false;
        let expected = self.delivery + 1;
        if delivery.consumer_sequence != expected {
            self.tell(Event::Gap { expected, got: delivery.consumer_sequence });
            self.reset(Recreation::Gap, now);
            return Verdict::Drop;
        }
        self.delivery = expected;
        self.alive();
        let seen = self.cursor.is_some_and(|cursor| delivery.stream_sequence <= cursor);
        if let Some(pull) = &mut self.pull {
            self.due |= pull.message_that_counts(size, !seen);
        }
        self.note_round(delivery.pending);
        if seen {
            return Verdict::Drop;
        }
        self.cursor = Some(delivery.stream_sequence);
        self.delivered += 1;
        if self.config.pull.stop_after.is_some_and(|after| self.delivered >= after) {
            self.finish(End::StopAfter);
        }
        Verdict::Accept
    }

    fn note_round(&mut self, pending: u64) {
        if let Some(left) = &mut self.first_round {
            *left = if pending == 0 { 0 } else { left.saturating_sub(1) };
        }
    }

    fn alive(&mut self) {
        if !self.proven {
            self.proven = true;
            self.pace.reset();
        }
    }

    /// The server said something on the reply subject of pull `id`.
    pub fn status(&mut self, id: Option<u64>, status: &PullStatus<'_>, now: Instant) {
        let first = self.next_pull;
        let stale = id.is_some_and(|id| id < first);
        let Some(pull) = self.pull.as_mut().filter(|_| self.stage == Stage::Live && !stale) else { return };
        self.heard = now;
        match status.kind {
            // What a heartbeat tells of was sent before it: with the connection it may have been lost, and nothing more
            // need come that would show it.
            StatusKind::Heartbeat { last_consumer: Some(last), .. } if last > self.delivery => {
                self.tell(Event::Gap { expected: self.delivery + 1, got: last });
                self.reset(Recreation::Gap, now);
            }
            StatusKind::NoResponders => self.reset(Recreation::NoResponders, now),
            StatusKind::ConsumerDeleted => self.reset(Recreation::ConsumerDeleted, now),
            kind => {
                pull.status(id, status, now);
                if matches!(kind, StatusKind::Heartbeat { .. } | StatusKind::Expired) {
                    self.alive();
                }
            }
        }
    }

    /// Whether the application waits with nothing queued: only then silence means something.
    pub fn waiting(&mut self, waiting: bool, now: Instant) {
        self.waiting = waiting;
        if let Some(pull) = &mut self.pull {
            pull.waiting(waiting, now);
        }
    }

    /// The connection was lost.
    pub fn disconnected(&mut self) {
        if self.connected {
            self.tell(Event::Disconnected);
        }
        self.connected = false;
        self.verify = true;
        if let Some(pull) = &mut self.pull {
            pull.disconnected();
        }
    }

    /// The connection stands again: pulls from the server's consumer as if nothing had happened. Whether it is still
    /// there will show.
    pub fn connected(&mut self, now: Instant) {
        if !self.connected {
            self.tell(Event::Reconnected);
        }
        self.connected = true;
        if let Some(pull) = &mut self.pull {
            pull.connected(now);
        }
    }

    /// The cluster has other servers than before; see [`Pull::servers_changed`].
    pub fn servers_changed(&mut self, now: Instant) {
        if let Some(pull) = self.pull.as_mut().filter(|_| self.stage == Stage::Live) {
            pull.servers_changed(now);
        }
    }

    /// The time has come to `now`.
    pub fn tick(&mut self, now: Instant) {
        if !self.connected {
            return;
        }
        if self.retry_at.is_some_and(|at| at <= now) {
            self.retry_at = None;
        }
        if let Some(pull) = self.pull.as_mut().filter(|_| self.stage == Stage::Live) {
            pull.tick(now);
        }
        self.settle(now);
    }

    /// Ends it, and has the server's consumer deleted.
    pub fn stop(&mut self) {
        self.finish(End::Stopped);
    }

    /// Asks for nothing more. What has arrived is still to be handed out; [`drained`](Self::drained) ends it.
    pub fn drain(&mut self) {
        match (self.stage, &mut self.pull) {
            (Stage::Ended, _) => {}
            (Stage::Live, Some(pull)) => {
                pull.drain();
                self.stage = Stage::Draining;
            }
            _ => self.finish(End::Drained),
        }
    }

    /// Everything has been handed out after [`drain`](Self::drain).
    pub fn drained(&mut self) {
        self.finish(End::Drained);
    }

    /// The next output. A request counts from `now` on.
    pub fn poll(&mut self, now: Instant) -> Option<Output> {
        self.settle(now);
        if let Some(output) = self.out.pop_front() {
            return Some(output);
        }
        self.due = false;
        let due = self.stage == Stage::Lacking && self.connected && self.retry_at.is_none();
        due.then(|| self.create())
    }

    fn create(&mut self) -> Output {
        self.stage = Stage::Creating;
        self.serial += 1;
        self.verifying = std::mem::take(&mut self.verify);
        Output::Create { serial: self.serial, start: self.start(), verify: self.verifying }
    }

    /// Where the next consumer has to begin.
    fn start(&self) -> Start {
        match (self.cursor, self.first_round) {
            (None, _) | (_, Some(1..)) => Start::Initial,
            (Some(cursor), _) => Start::Sequence(cursor.saturating_add(1)),
        }
    }

    /// Takes over what the pull puts out.
    fn settle(&mut self, now: Instant) {
        while let Some(output) = self.pull.as_mut().and_then(|pull| pull.poll(now)) {
            match output {
                Output::Event(Event::Disconnected | Event::Reconnected) | Output::Probe => {}
                Output::Event(Event::MissedHeartbeat { silent }) => {
                    self.tell(Event::MissedHeartbeat { silent });
                    return self.reset(Recreation::MissedHeartbeat, now);
                }
                Output::End(end) => return self.finish(end),
                output => self.out.push_back(output),
            }
        }
    }

    /// Has another consumer made in place of the present one.
    fn reset(&mut self, cause: Recreation, now: Instant) {
        if self.stage != Stage::Live {
            // While draining there is nothing to go on with.
            return self.finish(End::Drained);
        }
        self.forget_pull();
        self.out.push_back(Output::Delete { serial: self.serial });
        self.tell(Event::Recreating { cause });
        self.stage = Stage::Lacking;
        self.verify |= cause != Recreation::Gap;
        // A consumer that never worked is not replaced at once.
        self.retry_at = (!self.proven).then(|| now + self.pace.next());
    }

    fn forget_pull(&mut self) {
        if let Some(pull) = self.pull.take() {
            self.next_pull = pull.next_id();
        }
    }

    fn tell(&mut self, event: Event) {
        if self.stage != Stage::Ended {
            self.out.push_back(Output::Event(event));
        }
    }

    fn finish(&mut self, end: End) {
        if self.stage == Stage::Ended {
            return;
        }
        self.forget_pull();
        if matches!(self.stage, Stage::Live | Stage::Draining | Stage::Creating) {
            self.out.push_back(Output::Delete { serial: self.serial });
        }
        self.stage = Stage::Ended;
        self.out.push_back(Output::End(end));
    }

    /// When [`tick`](Self::tick) has something to do, if nothing happens before.
    pub fn deadline(&self) -> Option<Instant> {
        if !self.connected || self.stage == Stage::Ended {
            return None;
        }
        self.pull.as_ref().and_then(Pull::deadline).into_iter().chain(self.retry_at).min()
    }

    /// Whether there is an output to poll for because of a message.
    pub fn is_due(&self) -> bool {
        self.due || !self.out.is_empty()
    }

    /// Whether there is a consumer at the server, as far as is known.
    pub fn is_live(&self) -> bool {
        matches!(self.stage, Stage::Live | Stage::Draining)
    }
}

#[cfg(test)]
mod tests;
