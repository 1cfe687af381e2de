//! The pull of a number of messages, once.

use std::time::{Duration, Instant};

use crate::js::hearing::Hearing;
use crate::js::output::{End, Event, Output, Outputs, Presence};
use crate::js::pace::Pace;
use crate::js::pull::{Body, LONGEST, MIN_EXPIRES, Priority, UNBOUNDED, final_end, heartbeat};
use crate::js::status::{PullStatus, StatusKind};
use crate::js::time::to_nanos;

/// How long after its expiry a pull is taken for ended though nothing was heard of its end.
const GRACE: Duration = Duration::from_secs(2);
/// So long before that it is asked whether the consumer is there: the end of its pull should have been told by then.
const PROBE: Duration = Duration::from_millis(1500);
/// How long the answer to a pull that does not wait may take.
const PROMPT: Duration = Duration::from_secs(5);
/// From this expiry on heartbeats are asked for unless told otherwise.
const LONG: Duration = Duration::from_secs(5);
/// Their interval then.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// Attempts in a row that nobody may answer.
const ATTEMPTS: u32 = 3;

/// What a fetch asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FetchConfig {
    /// The most messages. Default: 1, or no limit if [`max_bytes`](Self::max_bytes) is set.
    pub batch: Option<u64>,
    /// The most bytes, as the server counts them: subject, reply, headers, payload.
    pub max_bytes: Option<u64>,
    /// Takes what is there and does not wait for more.
    pub no_wait: bool,
    /// How long it waits for messages. Default: 30 seconds. Without effect if `no_wait` is set.
    pub expires: Duration,
    /// How often the server says that it is there while it has nothing to deliver. Default: 2 seconds if `expires` is 5
    /// seconds or more, else never.
    pub heartbeat: Option<Duration>,
    /// What consumers with priority groups want to know.
    pub priority: Priority,
    /// The pin of this client in its group.
    pub pin: Option<String>,
    /// The id of the first pull.
    pub first_id: u64,
    /// Decides what is left to chance.
    pub seed: u64,
}

impl Default for FetchConfig {
    fn default() -> Self {
        Self {
            batch: None,
            max_bytes: None,
            no_wait: false,
            expires: Duration::from_secs(30),
            heartbeat: None,
            priority: Priority::default(),
            pin: None,
            first_id: 1,
            seed: 0,
        }
    }
}

impl FetchConfig {
    fn batch(&self) -> u64 {
        let default = if self.max_bytes.is_some() { UNBOUNDED } else { 1 };
        self.batch.unwrap_or(default).clamp(1, UNBOUNDED)
    }

    fn heartbeat(&self, expires: Duration) -> Option<Duration> {
        if self.no_wait || expires < MIN_EXPIRES {
            return None;
        }
        let wanted = self.heartbeat.or((self.expires >= LONG).then_some(HEARTBEAT))?;
        Some(heartbeat(Some(wanted), expires))
    }
}

/// A pull that ends when its messages have come or its time is over.
///
/// What can be recovered from in the time that is left is: a new leader, a lost connection, a pin that has passed to
/// another client, silence. Whatever came before an end was handed out. A server that is there tells the end of each pull;
/// where it says nothing at all, it is asked whether the consumer exists, and without a word the end is a timeout.
///
/// It is used as [`Pull`](crate::js::pull::Pull) is; of the outputs it has pulls, probes, events and the end.
#[derive(Debug)]
pub struct Fetch {
    config: FetchConfig,
    deadline: Instant,
    /// The pull that is open.
    open: Option<Open>,
    next: u64,
    left: u64,
    left_bytes: u64,
    received: u64,
    pin: Option<String>,
    hearing: Hearing,
    retry_at: Option<Instant>,
    pace: Pace,
    refusals: u32,
    /// Something was said of the last pull.
    answered: bool,
    /// It was asked whether the consumer is there.
    probed: bool,
    /// Every pull that was sent is known to have ended.
    settled: bool,
    out: Outputs,
}

#[derive(Debug, Clone, Copy)]
struct Open {
    id: u64,
    until: Instant,
    heartbeat: Option<Duration>,
}

