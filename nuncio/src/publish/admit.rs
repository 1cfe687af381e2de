//! Taking a message into the outbox: whether it is allowed, and what happens when there is no room.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use nuncio_proto::outbox;

use super::Outgoing;
use crate::config::WhenFull;
use crate::driver::gate::{Candidate, Refusal};
use crate::driver::shared::{BURST, Core, Shared};
use crate::driver::wait::Deadline;
use crate::error::{PublishError, shown};
use crate::request::subscribe_to_replies;

impl Outgoing<'_> {
    /// Encodes the message into the outbox if it is allowed and there is room.
    ///
    /// `reply` stands in for the message's own reply subject. Who can wait for room gives its waker, which is in place
    /// when the answer is [`Admission::Wait`].
    #[inline]
    fn admit(&mut self, shared: &Shared, reply: Option<&[u8]>, waker: Option<&Waker>) -> Admission {
        if let Err(error) = self.check(shared.config.strict_subjects) {
            return Admission::Refused(error);
        }
        let size = self.size();
        let mut core = shared.core();
        // Nearly always one comparison; the others find out what is in their way, if anything is.
        if !core.gate.is_free(core.batch.len() + size)
            && let Some(answer) = self.consider(&mut core, shared, size, waker)
        {
            return answer;
        }
        let subscribed = if self.muxed { subscribe_to_replies(&mut core, shared) } else { None };
        let reply = reply.or(self.reply());
        let idle = core.batch.is_empty();
        match self.block() {
            None => core.batch.publish(&self.subject.0, reply, self.header_map(), &self.payload),
            Some(block) => core.batch.forward(&self.subject.0, reply, block, &self.payload),
        }
        let waker = core.note_published(idle);
        drop(core);
        if let Some(waker) = subscribed.or(waker) {
            waker.wake();
        }
        self.release_headers();
        Admission::Sent
    }

    /// Looks at all that may keep a message from being taken; `None` means to take it.
    #[cold]
    #[inline(never)]
    fn consider(
        &mut self,
        core: &mut Core,
        shared: &Shared,
        size: usize,
        waker: Option<&Waker>,
    ) -> Option<Admission> {
        if let Err(error) = self.allowed(core, size) {
            return Some(Admission::Refused(error));
        }
        if core.up
            && core.gate.holds_back(self.request)
            && let Some(waker) = waker
        {
            // Its reply might come when the server has been left.
            core.room.push(waker.clone());
            return Some(Admission::Wait);
        }
        let crowds = !core.batch.is_empty() && core.batch.weight() + self.weight(size) > BURST;
        if core.batch.len() + size > core.gate.room() || crowds {
            return self.full(core, shared, size, crowds, waker);
        }
        None
    }

    fn reply(&self) -> Option<&[u8]> {
        self.reply.as_ref().map(|reply| &*reply.0)
    }

    fn allowed(&self, core: &Core, size: usize) -> Result<(), PublishError> {
        let has_headers =
            self.header_map().is_some_and(|headers| !headers.is_empty()) || self.block().is_some();
        let message = Candidate { size, has_headers, request: self.request };
        core.gate.permits(message).map_err(|refusal| match refusal {
            Refusal::Draining => PublishError::Draining,
            Refusal::Closed(reason) => crate::ConnectionClosed { reason }.into(),
            Refusal::TooLarge => {
                PublishError::TooLarge { subject: self.shown(), size, max: core.gate.max_payload }
            }
            Refusal::HeadersUnsupported => PublishError::HeadersUnsupported { subject: self.shown() },
        })
    }

    /// What the message, which has so many bytes, adds to a burst.
    fn weight(&self, size: usize) -> usize {
        size - self.payload.len() + self.payload.weight()
    }

    /// What to do about a message that exceeds the limit, or a burst, which it `crowds` then; `None` means to take it.
    #[cold]
    fn full(
        &mut self,
        core: &mut Core,
        shared: &Shared,
        size: usize,
        crowds: bool,
        waker: Option<&Waker>,
    ) -> Option<Admission> {
        let config = &shared.config;
        let limit = config.outbox_limit;
        let buffered = core.buffered_bytes();
        let patient = matches!(config.when_full, WhenFull::Wait(_));
        // While the driver writes, a whole burst waits for it; that is the ordinary pace of a fast publisher. Without
        // patience it lets the driver run once and then fills the buffer up to its limit.
        let paced = waker.is_some() && core.up && crowds && (patient || !self.paced);
        if !paced {
            // A message larger than the whole limit is taken when nothing else is buffered.
            if buffered + size <= limit || buffered == 0 {
                return None;
            }
            if config.when_full == WhenFull::DropOldest && core.gate.in_flight_bytes + size <= limit {
                // A share of the limit at once, so that a long outage does not move the whole buffer each time.
                let keep = (limit - core.gate.in_flight_bytes - size).min(limit / 8 * 7);
                let dropped = core.batch.drop_oldest(keep);
                core.note_dropped(dropped);
                return None;
            }
        }
        if let Some(waker) = waker.filter(|_| paced || patient) {
            self.paced = true;
            // A task that is polled often leaves one waker all the same.
            if patient && core.room.last().is_none_or(|last| !last.will_wake(waker)) {
                core.room.push(waker.clone());
            }
            return Some(Admission::Wait);
        }
        Some(Admission::Refused(PublishError::Full { buffered, limit }))
    }

    pub(super) fn shown(&self) -> String {
        shown(&self.subject.0)
    }

    /// Sends the message, or waits for room by the connection's policy.
    #[inline]
    pub(crate) fn poll_send(
        &mut self,
        shared: &Arc<Shared>,
        reply: Option<&[u8]>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), PublishError>> {
        match self.admit(shared, reply, Some(cx.waker())) {
            Admission::Sent => Poll::Ready(Ok(())),
            Admission::Refused(error) => Poll::Ready(Err(error)),
            Admission::Wait => self.poll_deadline(shared, cx),
        }
    }

    #[cold]
    fn poll_deadline(
        &mut self,
        shared: &Arc<Shared>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), PublishError>> {
        let WhenFull::Wait(after) = shared.config.when_full else {
            // Not under the lock: a waker may do anything, publish as well.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        };
        let rare = self.rare.get_or_insert_default();
        let deadline = rare.deadline.get_or_insert_with(|| Deadline::after(shared, after));
        match deadline.poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(PublishError::Timeout { subject: self.shown(), after })),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Sends the message now or not at all.
    pub(crate) fn try_send(&mut self, shared: &Shared, reply: Option<&[u8]>) -> Result<(), PublishError> {
        match self.admit(shared, reply, None) {
            Admission::Sent => Ok(()),
            Admission::Refused(error) => Err(error),
            Admission::Wait => Err(PublishError::Draining),
        }
    }
}

enum Admission {
    Sent,
    /// There is no room; the waker is in place, if the policy is to wait.
    Wait,
    Refused(PublishError),
}

/// How far control frames may exceed the limit of the outgoing buffer: they steer what will empty it again.
const POST_BEYOND: usize = 1024 * 1024;

/// Sends a small message that steers something now, whatever the policy for a full buffer is.
pub(crate) fn post(
    shared: &Shared,
    subject: &[u8],
    reply: Option<&[u8]>,
    payload: &[u8],
) -> Result<(), PublishError> {
    let mut message = Outgoing::new(subject.into(), payload.into());
    message.check(false)?;
    let size = message.size();
    let mut core = shared.core();
    message.allowed(&core, size)?;
    let (buffered, limit) = (core.buffered_bytes(), shared.config.outbox_limit.saturating_add(POST_BEYOND));
    if buffered > limit {
        return Err(PublishError::Full { buffered, limit });
    }
    let idle = core.batch.is_empty();
    core.batch.publish(subject, reply, None, &outbox::Payload::Borrowed(payload));
    let waker = core.note_published(idle);
    drop(core);
    waker.into_iter().for_each(Waker::wake);
    Ok(())
}
