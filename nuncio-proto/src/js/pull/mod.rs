//! The continuous pull: keeps a consumer's messages coming.

mod config;
mod last;
mod ledger;
mod question;
mod statuses;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

pub use config::{Adapt, MIN_EXPIRES, Priority, PullConfig};
pub(crate) use config::{Body, LONGEST, UNBOUNDED, heartbeat};
pub(crate) use statuses::final_end;

use crate::js::hearing::Hearing;
use crate::js::output::{End, Event, Output};
use crate::js::pace::Pace;
use crate::js::status::{Pending, PullStatus, StatusKind};
use crate::js::time::to_nanos;
use ledger::Ledger;
use question::Question;

/// After how many heartbeats in a row that did not come it is asked whether the consumer is there.
const SILENCES: u32 = 2;
/// How long after its expiry a pull is taken for ended though nothing was heard of its end.
const GRACE: Duration = Duration::from_secs(5);

/// A pull that asks for more as messages come, until it is stopped or the consumer is gone.
///
/// Pulls may overlap: once no more than the threshold is to come, the rest of the buffer is asked for, and never more.
/// Each has an id, so that what the server says of one is not counted twice or for another. A pull is sent with the
/// reply subject `<inbox>.<id>`; statuses come back on it, messages with the subjects of the stream.
///
/// What was read before the time is looked at has to be given to it first: else a pull whose end lies in the queue is
/// given up, which asks for more than there is room for.
///
/// # Examples
///
/// ```
/// use std::time::Instant;
/// use nuncio_proto::js::output::Output;
/// use nuncio_proto::js::pull::{Pull, PullConfig};
///
/// let now = Instant::now();
/// let mut pull = Pull::new(PullConfig::default(), now);
/// let Some(Output::Pull { id: 1, body }) = pull.poll(now) else { panic!("a pull is due") };
/// assert!(body.starts_with(br#"{"batch":500,"expires":30000000000,"#));
/// // When a message was handed to the application:
/// if pull.message(142, None) {
///     while let Some(output) = pull.poll(now) { /* act on it */ }
/// }
/// ```
#[derive(Debug)]
pub struct Pull {
    config: PullConfig,
    ledger: Ledger,
    stage: Stage,
    hearing: Hearing,
    retry_at: Option<Instant>,
    pace: Pace,
    /// Nobody answered, or who did is gone: until something shows that the consumer is served again.
    troubled: bool,
    refusals: u32,
    probing: bool,
    question: Option<Question>,
    /// How often in a row no heartbeat came.
    silences: u32,
    /// Nothing came during the last pull, and it ended by itself.
    calm: bool,
    /// Ask for the whole buffer only: a message did not fit into a part of it.
    whole_only: bool,
    pin: Option<String>,
    /// Pulls from this one on know of the present pin, or that there is none.
    pin_from: u64,
    /// Pulls from this one on keep to the consumer's limits.
    adapted_from: u64,
    /// More is asked for once no more than this is left.
    low: (Option<u64>, Option<u64>),
    delivered: u64,
    out: VecDeque<Output>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Running,
    Draining,
    Ended,
}

impl Pull {
    /// A pull of a client that is connected. The first request has the id 1.
    pub fn new(config: PullConfig, now: Instant) -> Self {
        Self::with_first_id(config, 1, now)
    }

    pub(crate) fn with_first_id(config: PullConfig, first: u64, now: Instant) -> Self {
        let config = config.normal();
        Self {
            ledger: Ledger::new(first, config.max_bytes.is_some()),
            stage: Stage::Running,
            hearing: Hearing::new(now),
            retry_at: None,
            pace: Pace::of_pulls(config.seed),
            troubled: false,
            refusals: 0,
            probing: false,
            question: None,
            silences: 0,
            calm: false,
            whole_only: false,
            pin: None,
            pin_from: first,
            adapted_from: first,
            low: (config.threshold_messages(), config.threshold_bytes()),
            delivered: 0,
            out: VecDeque::new(),
            config,
        }
    }