impl Fetch {
    /// A fetch that begins now.
    pub fn new(config: FetchConfig, now: Instant) -> Self {
        let wait = if config.no_wait { PROMPT } else { config.expires };
        Self {
            deadline: now + wait.min(LONGEST),
            open: None,
            next: config.first_id,
            left: config.batch(),
            left_bytes: config.max_bytes.unwrap_or(u64::MAX),
            received: 0,
            pin: config.pin.clone(),
            hearing: Hearing::new(now),
            retry_at: None,
            pace: Pace::of_pulls(config.seed),
            refusals: 0,
            answered: false,
            probed: false,
            settled: true,
            out: Outputs::default(),
            config,
        }
    }

    /// A message of so many bytes (subject, reply, headers and payload) has arrived; `pin` is the value of its header
    /// `Nats-Pin-Id`. True if there is an output to poll for.
    pub fn message(&mut self, size: usize, pin: Option<&str>) -> bool {
        self.hearing.served();
        self.received += 1;
        self.left = self.left.saturating_sub(1);
        self.left_bytes = self.left_bytes.saturating_sub(size as u64);
        if let Some(pin) = pin.filter(|pin| self.pin.as_deref() != Some(*pin)) {
            self.pin = Some(pin.to_owned());
            self.out.tell(Event::Pinned { id: pin.to_owned() });
        }
        if self.left == 0 {
            // With bytes left the server tells the end of the pull, which nobody waits for.
            self.settled &= self.config.max_bytes.is_none();
            self.out.finish(End::Complete);
        }
        !self.out.is_empty()
    }

    /// The server said something on the reply subject of pull `id`; without an id it is taken to be of the open one.
    pub fn status(&mut self, id: Option<u64>, status: &PullStatus<'_>, now: Instant) {
        let concerned = self.open.is_some_and(|open| id.is_none_or(|id| id == open.id));
        if self.out.is_ended() || !concerned {
            return;
        }
        self.hearing.hear(now);
        self.answered = true;
        if matches!(status.kind, StatusKind::Heartbeat { .. } | StatusKind::FlowControl) {
            self.refusals = 0;
            return;
        }
        self.open = None;
        if let Some(end) = final_end(status.kind, status) {
            return self.out.finish(end);
        }
        match status.kind {
            StatusKind::SizeExceeded if self.received == 0 => {
                self.out.finish(End::MessageTooLarge { max_bytes: self.config.max_bytes.unwrap_or(0) });
            }
            StatusKind::NoMessages
            | StatusKind::Expired
            | StatusKind::RequestsPending
            | StatusKind::InterestExpired
            | StatusKind::BatchCompleted
            | StatusKind::EndOfBatch
            | StatusKind::SizeExceeded => self.out.finish(End::Complete),
            StatusKind::MaxWaiting => self.out.finish(End::TooManyWaiting),
            StatusKind::LimitExceeded(_) => {
                self.out.finish(End::LimitExceeded { description: status.description() });
            }
            StatusKind::LeadershipChange => self.pause(now, Some(Event::LeadershipChange)),
            StatusKind::ServerShutdown => self.pause(now, Some(Event::ServerShutdown)),
            StatusKind::PinMismatch => match self.pin.take() {
                Some(_) => self.out.tell(Event::Unpinned),
                None => self.pause(now, None),
            },
            StatusKind::NoResponders => {
                self.refusals += 1;
                if self.refusals >= ATTEMPTS {
                    self.out.finish(End::NoResponders);
                } else {
                    self.pause(now, None);
                }
            }
            _ => self.out.finish(End::Status { code: status.code, description: status.description() }),
        }
    }

    /// What came of [`Output::Probe`].
    pub fn probed(&mut self, presence: Presence) {
        match presence {
            Presence::ConsumerMissing => self.out.finish(End::ConsumerDeleted),
            Presence::StreamMissing => self.out.finish(End::StreamDeleted),
            Presence::Present | Presence::Unknown => {}
        }
    }

    /// Whether the application waits with nothing queued: only then silence means something.
    pub fn waiting(&mut self, waiting: bool, now: Instant) {
        self.hearing.wait(waiting, now);
    }

    /// The connection was lost, and the pull with it.
    pub fn disconnected(&mut self) {
        self.hearing.lose().into_iter().for_each(|event| self.out.tell(event));
        // The server may keep the pull for as long as nobody tells it that the inbox is gone.
        self.settled &= self.open.take().is_none();
        self.retry_at = None;
    }

    /// The connection stands again: what is left is asked for, if there is time.
    pub fn connected(&mut self, now: Instant) {
        self.hearing.regain(now).into_iter().for_each(|event| self.out.tell(event));
    }

