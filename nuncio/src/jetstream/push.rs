//! The messages of a push consumer.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use nuncio_proto::js::ack::Delivery;
use nuncio_proto::js::api::consumer::CreateAction;
use nuncio_proto::js::api::consumer_config::ConsumerConfig;
use nuncio_proto::js::output::{End, Output, Presence};
use nuncio_proto::js::push;
use nuncio_proto::js::status::PullStatus;

use crate::driver::shared::now;
use crate::jetstream::call::stream_name;
use crate::jetstream::consume::ConsumeStats;
use crate::jetstream::consume_events::ConsumeEvents;
use crate::jetstream::consumer::subscribe;
use crate::jetstream::engine::{Engine, Taken, forward};
use crate::jetstream::flow::Flow;
use crate::jetstream::ground::Ground;
use crate::jetstream::manage_consumer::check;
use crate::jetstream::pull_options::{check_stop_after, option};
use crate::jetstream::{ConsumeError, Consumer, JetStream, JsMessage, Stream};
use crate::{Message, Subscription};

/// Receiving from a push consumer about to begin: set its options, then await it.
///
/// Returned by [`Consumer::push`]. Awaiting it is complete at once.
///
/// Where to subscribe is known from what the server said of the consumer; of one that was bound without asking,
/// [`deliver_subject`](Self::deliver_subject) has to be told.
///
/// # Errors
///
/// [`ConsumeError`]: a consumer that does not push, an option that cannot be, a connection that is draining or closed.
///
/// # Cancel safety
///
/// Dropped before it is polled, nothing is subscribed to.
#[derive(Clone, Debug)]
#[must_use = "nothing is received until this is awaited"]
pub struct Push<'a> {
    consumer: &'a Consumer,
    subject: Option<String>,
    group: Option<String>,
    heartbeat: Option<Duration>,
    stop_after: Option<u64>,
}

impl<'a> Push<'a> {
    pub(crate) fn new(consumer: &'a Consumer) -> Self {
        let config = consumer.config();
        Self {
            consumer,
            subject: config.and_then(|config| config.deliver_subject.clone()),
            group: config.and_then(|config| config.deliver_group.clone()),
            heartbeat: config.and_then(|config| config.idle_heartbeat),
            stop_after: None,
        }
    }

    /// The subject that the consumer delivers to. Default: as the server said.
    pub fn deliver_subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// The queue group that the consumer delivers to. Default: as the server said.
    pub fn deliver_group(mut self, group: impl Into<String>) -> Self {
        self.group = Some(group.into());
        self
    }

    /// How often the consumer shows that it is there. Default: as the server said.
    pub fn heartbeat(mut self, interval: Duration) -> Self {
        self.heartbeat = Some(interval);
        self
    }

    /// Ends by itself after so many messages. Default: never.
    pub fn stop_after(mut self, messages: u64) -> Self {
        self.stop_after = Some(messages);
        self
    }

    fn begin(&mut self) -> Result<PushMessages, ConsumeError> {
        let Some(subject) = self.subject.take() else {
            return Err(
                option("deliver_subject", "the consumer does not push: pull from it with `consume`").into()
            );
        };
        check_stop_after(self.stop_after)?;
        let group = self.group.take();
        let subscription = subscribe(self.consumer.js(), &subject, group.as_deref())?;
        // In a group one member gets the heartbeats of all.
        let heartbeat = self.heartbeat.filter(|_| group.is_none());
        receive(self.consumer, subject, subscription, heartbeat, self.stop_after)
    }
}

impl Future for Push<'_> {
    type Output = Result<PushMessages, ConsumeError>;

    fn poll(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(self.begin())
    }
}

fn receive(
    consumer: &Consumer,
    subject: String,
    subscription: Subscription,
    heartbeat: Option<Duration>,
    stop_after: Option<u64>,
) -> Result<PushMessages, ConsumeError> {
    let mut ground = consumer.ground(subject.into_bytes(), false)?;
    // Nothing is asked for.
    ground.next.clear();
    let now = now();
    let machine = push::Push::new(heartbeat, stop_after, now);
    let engine = PushEngine { machine, counts: heartbeat.is_some() };
    Ok(PushMessages { flow: Flow::new(engine, ground, subscription, now) })
}

