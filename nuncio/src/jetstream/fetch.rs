//! Some messages of a pull consumer.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use futures_core::Stream;
use nuncio_proto::js::fetch::{self, FetchConfig};
use nuncio_proto::js::output::{End, Output, Presence};
use nuncio_proto::js::status::PullStatus;

use crate::Message;
use crate::driver::shared::now;
use crate::jetstream::consume_events::ConsumeEvents;
use crate::jetstream::consumer::{Spare, open_inbox};
use crate::jetstream::engine::{Engine, Taken, forward};
use crate::jetstream::flow::Flow;
use crate::jetstream::ground::Ground;
use crate::jetstream::pull_options::{
    BadOption, check_heartbeat, check_priority, option, priority_options, pull_options,
};
use crate::jetstream::{ConsumeError, Consumer, JsMessage};

/// A fetch about to begin: set its options, then await it.
///
/// Returned by [`Consumer::fetch`] and [`Consumer::fetch_bytes`]. Awaiting it is complete at once; the server is asked in
/// the same step. If it may wait for 5 seconds or more, the server shows each 2 seconds that it is there.
///
/// # Errors
///
/// [`ConsumeError`]: an option that cannot be, a connection that is draining or closed.
///
/// # Cancel safety
///
/// Dropped before it is polled, nothing is asked for.
#[derive(Clone, Debug)]
#[must_use = "nothing is fetched until this is awaited"]
pub struct Fetch<'a> {
    consumer: &'a Consumer,
    config: FetchConfig,
    /// The application says how long to wait.
    insists: bool,
}

impl<'a> Fetch<'a> {
    pub(crate) fn messages(consumer: &'a Consumer, messages: u64) -> Self {
        let mut config = FetchConfig::default();
        config.batch = Some(messages);
        Self { consumer, config, insists: false }
    }

    pub(crate) fn bytes(consumer: &'a Consumer, bytes: u64) -> Self {
        Self { consumer, config: FetchConfig::default(), insists: false }.max_bytes(bytes)
    }

    pull_options!(config);
    priority_options!(config);

    /// Takes what is there and does not wait for more.
    pub fn no_wait(mut self) -> Self {
        self.config.no_wait = true;
        self
    }

    /// How long to wait for messages. Default: 30 seconds, or as long as the consumer allows where that is known.
    pub fn expires(mut self, expires: Duration) -> Self {
        self.config.expires = expires;
        self.insists = true;
        self
    }

    fn check(&self) -> Result<(), BadOption> {
        let config = &self.config;
        if config.batch == Some(0) || config.max_bytes == Some(0) {
            return Err(option("fetch", "fetching nothing has no use"));
        }
        if config.expires.is_zero() && !config.no_wait {
            return Err(option("expires", "without time to wait it has to be `no_wait`"));
        }
        check_heartbeat(config.heartbeat, config.expires)?;
        check_priority(&config.priority)
    }

    fn begin(&mut self) -> Result<Fetched, ConsumeError> {
        self.check()?;
        let consumer = self.consumer;
        let spare = match consumer.take_spare() {
            Some(spare) => spare,
            None => {
                let (inbox, subscription) = open_inbox(consumer.js())?;
                Spare { subscription, inbox, next_id: 1 }
            }
        };
        let mut config = self.config.clone();
        if let Some(of) = consumer.config() {
            // What the application insists on is the consumer's to refuse.
            let expires = of.max_expires.filter(|_| !self.insists);
            config.expires = expires.unwrap_or(config.expires).min(config.expires);
            config.batch = config.batch.or(of.max_batch);
        }
        config.first_id = spare.next_id;
        config.seed = fastrand::u64(..);
        let group = config.priority.group.clone();
        config.pin = group.as_deref().and_then(|group| consumer.pin(group));
        let ground = consumer.ground(spare.inbox, group.is_some())?;
        let now = now();
        let flow = Flow::new(fetch::Fetch::new(config, now), ground, spare.subscription, now);
        Ok(Fetched { flow, consumer: consumer.clone(), group })
    }
}

impl Future for Fetch<'_> {
    type Output = Result<Fetched, ConsumeError>;

    fn poll(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(self.begin())
    }
}

