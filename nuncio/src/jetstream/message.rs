//! A message from a consumer.

use std::fmt;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nuncio_proto::js::ack::{Ack, Delivery};

use crate::Message;
use crate::jetstream::ack::{Acknowledge, DoubleAck};
use crate::jetstream::ack_next::AckNext;
use crate::jetstream::keep_alive::KeepAlive;

/// The server's default.
const ACK_WAIT: Duration = Duration::from_secs(30);

/// What a message has to know of its consumer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    /// How long the server waits for an acknowledgement.
    pub(crate) ack_wait: Duration,
    /// How long a confirmation of an acknowledgement may take.
    pub(crate) timeout: Duration,
    /// Whether acknowledgements mean anything to the consumer.
    pub(crate) acks: bool,
}

impl Default for Terms {
    fn default() -> Self {
        Self { ack_wait: ACK_WAIT, timeout: super::TIMEOUT, acks: true }
    }
}

/// A message from a consumer: a [`Message`] that can be acknowledged.
///
/// Nothing happens to a message that is dropped: unless it was acknowledged, the server delivers it again after the
/// consumer's `ack_wait`.
///
/// ```no_run
/// # async fn f(m: nuncio::jetstream::JsMessage) -> Result<(), Box<dyn std::error::Error>> {
/// if let Some(delivery) = m.info() {
///     println!("{}: message {}, {} to follow", m.subject(), delivery.stream_sequence, delivery.pending);
/// }
/// m.ack().await?;
/// # Ok(())
/// # }
/// ```
pub struct JsMessage {
    message: Message,
    terms: Terms,
    /// It has been acknowledged for good, or is being.
    settled: AtomicBool,
}

impl JsMessage {
    #[inline]
    pub(crate) fn new(message: Message, terms: Terms) -> Self {
        Self { message, terms, settled: AtomicBool::new(false) }
    }

    /// What the server says of this delivery: stream, consumer, sequences, how often it was delivered, how many follow.
    ///
    /// It is read from the reply subject each time; `None` if the message did not come from a consumer.
    pub fn info(&self) -> Option<Delivery<'_>> {
        Delivery::parse(self.message.reply_bytes()?)
    }

    /// Done with it. Complete once that is on its way; a message whose acknowledgement is lost is delivered again.
    ///
    /// Does nothing where the consumer expects no acknowledgements.
    pub fn ack(&self) -> Acknowledge<'_> {
        self.ack_with(Ack::Ack)
    }

    /// Done with it, and the server has taken note: a round trip, on a replicated stream with the agreement of the
    /// majority.
    pub fn double_ack(&self) -> DoubleAck<'_> {
        self.double_ack_with(Ack::Ack)
    }

    /// Done with it, and the next one, in one step: a round trip for a worker that takes one message after the other.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # async fn f(m: nuncio::jetstream::JsMessage) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut current = Some(m);
    /// while let Some(m) = current {
    ///     println!("{}", m.subject());
    ///     current = m.ack_next().expires(Duration::from_secs(5)).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn ack_next(&self) -> AckNext<'_> {
        AckNext::new(self)
    }

    /// Not done: have it delivered again, to anybody, at once.
    pub fn nak(&self) -> Acknowledge<'_> {
        self.ack_with(Ack::Nak)
    }

    /// Not done: have it delivered again, to anybody, after this time.
    pub fn nak_delay(&self, delay: Duration) -> Acknowledge<'_> {
        self.ack_with(Ack::NakDelay(delay))
    }

    /// Never have it delivered again.
    pub fn term(&self) -> Acknowledge<'_> {
        self.ack_with(Ack::Term)
    }

    /// Never have it delivered again, for this reason, which the server's advisory repeats. Needs 2.10.4.
    pub fn term_reason(&self, reason: &str) -> Acknowledge<'_> {
        self.ack_with(Ack::TermReason(reason))
    }

    /// Still at it: the consumer's `ack_wait` begins anew. [`keep_alive`](Self::keep_alive) does so by itself.
    pub fn in_progress(&self) -> Acknowledge<'_> {
        self.ack_with(Ack::Progress)
    }

    /// Acknowledges in this way.
    pub fn ack_with(&self, ack: Ack<'_>) -> Acknowledge<'_> {
        Acknowledge::new(self, ack)
    }

    /// Acknowledges in this way and waits until the server has taken note.
    pub fn double_ack_with(&self, ack: Ack<'_>) -> DoubleAck<'_> {
        DoubleAck::new(self, ack)
    }

    /// Keeps the server from delivering the message again while a future is at it.
    pub fn keep_alive(&self) -> KeepAlive<'_> {
        KeepAlive::new(self)
    }

    /// Whether it has been acknowledged for good, or is being.
    pub fn is_settled(&self) -> bool {
        self.settled.load(Ordering::Relaxed)
    }

    /// The message without its consumer.
    pub fn into_message(self) -> Message {
        self.message
    }

    pub(crate) fn terms(&self) -> Terms {
        self.terms
    }

    /// Takes the right to settle the message; false if somebody has it.
    pub(crate) fn claim(&self) -> bool {
        !self.settled.swap(true, Ordering::Relaxed)
    }

    pub(crate) fn release(&self) {
        self.settled.store(false, Ordering::Relaxed);
    }
}

impl Deref for JsMessage {
    type Target = Message;

    #[inline]
    fn deref(&self) -> &Message {
        &self.message
    }
}

/// For messages that a plain subscription received from a push consumer. What the consumer's `ack_wait` is, is not known
/// then; it is taken to be the server's default, 30 seconds.
impl From<Message> for JsMessage {
    fn from(message: Message) -> Self {
        Self::new(message, Terms::default())
    }
}

impl fmt::Debug for JsMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsMessage")
            .field("message", &self.message)
            .field("settled", &self.is_settled())
            .finish_non_exhaustive()
    }
}