impl JetStream {
    /// Makes a push consumer, or takes the one that is there, and receives its messages.
    ///
    /// Its subject is subscribed to before the consumer is made, so that nothing is missed. Without a deliver subject in
    /// the configuration it is a new inbox; such a consumer cannot be received from again. With flow control and a
    /// heartbeat the server waits for the application; without, messages queue up in memory.
    ///
    /// # Errors
    ///
    /// [`ConsumeError`]: a name or option that cannot be, a server that refuses or does not answer.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is complete, the consumer may have been made; nothing is received.
    pub async fn push_consumer(
        &self,
        stream: &str,
        mut config: ConsumerConfig,
    ) -> Result<PushMessages, ConsumeError> {
        stream_name(stream)?;
        check(&config)?;
        let subject = config.deliver_subject.get_or_insert_with(|| self.client().new_inbox()).clone();
        let subscription = subscribe(self, &subject, config.deliver_group.as_deref())?;
        let consumer = self.put_consumer(stream, &config, CreateAction::CreateOrUpdate, false).await?;
        let heartbeat = consumer.config().and_then(|config| config.idle_heartbeat);
        let heartbeat = heartbeat.filter(|_| config.deliver_group.is_none());
        receive(&consumer, subject, subscription, heartbeat, None)
    }
}

impl Stream {
    /// Makes a push consumer, or takes the one that is there, and receives its messages; see
    /// [`JetStream::push_consumer`].
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Cancel safety
    ///
    /// As there.
    pub async fn push_consumer(&self, config: ConsumerConfig) -> Result<PushMessages, ConsumeError> {
        self.js.push_consumer(&self.name, config).await
    }
}

/// The messages of a push consumer: a [stream](futures_core::Stream) that answers flow control as the messages are taken.
///
/// It ends for good when it is stopped or drained, or after the messages asked for; and with one error, its last item, when
/// the consumer or stream is gone, which shows by its heartbeats alone, or the connection is closed. What it recovers from
/// by itself is told by [`events`](Self::events).
///
/// It works while it is awaited: it has no task. Dropping it unsubscribes; what has arrived and was not returned is given
/// back to the server, to be delivered again at once.
#[derive(Debug)]
#[must_use = "messages arrive while it is awaited"]
pub struct PushMessages {
    flow: Flow<PushEngine>,
}

impl PushMessages {
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
        poll_fn(|cx| self.flow.poll_next(cx)).await
    }

    /// Listens to what happens besides messages, from now on.
    pub fn events(&self) -> ConsumeEvents {
        self.flow.events()
    }

    /// Ends it: unsubscribes, and gives back to the server what has arrived and was not returned.
    pub fn stop(&mut self) {
        self.flow.stop();
    }

    /// Unsubscribes. [`next`](Self::next) goes on to return what has arrived, and then ends.
    pub fn drain(&mut self) {
        self.flow.start_drain();
    }

    /// Why it has ended; `None` before, and when the connection was what ended.
    pub fn ended(&self) -> Option<&End> {
        self.flow.end()
    }

    /// The consumer's name.
    pub fn consumer_name(&self) -> &str {
        &self.flow.ground.consumer
    }

    /// Figures of it.
    pub fn stats(&self) -> ConsumeStats {
        self.flow.stats(self.flow.engine.machine.delivered(), 0)
    }
}

impl futures_core::Stream for PushMessages {
    type Item = Result<JsMessage, ConsumeError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.flow.poll_next(cx)
    }
}

#[derive(Debug)]
struct PushEngine {
    machine: push::Push,
    /// Whether heartbeats tell how many deliveries there were.
    counts: bool,
}

impl Engine for PushEngine {
    forward!(machine);

    fn message(&mut self, message: &Message, _: &Ground, _: Instant) -> Taken {
        let delivery = message.reply_bytes().filter(|_| self.counts).and_then(Delivery::parse);
        let due = self.machine.message(delivery.map(|delivery| delivery.consumer_sequence));
        Taken { hand_out: true, due }
    }

    fn status(&mut self, message: &Message, _: &Ground, status: &PullStatus<'_>, now: Instant) {
        self.machine.status(status, message.reply_bytes(), now);
    }

    fn poll(&mut self, _: Instant) -> Option<Output> {
        self.machine.poll()
    }

    fn drained(&mut self) {
        self.machine.drained();
    }

    fn probed(&mut self, presence: Presence) {
        self.machine.probed(presence);
    }
}
