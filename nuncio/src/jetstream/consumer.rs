//! The handle of a consumer.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use nuncio_proto::js::api::consumer::ConsumerInfo;
use nuncio_proto::js::api::consumer_config::{AckPolicy, ConsumerConfig};
use nuncio_proto::js::name::{NameError, NameKind, validate_name};

use crate::driver::route::Route;
use crate::jetstream::consume::Consume;
use crate::jetstream::fetch::{Fetch, Next};
use crate::jetstream::ground::Ground;
use crate::jetstream::message::Terms;
use crate::jetstream::push::Push;
use crate::jetstream::{ConsumeError, JetStream};
use crate::subscribe::Subscribe;
use crate::sync::lock;
use crate::{SubscribeError, Subscription};

/// A consumer of a stream: what hands out its messages.
///
/// Cheap to clone. It is a handle: dropping it does nothing to the consumer at the server.
///
/// Of a pull consumer, three verbs get messages:
///
/// | verb | returns |
/// | --- | --- |
/// | [`next`](Self::next) | one message, or none within a time |
/// | [`fetch`](Self::fetch) | up to so many messages, within a time |
/// | [`consume`](Self::consume) | messages until it is stopped, or the consumer is gone |
///
/// Of a push consumer, [`push`](Self::push) does.
#[derive(Clone)]
pub struct Consumer {
    inner: Arc<Inner>,
}

struct Inner {
    js: JetStream,
    stream: String,
    name: String,
    info: Option<ConsumerInfo>,
    terms: Terms,
    /// The pins that fetches got, by group.
    pins: Mutex<BTreeMap<String, String>>,
    spare: Mutex<Option<Spare>>,
}

/// A subscription that a fetch has left behind, for the next one.
pub(crate) struct Spare {
    pub(crate) subscription: Subscription,
    pub(crate) inbox: Vec<u8>,
    pub(crate) next_id: u64,
}

impl JetStream {
    /// A consumer that is known to be there, without asking for it: for users who may only pull from it.
    ///
    /// What depends on its configuration is then taken to be the server's default; its `ack_wait`, for example.
    ///
    /// # Errors
    ///
    /// When a name cannot be that of a stream or consumer.
    pub fn bind_consumer(&self, stream: &str, consumer: &str) -> Result<Consumer, NameError> {
        validate_name(NameKind::Stream, stream)?;
        validate_name(NameKind::Consumer, consumer)?;
        Ok(Consumer::new(self.clone(), stream.to_owned(), consumer.to_owned(), None))
    }
}

impl Consumer {
    fn new(js: JetStream, stream: String, name: String, info: Option<ConsumerInfo>) -> Self {
        let terms = terms(&js, info.as_ref().map(|info| &info.config));
        let inner = Inner { js, stream, name, info, terms, pins: Mutex::default(), spare: Mutex::default() };
        Self { inner: Arc::new(inner) }
    }

    /// A consumer that the server has told of.
    pub(crate) fn from_info(js: JetStream, info: ConsumerInfo) -> Self {
        Self::new(js, info.stream_name.clone(), info.name.clone(), Some(info))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// The name of its stream.
    pub fn stream_name(&self) -> &str {
        &self.inner.stream
    }

    /// What it was when this handle was made; `None` if that was done without asking, by
    /// [`Stream::bind_consumer`](crate::jetstream::Stream::bind_consumer).
    pub fn cached_info(&self) -> Option<&ConsumerInfo> {
        self.inner.info.as_ref()
    }

    pub(crate) fn config(&self) -> Option<&ConsumerConfig> {
        self.cached_info().map(|info| &info.config)
    }

    pub(crate) fn js(&self) -> &JetStream {
        &self.inner.js
    }

    /// One message: `None` if there is none within the timeout.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # async fn f(consumer: nuncio::jetstream::Consumer) -> Result<(), Box<dyn std::error::Error>> {
    /// if let Some(m) = consumer.next().timeout(Duration::from_secs(5)).await? {
    ///     m.ack().await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn next(&self) -> Next<'_> {
        Next::new(self)
    }

