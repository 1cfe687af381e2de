//! Subscribing.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use nuncio_proto::registry::Interest;
use nuncio_proto::{encode, registry, subject};
use tokio::sync::oneshot;

use crate::Message;
use crate::callback::SubscribeCallback;
use crate::client::Handle;
use crate::confirm::SubscribeConfirmed;
use crate::driver::route::{Change, FirstMessage, Route};
use crate::driver::shared::{Core, Stage, Waiter};
use crate::driver::wait::instant_after;
use crate::error::{ConnectionClosed, FlushError, SubscribeError};
use crate::publish::{LONGEST_SUBJECTS, Subject};
use crate::queue::{Limits, OnFull, Queue};
use crate::subscription::{Interested, Subscription};

/// A subscription about to be made: set its options, then await it.
///
/// Returned by [`Client::subscribe`](crate::Client::subscribe). Awaiting it is complete at once: the server is told in
/// the order of the calls of one thread, so a message published next by the same thread is received.
/// [`Client::flush`](crate::Client::flush) tells that the server has processed it, for the sake of other publishers.
///
/// # Errors
///
/// [`SubscribeError`]: a subject or queue group that breaks a rule, a connection that is draining or closed. That the
/// server does not take it is known later: the subscription then ends with
/// [`SubscriptionEnd::Denied`](crate::SubscriptionEnd::Denied) or
/// [`SubscriptionEnd::Refused`](crate::SubscriptionEnd::Refused), unless [`confirmed`](Self::confirmed) waits for that.
///
/// # Cancel safety
///
/// Dropped before it is polled, nothing is subscribed to.
#[derive(Debug)]
#[must_use = "nothing is subscribed to until this is awaited"]
pub struct Subscribe<'a> {
    pub(crate) handle: &'a Arc<Handle>,
    subject: Subject<'a>,
    queue: Option<Subject<'a>>,
    max: Option<u64>,
    first_message: Option<Duration>,
    limits: Limits,
    on_full: OnFull,
}

impl<'a> Subscribe<'a> {
    pub(crate) fn new(handle: &'a Arc<Handle>, subject: Subject<'a>) -> Self {
        let config = &handle.shared.config;
        Self {
            handle,
            subject,
            queue: None,
            max: None,
            first_message: None,
            limits: config.subscription_limits,
            on_full: config.on_full,
        }
    }

    /// Joins a queue group: each message goes to one member of the group. An empty name means no group.
    pub fn queue(mut self, queue: impl Into<Subject<'a>>) -> Self {
        let queue = queue.into();
        self.queue = (!queue.0.is_empty()).then_some(queue);
        self
    }

    /// Ends the subscription after so many messages, counted over reconnects.
    pub fn max(mut self, messages: u64) -> Self {
        self.max = Some(messages);
        self
    }

    /// Ends the subscription with
    /// [`SubscriptionEnd::FirstMessageTimeout`](crate::SubscriptionEnd::FirstMessageTimeout) unless a message arrives
    /// within this time.
    pub fn first_message_timeout(mut self, after: Duration) -> Self {
        self.first_message = Some(after);
        self
    }

    /// How much may wait in the queue of this subscription. Default: that of
    /// [`Connect::subscription_limits`](crate::Connect::subscription_limits).
    pub fn limits(mut self, messages: usize, bytes: usize) -> Self {
        self.limits = Limits { messages, bytes };
        self
    }

    /// What happens when the queue is full. Default: that of [`Connect::on_full`](crate::Connect::on_full).
    pub fn on_full(mut self, policy: OnFull) -> Self {
        self.on_full = policy;
        self
    }

