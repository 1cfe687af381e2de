//! Messages of a pull consumer without end.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_core::Stream;
use nuncio_proto::js::output::{End, Output, Presence};
use nuncio_proto::js::pull::{Pull, PullConfig};
use nuncio_proto::js::status::PullStatus;

use crate::Message;
use crate::driver::shared::now;
use crate::jetstream::consume_events::ConsumeEvents;
use crate::jetstream::consumer::open_inbox;
use crate::jetstream::engine::{Engine, Taken, forward};
use crate::jetstream::flow::Flow;
use crate::jetstream::ground::Ground;
use crate::jetstream::pull_options::{buffer_options, check_pull, priority_options, pull_options};
use crate::jetstream::{ConsumeError, Consumer, JsMessage};

/// Consuming about to begin: set its options, then await it.
///
/// Returned by [`Consumer::consume`]. Awaiting it is complete at once; the server is asked for messages in the same step.
///
/// Without options it keeps up to 500 messages asked for, or as many as the consumer allows, and asks for more once half
/// of them have been taken. The server shows that it is there each 1.5 seconds while messages come, since a pull that
/// reaches a leader in the moment of its change is lost without a word; once nothing came during a whole pull, after half
/// of [`expires`](Self::expires), within 0.5 and 30 seconds. When the cluster tells that a server has come or gone, it is
/// looked at once whether the pulls are still known.
///
/// # Errors
///
/// [`ConsumeError`]: an option that cannot be, a connection that is draining or closed.
///
/// # Cancel safety
///
/// Dropped before it is polled, nothing is asked for.
#[derive(Clone, Debug)]
#[must_use = "nothing is consumed until this is awaited"]
pub struct Consume<'a> {
    consumer: &'a Consumer,
    config: PullConfig,
}

impl<'a> Consume<'a> {
    pub(crate) fn new(consumer: &'a Consumer) -> Self {
        Self { consumer, config: PullConfig::default() }
    }

    buffer_options!(config);
    pull_options!(config);
    priority_options!(config);

    /// More is asked for once no more than so many messages are to come. Default: half of
    /// [`max_messages`](Self::max_messages).
    pub fn threshold_messages(mut self, messages: u64) -> Self {
        self.config.threshold_messages = Some(messages);
        self
    }

    /// More is asked for once no more than so many bytes are to come. Default: half of [`max_bytes`](Self::max_bytes).
    pub fn threshold_bytes(mut self, bytes: u64) -> Self {
        self.config.threshold_bytes = Some(bytes);
        self
    }

    /// How long each pull waits at the server, 1 second at least. Default: 30 seconds, or what the consumer allows.
    pub fn expires(mut self, expires: Duration) -> Self {
        self.config.expires = expires;
        self.config.adapt.expires = false;
        self
    }

    fn begin(&mut self) -> Result<Messages, ConsumeError> {
        check_pull(&self.config)?;
        let consumer = self.consumer;
        let mut config = self.config.clone();
        config.seed = fastrand::u64(..);
        // What the application insists on is the consumer's to refuse.
        config.adapt.messages = config.max_messages.is_none();
        config.adapt.bytes = config.max_bytes.is_none();
        if let Some(of) = consumer.config() {
            config.fit(of.max_batch, of.max_expires);
        }
        let (inbox, subscription) = open_inbox(consumer.js())?;
        let ground = consumer.ground(inbox, config.priority.group.is_some())?;
        let now = now();
        Ok(Messages { flow: Flow::new(Pull::new(config, now), ground, subscription, now) })
    }
}

impl Future for Consume<'_> {
    type Output = Result<Messages, ConsumeError>;

    fn poll(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(self.begin())
    }
}

/// The messages of a pull consumer: a [`Stream`] that goes on over lost connections, new leaders and silence.
///
/// It ends for good when it is stopped or drained, or after the messages asked for; and with one error, its last item, when
/// the consumer or stream is gone, pulls are refused, or the connection is closed. What it recovers from by itself is told
/// by [`events`](Self::events).
///
/// It works while it is awaited: it has no task. Having asked for more while messages are queued it gives way once, so that
/// the connection writes that. Messages that have arrived wait in memory, at most as many as were asked
/// for, and the server waits for their acknowledgement in the meantime; see [`JsMessage::keep_alive`].
///
/// Dropping it is as [`stop`](Self::stop).
#[derive(Debug)]
#[must_use = "messages arrive while it is awaited"]
pub struct Messages {
    flow: Flow<Pull>,
}

impl Messages {
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

    /// Ends it: nothing more is asked for, and what has arrived and was not returned is given back to the server, to be
    /// delivered again at once.
    pub fn stop(&mut self) {
        self.flow.stop();
    }

    /// Asks for nothing more. [`next`](Self::next) goes on to return what has arrived, and then ends.
    pub fn drain(&mut self) {
        self.flow.engine.drain();
        self.flow.start_drain();
    }

    /// Why it has ended; `None` before, and when the connection was what ended.
    pub fn ended(&self) -> Option<&End> {
        self.flow.end()
    }

    /// Figures of it.
    pub fn stats(&self) -> ConsumeStats {
        let pull = &self.flow.engine;
        self.flow.stats(pull.delivered(), pull.pending().messages)
    }
}

impl Stream for Messages {
    type Item = Result<JsMessage, ConsumeError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.flow.poll_next(cx)
    }
}

/// Figures of a consumer's messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConsumeStats {
    /// Messages returned.
    pub delivered: u64,
    /// Messages that have arrived and wait to be returned, with what the server said between them.
    pub buffered: usize,
    /// Messages that have been asked for and not yet returned.
    pub pending: u64,
    /// How long ago something was heard from the server, as far as it has been looked at.
    pub last_heard: Duration,
}

impl<E: Engine> Flow<E> {
    pub(crate) fn stats(&self, delivered: u64, pending: u64) -> ConsumeStats {
        let last_heard = now().saturating_duration_since(self.engine.heard());
        ConsumeStats { delivered, buffered: self.buffered(), pending, last_heard }
    }
}

impl Engine for Pull {
    #[inline]
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

    fn drained(&mut self) {
        self.drained();
    }

    fn servers_changed(&mut self, now: Instant) {
        self.servers_changed(now);
    }

    fn probed(&mut self, presence: Presence) {
        self.probed(presence);
    }
}
