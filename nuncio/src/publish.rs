//! Publishing: from the caller's values to encoded bytes in the outbox, in the caller's own thread.

mod admit;
mod outgoing;
mod subject;

use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use nuncio_proto::header::HeaderMap;

pub(crate) use admit::post;
pub(crate) use outgoing::Outgoing;
pub(crate) use subject::LONGEST_SUBJECTS;
pub use subject::Subject;

use crate::driver::shared::Shared;
use crate::error::PublishError;
use crate::publish_confirmed::PublishConfirmed;

/// A message about to be published: set its options, then await it.
///
/// Returned by [`Client::publish`](crate::Client::publish) and [`Message::respond`](crate::Message::respond).
///
/// Awaiting it is complete once the message is encoded in the outgoing buffer, in the order of the calls of one
/// thread; the connection writes it at once, or after reconnecting. It waits only while the buffer is full, by the
/// policy of [`Connect::when_full`](crate::Connect::when_full). [`Client::flush`](crate::Client::flush) tells that
/// the server has processed it, and [`confirmed`](Self::confirmed) that it was allowed.
///
/// # Errors
///
/// [`PublishError`]: a subject or header that breaks a rule, a message larger than the server allows, no room in time,
/// a connection that is draining or closed. A message that failed was not sent and is not buffered.
///
/// # Cancel safety
///
/// Dropped before it is complete, the message is not sent.
#[derive(Debug)]
#[must_use = "nothing is published until this is awaited, or sent with `try_send`"]
pub struct Publish<'a> {
    shared: &'a Arc<Shared>,
    message: Outgoing<'a>,
}

impl<'a> Publish<'a> {
    #[inline]
    pub(crate) fn new(shared: &'a Arc<Shared>, message: Outgoing<'a>) -> Self {
        Self { shared, message }
    }

    pub(crate) fn failed(shared: &'a Arc<Shared>, error: PublishError) -> Self {
        let mut message = Outgoing::new("".into(), ().into());
        message.note_fault(error);
        Self { shared, message }
    }

    /// Sets the subject that responses are expected on.
    #[inline]
    pub fn reply(mut self, reply: impl Into<Subject<'a>>) -> Self {
        self.message.reply = Some(reply.into());
        self
    }

    /// Appends a header. The name has to be printable ASCII without a colon, the value must not contain CR or LF
    /// (ADR-4); a fault is reported when the message is sent.
    #[inline(always)]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.message.header(name, value);
        self
    }

    /// Appends all these headers. Given by reference, as headers of many messages, they are copied once, to the outgoing
    /// buffer.
    #[inline]
    pub fn headers(mut self, headers: impl Into<Cow<'a, HeaderMap>>) -> Self {
        self.message.headers(headers.into());
        self
    }

    /// Asks the servers on the message's way to report to `destination` what they do with it (ADR-41), besides
    /// delivering it; [`trace`](crate::trace) reads the reports. Each message should have a destination of its own.
    pub fn trace(mut self, destination: &str) -> Self {
        self.message.trace(destination, false);
        self
    }

    /// As [`trace`](Self::trace), without delivering the message to anybody.
    pub fn trace_only(mut self, destination: &str) -> Self {
        self.message.trace(destination, true);
        self
    }

    /// Waits until the server has taken the message: a round trip, and a denial is an error.
    ///
    /// ```no_run
    /// # async fn f(nc: nuncio::Client) -> Result<(), nuncio::Error> {
    /// nc.publish("orders.new", "7").confirmed().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn confirmed(self) -> PublishConfirmed<'a> {
        PublishConfirmed::new(self.shared, self.message)
    }

    /// Publishes without waiting, for code that is not async.
    ///
    /// # Errors
    ///
    /// As awaiting it, and [`PublishError::Full`] where that would wait.
    pub fn try_send(mut self) -> Result<(), PublishError> {
        self.message.try_send(self.shared, None)
    }
}

impl Future for Publish<'_> {
    type Output = Result<(), PublishError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        this.message.poll_send(this.shared, None, cx)
    }
}

#[cfg(test)]
mod tests;