    /// Up to so many messages: what is there, and what comes within a time.
    ///
    /// ```no_run
    /// # async fn f(consumer: nuncio::jetstream::Consumer) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut batch = consumer.fetch(100).no_wait().await?;
    /// while let Some(m) = batch.next().await {
    ///     m?.ack().await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn fetch(&self, messages: u64) -> Fetch<'_> {
        Fetch::messages(self, messages)
    }

    /// Messages of up to so many bytes in all, counted as the server does: subject, reply, headers and payload. If the
    /// consumer is known to allow only so many messages a pull, no more than those.
    pub fn fetch_bytes(&self, bytes: u64) -> Fetch<'_> {
        Fetch::bytes(self, bytes)
    }

    /// Messages without end: more are asked for as they are taken.
    ///
    /// ```no_run
    /// # async fn f(consumer: nuncio::jetstream::Consumer) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut messages = consumer.consume().max_messages(100).await?;
    /// while let Some(m) = messages.next().await {
    ///     m?.ack().await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn consume(&self) -> Consume<'_> {
        Consume::new(self)
    }

    /// The messages of a push consumer.
    pub fn push(&self) -> Push<'_> {
        Push::new(self)
    }

    /// What one who pulls has to know; `inbox` ends with a dot.
    pub(crate) fn ground(&self, inbox: Vec<u8>, grouped: bool) -> Result<Ground, ConsumeError> {
        let Inner { js, stream, name, terms, .. } = &*self.inner;
        Ok(Ground {
            next: js.subject(&["CONSUMER.MSG.NEXT", stream, name])?,
            js: js.clone(),
            stream: stream.clone(),
            consumer: name.clone(),
            inbox,
            terms: *terms,
            grouped,
        })
    }

    pub(crate) fn pin(&self, group: &str) -> Option<String> {
        lock(&self.inner.pins).get(group).cloned()
    }

    pub(crate) fn set_pin(&self, group: &str, pin: Option<&str>) {
        let mut pins = lock(&self.inner.pins);
        match pin {
            Some(pin) => drop(pins.insert(group.to_owned(), pin.to_owned())),
            None => drop(pins.remove(group)),
        }
    }

    pub(crate) fn take_spare(&self) -> Option<Spare> {
        let spare = lock(&self.inner.spare).take();
        spare.filter(|spare| spare.subscription.ended().is_none())
    }

    pub(crate) fn keep_spare(&self, mut spare: Spare) {
        // What comes unasked is not for the next one.
        if spare.subscription.try_next().is_none() && spare.subscription.ended().is_none() {
            let former = lock(&self.inner.spare).replace(spare);
            drop(former);
        }
    }
}

/// A subject of the client's own, with its dot at the end, and the subscription to all that is below.
pub(crate) fn open_inbox(js: &JetStream) -> Result<(Vec<u8>, Subscription), SubscribeError> {
    let mut inbox = js.client().new_inbox();
    inbox.push('.');
    let subject = format!("{inbox}*");
    Ok((inbox.into_bytes(), subscribe(js, &subject, None)?))
}

/// A subscription without limits: what can come is bounded by what is asked for.
pub(crate) fn subscribe(
    js: &JetStream,
    subject: &str,
    group: Option<&str>,
) -> Result<Subscription, SubscribeError> {
    let subscribe = Subscribe::new(&js.client().handle, subject.into())
        .limits(usize::MAX, usize::MAX)
        .queue(group.unwrap_or_default());
    subscribe.register(Route::queue, None).map(Subscription::new)
}

/// What messages of a consumer with that configuration have to know.
pub(crate) fn terms(js: &JetStream, config: Option<&ConsumerConfig>) -> Terms {
    let terms = Terms { timeout: js.timeout, ..Terms::default() };
    let Some(config) = config else { return terms };
    Terms {
        ack_wait: config.backoff.first().copied().or(config.ack_wait).unwrap_or(terms.ack_wait),
        acks: config.ack_policy != AckPolicy::None,
        ..terms
    }
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field("stream", &self.inner.stream)
            .field("name", &self.inner.name)
            .finish_non_exhaustive()
    }
}
