//! A subscription that calls a function for each message.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::Message;
use crate::driver::route::{Callback, Route};
use crate::error::{DrainError, SubscribeError};
use crate::queue::{SubscriptionEnd, Taken};
use crate::subscribe::Subscribe;
use crate::subscription::{Interested, SubscriptionStats};

/// A callback subscription about to be made: await it.
///
/// Returned by [`Subscribe::callback`]; errors and cancel safety are those of [`Subscribe`].
#[must_use = "nothing is subscribed to until this is awaited"]
pub struct SubscribeCallback<'a> {
    pub(crate) subscribe: Subscribe<'a>,
    pub(crate) on_message: Option<Box<dyn FnMut(Message) + Send>>,
}

impl fmt::Debug for SubscribeCallback<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubscribeCallback").field("subscribe", &self.subscribe).finish_non_exhaustive()
    }
}

impl Future for SubscribeCallback<'_> {
    type Output = Result<CallbackSubscription, SubscribeError>;

    fn poll(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(on_message) = self.on_message.take() else { return Poll::Pending };
        let inner = self.subscribe.register(|queue| Route::Callback(Callback { on_message, queue }), None);
        Poll::Ready(inner.map(CallbackSubscription::new))
    }
}

/// A live subscription that calls a function for each message.
///
/// Dropping it unsubscribes, on any thread. It keeps its connection open.
pub struct CallbackSubscription {
    inner: Interested,
}

impl CallbackSubscription {
    pub(crate) fn new(inner: Interested) -> Self {
        Self { inner }
    }

    /// The subject, wildcards included.
    pub fn subject(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.inner.subject)
    }

    /// The id, unique in the connection.
    pub fn sid(&self) -> u64 {
        self.inner.sid
    }

    /// Figures of this subscription.
    pub fn stats(&self) -> SubscriptionStats {
        self.inner.stats()
    }

    /// Waits until no more messages will arrive and tells why.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn ended(&mut self) -> SubscriptionEnd {
        let mut none = std::collections::VecDeque::new();
        std::future::poll_fn(|cx| match self.inner.queue.poll_take(&mut none, &mut false, cx) {
            Poll::Ready(Taken::End | Taken::Messages { .. }) => Poll::Ready(()),
            Poll::Pending => Poll::Pending,
        })
        .await;
        self.inner.queue.ended().unwrap_or(SubscriptionEnd::Unsubscribed)
    }

    /// Unsubscribes: the function is not called for messages that arrive from here on.
    pub fn unsubscribe(&mut self) {
        self.inner.withdraw();
    }

    /// Ends the subscription once it has received so many messages in all.
    pub fn unsubscribe_after(&mut self, messages: u64) {
        self.inner.set_max(messages);
    }

    /// Unsubscribes without losing what is on its way: returns once the server has confirmed that it will send nothing
    /// more and the function has been called for everything.
    ///
    /// # Errors
    ///
    /// As [`Subscription::drain`](crate::Subscription::drain).
    ///
    /// # Cancel safety
    ///
    /// The drain goes on when this is dropped after its first poll.
    pub async fn drain(&mut self) -> Result<(), DrainError> {
        self.inner.drain().await
    }
}

impl fmt::Debug for CallbackSubscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallbackSubscription")
            .field("subject", &self.subject())
            .field("sid", &self.sid())
            .finish_non_exhaustive()
    }
}
