//! Every message of a stream once and in order.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use nuncio_proto::js::api::consumer_config::{ConsumerConfig, DeliverPolicy, ReplayPolicy};
use nuncio_proto::js::name::{NameKind, validate_name};
use nuncio_proto::js::ordered::{Ordered, OrderedConfig};
use nuncio_proto::js::output::End;

use crate::driver::shared::now;
use crate::jetstream::consume::ConsumeStats;
use crate::jetstream::consume_events::ConsumeEvents;
use crate::jetstream::consumer::{open_inbox, terms};
use crate::jetstream::flow::Flow;
use crate::jetstream::ground::Ground;
use crate::jetstream::maker::{Maker, OrderedEngine};
use crate::jetstream::pull_options::{buffer_options, check_pull, pull_options};
use crate::jetstream::{ConsumeError, JetStream, JsMessage, Stream, Timestamp};

/// How long the server keeps the consumer of a client that is gone.
const INACTIVE: Duration = Duration::from_secs(5 * 60);
/// The interval of heartbeats where nothing came for long.
const CALM_HEARTBEAT: Duration = Duration::from_secs(5);

/// An ordered consumer about to be made: set its options, then await it.
///
/// Returned by [`JetStream::ordered_consumer`]. Awaiting it is complete once there is a consumer at the server. Its
/// part there lives on one server, and a server that is killed says nothing; so it shows that it is there each 1.5 seconds
/// while messages come and after trouble, once nothing came during a whole pull each 5 seconds, and is made anew when it
/// does not. When the cluster tells that a server has come or gone, it is looked at once whether that part is still there.
/// [`heartbeat`](Self::heartbeat) sets another interval.
///
/// # Errors
///
/// [`ConsumeError`]: an option that cannot be, a stream that is missing (unless [`wait_for_stream`](Self::wait_for_stream)
/// is set), a server that refuses or does not answer.
///
/// # Cancel safety
///
/// Dropped before it is complete, what has been made at the server is deleted, or gone after
/// [`inactive_threshold`](Self::inactive_threshold).
#[must_use = "nothing is consumed until this is awaited"]
#[derive(Debug)]
pub struct OrderedConsumer {
    js: JetStream,
    stream: String,
    created: Option<Timestamp>,
    consumer: ConsumerConfig,
    config: OrderedConfig,
    flow: Option<Flow<OrderedEngine>>,
}

impl JetStream {
    /// Every message of a stream, or of some of its subjects, once and in order, without acknowledgements.
    ///
    /// ```no_run
    /// # async fn f(js: nuncio::jetstream::JetStream) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut orders = js.ordered_consumer("ORDERS").filter_subject("orders.eu").await?;
    /// while let Some(m) = orders.next().await {
    ///     println!("{}", m?.text()?);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn ordered_consumer(&self, stream: &str) -> OrderedConsumer {
        let mut consumer = ConsumerConfig::new();
        consumer.inactive_threshold = Some(INACTIVE);
        OrderedConsumer {
            js: self.clone(),
            stream: stream.to_owned(),
            created: None,
            consumer,
            config: OrderedConfig::default(),
            flow: None,
        }
    }
}

impl Stream {
    /// Every message of the stream, or of some of its subjects, once and in order, without acknowledgements; see
    /// [`JetStream::ordered_consumer`].
    pub fn ordered_consumer(&self) -> OrderedConsumer {
        let created = self.cached_info().map(|info| info.created);
        OrderedConsumer { created, ..self.js.ordered_consumer(&self.name) }
    }
}

impl OrderedConsumer {
    /// Only messages of this subject, which may hold wildcards. Can be given several times (since 2.10); they must not
    /// overlap. Default: all.
    pub fn filter_subject(mut self, filter: impl Into<String>) -> Self {
        self.consumer.filter_subjects.push(filter.into());
        self
    }

    /// Only messages of these subjects, which may hold wildcards and must not overlap. Default: all.
    pub fn filter_subjects<T: Into<String>>(mut self, filters: impl IntoIterator<Item = T>) -> Self {
        self.consumer.filter_subjects.extend(filters.into_iter().map(Into::into));
        self
    }

    /// With which message it begins. Default: with the first there is.
    ///
    /// With the last message of each subject, the first round is complete when those have come; from there on it is every
    /// message.
    pub fn deliver_policy(mut self, policy: DeliverPolicy) -> Self {
        self.consumer.deliver_policy = policy;
        self
    }

    /// At what speed messages come. Default: as fast as possible.
    pub fn replay_policy(mut self, policy: ReplayPolicy) -> Self {
        self.consumer.replay_policy = policy;
        self
    }

    /// Leaves payloads out; their size is in the header `Nats-Msg-Size`. Default: no.
    pub fn headers_only(mut self) -> Self {
        self.consumer.headers_only = true;
        self
    }

