//! Acknowledging.

use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use nuncio_proto::js::ack::Ack;
use nuncio_proto::js::output::End;
use thiserror::Error as ThisError;

use crate::codec::Payload;
use crate::error::shown;
use crate::jetstream::JsMessage;
use crate::publish::Outgoing;
use crate::request::Request;
use crate::{Message, PublishError, RequestError};

/// A message could not be acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum AckError {
    /// It has been acknowledged for good already. Nothing was sent.
    #[error("the message of \"{subject}\" is acknowledged already")]
    AlreadyAcked {
        /// The message's subject.
        subject: String,
    },
    /// It has no reply subject: it did not come from a consumer. Nothing was sent.
    #[error(
        "the message of \"{subject}\" has no reply subject to acknowledge on: it did not come from a consumer"
    )]
    NoReply {
        /// The message's subject.
        subject: String,
    },
    /// Its consumer expects no acknowledgements, so that none can ask for the next message. Nothing was sent.
    #[error(
        "the consumer of the message of \"{subject}\" expects no acknowledgements: get the next one with `Consumer::next`"
    )]
    NotExpected {
        /// The message's subject.
        subject: String,
    },
    /// It is acknowledged, but the server gives no next message.
    #[error("the message of \"{subject}\" is acknowledged, but there is no next one: {end}")]
    NoNext {
        /// The message's subject.
        subject: String,
        /// Why.
        end: End,
    },
    /// An option has a value that cannot work. Nothing was sent.
    #[error("option {option}: {problem}")]
    Option {
        /// The option's name.
        option: &'static str,
        /// What is wrong with it, and what would be right.
        problem: &'static str,
    },
    /// The acknowledgement could not be sent.
    #[error("the message of \"{subject}\" cannot be acknowledged: {error}")]
    NotSent {
        /// The message's subject.
        subject: String,
        /// Why.
        error: Box<PublishError>,
    },
    /// Nobody takes the acknowledgement: the consumer is gone, or without a leader. The message may be delivered again.
    #[error(
        "nobody takes the acknowledgement of the message of \"{subject}\": the consumer is gone, or has no leader"
    )]
    NoConsumer {
        /// The message's subject.
        subject: String,
    },
    /// The server did not confirm in time. It may have taken note.
    #[error("the acknowledgement of the message of \"{subject}\" was not confirmed within {after:?}")]
    Timeout {
        /// The message's subject.
        subject: String,
        /// The time allowed.
        after: Duration,
    },
    /// The server did not confirm, for another reason. It may have taken note.
    #[error("the acknowledgement of the message of \"{subject}\" was not confirmed: {error}")]
    Unconfirmed {
        /// The message's subject.
        subject: String,
        /// Why.
        error: Box<RequestError>,
    },
}

impl AckError {
    /// Whether the message has been acknowledged before.
    pub fn is_already_acked(&self) -> bool {
        matches!(self, Self::AlreadyAcked { .. })
    }

    /// Whether the confirmation did not come in time.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout { .. })
    }

    /// Whether the connection was lost.
    pub fn is_disconnected(&self) -> bool {
        matches!(self, Self::Unconfirmed { error, .. } if error.is_disconnected())
    }
}

fn payload(ack: &Ack<'_>) -> Payload<'static> {
    match ack.payload() {
        Cow::Borrowed(fixed) => fixed.into(),
        Cow::Owned(text) => text.into(),
    }
}

/// The right to settle a message, given back unless it was made use of.
#[derive(Debug)]
pub(super) struct Claim<'a> {
    message: &'a JsMessage,
    /// Whether the message is settled by it at all.
    settles: bool,
    held: bool,
}

impl<'a> Claim<'a> {
    fn new(message: &'a JsMessage, ack: &Ack<'_>) -> Self {
        Self { message, settles: ack.is_final(), held: false }
    }

    /// That of an acknowledgement that asks for the next message.
    pub(super) fn of_next(message: &'a JsMessage) -> Self {
        Self::new(message, &Ack::Ack)
    }

    pub(super) fn message(&self) -> &'a JsMessage {
        self.message
    }

    pub(super) fn take(&mut self) -> Result<(), AckError> {
        if self.held || !self.settles && !self.message.is_settled() {
            return Ok(());
        }
        if !self.settles || !self.message.claim() {
            return Err(AckError::AlreadyAcked { subject: shown(self.message.subject_bytes()) });
        }
        self.held = true;
        Ok(())
    }

    pub(super) fn used(&mut self) {
        self.held = false;
    }

    pub(super) fn give_back(&mut self) {
        if std::mem::take(&mut self.held) {
            self.message.release();
        }
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// An acknowledgement about to be sent: await it.
///
/// Returned by [`JsMessage::ack`] and its like. It is complete once it is encoded in the outgoing buffer, and is not
/// confirmed.
///
/// # Errors
///
/// [`AckError`]: the message has been acknowledged for good already, or it cannot be sent.
///
/// # Cancel safety
///
/// Dropped before it is complete, nothing is sent, and the message can be acknowledged in another way.
#[derive(Debug)]
#[must_use = "nothing is acknowledged until this is awaited, or sent with `try_send`"]
pub struct Acknowledge<'a> {
    claim: Claim<'a>,
    outgoing: Option<Outgoing<'a>>,
}

