//! What happens to a consumer besides messages.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use nuncio_proto::js::output::Event;

use crate::listen::{Heard, Listener};

/// A listener to what happens to a consumer besides messages: a [`Stream`] that ends with the consumer.
///
/// A consumer does its work while its messages are awaited, so that is when events come. Each listener has its own queue
/// of 1024 events; one that falls further behind misses the oldest ones and is told how many by [`Event::Missed`].
/// Dropping it ends the listening, nothing else.
#[derive(Debug)]
pub struct ConsumeEvents {
    listener: Listener<Event>,
}

impl ConsumeEvents {
    pub(crate) fn new(listener: Listener<Event>) -> Self {
        Self { listener }
    }

    /// The next event; `None` after the consumer has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: an event that was not returned is returned by the next call.
    pub async fn next(&mut self) -> Option<Event> {
        poll_fn(|cx| self.poll_event(cx)).await
    }

    /// The next event, if there is one already.
    pub fn try_next(&mut self) -> Option<Event> {
        match self.poll_event(&mut Context::from_waker(std::task::Waker::noop())) {
            Poll::Ready(event) => event,
            Poll::Pending => None,
        }
    }

    fn poll_event(&self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.listener.poll(cx).map(|heard| {
            Some(match heard? {
                Heard::Event(event) => event,
                Heard::Missed(events) => Event::Missed { events },
            })
        })
    }
}

impl Stream for ConsumeEvents {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.poll_event(cx)
    }
}