    /// Waits until the server has taken the subscription: a round trip, after which it holds for every publisher of
    /// that server, and a denial is an error instead of the end of the subscription.
    ///
    /// ```no_run
    /// # async fn f(nc: nuncio::Client) -> Result<(), nuncio::Error> {
    /// let orders = nc.subscribe("orders.>").confirmed().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// [`SubscribeConfirmed::callback`] confirms a subscription that calls a function.
    pub fn confirmed(self) -> SubscribeConfirmed<'a> {
        SubscribeConfirmed::new(self)
    }

    /// Calls a function for each message instead of queueing it.
    ///
    /// The function runs where the connection is read. If it panics, its subscription ends.
    ///
    /// # A loop or a callback
    ///
    /// | | [`Subscription`], read in a loop | callback |
    /// |---|---|---|
    /// | a message waits | in the queue of the subscription, within its [`limits`](Self::limits) | nowhere |
    /// | it is handled | in the task that reads, which has to be woken | in the task of the connection, at once |
    /// | handling may | await, block, take as long as it likes | do what is short: count, decide, pass on |
    /// | handling that is too slow | fills this one queue: [`on_full`](Self::on_full) | holds up the whole connection: other subscriptions, replies, pings |
    /// | several at once | by spawning | never |
    /// | publishing from it | awaited | by [`try_publish`](crate::Client::try_publish), or [`respond`](Message::respond)`(…).try_send()` |
    /// | its end | `None`, then [`ended`](Subscription::ended) | [`CallbackSubscription::ended`](crate::CallbackSubscription::ended) |
    ///
    /// A loop is right nearly always. A callback is for what must be quick and takes microseconds: it saves the queue and
    /// the switch of tasks. Where more is to be done for some messages, the callback passes those on through a channel.
    ///
    /// ```no_run
    /// # async fn f(nc: nuncio::Client) -> Result<(), nuncio::Error> {
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicU64, Ordering};
    ///
    /// let bytes = Arc::new(AtomicU64::new(0));
    /// let total = Arc::clone(&bytes);
    /// let mut meter = nc
    ///     .subscribe("orders.>")
    ///     .callback(move |m| {
    ///         total.fetch_add(m.len() as u64, Ordering::Relaxed);
    ///     })
    ///     .await?;
    /// meter.drain().await?;
    /// println!("{} bytes", bytes.load(Ordering::Relaxed));
    /// # Ok(())
    /// # }
    /// ```
    pub fn callback(self, on_message: impl FnMut(Message) + Send + 'static) -> SubscribeCallback<'a> {
        SubscribeCallback { subscribe: self, on_message: Some(Box::new(on_message)) }
    }

    fn check(&self) -> Result<(), SubscribeError> {
        subject::validate_subscribe(&self.subject.0)?;
        if let Some(queue) = &self.queue {
            subject::validate_queue(&queue.0)?;
        }
        // The server would close the connection over it, and again after each reconnect.
        let size = self.subject.0.len() + self.queue.as_ref().map_or(0, |queue| queue.0.len());
        if size > LONGEST_SUBJECTS {
            return Err(SubscribeError::SubjectTooLong { size, max: LONGEST_SUBJECTS });
        }
        if self.max == Some(0) {
            return Err(SubscribeError::Option {
                option: "max",
                problem: "a subscription of 0 messages has no use",
            });
        }
        if self.limits.messages == 0 || self.limits.bytes == 0 {
            let problem = "a queue without room would drop every message";
            return Err(SubscribeError::Option { option: "limits", problem });
        }
        Ok(())
    }

    /// Tells the server and the driver; `route` makes the way of the messages out of the queue.
    pub(crate) fn register(
        &self,
        route: impl FnOnce(Arc<Queue>) -> Route,
        confirm: Option<oneshot::Sender<()>>,
    ) -> Result<Interested, SubscribeError> {
        self.check()?;
        let shared = &self.handle.shared;
        let queue = Arc::new(Queue::new(self.limits, self.on_full));
        if self.max.is_some() {
            queue.set_limited();
        }
        let interest = Interest {
            subject: (&*self.subject.0).into(),
            queue: self.queue.as_ref().map(|queue| (&*queue.0).into()),
        };
        let deadline = self.first_message.map(|after| (after, instant_after(after)));
        let mut core = shared.core();
        match &core.gate.stage {
            Stage::Open => {}
            Stage::Closed(reason) => return Err(ConnectionClosed { reason: reason.clone() }.into()),
            _ => return Err(SubscribeError::Draining),
        }
        if confirm.is_some() && !core.up {
            return Err(SubscribeError::Unconfirmed(FlushError::Disconnected));
        }
        let sid = core.next_sid;
        core.next_sid += 1;
        // Between two pings, since the server does not always say which subscription it refuses.
        let before = confirm.is_some().then(|| core.ping(Waiter::Nobody)).flatten();
        let waker = announce(&mut core, sid, &interest, self.max);
        let behind = confirm.and_then(|confirm| core.ping(Waiter::Confirm(confirm)));
        let waker = before.or(waker).or(behind);
        core.changes.push(Change::Subscribe {
            sid,
            interest,
            max: self.max,
            route: route(Arc::clone(&queue)),
            first_message: deadline.map(|(after, deadline)| FirstMessage { sid, after, deadline }),
        });
        drop(core);
        waker.into_iter().for_each(Waker::wake);
        if let Some((_, deadline)) = deadline {
            shared.note_deadline(deadline);
        }
        Ok(Interested {
            handle: Arc::clone(self.handle),
            sid,
            subject: (&*self.subject.0).into(),
            queue_group: self.queue.as_ref().map(|queue| (&*queue.0).into()),
            queue,
        })
    }
}

/// Writes the `SUB` where there is a connection; reconnecting writes it anew.
pub(crate) fn announce(core: &mut Core, sid: u64, interest: &Interest, max: Option<u64>) -> Option<Waker> {
    if !core.up {
        return None;
    }
    core.announced += 1;
    core.control(|out| {
        encode::subscribe(out, &interest.subject, interest.queue.as_deref(), sid);
        if let Some(max) = max.and_then(registry::server_max) {
            encode::unsubscribe(out, sid, Some(max));
        }
    })
}

impl Future for Subscribe<'_> {
    type Output = Result<Subscription, SubscribeError>;

    fn poll(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(self.register(Route::queue, None).map(Subscription::new))
    }
}
