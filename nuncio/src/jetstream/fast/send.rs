//! Sending the messages of a fast ingest, and ending it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
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

/// A message on its way to the outgoing buffer.
#[derive(Debug)]
struct Passage<'a> {
    ingest: &'a mut FastIngest,
    op: Op,
    timeout: Duration,
    deadline: Option<Deadline>,
    reply: Option<String>,
    sent: bool,
}

impl<'a> Passage<'a> {
    fn new(ingest: &'a mut FastIngest, op: Op) -> Self {
        let timeout = ingest.timeout;
        Self { ingest, op, timeout, deadline: None, reply: None, sent: false }
    }

    /// Waits until the message is sent, or the whole is over.
    fn poll_sent(&mut self, draft: &mut Draft<'_>, cx: &mut Context<'_>) -> Poll<Result<(), PublishError>> {
        if self.deadline.is_none() {
            draft.check()?;
            let shared = Arc::clone(&self.ingest.js.client.handle.shared);
            self.deadline = Some(Deadline::after(&shared, self.timeout));
        }
        self.ingest.poll_answers(cx);
        let ends = self.op != Op::Add && self.ingest.book.is_ending();
        if self.sent || ends || self.ingest.end.is_some() {
            return Poll::Ready(Ok(()));
        }
        if self.reply.is_none() {
            if !self.ingest.book.may_send() {
                return self.poll_deadline(draft, cx).map(Err);
            }
            self.reply = Some(self.ingest.book.reply(self.op));
        }
        let shared = &self.ingest.js.client.handle.shared;
        let reply = self.reply.as_deref().map(str::as_bytes);
        ready!(draft.message.poll_send(shared, reply, cx))
            .map_err(|error| PublishError::NotSent(not_sent(error)))?;
        if self.ingest.subject.is_empty() {
            self.ingest.subject.extend_from_slice(&draft.message.subject.0);
        }
        self.ingest.book.count(self.op, now());
        self.sent = true;
        Poll::Ready(Ok(()))
    }

    fn poll_deadline(&self, draft: &Draft<'_>, cx: &mut Context<'_>) -> Poll<PublishError> {
        let Some(deadline) = &self.deadline else { return Poll::Pending };
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
/// [`PublishError`]: with [`PublishError::Unknown`] at least the messages that are [`acked`](FastIngest::acked) are stored.
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
        match &this.passage.ingest.end {
            Some(Err(error)) => Poll::Ready(Err(error.clone())),
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
        let FastIngest { end, book, lost, refused, .. } = &*this.passage.ingest;
        match end {
            None => this.passage.poll_deadline(&this.draft, cx).map(Err),
            Some(Err(error)) => Poll::Ready(Err(error.clone())),
            Some(Ok(ack)) => Poll::Ready(Ok(FastAck {
                ack: ack.clone(),
                sent: book.sent(),
                lost: lost.clone(),
                refused: refused.clone(),
            })),
        }
    }
}
