//! The acknowledgement of one message of a publisher.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use nuncio_proto::js::puback::PubAck;

use super::state::Placed;
use super::window::Window;
use crate::jetstream::PublishError;
use crate::sync::lock;

/// A message that a [`Publisher`](crate::jetstream::Publisher) has sent: await it for its acknowledgement.
///
/// The message makes its way whether this is awaited or not, and its time has begun when it was sent. Dropping it loses
/// nothing: an error is then told by [`Publisher::flush`](crate::jetstream::Publisher::flush). The handle outlives the
/// publisher and keeps the connection open.
///
/// # Errors
///
/// [`PublishError`], as for [`JetStream::publish`](crate::jetstream::JetStream::publish).
///
/// # Cancel safety
///
/// Cancel safe: borrow it (`(&mut handle).await`) to wait for it again later.
#[must_use = "awaiting it tells whether the message is stored; drop it if `flush` or `results` is to tell"]
pub struct AckHandle {
    window: Arc<Window>,
    placed: Option<Placed>,
    number: u64,
}

impl AckHandle {
    pub(super) fn new(window: Arc<Window>, placed: Placed) -> Self {
        Self { window, placed: Some(placed), number: placed.number }
    }

    /// The number of the message: 0 for the first of a publisher, then one more each.
    pub fn number(&self) -> u64 {
        self.number
    }
}

impl Future for AckHandle {
    type Output = Result<PubAck, PublishError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(placed) = self.placed else { return Poll::Pending };
        let polled = lock(&self.window.state).poll_ticket(placed.ticket, cx);
        if polled.is_ready() {
            self.placed = None;
        }
        polled
    }
}

impl Drop for AckHandle {
    fn drop(&mut self) {
        if let Some(placed) = self.placed {
            lock(&self.window.state).drop_ticket(placed.number, placed.ticket);
        }
    }
}

impl fmt::Debug for AckHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AckHandle").field("number", &self.number).finish_non_exhaustive()
    }
}
