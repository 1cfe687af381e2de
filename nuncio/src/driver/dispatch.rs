//! From read bytes to the queues of those who wait for them, one batch a read.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Waker;

use nuncio_proto::header;
use nuncio_proto::inbox::Token;
use nuncio_proto::message::{self, Chunk};
use nuncio_proto::op::{Layout, ServerOp};
use nuncio_proto::registry::Delivery;
use nuncio_proto::requests::Requests;

use crate::Message;
use crate::driver::Driver;
use crate::driver::control::Control;
use crate::driver::link::Link;
use crate::driver::route::Route;
use crate::driver::shared::{Failure, Shared};
use crate::error::{DisconnectCause, shown};
use crate::events::Event;
use crate::queue::SubscriptionEnd;
use crate::stats::Counters;

/// A share of the requests in flight goes on at once when they are answered, and no fewer than `FEWEST`. What they send
/// is on its way to the server while the next ones go on, so that the two ends work at the same time.
const SHARE: usize = 4;
const FEWEST: usize = 16;

/// What one pass over the read bytes found; kept for its memory.
#[derive(Debug, Default)]
pub(super) struct Pass {
    frames: Vec<(u32, Layout)>,
    controls: Vec<Control>,
    /// Subscriptions with something staged.
    dirty: Vec<u64>,
    /// Subscriptions that got their last message.
    spent: Vec<u64>,
    panicked: Vec<u64>,
    /// Subscriptions of one request each that nobody responded to.
    unserved: Vec<u64>,
}

impl Driver {
    /// Decodes all that is complete, hands the messages out, then does what the server said besides.
    ///
    /// A `PONG` thus comes after every message that was before it on the wire.
    pub(super) fn digest(&mut self, link: &mut Link) -> Result<(), DisconnectCause> {
        let mut at = 0;
        let broken = loop {
            at = link.input.decode_messages(at, &mut self.pass.frames);
            match link.input.decode(at) {
                Ok(Some((ServerOp::Msg(layout), len))) => {
                    self.pass.frames.push((u32::try_from(at).unwrap_or(u32::MAX), layout));
                    at += len;
                }
                Ok(Some((op, len))) => {
                    self.pass.controls.extend(Control::from_op(op));
                    at += len;
                }
                Ok(None) => break None,
                Err(error) => break Some(DisconnectCause::Protocol(error.to_string())),
            }
        };
        if self.pass.frames.is_empty() {
            link.input.skip(at);
        } else {
            let chunk = Chunk::new(link.input.take(at), Arc::clone(&self.shared));
            self.deliver(&chunk);
        }
        let mut controls = std::mem::take(&mut self.pass.controls);
        for control in controls.drain(..) {
            self.obey(control, link);
        }
        self.pass.controls = controls;
        broken.map_or(Ok(()), Err)
    }

    fn deliver(&mut self, chunk: &Arc<Chunk<Arc<Shared>>>) {
        let mut pass = std::mem::take(&mut self.pass);
        let mut claimed = 0;
        for run in pass.frames.chunk_by(|(_, one), (_, next)| one.sid == next.sid) {
            let Some((_, Layout { sid, .. })) = run.first().copied() else { continue };
            let (delivery, wanted) = self.registry.deliver_run(sid, run.len() as u64);
            let route = match delivery {
                Delivery::Unknown => continue,
                Delivery::Route(route) => route,
                Delivery::Last(route) => {
                    pass.spent.push(sid);
                    route
                }
            };
            claimed += wanted;
            let messages = run
                .iter()
                .take(usize::try_from(wanted).unwrap_or(usize::MAX))
                .map(|(at, layout)| Message::new(message::Message::new(Arc::clone(chunk), *at, *layout)));
            match route {
                Route::Queue { staged, staged_bytes, .. } => {
                    if staged.is_empty() {
                        pass.dirty.push(sid);
                    }
                    for message in messages {
                        *staged_bytes += message.len();
                        staged.push_back(message);
                    }
                }
                Route::Replies => {
                    let requests = &mut self.shared.waits().requests;
                    for reply in messages {
                        match self.shared.token_of(reply.subject_bytes()) {
                            Some(token) => {
                                if let Some(waker) = answer(requests, token, reply) {
                                    self.answered.push_back(waker);
                                }
                            }
                            None => claimed -= 1,
                        }
                    }
                    self.at_once = FEWEST.max(requests.len() / SHARE);
                }
                Route::Reply(token) => {
                    for reply in messages {
                        if says_nobody(&reply) {
                            pass.unserved.push(sid);
                        }
                        let requests = &mut self.shared.waits().requests;
                        self.answered.extend(answer(requests, *token, reply));
                        self.at_once = FEWEST.max(requests.len() / SHARE);
                    }
                }
                Route::Callback(callback) => {
                    for message in messages {
                        let call = AssertUnwindSafe(|| (callback.on_message)(message));
                        if callback.queue.note_received()
                            && catch_unwind(call).is_err()
                            && !pass.panicked.contains(&sid)
                        {
                            pass.panicked.push(sid);
                        }
                    }
                }
            }
        }
        let arrived = pass.frames.len() as u64;
        pass.frames.clear();
        Counters::add(&self.shared.counters.received, arrived);
        Counters::add(&self.shared.counters.unclaimed, arrived - claimed);
        self.wake_answered();
        self.fill_queues(&mut pass.dirty);
        for sid in pass.spent.drain(..) {
            self.end_spent(sid);
        }
        for sid in pass.unserved.drain(..) {
            // The status is no message that a server counts.
            self.unsubscribe(sid);
        }
        for sid in pass.panicked.drain(..) {
            self.end_panicked(sid);
        }
        self.pass = pass;
    }

