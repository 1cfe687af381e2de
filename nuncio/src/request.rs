//! Requests over one shared inbox.

mod reply;
mod slot;

use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use nuncio_proto::header::HeaderMap;

pub(crate) use reply::{Reply, SHORT, subscribe_to_replies};
pub(crate) use slot::{Slot, hash};

use crate::driver::shared::{Failure, Shared};
use crate::error::{ConnectionClosed, PublishError, RequestError, shown};
use crate::publish::{Outgoing, Subject};
use crate::request_many::RequestMany;
use crate::{Message, Payload};

/// A request about to be sent: set its options, then await the reply.
///
/// Returned by [`Client::request`](crate::Client::request). All requests of a connection share one subscription, unless
/// [`no_mux`](Self::no_mux) is set; a reply is found by a token in its subject. The first reply wins, later ones are dropped.
///
/// # Errors
///
/// [`RequestError`]: at once when nobody subscribes to the subject, when the server denies publishing to it or
/// subscribing to the inbox, and when the connection is lost that it was written to (unless
/// [`Connect::fail_requests_on_disconnect`](crate::Connect::fail_requests_on_disconnect) is off); else after the
/// timeout, which covers waiting for room in the outgoing buffer and for another connection as well.
///
/// # Cancel safety
///
/// Dropped before it is complete, nothing waits for the reply any more; the request may have been sent.
#[derive(Debug)]
#[must_use = "no request is sent until this is awaited"]
pub struct Request<'a> {
    pub(crate) shared: &'a Arc<Shared>,
    pub(crate) message: Outgoing<'a>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) no_mux: bool,
    state: State<'a>,
}

#[derive(Debug)]
enum State<'a> {
    New,
    /// A slot is open, the message has not been sent yet.
    Sending(Slot<&'a Shared>),
    Sent(Slot<&'a Shared>),
    Over,
}

impl<'a> Request<'a> {
    #[inline]
    pub(crate) fn new(shared: &'a Arc<Shared>, subject: Subject<'a>, payload: Payload<'a>) -> Self {
        Self::of(shared, Outgoing::new(subject, payload))
    }

    #[inline]
    pub(crate) fn of(shared: &'a Arc<Shared>, message: Outgoing<'a>) -> Self {
        Self { shared, message, timeout: None, no_mux: false, state: State::New }
    }

    /// How long to wait for the reply, from the first poll on. Default: that of
    /// [`Connect::request_timeout`](crate::Connect::request_timeout), 1 second unless set.
    #[inline]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Appends a header, as [`Publish::header`](crate::Publish::header) does.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.message.header(name, value);
        self
    }

    /// Appends all these headers. Given by reference, as headers of many messages, they are copied once, to the outgoing
    /// buffer.
    pub fn headers(mut self, headers: impl Into<Cow<'a, HeaderMap>>) -> Self {
        self.message.headers(headers.into());
        self
    }

    /// Asks the servers on the request's way to report to `destination`, as [`Publish::trace`](crate::Publish::trace)
    /// does.
    pub fn trace(mut self, destination: &str) -> Self {
        self.message.trace(destination, false);
        self
    }

    /// As [`trace`](Self::trace), without delivering the request to anybody: there will be no reply.
    pub fn trace_only(mut self, destination: &str) -> Self {
        self.message.trace(destination, true);
        self
    }

    /// Receives the reply on a subscription of this request's own, which is made before the request is sent and gone
    /// once it is over, whichever way.
    ///
    /// It costs the server a subscription for each request; use it where the shared inbox is not allowed, or with
    /// [`reply`](Self::reply). Default: one subscription is shared by all requests.
    pub fn no_mux(mut self) -> Self {
        self.no_mux = true;
        self
    }

    /// The subject that the reply is expected on, instead of a new inbox. It needs [`no_mux`](Self::no_mux) and must
    /// not hold wildcards.
    ///
    /// Whoever publishes to that subject answers the request, so it should be one that nobody else uses.
    pub fn reply(mut self, reply: impl Into<Subject<'a>>) -> Self {
        self.message.reply = Some(reply.into());
        self
    }

    /// Asks for many replies instead of one (ADR-47).
    pub fn many(self) -> RequestMany<'a> {
        RequestMany::new(self)
    }

    fn after(&self) -> Duration {
        self.timeout.unwrap_or(self.shared.config.request_timeout)
    }
}

impl Future for Request<'_> {
    type Output = Result<Message, RequestError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        match &mut this.state {
            State::Sent(slot) => match slot.poll_reply(cx) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(Ok(reply)) => {
                    this.state = State::Over;
                    Poll::Ready(Ok(reply))
                }
                Poll::Ready(Err(failure)) => {
                    let error = slot.error(failure, &this.message.subject.0);
                    this.state = State::Over;
                    Poll::Ready(Err(error))
                }
            },
            State::New => {
                let (shared, after) = (&**this.shared, this.after());
                let slot = Slot::open(shared, &mut this.message, false, this.no_mux, after, cx)?;
                this.poll_send(slot, cx)
            }
            State::Sending(_) => {
                let State::Sending(mut slot) = std::mem::replace(&mut this.state, State::Over) else {
                    return Poll::Pending;
                };
                // The slot's deadline covers the wait for room as well.
                let ended = slot.poll(cx, &this.message.subject.0);
                if ended.is_ready() { ended } else { this.poll_send(slot, cx) }
            }
            State::Over => Poll::Pending,
        }
    }
}

impl<'a> Request<'a> {
    /// Hands the message to the connection. The slot has this task's waker.
    #[inline]
    fn poll_send(
        &mut self,
        slot: Slot<&'a Shared>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Message, RequestError>> {
        match self.message.poll_send(self.shared, Some(slot.reply().as_slice()), cx) {
            Poll::Ready(Ok(())) => self.state = State::Sent(slot),
            Poll::Pending => self.state = State::Sending(slot),
            Poll::Ready(Err(error)) => {
                self.state = State::Over;
                return Poll::Ready(Err(not_sent(error)));
            }
        }
        Poll::Pending
    }
}

pub(crate) fn not_sent(error: PublishError) -> RequestError {
    match error {
        PublishError::Closed(closed) => RequestError::Closed(closed),
        PublishError::Draining => RequestError::Draining,
        error => RequestError::Publish(error),
    }
}

/// What it means to a request for `subject`, with a time of `after`, that it failed so.
pub(crate) fn failed(shared: &Shared, failure: Failure, subject: &[u8], after: Duration) -> RequestError {
    let subject = shown(subject);
    match failure {
        Failure::Timeout => RequestError::Timeout { subject, after },
        Failure::NoResponders => RequestError::NoResponders { subject },
        Failure::Denied => RequestError::Denied { subject },
        Failure::InboxDenied => RequestError::InboxDenied { inbox: shown(&shared.mux_subject()) },
        Failure::InboxRefused(error) => {
            RequestError::InboxRefused { inbox: shown(&shared.mux_subject()), error: *error }
        }
        Failure::Disconnected => RequestError::Disconnected { subject },
        Failure::Closed(reason) | Failure::Unsent(reason) => ConnectionClosed { reason: *reason }.into(),
    }
}
