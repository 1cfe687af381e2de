//! What became of a publisher's messages, in their order.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_core::Stream;

use super::outcomes::Outcome;
use super::window::Window;
use crate::sync::lock;

/// The results in order, for the one who reads them.
#[derive(Debug, Default)]
pub(super) struct Ordered {
    pub(super) ready: VecDeque<(u64, Outcome)>,
    /// Those who wait, all of whom are woken: each looks whether there is one left.
    pub(super) waiting: Vec<Waker>,
    /// How many share it.
    pub(super) readers: usize,
}

/// The results of a [`Publisher`](crate::jetstream::Publisher) in the order of its messages: each with its number, once.
/// A [`Stream`] that ends when the publisher is dropped and the last result was read.
///
/// Results that are not read are kept, without a limit. Dropping it ends that; errors that were not read are then told by
/// [`Publisher::flush`](crate::jetstream::Publisher::flush).
pub struct Results {
    window: Arc<Window>,
}

impl Results {
    pub(super) fn new(window: Arc<Window>) -> Self {
        Self { window }
    }

    /// The next result; `None` when there will be none.
    ///
    /// # Errors
    ///
    /// [`PublishError`](crate::jetstream::PublishError), if the message is not confirmed.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a result that was not returned is returned by the next call.
    pub async fn next(&mut self) -> Option<(u64, Outcome)> {
        std::future::poll_fn(|cx| self.poll_result(cx)).await
    }

    fn poll_result(&self, cx: &Context<'_>) -> Poll<Option<(u64, Outcome)>> {
        lock(&self.window.state).poll_result(cx)
    }
}

impl Stream for Results {
    type Item = (u64, Outcome);

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_result(cx)
    }
}

impl Drop for Results {
    fn drop(&mut self) {
        lock(&self.window.state).drop_results();
    }
}

impl fmt::Debug for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Results").finish_non_exhaustive()
    }
}