    /// How long the server keeps its part when nothing is heard of the client. Default: 5 minutes.
    pub fn inactive_threshold(mut self, threshold: Duration) -> Self {
        self.consumer.inactive_threshold = Some(threshold);
        self
    }

    /// An entry of the metadata of the consumer at the server. Needs 2.10.
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.consumer = self.consumer.metadata(key, value);
        self
    }

    buffer_options!(config.pull);
    pull_options!(config.pull);

    /// How long each pull waits at the server, 1 second at least. Default: 30 seconds.
    pub fn expires(mut self, expires: Duration) -> Self {
        self.config.pull.expires = expires;
        self
    }

    /// Whether to wait for the stream when it is missing, also when it is deleted later; and to begin anew, as the deliver
    /// policy says, when it is made again. Default: no, either is the end.
    pub fn wait_for_stream(mut self, wait: bool) -> Self {
        self.config.wait_for_stream = wait;
        self
    }

    fn check(&self) -> Result<(), ConsumeError> {
        validate_name(NameKind::Stream, &self.stream).map_err(crate::jetstream::Error::from)?;
        Ok(check_pull(&self.config.pull)?)
    }

    fn begin(&mut self) -> Result<Flow<OrderedEngine>, ConsumeError> {
        self.check()?;
        let mut config = self.config.clone();
        config.pull.seed = fastrand::u64(..);
        config.pull.calm_heartbeat = Some(CALM_HEARTBEAT);
        config.last_per_subject = self.consumer.deliver_policy == DeliverPolicy::LastPerSubject;
        let maker = Maker::new(&self.js, &self.stream, self.consumer.clone(), self.created)?;
        let (inbox, subscription) = open_inbox(&self.js)?;
        let ground = Ground {
            js: self.js.clone(),
            stream: self.stream.clone(),
            consumer: String::new(),
            next: String::new(),
            inbox,
            terms: terms(&self.js, Some(maker.config())),
            grouped: false,
        };
        let now = now();
        let engine = OrderedEngine::new(Ordered::new(config, now), maker);
        Ok(Flow::new(engine, ground, subscription, now))
    }
}

impl Future for OrderedConsumer {
    type Output = Result<OrderedMessages, ConsumeError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let mut flow = match this.flow.take() {
            Some(flow) => flow,
            None => this.begin()?,
        };
        let Poll::Ready(decided) = flow.poll_until(cx, |engine| engine.is_decided()) else {
            this.flow = Some(flow);
            return Poll::Pending;
        };
        if let Some(error) = flow.engine.refusal() {
            return Poll::Ready(Err(error.into()));
        }
        decided?;
        Poll::Ready(Ok(OrderedMessages { flow }))
    }
}

/// Every message of a stream once and in order: a [stream](futures_core::Stream) that goes on whatever happens to the server's part of it.
///
/// It ends for good when it is stopped or drained, or after the messages asked for; and with one error, its last item, when
/// the stream is gone, the server refuses, or the connection is closed. What it recovers from by itself is told by
/// [`events`](Self::events).
///
/// It works while it is awaited: it has no task. Dropping it is as [`stop`](Self::stop).
#[derive(Debug)]
#[must_use = "messages arrive while it is awaited"]
pub struct OrderedMessages {
    flow: Flow<OrderedEngine>,
}

impl OrderedMessages {
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

    /// Ends it, and deletes the server's part of it.
    pub fn stop(&mut self) {
        self.flow.stop();
    }

    /// Asks for nothing more. [`next`](Self::next) goes on to return what has arrived, and then ends.
    pub fn drain(&mut self) {
        self.flow.engine.machine.drain();
        self.flow.run();
        self.flow.start_drain();
    }

    /// Why it has ended; `None` before, and when the connection was what ended.
    pub fn ended(&self) -> Option<&End> {
        self.flow.end()
    }

    /// The stream sequence of the last message; before one came, of the last one that is not to come.
    pub fn cursor(&self) -> Option<u64> {
        self.flow.engine.machine.cursor()
    }

    /// How many messages there were to come when the server's part was made first.
    pub fn pending_at_start(&self) -> u64 {
        self.flow.engine.pending_at_start()
    }

    /// The name that the server's part of it has at present. A new one each time that it is made.
    pub fn consumer_name(&self) -> &str {
        &self.flow.ground.consumer
    }

    /// Figures of it.
    pub fn stats(&self) -> ConsumeStats {
        let machine = &self.flow.engine.machine;
        self.flow.stats(machine.delivered(), machine.pending().messages)
    }
}

impl futures_core::Stream for OrderedMessages {
    type Item = Result<JsMessage, ConsumeError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(ready!(self.flow.poll_next(cx)))
    }
}