    /// A message of so many bytes (subject, reply, headers and payload) has been handed out; `pin` is the value of its
    /// header `Nats-Pin-Id`. True if there is an output to poll for.
    #[inline]
    pub fn message(&mut self, size: usize, pin: Option<&str>) -> bool {
        self.hearing.served();
        self.calm = false;
        self.delivered += 1;
        self.ledger.charge(size as u64);
        if pin.is_some() || self.troubled {
            self.note_message(pin);
        }
        if self.config.stop_after.is_some_and(|after| self.delivered >= after) {
            self.finish(End::StopAfter);
        }
        !self.out.is_empty() || self.is_due()
    }

    #[cold]
    fn note_message(&mut self, pin: Option<&str>) {
        self.alive();
        if let Some(pin) = pin.filter(|pin| self.pin.as_deref() != Some(*pin)) {
            self.pin = Some(pin.to_owned());
            self.pin_from = self.ledger.next_id();
            self.tell(Event::Pinned { id: pin.to_owned() });
        }
    }

    /// The server said something on the reply subject of pull `id`; without an id it is taken to be of the oldest.
    pub fn status(&mut self, id: Option<u64>, status: &PullStatus<'_>, now: Instant) {
        let Some(id) = id.or_else(|| self.ledger.oldest()) else { return };
        if self.stage != Stage::Running || !self.ledger.is_current(id) {
            return;
        }
        self.hear(now);
        if self.answers(id, status, now) {
            return;
        }
        match status.kind {
            StatusKind::Heartbeat { .. } | StatusKind::FlowControl => self.alive(),
            kind => {
                let ended = self.ledger.end(id, status.pending);
                match final_end(kind, status) {
                    Some(end) => self.finish(end),
                    None => ended.into_iter().for_each(|ended| self.ended(ended, status, now)),
                }
            }
        }
    }

    /// Whether the application waits with nothing queued: only then silence means something.
    pub fn waiting(&mut self, waiting: bool, now: Instant) {
        self.hearing.wait(waiting, now);
    }

    /// The connection was lost: all that was asked for is gone.
    pub fn disconnected(&mut self) {
        self.hearing.lose().into_iter().for_each(|event| self.tell(event));
        self.calm = false;
        self.question = None;
        self.ledger.clear();
        self.retry_at = None;
    }

    /// The connection stands again: asks anew, once.
    pub fn connected(&mut self, now: Instant) {
        if let Some(event) = self.hearing.regain(now) {
            self.tell(event);
            self.alive();
        }
    }

    /// The time has come to `now`.
    pub fn tick(&mut self, now: Instant) {
        if self.stage != Stage::Running || !self.hearing.is_connected() {
            return;
        }
        if self.retry_at.is_some_and(|at| at <= now) {
            self.retry_at = None;
        }
        if !self.hearing.is_waiting() {
            return;
        }
        if self.alarm().is_some_and(|alarm| alarm <= now) {
            let event = self.hearing.miss(now);
            self.tell(event);
            self.silences += 1;
            self.troubled = true;
            // Servers before 2.11 do not answer a pull from a consumer that is not there.
            if self.silences.is_multiple_of(SILENCES) {
                self.probe();
            }
            self.calm = false;
            self.question = None;
            self.ledger.clear();
        }
        self.ledger.expire(now);
    }

    /// Ends it: nothing more is asked for or to be handed out.
    pub fn stop(&mut self) {
        self.finish(End::Stopped);
    }

    /// Asks for nothing more. What has arrived is still to be handed out; [`drained`](Self::drained) ends it.
    pub fn drain(&mut self) {
        if self.stage == Stage::Running {
            self.stage = Stage::Draining;
            self.retry_at = None;
        }
    }

    /// Everything has been handed out after [`drain`](Self::drain).
    pub fn drained(&mut self) {
        self.finish(End::Drained);
    }

    /// The next output. A request counts from `now` on.
    pub fn poll(&mut self, now: Instant) -> Option<Output> {
        if let Some(output) = self.out.pop_front() {
            return Some(output);
        }
        self.is_due().then(|| self.request(now))
    }