    /// Wakes some of those whose requests were answered, and tells whether there are more.
    pub(super) fn wake_answered(&mut self) -> bool {
        let some = self.at_once.min(self.answered.len());
        self.answered.drain(..some).for_each(Waker::wake);
        !self.answered.is_empty()
    }

    /// Wakes all that are left, since nothing more will be written or read.
    pub(super) fn wake_all_answered(&mut self) {
        self.answered.drain(..).for_each(Waker::wake);
    }

    /// Hands each queue what was staged for it: one lock and one wake a batch.
    fn fill_queues(&mut self, dirty: &mut Vec<u64>) {
        for sid in dirty.drain(..) {
            let Some(entry) = self.registry.get_mut(sid) else { continue };
            let Route::Queue { queue, staged, staged_bytes } = &mut entry.route else { continue };
            let pushed = queue.push(staged, std::mem::take(staged_bytes));
            if let Some(waker) = pushed.waker {
                waker.wake();
            }
            if pushed.dropped > 0 {
                Counters::add(&self.shared.counters.dropped, pushed.dropped);
            }
            if pushed.turned_slow {
                let subject = shown(&entry.interest.subject);
                tracing::warn!(subject, sid, policy = ?queue.on_full(), "slow consumer: its queue is full");
                self.shared.events.emit(&Event::SlowConsumer { subject, sid });
            }
            if pushed.holds && !self.holding.iter().any(|held| Arc::ptr_eq(held, queue)) {
                self.holding.push(Arc::clone(queue));
            }
            give_back(staged);
            if pushed.overrun {
                self.unsubscribe(sid);
                self.end_subscription(sid, SubscriptionEnd::QueueFull);
            }
        }
    }

    /// The server ends it by itself, unless the maximum was more than it could be told.
    fn end_spent(&mut self, sid: u64) {
        if self.registry.get_mut(sid).is_some_and(|entry| entry.server_max().is_none()) {
            self.unsubscribe(sid);
        }
        self.end_subscription(sid, SubscriptionEnd::Max);
    }

    fn end_panicked(&mut self, sid: u64) {
        let Some(entry) = self.registry.get_mut(sid) else { return };
        let subject = shown(&entry.interest.subject);
        self.unsubscribe(sid);
        self.end_subscription(sid, SubscriptionEnd::CallbackPanicked);
        self.shared.events.emit(&Event::CallbackPanicked { subject, sid });
    }
}

/// Hands a reply to its request, which fails if there is nobody to answer it.
#[inline]
fn answer(requests: &mut Requests<Message, Failure>, token: Token, reply: Message) -> Option<Waker> {
    if says_nobody(&reply) {
        requests.fail(token, Failure::NoResponders)
    } else {
        requests.deliver(token, reply)
    }
}

/// Whether a reply is the server's word that nobody subscribes to the subject asked.
#[inline]
fn says_nobody(reply: &Message) -> bool {
    reply.payload().is_empty() && reply.raw_headers().is_some_and(header::is_no_responders)
}

/// A staging buffer that grew in a burst does not keep that memory for ever.
fn give_back(staged: &mut VecDeque<Message>) {
    const KEPT: usize = 4096;
    if staged.capacity() > KEPT {
        staged.shrink_to(KEPT);
    }
}
