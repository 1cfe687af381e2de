//! Keeping a message while it is worked on.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use nuncio_proto::js::ack::Ack;

use crate::driver::shared::now;
use crate::driver::wait::{Deadline, instant_after};
use crate::jetstream::JsMessage;
use crate::publish;

/// No extension comes sooner behind the last.
const SHORTEST: Duration = Duration::from_millis(10);
/// How often the time for acknowledging may begin anew unless told otherwise.
const EXTENSIONS: u32 = 20;

/// Keeps the server from delivering a message again while a future is at it.
///
/// Returned by [`JsMessage::keep_alive`]. It tells the server that the message is in progress: when the future has to
/// wait for the first time, since the message may have waited for its turn, and then each time that half of the
/// consumer's `ack_wait` has passed. It needs no task of its own, since it is polled with the future.
///
/// ```no_run
/// # async fn work(m: &nuncio::Message) -> Result<(), std::io::Error> { Ok(()) }
/// # async fn f(m: nuncio::jetstream::JsMessage) -> Result<(), Box<dyn std::error::Error>> {
/// m.keep_alive().during(work(&m)).await?;
/// m.ack().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is kept alive until `during` is awaited"]
pub struct KeepAlive<'a> {
    message: &'a JsMessage,
    every: Duration,
    limit: Duration,
}

impl<'a> KeepAlive<'a> {
    pub(crate) fn new(message: &'a JsMessage) -> Self {
        let every = message.terms().ack_wait / 2;
        Self { message, every, limit: message.terms().ack_wait.saturating_mul(EXTENSIONS) }
    }

    /// How often the server is told. Default: each half of the consumer's `ack_wait`; where that is not known, since the
    /// consumer was bound without asking for it, each 15 seconds.
    pub fn every(mut self, interval: Duration) -> Self {
        self.every = interval;
        self
    }

    /// For how long at most, so that a future which hangs does not keep the message from others for ever. Default: 20
    /// times the consumer's `ack_wait`.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Awaits the future.
    ///
    /// # Cancel safety
    ///
    /// As cancel safe as the future.
    pub async fn during<F: Future>(self, future: F) -> F::Output {
        let mut future = pin!(future);
        let mut beat = None;
        poll_fn(|cx| {
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Poll::Ready(output);
            }
            let beat = beat.get_or_insert_with(|| Beat::begin(&self));
            while beat.deadline.as_ref().is_some_and(|deadline| deadline.poll(cx).is_ready()) {
                beat.strike(&self);
            }
            Poll::Pending
        })
        .await
    }

    /// When to tell next; `None` when it is over.
    fn tell(&self, until: Instant) -> Option<Deadline> {
        let message = self.message;
        let reply = message.reply_bytes().filter(|_| message.terms().acks && !message.is_settled())?;
        if now() >= until {
            return None;
        }
        // Without a connection it will not be taken, and the next time is soon.
        let _ = publish::post(message.shared(), reply, None, &Ack::Progress.payload());
        let closed = message.shared().core().closed().is_some();
        (!closed).then(|| Deadline::after(message.shared(), self.every.max(SHORTEST)))
    }
}

struct Beat {
    until: Instant,
    deadline: Option<Deadline>,
}

impl Beat {
    fn begin(keep: &KeepAlive<'_>) -> Self {
        let until = instant_after(keep.limit);
        Self { until, deadline: keep.tell(until) }
    }

    fn strike(&mut self, keep: &KeepAlive<'_>) {
        self.deadline = keep.tell(self.until);
    }
}