impl<'a> Acknowledge<'a> {
    #[inline]
    pub(crate) fn new(message: &'a JsMessage, ack: Ack<'_>) -> Self {
        let reply = message.reply_bytes();
        let outgoing = reply.map(|reply| Outgoing::new(reply.into(), payload(&ack)));
        Self { claim: Claim::new(message, &ack), outgoing }
    }

    /// Sends it now or not at all, for code that is not async.
    ///
    /// # Errors
    ///
    /// As awaiting it, and [`PublishError::Full`] where that would wait.
    pub fn try_send(mut self) -> Result<(), AckError> {
        if !self.claim.message.terms().acks {
            return Ok(());
        }
        self.claim.take()?;
        let message = self.claim.message;
        let Some(outgoing) = &mut self.outgoing else { return Err(no_reply(message)) };
        outgoing.try_send(message.shared(), None).map_err(|error| not_sent(message, error))?;
        self.claim.used();
        Ok(())
    }
}

impl Future for Acknowledge<'_> {
    type Output = Result<(), AckError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let message = this.claim.message;
        if !message.terms().acks {
            return Poll::Ready(Ok(()));
        }
        this.claim.take()?;
        let Some(outgoing) = &mut this.outgoing else { return Poll::Ready(Err(no_reply(message))) };
        match outgoing.poll_send(message.shared(), None, cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(())) => {
                this.claim.used();
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => {
                this.claim.give_back();
                Poll::Ready(Err(not_sent(message, error)))
            }
        }
    }
}

pub(super) fn no_reply(message: &JsMessage) -> AckError {
    AckError::NoReply { subject: shown(message.subject_bytes()) }
}

/// Whether a message came from a consumer.
pub(super) fn is_ack_reply(message: &Message) -> bool {
    message.reply_bytes().is_some_and(|reply| reply.starts_with(b"$JS.ACK."))
}

pub(super) fn not_sent(message: &JsMessage, error: PublishError) -> AckError {
    AckError::NotSent { subject: shown(message.subject_bytes()), error: Box::new(error) }
}

/// An acknowledgement about to be sent and confirmed by the server: await it.
///
/// Returned by [`JsMessage::double_ack`].
///
/// # Errors
///
/// [`AckError`]: the message has been acknowledged for good already, nobody takes the acknowledgement, or the server does
/// not confirm it within the timeout: 5 seconds, or that of the [`JetStream`](crate::jetstream::JetStream) of its
/// consumer. After an error the message can be acknowledged again, which does no harm.
///
/// # Cancel safety
///
/// Dropped before it is complete, it may have been sent; the message can be acknowledged again.
#[derive(Debug)]
#[must_use = "nothing is acknowledged until this is awaited"]
pub struct DoubleAck<'a> {
    claim: Claim<'a>,
    request: Option<Request<'a>>,
}

impl<'a> DoubleAck<'a> {
    pub(crate) fn new(message: &'a JsMessage, ack: Ack<'_>) -> Self {
        let request = message.reply_bytes().map(|reply| {
            let timeout = message.terms().timeout;
            Request::new(message.shared(), reply.into(), payload(&ack)).timeout(timeout)
        });
        Self { claim: Claim::new(message, &ack), request }
    }

    /// How long to wait for the confirmation. Default: as long as for a call of the API.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.request = self.request.map(|request| request.timeout(timeout));
        self
    }
}

impl Future for DoubleAck<'_> {
    type Output = Result<(), AckError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let message = this.claim.message;
        if !message.terms().acks {
            return Poll::Ready(Ok(()));
        }
        this.claim.take()?;
        let Some(request) = &mut this.request else { return Poll::Ready(Err(no_reply(message))) };
        let answer = std::task::ready!(Pin::new(request).poll(cx));
        let subject = || shown(message.subject_bytes());
        let error = match answer {
            Ok(_) => {
                this.claim.used();
                return Poll::Ready(Ok(()));
            }
            Err(RequestError::NoResponders { .. }) => AckError::NoConsumer { subject: subject() },
            Err(RequestError::Timeout { after, .. }) => AckError::Timeout { subject: subject(), after },
            Err(RequestError::Publish(error)) => not_sent(message, error),
            Err(error) => AckError::Unconfirmed { subject: subject(), error: Box::new(error) },
        };
        this.claim.give_back();
        Poll::Ready(Err(error))
    }
}
