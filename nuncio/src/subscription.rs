//! A subscription whose messages are queued and read one by one.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_core::Stream;
use nuncio_proto::{encode, registry};
use tokio::sync::oneshot;

use crate::Message;
use crate::client::Handle;
use crate::driver::route::Change;
use crate::driver::shared::Waiter;
use crate::driver::wait::Deadline;
use crate::error::{DrainError, shown};
use crate::events::Event;
use crate::queue::{Queue, SubscriptionEnd, Taken};

/// What every kind of subscription has: its interest at the server, withdrawn on drop.
pub(crate) struct Interested {
    pub(crate) handle: Arc<Handle>,
    pub(crate) sid: u64,
    pub(crate) subject: Box<[u8]>,
    pub(crate) queue_group: Option<Box<[u8]>>,
    pub(crate) queue: Arc<Queue>,
}

impl Interested {
    /// Withdraws the interest, once; works on any thread.
    pub(crate) fn withdraw(&self) {
        if self.queue.ended().is_some() {
            return;
        }
        self.queue.finish(SubscriptionEnd::Unsubscribed);
        let waker = {
            let mut core = self.handle.shared.core();
            if core.closed().is_some() {
                return;
            }
            core.changes.push(Change::Unsubscribe(self.sid));
            if core.up { core.control(|out| encode::unsubscribe(out, self.sid, None)) } else { None }
        };
        waker.into_iter().for_each(Waker::wake);
    }

    /// Ends the subscription at a count of messages; what the same thread does next is behind that on the wire.
    pub(crate) fn set_max(&self, max: u64) {
        if self.queue.ended().is_some() {
            return;
        }
        let waker = {
            let mut core = self.handle.shared.core();
            if core.closed().is_some() {
                return;
            }
            // The server counts from the `SUB` that it received.
            let before = self.queue.before();
            // It cannot be told of a higher one, and would keep to the one that it has.
            let most = if self.queue.is_limited() { registry::LARGEST_MAX } else { u64::MAX };
            let max = max.min(before.saturating_add(most));
            core.changes.push(Change::SetMax(self.sid, max));
            let rest = registry::server_max(max.saturating_sub(before));
            if rest.is_some() {
                self.queue.set_limited();
            }
            match rest {
                Some(rest) if core.up => core.control(|out| {
                    // Without a number it is at once.
                    encode::unsubscribe(out, self.sid, Some(rest).filter(|rest| *rest > 0));
                }),
                _ => core.driver.take(),
            }
        };
        waker.into_iter().for_each(Waker::wake);
    }

    /// Unsubscribes; what is received tells when the server has confirmed that it will send nothing more.
    fn begin_drain(&self) -> Result<oneshot::Receiver<()>, DrainError> {
        let shared = &self.handle.shared;
        if let Some(end) = self.queue.ended() {
            return Err(DrainError::Ended(end));
        }
        let (done, drained) = oneshot::channel();
        let waker = {
            let mut core = shared.core();
            if let Some(closed) = core.closed() {
                return Err(closed.into());
            }
            core.changes.push(Change::Drain(self.sid));
            if core.up {
                let first = core.control(|out| encode::unsubscribe(out, self.sid, None));
                first.or(core.ping(Waiter::Subscription(self.sid, Some(done))))
            } else {
                // The old server took the subscription along: nothing more can come.
                drop(done);
                core.driver.take()
            }
        };
        waker.into_iter().for_each(Waker::wake);
        Ok(drained)
    }

    pub(crate) async fn drain(&self) -> Result<(), DrainError> {
        let drained = self.begin_drain()?;
        let shared = &self.handle.shared;
        let after = shared.config.flush_timeout;
        let deadline = Deadline::after(shared, after);
        let mut drained = std::pin::pin!(drained);
        std::future::poll_fn(|cx| {
            // The sender is dropped where the drain is completed without the server.
            if drained.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Ok(()));
            }
            deadline.poll(cx).map(|()| Err(DrainError::Timeout { after }))
        })
        .await
    }

    pub(crate) fn stats(&self) -> SubscriptionStats {
        let figures = self.queue.figures();
        let handed_out = figures.received.saturating_sub(figures.dropped + figures.pending as u64);
        SubscriptionStats {
            received: figures.received,
            delivered: handed_out,
            dropped: figures.dropped,
            pending: figures.pending,
            pending_bytes: figures.pending_bytes,
        }
    }
}

impl Drop for Interested {
    fn drop(&mut self) {
        self.withdraw();
        self.queue.finish(SubscriptionEnd::Unsubscribed);
    }
}

/// Figures of one subscription: `received = delivered + dropped + pending`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SubscriptionStats {
    /// Messages that arrived.
    pub received: u64,
    /// Messages handed out, or discarded by the application's own unsubscribe.
    pub delivered: u64,
    /// Messages dropped because the queue was full.
    pub dropped: u64,
    /// Messages that wait to be read.
    pub pending: usize,
    /// Bytes that wait to be read.
    pub pending_bytes: usize,
}

/// A live subscription: a [`Stream`] of [`Message`]s.
///
/// It ends, after handing out what is queued, when all messages asked for have arrived, when it or its connection is
/// drained, when the connection is closed, or when the server denies it; [`ended`](Self::ended) tells which. It lives on
/// over reconnects.
///
/// Dropping it unsubscribes, on any thread, and discards what is queued. A subscription keeps its connection open.
///
/// ```no_run
/// # async fn f(nc: nuncio::Client) -> Result<(), nuncio::Error> {
/// let mut orders = nc.subscribe("orders.>").await?;
/// while let Some(m) = orders.next().await {
///     println!("{}: {}", m.subject(), m.text()?);
///     if m.subject() == "orders.end" {
///         // What has arrived is still handed out, then the loop ends.
///         orders.drain().await?;
///     }
/// }
/// if let Some(end) = orders.ended() {
///     println!("over: {end}");
/// }
/// # Ok(())
/// # }
/// ```
pub struct Subscription {
    inner: Interested,
    batch: VecDeque<Message>,
    batch_bytes: usize,
    /// The waker that the last poll came with, by its address, to see cheaply when somebody else takes over.
    polled_by: usize,
}

