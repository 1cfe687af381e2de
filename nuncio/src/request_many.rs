//! One request, many replies (ADR-47).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;

use crate::Message;
use crate::driver::shared::Failure;
use crate::driver::wait::instant_after;
use crate::error::RequestError;
use crate::request::{Request, Slot, not_sent};

/// Says whether to go on after a message.
type Sentinel = Box<dyn FnMut(&Message) -> bool + Send>;

/// A request for many replies: say when enough have come, then await it for the stream of [`Replies`].
///
/// Returned by [`Request::many`](crate::Request::many). The [timeout](Self::timeout) is the total time and always
/// applies; the other conditions end the stream earlier, whichever is met first.
///
/// # Errors
///
/// As [`Request`], while the request is being sent. What comes later, no responders included, is an item of the stream.
///
/// # Cancel safety
///
/// Dropped before it is complete, nothing waits for replies any more; the request may have been sent.
///
/// ```no_run
/// # use std::time::Duration;
/// # async fn f(nc: nuncio::Client) -> Result<(), nuncio::Error> {
/// let mut replies = nc.request("who.is.there", "").many().stall(Duration::from_millis(300)).await?;
/// while let Some(reply) = replies.next().await {
///     println!("{}", reply?.subject());
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "no request is sent until this is awaited"]
pub struct RequestMany<'a> {
    request: Request<'a>,
    limits: Limits,
    slot: Option<Slot>,
}

struct Limits {
    max: Option<usize>,
    stall: Option<Duration>,
    sentinel: Option<Sentinel>,
}

impl<'a> RequestMany<'a> {
    pub(crate) fn new(request: Request<'a>) -> Self {
        Self { request, limits: Limits { max: None, stall: None, sentinel: None }, slot: None }
    }

    /// The total time, from the first poll on. Default: that of
    /// [`Connect::request_timeout`](crate::Connect::request_timeout).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.request.timeout = Some(timeout);
        self
    }

    /// Ends after so many replies.
    pub fn max_messages(mut self, max: usize) -> Self {
        self.limits.max = Some(max);
        self
    }

    /// Ends when no further reply comes for so long after one. The first reply may take the total time. Time that the
    /// application takes to handle a reply does not count.
    pub fn stall(mut self, stall: Duration) -> Self {
        self.limits.stall = Some(stall);
        self
    }

    /// Ends with the reply for which `go_on` is false. That reply is not handed out.
    pub fn until(mut self, go_on: impl FnMut(&Message) -> bool + Send + 'static) -> Self {
        self.limits.sentinel = Some(Box::new(go_on));
        self
    }

    /// Ends with a reply whose payload is empty: the standard end mark of ADR-47. That reply is not handed out.
    pub fn until_empty(self) -> Self {
        self.until(|message| !message.payload().is_empty())
    }
}

impl fmt::Debug for RequestMany<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestMany").field("request", &self.request).finish_non_exhaustive()
    }
}

impl Future for RequestMany<'_> {
    type Output = Result<Replies, RequestError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let request = &mut this.request;
        let mut slot = match this.slot.take() {
            Some(slot) => slot,
            None => {
                let total = request.timeout.unwrap_or(request.shared.config.request_timeout);
                Slot::open(Arc::clone(request.shared), &mut request.message, true, request.no_mux, total, cx)?
            }
        };
        match request.message.poll_send(request.shared, Some(slot.reply().as_slice()), cx) {
            Poll::Pending => {
                // Only a failure can come before the request is sent.
                if let Poll::Ready(Err(error)) = slot.poll(cx, &request.message.subject.0) {
                    return Poll::Ready(Err(error));
                }
                this.slot = Some(slot);
                Poll::Pending
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(not_sent(error))),
            Poll::Ready(Ok(())) => {
                let limits =
                    std::mem::replace(&mut this.limits, Limits { max: None, stall: None, sentinel: None });
                Poll::Ready(Ok(Replies {
                    slot: Some(slot),
                    subject: request.message.subject.0.to_vec(),
                    limits,
                    received: 0,
                    waiting: false,
                }))
            }
        }
    }
}

/// The replies to one request: a [`Stream`] that ends when enough have come or the time is over.
///
/// An error, no responders included, is its last item. Running out of time is the ordinary end and no error.
/// Dropping it ends the waiting, and so does the last of [`max_messages`](RequestMany::max_messages); nothing is sent for
/// that, but with [`Request::no_mux`] an `UNSUB`.
pub struct Replies {
    slot: Option<Slot>,
    subject: Vec<u8>,
    limits: Limits,
    received: usize,
    /// The stall deadline is running.
    waiting: bool,
}

impl Replies {
    /// The next reply; `None` when there are no more.
    ///
    /// # Errors
    ///
    /// [`RequestError`], once, as the last item.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a reply that was not returned is returned by the next call.
    pub async fn next(&mut self) -> Option<Result<Message, RequestError>> {
        std::future::poll_fn(|cx| self.poll_reply(cx)).await
    }

    fn is_full(&self) -> bool {
        self.limits.max.is_some_and(|max| self.received >= max)
    }

    fn poll_reply(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Message, RequestError>>> {
        if self.is_full() {
            self.slot = None;
        }
        let Some(slot) = &mut self.slot else { return Poll::Ready(None) };
        // The stall clock runs only while somebody waits.
        let stall = self.limits.stall.filter(|_| self.received > 0 && !self.waiting);
        let ended = match slot.poll_reply_by(stall.map(instant_after), cx) {
            Poll::Pending => {
                self.waiting |= stall.is_some();
                return Poll::Pending;
            }
            Poll::Ready(ended) => ended,
        };
        self.waiting = false;
        match ended {
            Ok(message) => {
                if self.limits.sentinel.as_mut().is_some_and(|go_on| !go_on(&message)) {
                    self.slot = None;
                    return Poll::Ready(None);
                }
                self.received += 1;
                if self.is_full() {
                    // Nobody waits any more, however long this is held.
                    self.slot = None;
                }
                Poll::Ready(Some(Ok(message)))
            }
            Err(Failure::Timeout) => {
                self.slot = None;
                Poll::Ready(None)
            }
            Err(failure) => {
                let error = slot.error(failure, &self.subject);
                self.slot = None;
                Poll::Ready(Some(Err(error)))
            }
        }
    }
}

impl Stream for Replies {
    type Item = Result<Message, RequestError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_reply(cx)
    }
}

impl fmt::Debug for Replies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replies").field("received", &self.received).finish_non_exhaustive()
    }
}
