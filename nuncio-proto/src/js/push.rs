//! The push consumer: heartbeats, flow control, and finding out that it is gone.

use std::time::{Duration, Instant};

use crate::js::hearing::Hearing;
use crate::js::output::{End, Event, Output, Outputs, Presence};
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
    hearing: Hearing,
    /// The number of the last delivery.
    last: Option<u64>,
    stalled: Option<Vec<u8>>,
    probing: bool,
    delivered: u64,
    out: Outputs,
}

impl Push {
    /// A consumer with that idle heartbeat, if it has one, that ends after so many messages.
    pub fn new(heartbeat: Option<Duration>, stop_after: Option<u64>, now: Instant) -> Self {
        Self {
            heartbeat: heartbeat
                .filter(|heartbeat| !heartbeat.is_zero())
                .map(|heartbeat| heartbeat.min(LONGEST)),
            stop_after,
            hearing: Hearing::new(now),
            last: None,
            stalled: None,
            probing: false,
            delivered: 0,
            out: Outputs::default(),
        }
    }

    /// A message has been handed out; `delivery` is its consumer sequence. True if there is an output to poll for.
    pub fn message(&mut self, delivery: Option<u64>) -> bool {
        self.hearing.served();
        self.delivered += 1;
        self.last = delivery.or(self.last);
        if self.stop_after.is_some_and(|after| self.delivered >= after) {
            self.out.finish(End::StopAfter);
        }
        !self.out.is_empty()
    }

    /// The server said something; `reply` is the reply subject it came with.
    pub fn status(&mut self, status: &PullStatus<'_>, reply: Option<&[u8]>, now: Instant) {
        if self.out.is_ended() {
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
                reply.into_iter().for_each(|subject| self.respond(subject));
            }
            StatusKind::ConsumerDeleted => self.out.finish(End::ConsumerDeleted),
            StatusKind::LeadershipChange => self.out.tell(Event::LeadershipChange),
            StatusKind::ServerShutdown => self.out.tell(Event::ServerShutdown),
            _ => self.out.tell(Event::Status { code: status.code, description: status.description() }),
        }
    }

    /// The server's count against ours. What a heartbeat tells has been sent before it.
    fn compare(&mut self, told: u64) {
        if let Some(last) = self.last.filter(|last| told > *last) {
            self.out.tell(Event::Gap { expected: last + 1, got: told });
            self.last = Some(told);
        }
    }

    fn answer_stalled(&mut self, subject: &[u8]) {
        if self.stalled.as_deref() != Some(subject) {
            self.stalled = Some(subject.to_vec());
            self.respond(subject);
        }
    }

    fn respond(&mut self, subject: &[u8]) {
        self.out.push(Output::Respond { subject: subject.to_vec() });
    }

    /// Whether the application waits with nothing queued: only then silence means something.
    pub fn waiting(&mut self, waiting: bool, now: Instant) {
        self.hearing.wait(waiting, now);
    }

    /// The connection was lost.
    pub fn disconnected(&mut self) {
        self.hearing.lose().into_iter().for_each(|event| self.out.tell(event));
    }

    /// The connection stands again.
    pub fn connected(&mut self, now: Instant) {
        self.hearing.regain(now).into_iter().for_each(|event| self.out.tell(event));
    }

    /// The time has come to `now`.
    pub fn tick(&mut self, now: Instant) {
        if self.deadline().is_some_and(|alarm| alarm <= now) {
            self.out.tell(self.hearing.miss(now));
            if !self.probing {
                self.probing = true;
                self.out.push(Output::Probe);
            }
        }
    }

    /// What came of [`Output::Probe`].
    pub fn probed(&mut self, presence: Presence) {
        self.probing = false;
        match presence {
            Presence::ConsumerMissing => self.out.finish(End::ConsumerDeleted),
            Presence::StreamMissing => self.out.finish(End::StreamDeleted),
            Presence::Present | Presence::Unknown => {}
        }
    }

    /// Ends it.
    pub fn stop(&mut self) {
        self.out.finish(End::Stopped);
    }

    /// Everything has been handed out after its subscription was drained.
    pub fn drained(&mut self) {
        self.out.finish(End::Drained);
    }

    /// The next output.
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop()
    }

    /// When [`tick`](Self::tick) has something to do, if nothing happens before.
    pub fn deadline(&self) -> Option<Instant> {
        let armed = self.hearing.is_waiting() && self.hearing.is_connected() && !self.is_ended();
        self.heartbeat.filter(|_| armed).map(|heartbeat| self.hearing.alarm(heartbeat))
    }

    /// Something has arrived.
    pub fn hear(&mut self, now: Instant) {
        self.hearing.hear(now);
    }

    /// When something was heard last from the server.
    pub fn heard(&self) -> Instant {
        self.hearing.heard()
    }

    /// Messages handed out.
    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    /// Whether [`Output::End`] has been put out, or is about to be.
    pub fn is_ended(&self) -> bool {
        self.out.is_ended()
    }
}

#[cfg(test)]
mod tests;
