//! The push consumer: heartbeats, flow control, and finding out that it is gone.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::js::output::{End, Event, Output, Presence};
use crate::js::pull::LONGEST;
use crate::js::status::{PullStatus, StatusKind};

/// The client's part of a push consumer.
///
/// Messages and statuses have to be given to it in the order in which they arrived, and no sooner than the application
/// gets to them: a flow control request is answered when everything before it was handed out, which is what holds the
/// server back. A server that has waited in vain for an answer says so in its heartbeats; that is answered too, once.
///
/// A push consumer that is deleted says nothing, so after two missed heartbeats it is looked for with
/// [`Output::Probe`]. Without heartbeats its end stays unknown.
///
/// It is used as [`Pull`](crate::js::pull::Pull) is.
#[derive(Debug)]
pub struct Push {
    heartbeat: Option<Duration>,
    stop_after: Option<u64>,
    connected: bool,
    waiting: bool,
    quiet_since: Instant,
    heard: Instant,
    /// The number of the last delivery.
    last: Option<u64>,
    stalled: Option<Vec<u8>>,
    probing: bool,
    delivered: u64,
    ended: bool,
    out: VecDeque<Output>,
}

impl Push {
    /// A consumer with that idle heartbeat, if it has one, that ends after so many messages.
    pub fn new(heartbeat: Option<Duration>, stop_after: Option<u64>, now: Instant) -> Self {
        Self {
            heartbeat: heartbeat
                .filter(|heartbeat| !heartbeat.is_zero())
                .map(|heartbeat| heartbeat.min(LONGEST)),
            stop_after,
            connected: true,
            waiting: false,
            quiet_since: now,
            heard: now,
            last: None,
            stalled: None,
            probing: false,
            delivered: 0,
            ended: false,
            out: VecDeque::new(),
        }
    }

    /// A message has been handed out; `delivery` is its consumer sequence. True if there is an output to poll for.
    pub fn message(&mut self, delivery: Option<u64>) -> bool {
        self.waiting = false;
        self.delivered += 1;
        self.last = delivery.or(self.last);
        if self.stop_after.is_some_and(|after| self.delivered >= after) {
            self.finish(End::StopAfter);
        }
        !self.out.is_empty()
    }

    /// The server said something; `reply` is the reply subject it came with.
    pub fn status(&mut self, status: &PullStatus<'_>, reply: Option<&[u8]>, now: Instant) {
        if self.ended {
            return;
        }
        self.hear(now);
        match status.kind {
            StatusKind::Heartbeat { last_consumer, stalled, .. } => {
                last_consumer.into_iter().for_each(|last| self.compare(last));
                stalled.into_iter().for_each(|subject| self.answer_stalled(subject.as_bytes()));
            }
            StatusKind::FlowControl => {
                self.stalled = None;
                self.out.extend(reply.map(|subject| Output::Respond { subject: subject.to_vec() }));
            }
            StatusKind::ConsumerDeleted => self.finish(End::ConsumerDeleted),
            StatusKind::LeadershipChange => self.tell(Event::LeadershipChange),
            StatusKind::ServerShutdown => self.tell(Event::ServerShutdown),
            _ => self.tell(Event::Status { code: status.code, description: status.description() }),
        }
    }

    /// The server's count against ours. What a heartbeat tells has been sent before it.
    fn compare(&mut self, told: u64) {
        if let Some(last) = self.last.filter(|last| told > *last) {
            self.tell(Event::Gap { expected: last + 1, got: told });
            self.last = Some(told);
        }
    }

    fn answer_stalled(&mut self, subject: &[u8]) {
        if self.stalled.as_deref() != Some(subject) {
            self.stalled = Some(subject.to_vec());
            self.out.push_back(Output::Respond { subject: subject.to_vec() });
        }
    }

    /// Whether the application waits with nothing queued: only then silence means something.
    pub fn waiting(&mut self, waiting: bool, now: Instant) {
        if waiting && !self.waiting {
            self.quiet_since = now;
        }
        self.waiting = waiting;
    }

    /// The connection was lost.
    pub fn disconnected(&mut self) {
        if self.connected {
            self.tell(Event::Disconnected);
        }
        self.connected = false;
    }

    /// The connection stands again.
    pub fn connected(&mut self, now: Instant) {
        if !self.connected {
            self.tell(Event::Reconnected);
            self.hear(now);
        }
        self.connected = true;
    }

    /// The time has come to `now`.
    pub fn tick(&mut self, now: Instant) {
        if self.deadline().is_some_and(|alarm| alarm <= now) {
            let silent = now.saturating_duration_since(self.quiet_since);
            self.tell(Event::MissedHeartbeat { silent });
            self.quiet_since = now;
            if !self.probing {
                self.probing = true;
                self.out.push_back(Output::Probe);
            }
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

    /// Ends it.
    pub fn stop(&mut self) {
        self.finish(End::Stopped);
    }

    /// Everything has been handed out after its subscription was drained.
    pub fn drained(&mut self) {
        self.finish(End::Drained);
    }

    /// The next output.
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When [`tick`](Self::tick) has something to do, if nothing happens before.
    pub fn deadline(&self) -> Option<Instant> {
        let armed = self.waiting && self.connected && !self.ended;
        self.heartbeat.filter(|_| armed).map(|heartbeat| self.quiet_since + heartbeat * 2)
    }

    /// Something has arrived.
    pub fn hear(&mut self, now: Instant) {
        self.heard = now;
        self.quiet_since = now;
    }

    /// When something was heard last from the server.
    pub fn heard(&self) -> Instant {
        self.heard
    }

    /// Messages handed out.
    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    /// Whether [`Output::End`] has been put out, or is about to be.
    pub fn is_ended(&self) -> bool {
        self.ended
    }

    fn tell(&mut self, event: Event) {
        if !self.ended {
            self.out.push_back(Output::Event(event));
        }
    }

    fn finish(&mut self, end: End) {
        if !self.ended {
            self.ended = true;
            self.out.push_back(Output::End(end));
        }
    }
}

#[cfg(test)]
mod tests;