    /// When [`tick`](Self::tick) has something to do, if nothing happens before.
    pub fn deadline(&self) -> Option<Instant> {
        if self.stage != Stage::Running || !self.hearing.is_connected() {
            return None;
        }
        let silent =
            if self.hearing.is_waiting() { [self.alarm(), self.ledger.until()] } else { [None, None] };
        silent.into_iter().chain([self.retry_at]).flatten().min()
    }

    /// When something was heard last from the server: a status, or the last time that a wait for messages ended.
    pub fn heard(&self) -> Instant {
        self.hearing.heard()
    }

    /// Something has arrived.
    pub fn hear(&mut self, now: Instant) {
        self.hearing.hear(now);
    }

    /// Messages handed out.
    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    /// What has been asked for and has not come.
    pub fn pending(&self) -> Pending {
        self.ledger.left()
    }

    /// Pulls sent so far.
    pub fn next_id(&self) -> u64 {
        self.ledger.next_id()
    }

    /// The pin of this client in its group, if it has one.
    pub fn pin(&self) -> Option<&str> {
        self.pin.as_deref()
    }

    /// Whether [`Output::End`] has been put out, or is about to be.
    pub fn is_ended(&self) -> bool {
        self.stage == Stage::Ended
    }

    fn alarm(&self) -> Option<Instant> {
        let silent = self.hearing.alarm(self.ledger.heartbeat()?);
        Some(self.unanswered().map_or(silent, |unanswered| unanswered.min(silent)))
    }

    fn alive(&mut self) {
        self.pace.reset();
        self.troubled = false;
        self.refusals = 0;
        self.silences = 0;
    }

    fn tell(&mut self, event: Event) {
        if self.stage != Stage::Ended {
            self.out.push_back(Output::Event(event));
        }
    }

    fn finish(&mut self, end: End) {
        if self.stage != Stage::Ended {
            self.stage = Stage::Ended;
            self.retry_at = None;
            self.ledger.clear();
            self.out.push_back(Output::End(end));
        }
    }

    /// Asks again later. All pulls that end for the same cause have one pause, and one event.
    fn pause(&mut self, now: Instant, event: Option<Event>) {
        if self.retry_at.is_none() {
            event.into_iter().for_each(|event| self.tell(event));
            self.retry_at = Some(now + self.pace.next());
        }
    }

    fn is_due(&self) -> bool {
        let free = self.stage == Stage::Running && self.hearing.is_connected() && self.retry_at.is_none();
        free && self.is_low() && self.room().is_some()
    }

    fn is_low(&self) -> bool {
        let left = self.ledger.left();
        if self.whole_only {
            return self.ledger.is_idle();
        }
        let (messages, bytes) = self.low;
        messages.is_some_and(|low| left.messages <= low) || bytes.is_some_and(|low| left.bytes <= low)
    }

    /// What may be asked for now.
    fn room(&self) -> Option<Pending> {
        let left = self.ledger.left();
        let mut messages = match self.config.max_messages {
            Some(max) => max.saturating_sub(left.messages),
            None => UNBOUNDED,
        };
        if let Some(after) = self.config.stop_after {
            messages = messages.min(after.saturating_sub(self.delivered + left.messages));
        }
        let bytes = self.config.max_bytes.map_or(0, |max| max.saturating_sub(left.bytes));
        let some = messages > 0 && (bytes > 0 || self.config.max_bytes.is_none());
        some.then_some(Pending { messages, bytes })
    }

    fn request(&mut self, now: Instant) -> Output {
        let asked = self.room().unwrap_or_default();
        let whole = self.config.max_bytes.is_some_and(|max| asked.bytes == max);
        let heartbeat = self.heartbeat(asked);
        let body = Body {
            batch: asked.messages,
            expires: to_nanos(self.config.expires),
            max_bytes: self.config.max_bytes.map(|_| asked.bytes),
            idle_heartbeat: to_nanos(heartbeat),
            ..Body::of(&self.config.priority, self.pin.as_deref())
        };
        let body = body.encode();
        self.whole_only = false;
        if self.ledger.is_idle() {
            self.hearing.restart(now);
        }
        let until = now + self.config.expires + GRACE;
        let id = self.ledger.send(asked, whole, self.delivered, (until, heartbeat));
        Output::Pull { id, body }
    }
}

#[cfg(test)]
mod tests;