/// The messages of a fetch: a [`Stream`] that ends when they have come, when there are no more, or when the time is over.
///
/// Over a lost connection, a new leader or silence it asks again for what is left, in the time that is left. An error is
/// its last item: also [a timeout](ConsumeError::is_timeout) if nothing came and the server said nothing at all, up to two
/// seconds after the time was over. A server that is there tells that it has nothing.
///
/// Dropping it before its end gives back to the server what has arrived and was not returned, to be delivered again at
/// once.
#[derive(Debug)]
#[must_use = "messages arrive while it is awaited"]
pub struct Fetched {
    flow: Flow<fetch::Fetch>,
    consumer: Consumer,
    group: Option<String>,
}

impl Fetched {
    /// The next message; `None` when it has ended.
    ///
    /// # Errors
    ///
    /// [`ConsumeError`], once, at the end.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a message that was not returned is returned by the next call.
    pub async fn next(&mut self) -> Option<Result<JsMessage, ConsumeError>> {
        std::future::poll_fn(|cx| self.poll_message(cx)).await
    }

    /// Listens to what happens besides messages, from now on.
    pub fn events(&self) -> ConsumeEvents {
        self.flow.events()
    }

    /// Why it has ended; `None` before, and when the connection was what ended.
    pub fn ended(&self) -> Option<&End> {
        self.flow.end()
    }

    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<JsMessage, ConsumeError>>> {
        let item = ready!(self.flow.poll_next(cx));
        if !matches!(item, Some(Ok(_))) {
            self.hand_over();
        }
        Poll::Ready(item)
    }

    /// Leaves to the next fetch what it can use.
    fn hand_over(&mut self) {
        if let Some(group) = &self.group {
            self.consumer.set_pin(group, self.flow.engine.pin());
        }
        if !self.flow.engine.is_settled() || self.flow.buffered() > 0 {
            // What came too much, after asking twice, is to be delivered again, and not to the next fetch.
            return self.flow.give_back();
        }
        if let Some(subscription) = self.flow.take_subscription() {
            let inbox = std::mem::take(&mut self.flow.ground.inbox);
            self.consumer.keep_spare(Spare { subscription, inbox, next_id: self.flow.engine.next_id() });
        }
    }
}

impl Stream for Fetched {
    type Item = Result<JsMessage, ConsumeError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_message(cx)
    }
}

/// One message about to be fetched: set its options, then await it.
///
/// Returned by [`Consumer::next`]. `None` means that there was none in time, as the server says.
///
/// # Errors
///
/// [`ConsumeError`]: an option that cannot be, a consumer that is gone or refuses, a server that says nothing until two
/// seconds after the time is over ([`ConsumeError::is_timeout`]), a connection that is lost by then, or closed.
///
/// # Cancel safety
///
/// Dropped before it is complete, a message that has arrived meanwhile is given back to the server, to be delivered again at
/// once.
#[derive(Debug)]
#[must_use = "nothing is fetched until this is awaited"]
pub struct Next<'a> {
    fetch: Fetch<'a>,
    batch: Option<Fetched>,
}

impl<'a> Next<'a> {
    pub(crate) fn new(consumer: &'a Consumer) -> Self {
        Self { fetch: Fetch::messages(consumer, 1), batch: None }
    }

    /// How long to wait for it. Default: 30 seconds, or as long as the consumer allows where that is known.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.fetch = self.fetch.expires(timeout);
        self
    }

    /// Takes it if it is there and does not wait for it.
    pub fn no_wait(mut self) -> Self {
        self.fetch = self.fetch.no_wait();
        self
    }

    priority_options!(fetch.config);
}

impl Future for Next<'_> {
    type Output = Result<Option<JsMessage>, ConsumeError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let batch = match &mut this.batch {
            Some(batch) => batch,
            empty => empty.insert(this.fetch.begin()?),
        };
        let item = ready!(batch.poll_message(cx));
        if matches!(item, Some(Ok(_))) {
            // It is complete with that, which leaves its subscription to the next.
            let _ = batch.poll_message(cx);
        }
        Poll::Ready(item.transpose())
    }
}

impl Engine for fetch::Fetch {
    fn message(&mut self, message: &Message, ground: &Ground, _: Instant) -> Taken {
        let pin = if ground.grouped { message.header("Nats-Pin-Id") } else { None };
        Taken { hand_out: true, due: self.message(message.len(), pin) }
    }

    fn status(&mut self, message: &Message, ground: &Ground, status: &PullStatus<'_>, now: Instant) {
        self.status(ground.pull_id(message.subject_bytes()), status, now);
    }

    forward!();

    fn poll(&mut self, now: Instant) -> Option<Output> {
        self.poll(now)
    }

    fn probed(&mut self, presence: Presence) {
        self.probed(presence);
    }

    fn drained(&mut self) {
        self.stop();
    }
}