impl Subscription {
    pub(crate) fn new(inner: Interested) -> Self {
        Self { inner, batch: VecDeque::new(), batch_bytes: 0, polled_by: 0 }
    }

    /// The next message; `None` when the subscription has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a message that was not returned is returned by the next call.
    #[inline]
    pub async fn next(&mut self) -> Option<Message> {
        std::future::poll_fn(|cx| self.poll_message(cx)).await
    }

    /// The next message, if one is there already.
    pub fn try_next(&mut self) -> Option<Message> {
        match self.poll_message(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(message) => message,
            Poll::Pending => None,
        }
    }

    #[inline]
    pub(crate) fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        let waker = cx.waker().data().addr();
        if waker != self.polled_by {
            self.taken_over(waker);
        }
        if let Some(message) = self.batch.pop_front() {
            self.batch_bytes = self.batch_bytes.saturating_sub(message.len());
            self.inner.queue.note_taken(self.batch.len(), self.batch_bytes);
            return Poll::Ready(Some(message));
        }
        self.poll_batch(cx)
    }

    /// A drain has to know whom it waits for: who handles the rest of the batch need not be who took it.
    #[cold]
    fn taken_over(&mut self, waker: usize) {
        self.polled_by = waker;
        self.inner.queue.note_poller();
    }

    fn poll_batch(&mut self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        let mut recovered = false;
        let taken = self.inner.queue.poll_take(&mut self.batch, &mut recovered, cx);
        if recovered {
            self.tell_recovered();
        }
        match taken {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Taken::End) => Poll::Ready(None),
            Poll::Ready(Taken::Messages { bytes }) => {
                self.batch_bytes = bytes;
                self.poll_message(cx)
            }
        }
    }

    #[cold]
    fn tell_recovered(&self) {
        self.inner.handle.shared.events.emit(&Event::SlowConsumerRecovered {
            subject: shown(&self.inner.subject),
            sid: self.inner.sid,
            dropped: self.inner.queue.figures().dropped,
        });
    }

    /// The subject, wildcards included.
    pub fn subject(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.inner.subject)
    }

    /// The queue group, if any.
    pub fn queue_group(&self) -> Option<Cow<'_, str>> {
        self.inner.queue_group.as_deref().map(String::from_utf8_lossy)
    }

    /// The id, unique in the connection.
    pub fn sid(&self) -> u64 {
        self.inner.sid
    }

    /// Figures of this subscription.
    pub fn stats(&self) -> SubscriptionStats {
        self.inner.stats()
    }

    /// Why no more messages will arrive; `None` while they may. Queued messages are still handed out.
    pub fn ended(&self) -> Option<SubscriptionEnd> {
        self.inner.queue.ended()
    }

    /// Unsubscribes and discards what is queued: [`next`](Self::next) returns `None` from here on.
    ///
    /// Does nothing when the subscription has ended.
    pub fn unsubscribe(&mut self) {
        self.inner.withdraw();
        self.inner.queue.finish(SubscriptionEnd::Unsubscribed);
        self.batch.clear();
        self.batch_bytes = 0;
        self.inner.queue.note_taken(0, 0);
    }

    /// Ends the subscription once it has received so many messages in all, those of the past included. Can be called
    /// again to change the number.
    ///
    /// The server knows of it before anything that the same thread publishes next. nats-server reads no number above
    /// 999,999,999: a higher one is counted by the client alone, and taken for that number where there was a limit before.
    pub fn unsubscribe_after(&mut self, messages: u64) {
        self.inner.set_max(messages);
    }

    /// Unsubscribes without losing what is on its way.
    ///
    /// Returns once the server has confirmed that it will send nothing more; what has arrived is handed out by
    /// [`next`](Self::next), which then ends.
    ///
    /// # Errors
    ///
    /// When the subscription or the connection has ended already, or the server does not confirm within
    /// [`Connect::flush_timeout`](crate::Connect::flush_timeout).
    ///
    /// # Cancel safety
    ///
    /// The drain goes on when this is dropped after its first poll.
    pub async fn drain(&mut self) -> Result<(), DrainError> {
        self.inner.drain().await
    }

    /// Begins to [`drain`](Self::drain). Nothing to do if it has ended already.
    pub(crate) fn start_drain(&self) {
        // The driver ends it whether or not somebody waits for that.
        drop(self.inner.begin_drain());
    }

    /// The next message, if it arrives within `timeout`; `None` also when the subscription has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe, as [`next`](Self::next).
    pub async fn next_timeout(&mut self, timeout: Duration) -> Option<Message> {
        let deadline = Deadline::after(&self.inner.handle.shared, timeout);
        std::future::poll_fn(|cx| match self.poll_message(cx) {
            Poll::Ready(message) => Poll::Ready(message),
            Poll::Pending => deadline.poll(cx).map(|()| None),
        })
        .await
    }
}

impl Stream for Subscription {
    type Item = Message;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.poll_message(cx)
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("subject", &self.subject())
            .field("queue_group", &self.queue_group())
            .field("sid", &self.sid())
            .finish_non_exhaustive()
    }
}
