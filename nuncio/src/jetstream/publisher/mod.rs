//! Many messages in flight at once, within a window.

use std::sync::Arc;
use std::time::Duration;

use crate::codec::Payload;
use crate::jetstream::JetStream;
use crate::jetstream::attempts::Patience;
use crate::jetstream::draft::Draft;
use crate::publish::Subject;
use crate::sync::lock;

mod failures;
mod handle;
mod kept;
mod outcomes;
mod results;
mod send;
mod state;
mod turns;
mod window;

pub use failures::Unconfirmed;
pub use handle::AckHandle;
use results::Ordered;
pub use results::Results;
pub use send::Sending;
use state::State;
use window::Window;

impl JetStream {
    /// Prepares a publisher that keeps many messages in flight.
    ///
    /// ```no_run
    /// # async fn f(js: nuncio::jetstream::JetStream) -> Result<(), nuncio::Error> {
    /// let publisher = js.publisher().window(256).ids().build();
    /// for order in 0..10_000 {
    ///     // Waits while 256 are in flight. What is dropped here is the handle for the acknowledgement.
    ///     drop(publisher.send("orders.eu", order.to_string()).await?);
    /// }
    /// publisher.flush().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn publisher(&self) -> PublisherBuilder<'_> {
        PublisherBuilder {
            js: self,
            patience: Patience::new(self.timeout),
            messages: 256,
            bytes: 8 << 20,
            ids: false,
        }
    }
}

/// The choices made before a [`Publisher`] is there; returned by [`JetStream::publisher`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct PublisherBuilder<'a> {
    js: &'a JetStream,
    patience: Patience,
    messages: usize,
    bytes: usize,
    ids: bool,
}

impl PublisherBuilder<'_> {
    /// How many messages may wait for their acknowledgement at once: 1 at least. Default: 256.
    ///
    /// A message that is not answered holds its place alone: others may overtake it, up to eight times the window.
    pub fn window(mut self, messages: usize) -> Self {
        self.messages = messages;
        self
    }

    /// How many bytes of headers and payload they may have together. A larger message goes alone. Default: 8 MiB.
    pub fn bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }

    /// How long each message waits for its acknowledgement in all, from when it is sent, and before that for room in the
    /// window. Default: that of [`JetStream::timeout`], 5 seconds unless set.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.patience.timeout = timeout;
        self
    }

    /// How often a message is sent again at most, where that cannot store it twice, by the rule of
    /// [`Publish`](crate::jetstream::Publish). It may then come behind later ones; with 0 the messages stay in order.
    /// Default: 2 (ADR-22).
    pub fn retries(mut self, retries: u32) -> Self {
        self.patience.retries = retries;
        self
    }

    /// The pause before a message that no stream took is sent again. Default: 250 milliseconds (ADR-22).
    pub fn retry_wait(mut self, wait: Duration) -> Self {
        self.patience.retry_wait = wait;
        self
    }

    /// Gives each message without an id a new one, so that it can be sent again after silence or a lost connection and is
    /// still stored once, within the duplicate window of the stream. Default: off.
    pub fn ids(mut self) -> Self {
        self.ids = true;
        self
    }

    /// The publisher.
    pub fn build(self) -> Publisher {
        let state = State::new(self.messages, self.bytes);
        Publisher { window: Window::new(self.js.clone(), self.patience, self.ids, state) }
    }
}

/// Publishes messages without waiting for each acknowledgement; made by [`JetStream::publisher`].
///
/// A window bounds the messages in flight and their bytes; [`send`](Self::send) waits for room in it. The outcome of each
/// message is told once: by its [`AckHandle`], by the [`Results`], or, if it is an error that nobody has asked for, by
/// [`flush`](Self::flush). Several tasks may send through one publisher.
///
/// Everything goes on in the connection's own task, retries as well: it need not be polled.
///
/// Dropping it waits for nothing. What was sent makes its way, and handles that are left tell of it. When the last of them
/// is dropped too, messages that wait to be sent again are given up, and errors that nobody has asked for are lost, with a
/// warning of how many there are of each. Call [`flush`](Self::flush) before.
#[derive(Debug)]
pub struct Publisher {
    window: Arc<Window>,
}

impl Publisher {
    /// Sends a message once there is room in the window. After 128 messages in a row that did not wait it gives way once, so
    /// that the connection writes them.
    ///
    /// ```no_run
    /// # async fn f(publisher: nuncio::jetstream::Publisher) -> Result<(), nuncio::Error> {
    /// let first = publisher.send("orders.eu", "42").await?;
    /// let second = publisher.send("orders.us", "43").message_id("43").await?;
    /// println!("{} and {}", first.await?.sequence, second.await?.sequence);
    /// # Ok(())
    /// # }
    /// ```
    pub fn send<'a>(
        &'a self,
        subject: impl Into<Subject<'a>>,
        payload: impl Into<Payload<'a>>,
    ) -> Sending<'a> {
        Sending::new(&self.window, Draft::new(subject.into(), payload.into()))
    }

    /// Waits until all messages that were sent before are over: stored, refused, or out of time. Messages may be sent
    /// meanwhile; it does not wait for those.
    ///
    /// # Errors
    ///
    /// [`Unconfirmed`], with all errors of messages whose handles were dropped; each is told once. Errors that a handle
    /// or the [`Results`] tell are not among them.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no error is lost.
    pub async fn flush(&self) -> Result<(), Unconfirmed> {
        let until = lock(&self.window.state).next();
        std::future::poll_fn(|cx| lock(&self.window.state).poll_flush(until, cx)).await;
        match lock(&self.window.state).failures.take() {
            Some(unconfirmed) => Err(unconfirmed),
            None => Ok(()),
        }
    }

    /// The outcomes of all messages that are not over now, and of all later ones, in order. Each is told to one
    /// reader: a second call shares with the first.
    pub fn results(&self) -> Results {
        lock(&self.window.state).results.get_or_insert_with(Ordered::default).readers += 1;
        Results::new(Arc::clone(&self.window))
    }

    /// Messages in flight.
    pub fn in_flight(&self) -> usize {
        lock(&self.window.state).in_flight().0
    }

    /// Bytes of headers and payload in flight.
    pub fn in_flight_bytes(&self) -> usize {
        lock(&self.window.state).in_flight().1
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        let wakers = {
            let mut state = lock(&self.window.state);
            state.ended = true;
            state.results.as_mut().map(|results| std::mem::take(&mut results.waiting))
        };
        wakers.into_iter().flatten().for_each(std::task::Waker::wake);
    }
}