    /// The time has come to `now`.
    pub fn tick(&mut self, now: Instant) {
        if self.out.is_ended() || !self.hearing.is_waiting() {
            return;
        }
        if self.retry_at.is_some_and(|at| at <= now) {
            self.retry_at = None;
        }
        if self.alarm().is_some_and(|alarm| alarm <= now) {
            self.out.tell(self.hearing.miss(now));
            self.open = None;
            self.settled = false;
            self.probe();
        }
        if self.probe_at().is_some_and(|at| at <= now) {
            self.probe();
        }
        match self.open {
            Some(open) if open.until <= now => self.over(),
            None if self.deadline <= now => self.over(),
            _ => {}
        }
    }

    /// When the end of the open pull should have been told.
    fn probe_at(&self) -> Option<Instant> {
        let silent = !self.probed && !self.answered && self.received == 0;
        let open = self.open.filter(|_| silent && self.hearing.is_connected())?;
        open.until.checked_sub(PROBE)
    }

    /// Servers before 2.11 say nothing to a pull from a consumer that is not there.
    fn probe(&mut self) {
        if !std::mem::replace(&mut self.probed, true) {
            self.out.push(Output::Probe);
        }
    }

    /// Its time is over without a word of the server.
    fn over(&mut self) {
        self.settled &= self.open.is_none();
        self.out.finish(match self.received {
            0 if !self.hearing.is_connected() => End::Disconnected,
            0 if self.config.no_wait => End::Timeout { after: PROMPT },
            0 if self.refusals > 0 => End::NoResponders,
            0 if !self.answered => End::Timeout { after: self.config.expires },
            _ => End::Complete,
        });
    }

    /// Ends it.
    pub fn stop(&mut self) {
        self.settled &= self.open.is_none();
        self.out.finish(End::Stopped);
    }

    /// The next output. A request counts from `now` on.
    pub fn poll(&mut self, now: Instant) -> Option<Output> {
        if let Some(output) = self.out.pop() {
            return Some(output);
        }
        let free = self.hearing.is_connected() && self.open.is_none() && self.retry_at.is_none();
        if self.out.is_ended() || !free {
            return None;
        }
        let rest = self.deadline.saturating_duration_since(now);
        if rest.is_zero() {
            self.over();
            return self.out.pop();
        }
        Some(self.request(rest, now))
    }

    fn request(&mut self, rest: Duration, now: Instant) -> Output {
        let heartbeat = self.config.heartbeat(rest);
        let body = Body {
            batch: self.left,
            no_wait: self.config.no_wait,
            expires: if self.config.no_wait { 0 } else { to_nanos(rest) },
            max_bytes: self.config.max_bytes.map(|_| self.left_bytes.max(1)),
            idle_heartbeat: heartbeat.map_or(0, to_nanos),
            ..Body::of(&self.config.priority, self.pin.as_deref())
        };
        let id = self.next;
        self.next += 1;
        self.answered = false;
        self.hearing.restart(now);
        let until = if self.config.no_wait { self.deadline } else { self.deadline + GRACE };
        self.open = Some(Open { id, until, heartbeat });
        Output::Pull { id, body: body.encode() }
    }

    /// When [`tick`](Self::tick) has something to do, if nothing happens before.
    pub fn deadline(&self) -> Option<Instant> {
        if self.out.is_ended() || !self.hearing.is_waiting() {
            return None;
        }
        let until = self.open.map_or(self.deadline, |open| open.until);
        [Some(until), self.alarm(), self.probe_at(), self.retry_at].into_iter().flatten().min()
    }

    /// When something was heard last from the server, or waiting began.
    pub fn heard(&self) -> Instant {
        self.hearing.quiet_since()
    }

    /// Messages that have arrived.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// The id that the next pull would have.
    pub fn next_id(&self) -> u64 {
        self.next
    }

    /// The pin of this client in its group, if it has one.
    pub fn pin(&self) -> Option<&str> {
        self.pin.as_deref()
    }

    /// Whether nothing can arrive any more for any of its pulls.
    pub fn is_settled(&self) -> bool {
        self.out.is_ended() && self.settled
    }

    fn alarm(&self) -> Option<Instant> {
        Some(self.hearing.alarm(self.open?.heartbeat?))
    }

    fn pause(&mut self, now: Instant, event: Option<Event>) {
        event.into_iter().for_each(|event| self.out.tell(event));
        self.retry_at = Some(now + self.pace.next());
    }
}

#[cfg(test)]
mod tests;
