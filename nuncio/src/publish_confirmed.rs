//! Publishing that waits for the server's word.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::driver::shared::{Shared, Waiter};
use crate::driver::wait::Deadline;
use crate::error::{ConfirmError, FlushError, PublishError, shown};
use crate::publish::Outgoing;
use crate::request::hash;
use crate::stats::Counters;

/// A message about to be published and confirmed by the server: await it.
///
/// Returned by [`Publish::confirmed`](crate::Publish::confirmed). It is complete a round trip later: the server has
/// taken the message, and handed it to those who subscribe at that server. Nothing is stored; JetStream is for that.
///
/// # Errors
///
/// [`ConfirmError`]: what [`Publish`](crate::Publish) fails with; that the server denies the subject by permissions; that
/// no confirmation comes within [`Connect::flush_timeout`](crate::Connect::flush_timeout), or the connection is lost
/// before it: the message may have been taken then. Without a connection it fails at once, and nothing is sent.
///
/// # Cancel safety
///
/// Dropped before its first poll, nothing is sent; after that the message may have been.
#[derive(Debug)]
#[must_use = "nothing is published until this is awaited"]
pub struct PublishConfirmed<'a> {
    shared: &'a Arc<Shared>,
    message: Outgoing<'a>,
    /// The `PING`s before the message, once it is under way.
    since: Option<u64>,
    asked: Option<Asked>,
}

#[derive(Debug)]
struct Asked {
    denied: oneshot::Receiver<bool>,
    deadline: Deadline,
    after: Duration,
}

impl<'a> PublishConfirmed<'a> {
    pub(crate) fn new(shared: &'a Arc<Shared>, message: Outgoing<'a>) -> Self {
        Self { shared, message, since: None, asked: None }
    }

    /// There is a connection: so many `PING`s have been sent on it and before.
    fn begin(&self) -> Result<u64, ConfirmError> {
        let core = self.shared.core();
        match core.closed() {
            Some(closed) => Err(PublishError::from(closed).into()),
            None if core.up => Ok(core.pings),
            None => Err(FlushError::Disconnected.into()),
        }
    }

    /// The number of the connection that stands now, if one does.
    fn connection(&self) -> Option<u64> {
        let core = self.shared.core();
        core.up.then(|| Counters::get(&self.shared.counters.connects))
    }

    /// Asks on the connection that the message was handed to.
    fn ask(&self, since: u64, connection: Option<u64>) -> Result<Asked, ConfirmError> {
        let (done, denied) = oneshot::channel();
        let subject = hash(&self.message.subject.0);
        let waker = {
            let mut core = self.shared.core();
            // The answer of the next connection would say nothing about a message that was lost with this one.
            if !core.up || connection != Some(Counters::get(&self.shared.counters.connects)) {
                return Err(FlushError::Disconnected.into());
            }
            core.ping(Waiter::Published { subject, since, done })
        };
        waker.into_iter().for_each(Waker::wake);
        let after = self.shared.config.flush_timeout;
        Ok(Asked { denied, deadline: Deadline::after(self.shared, after), after })
    }
}

impl Future for PublishConfirmed<'_> {
    type Output = Result<(), ConfirmError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let mut asked = match this.asked.take() {
            Some(asked) => asked,
            None => {
                let since = match this.since {
                    Some(since) => since,
                    None => *this.since.insert(this.begin()?),
                };
                let connection = this.connection();
                match this.message.poll_send(this.shared, None, cx)? {
                    Poll::Ready(_) => this.ask(since, connection)?,
                    Poll::Pending => return Poll::Pending,
                }
            }
        };
        Poll::Ready(match Pin::new(&mut asked.denied).poll(cx) {
            Poll::Ready(Ok(false)) => Ok(()),
            Poll::Ready(Ok(true)) => Err(ConfirmError::Denied { subject: shown(&this.message.subject.0) }),
            // The waiter was dropped with the connection.
            Poll::Ready(Err(_)) => Err(match this.shared.core().closed() {
                Some(closed) => FlushError::Closed(closed).into(),
                None => FlushError::Disconnected.into(),
            }),
            Poll::Pending if asked.deadline.poll(cx).is_ready() => {
                Err(FlushError::Timeout { after: asked.after }.into())
            }
            Poll::Pending => {
                this.asked = Some(asked);
                return Poll::Pending;
            }
        })
    }
}
