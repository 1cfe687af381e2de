//! Subscriptions that wait for the server's word.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::Message;
use crate::callback::CallbackSubscription;
use crate::driver::route::{Callback, Route};
use crate::driver::wait::Deadline;
use crate::error::{FlushError, SubscribeError};
use crate::queue::{Queue, SubscriptionEnd};
use crate::subscribe::Subscribe;
use crate::subscription::{Interested, Subscription};

/// A subscription about to be made and confirmed by the server: await it.
///
/// Returned by [`Subscribe::confirmed`]. Between its `SUB` and the two `PING`s around it lies nothing else, so that a
/// refusal is told apart from those of other subscriptions.
///
/// # Errors
///
/// Those of [`Subscribe`]; [`SubscribeError::Denied`] by permissions; [`SubscribeError::Refused`] for another reason,
/// such as too many subscriptions; [`SubscribeError::Unconfirmed`] when there is no connection, it is lost before the
/// server answers, or no answer comes within [`Connect::flush_timeout`](crate::Connect::flush_timeout). After an error
/// nothing is subscribed to.
///
/// # Cancel safety
///
/// Dropped before it is complete, nothing stays subscribed to.
#[derive(Debug)]
#[must_use = "nothing is subscribed to until this is awaited"]
pub struct SubscribeConfirmed<'a> {
    confirming: Confirming<'a>,
}

impl<'a> SubscribeConfirmed<'a> {
    pub(crate) fn new(subscribe: Subscribe<'a>) -> Self {
        Self { confirming: Confirming { subscribe, asked: None } }
    }

    /// Calls a function for each message instead of queueing it, as [`Subscribe::callback`] does. It may be called
    /// before the confirmation has come.
    pub fn callback(
        self,
        on_message: impl FnMut(Message) + Send + 'static,
    ) -> SubscribeCallbackConfirmed<'a> {
        SubscribeCallbackConfirmed { confirming: self.confirming, on_message: Some(Box::new(on_message)) }
    }
}

impl Future for SubscribeConfirmed<'_> {
    type Output = Result<Subscription, SubscribeError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.confirming.poll(Route::queue, cx).map(|confirmed| confirmed.map(Subscription::new))
    }
}

/// A callback subscription about to be made and confirmed by the server: await it.
///
/// Returned by [`SubscribeConfirmed::callback`]; errors and cancel safety are those of [`SubscribeConfirmed`].
#[must_use = "nothing is subscribed to until this is awaited"]
pub struct SubscribeCallbackConfirmed<'a> {
    confirming: Confirming<'a>,
    on_message: Option<Box<dyn FnMut(Message) + Send>>,
}

impl Future for SubscribeCallbackConfirmed<'_> {
    type Output = Result<CallbackSubscription, SubscribeError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let on_message = &mut this.on_message;
        let route = |queue| match on_message.take() {
            Some(on_message) => Route::Callback(Callback { on_message, queue }),
            None => Route::queue(queue),
        };
        this.confirming.poll(route, cx).map(|confirmed| confirmed.map(CallbackSubscription::new))
    }
}

impl fmt::Debug for SubscribeCallbackConfirmed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubscribeCallbackConfirmed")
            .field("confirming", &self.confirming)
            .finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Confirming<'a> {
    subscribe: Subscribe<'a>,
    asked: Option<Asked>,
}

struct Asked {
    /// Withdrawn on drop.
    inner: Interested,
    answer: oneshot::Receiver<()>,
    deadline: Deadline,
    after: Duration,
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asked").field("sid", &self.inner.sid).finish_non_exhaustive()
    }
}

impl Confirming<'_> {
    /// `route` makes the way of the messages out of the queue, once.
    fn poll(
        &mut self,
        route: impl FnOnce(Arc<Queue>) -> Route,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Interested, SubscribeError>> {
        let mut asked = match self.asked.take() {
            Some(asked) => asked,
            None => self.ask(route)?,
        };
        let fault = match Pin::new(&mut asked.answer).poll(cx) {
            Poll::Ready(Ok(())) => match asked.inner.queue.ended() {
                Some(SubscriptionEnd::Denied { subject }) => SubscribeError::Denied { subject },
                Some(SubscriptionEnd::Refused { subject, error }) => {
                    SubscribeError::Refused { subject, error }
                }
                // That it has had its messages, say, is no failure.
                _ => return Poll::Ready(Ok(asked.inner)),
            },
            // The waiter was dropped with the connection.
            Poll::Ready(Err(_)) => match self.subscribe.handle.shared.core().closed() {
                Some(closed) => SubscribeError::Closed(closed),
                None => SubscribeError::Unconfirmed(FlushError::Disconnected),
            },
            Poll::Pending if asked.deadline.poll(cx).is_ready() => {
                SubscribeError::Unconfirmed(FlushError::Timeout { after: asked.after })
            }
            Poll::Pending => {
                self.asked = Some(asked);
                return Poll::Pending;
            }
        };
        Poll::Ready(Err(fault))
    }

    fn ask(&self, route: impl FnOnce(Arc<Queue>) -> Route) -> Result<Asked, SubscribeError> {
        let (confirm, answer) = oneshot::channel();
        let inner = self.subscribe.register(route, Some(confirm))?;
        let shared = &self.subscribe.handle.shared;
        let after = shared.config.flush_timeout;
        Ok(Asked { deadline: Deadline::after(shared, after), inner, answer, after })
    }
}
