//! What the servers tell about streams and consumers.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use nuncio_proto::js::api::advisory::{ADVISORIES, Advisory, METRICS};

use crate::jetstream::{DecodeError, JetStream};
use crate::{SubscribeError, Subscription, SubscriptionEnd};

impl JetStream {
    /// What the servers tell of their own accord about streams and consumers, from now on: that they were created or
    /// deleted, that a message was delivered too often, that a leader was elected, and more.
    ///
    /// Advisories are told once, to whoever listens. They are not in the domain or under the prefix of this handle, but
    /// where the account of the connection is; an account that imports JetStream does not see them unless it imports
    /// them too.
    ///
    /// ```no_run
    /// # use nuncio::jetstream::AdvisoryEvent;
    /// # async fn f(js: nuncio::jetstream::JetStream) -> Result<(), nuncio::Error> {
    /// let mut advisories = js.advisories().await?;
    /// while let Some(Ok(advisory)) = advisories.next().await {
    ///     if let AdvisoryEvent::MaxDeliveries { stream_sequence, .. } = advisory.event {
    ///         println!("message {stream_sequence} of {:?} was given up", advisory.stream);
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Client::subscribe`](crate::Client::subscribe).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is subscribed to.
    pub async fn advisories(&self) -> Result<Advisories, SubscribeError> {
        self.advisories_on(ADVISORIES).await
    }

    /// Of how acknowledgements go, for consumers with
    /// [`sample_frequency`](crate::jetstream::ConsumerConfig::sample_frequency), from now on.
    ///
    /// # Errors
    ///
    /// As [`Client::subscribe`](crate::Client::subscribe).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is subscribed to.
    pub async fn metrics(&self) -> Result<Advisories, SubscribeError> {
        self.advisories_on(METRICS).await
    }

    /// Advisories or metrics of some kind or of some stream only, by their subject, such as
    /// `$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.ORDERS.*`.
    ///
    /// # Errors
    ///
    /// As [`Client::subscribe`](crate::Client::subscribe).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is subscribed to.
    pub async fn advisories_on(&self, subject: &str) -> Result<Advisories, SubscribeError> {
        Ok(Advisories { subscription: self.client().subscribe(subject).await? })
    }
}

/// What the servers tell: a [`Stream`] of [`Advisory`]s, returned by [`JetStream::advisories`].
///
/// It lives on over reconnects; what is told meanwhile is missed. Dropping it unsubscribes.
pub struct Advisories {
    subscription: Subscription,
}

impl Advisories {
    /// The next advisory; `None` when the subscription has ended.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] if a message is no advisory; the next ones are not affected.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: what was not returned is returned by the next call.
    pub async fn next(&mut self) -> Option<Result<Advisory, DecodeError>> {
        Some(Advisory::parse(self.subscription.next().await?.payload()))
    }

    /// Why there are no more; `None` while it lives.
    pub fn ended(&self) -> Option<SubscriptionEnd> {
        self.subscription.ended()
    }
}

impl Stream for Advisories {
    type Item = Result<Advisory, DecodeError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let message = ready!(Pin::new(&mut self.subscription).poll_next(cx));
        Poll::Ready(message.map(|message| Advisory::parse(message.payload())))
    }
}

impl fmt::Debug for Advisories {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Advisories").field("subject", &self.subscription.subject()).finish_non_exhaustive()
    }
}
