//! Sending the messages of a fast ingest, and ending it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use nuncio_proto::js::batch::BatchError;
use nuncio_proto::js::expect::OptionError;
use nuncio_proto::js::fast::Op;

use super::{FastAck, FastIngest};
use crate::driver::shared::now;
use crate::driver::wait::Deadline;
use crate::error::shown;
use crate::jetstream::draft::{Draft, message_options};
use crate::jetstream::{PublishError, Uncertain};
use crate::request::not_sent;

/// After so many messages what the server has said is looked at.
const LOOK: u64 = 16;

/// A message on its way to the outgoing buffer.
#[derive(Debug)]
struct Passage<'a> {
    ingest: &'a mut FastIngest,
    op: Op,
    timeout: Duration,
    /// Once the server is waited for.
    deadline: Option<Deadline>,
    begun: bool,
    sent: bool,
}

impl<'a> Passage<'a> {
    fn new(ingest: &'a mut FastIngest, op: Op) -> Self {
        let timeout = ingest.timeout;
        Self { ingest, op, timeout, deadline: None, begun: false, sent: false }
    }

    /// Waits until the message is sent, or the whole is over.
    fn poll_sent(&mut self, draft: &mut Draft<'_>, cx: &mut Context<'_>) -> Poll<Result<(), PublishError>> {
        if !std::mem::replace(&mut self.begun, true) {
            draft.check()?;
        }
        if self.has_to_look() {
            self.ingest.poll_answers(cx);
        }
        let ends = self.op != Op::Add && self.ingest.book.is_ending();
        if self.sent || ends || self.ingest.end.is_some() {
            return Poll::Ready(Ok(()));
        }
        let FastIngest { book, reply, js, .. } = &mut *self.ingest;
        if !book.may_send() {
            return self.poll_deadline(draft, cx).map(Err);
        }
        book.write_reply(self.op, reply);
        ready!(draft.message.poll_send(&js.client.handle.shared, Some(reply.as_slice()), cx))
            .map_err(|error| PublishError::NotSent(not_sent(error)))?;
        if self.ingest.subject.is_empty() {
            self.ingest.subject.extend_from_slice(&draft.message.subject.0);
        }
        self.ingest.book.count(self.op, now());
        self.sent = true;
        Poll::Ready(Ok(()))
    }

    /// Answers come for many messages each: they are looked for where one is needed, and now and then.
    fn has_to_look(&self) -> bool {
        let book = &self.ingest.book;
        self.op != Op::Add || !book.may_send() || book.sent().is_multiple_of(LOOK)
    }

    fn poll_deadline(&mut self, draft: &Draft<'_>, cx: &mut Context<'_>) -> Poll<PublishError> {
        self.ingest.poll_ping(cx);
        let shared = &self.ingest.js.client.handle.shared;
        let deadline = self.deadline.get_or_insert_with(|| Deadline::after(shared, self.timeout));
        deadline.poll(cx).map(|()| {
            let after = self.timeout;
            let cause = Box::new(Uncertain::Timeout { after });
            PublishError::Unknown { subject: shown(&draft.message.subject.0), cause }
        })
    }

    fn over(&self, draft: &Draft<'_>) -> PublishError {
        let error = OptionError::Batch(BatchError::Over);
        PublishError::Option { subject: shown(&draft.message.subject.0), error }
    }
}

/// A message about to be sent by a [`FastIngest`]: set its options, then await it for its number. Returned by
/// [`FastIngest::send`].
///
/// # Errors
///
/// [`PublishError`]. The message is not sent then, but with [`PublishError::Unknown`] it is not known how many of
/// those before are stored: at least those that are [`acked`](FastIngest::acked).
///
/// # Cancel safety
///
/// Dropped before it is complete, the message is not sent.
#[derive(Debug)]
#[must_use = "nothing is sent until this is awaited"]
pub struct FastSend<'a> {
    passage: Passage<'a>,
    draft: Draft<'a>,
}

/// The end of a [`FastIngest`]: set the options of its last message, then await it. Returned by [`FastIngest::commit`].
///
/// # Errors
///
/// [`PublishError`]: with [`PublishError::Broken`] the stream has ended it before the last message, and tells what is stored;
/// with [`PublishError::Unknown`] at least the messages that are [`acked`](FastIngest::acked) are.
///
/// # Cancel safety
///
/// Dropped before it is complete, the message may have been sent; [`FastIngest::finish`] tells what became of all.
#[derive(Debug)]
#[must_use = "nothing is sent until this is awaited"]
pub struct FastEnd<'a> {
    passage: Passage<'a>,
    draft: Draft<'a>,
}

impl<'a> FastSend<'a> {
    pub(super) fn new(ingest: &'a mut FastIngest, draft: Draft<'a>) -> Self {
        Self { passage: Passage::new(ingest, Op::Add), draft }
    }

    message_options!();
}

impl Future for FastSend<'_> {
    type Output = Result<u64, PublishError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if !this.passage.sent && this.passage.ingest.book.is_ending() {
            return Poll::Ready(Err(this.passage.over(&this.draft)));
        }
        ready!(this.passage.poll_sent(&mut this.draft, cx))?;
        if this.passage.sent {
            return Poll::Ready(Ok(this.passage.ingest.book.sent()));
        }
        match this.passage.ingest.outcome() {
            Some(Err(error)) => Poll::Ready(Err(error)),
            _ => Poll::Ready(Err(this.passage.over(&this.draft))),
        }
    }
}

impl<'a> FastEnd<'a> {
    pub(super) fn new(ingest: &'a mut FastIngest, draft: Draft<'a>, op: Op) -> Self {
        Self { passage: Passage::new(ingest, op), draft }
    }

    message_options!();
}

impl Future for FastEnd<'_> {
    type Output = Result<FastAck, PublishError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if this.passage.op == Op::End && this.passage.ingest.book.sent() == 0 {
            let (subject, error) =
                (shown(&this.draft.message.subject.0), OptionError::Batch(BatchError::Empty));
            return Poll::Ready(Err(PublishError::Option { subject, error }));
        }
        ready!(this.passage.poll_sent(&mut this.draft, cx))?;
        match this.passage.ingest.outcome() {
            Some(outcome) => Poll::Ready(outcome),
            None => this.passage.poll_deadline(&this.draft, cx).map(Err),
        }
    }
}
