//! What happens to a connection, told to any number of listeners.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use nuncio_proto::server_error::ServerError;

use crate::error::{CloseReason, ConnectError, DisconnectCause};
use crate::listen::{self, Heard, Listener};

/// Something that happened to the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The first connection stands.
    Connected {
        /// Host and port of the server.
        server: String,
    },
    /// The connection was lost.
    Disconnected {
        /// Host and port of the server.
        server: String,
        /// Why.
        cause: DisconnectCause,
        /// Messages that were half written: the server has not taken them and they are not sent again.
        lost: u64,
        /// Messages that were written but not confirmed: the server may or may not have taken them.
        maybe_lost: u64,
        /// Messages that wait for the next connection.
        kept: u64,
    },
    /// A server is dialled again.
    Reconnecting {
        /// Host and port of the server.
        server: String,
        /// Attempts since the connection was lost, this one included.
        attempt: u32,
    },
    /// An attempt to connect failed.
    ConnectFailed {
        /// Host and port of the server.
        server: String,
        /// Why.
        error: ConnectError,
    },
    /// A new connection stands. All subscriptions go out again before anything else; the server has them when the next
    /// [`flush`](crate::Client::flush) returns.
    Reconnected {
        /// Host and port of the server.
        server: String,
    },
    /// The cluster told of servers that came or went.
    ServersChanged {
        /// Newly known servers.
        added: Vec<String>,
        /// Servers no longer known.
        removed: Vec<String>,
    },
    /// The server is about to shut down and will close the connection soon.
    LameDuck {
        /// Host and port of the server.
        server: String,
    },
    /// A subscription's queue is full, and what [`OnFull`](crate::OnFull) says happens. One event an episode.
    SlowConsumer {
        /// Subject of the subscription.
        subject: String,
        /// Its id.
        sid: u64,
    },
    /// A subscription that was slow has caught up.
    SlowConsumerRecovered {
        /// Subject of the subscription.
        subject: String,
        /// Its id.
        sid: u64,
        /// Messages dropped since the subscription was made.
        dropped: u64,
    },
    /// The connection sends a `PING` of its own to see whether the server still answers.
    Ping {
        /// `PING`s since the server was last heard of, this one included.
        unanswered: u32,
    },
    /// The server reported an error. Permission violations are also told to whom they concern.
    ServerError(ServerError),
    /// A callback panicked; its subscription has ended.
    CallbackPanicked {
        /// Subject of the subscription.
        subject: String,
        /// Its id.
        sid: u64,
    },
    /// The connection is over for good. The last event.
    Closed {
        /// Why.
        reason: CloseReason,
    },
    /// This listener was too slow and missed that many events.
    Missed(u64),
}

/// A listener to the events of a connection: a [`Stream`] that ends after [`Event::Closed`].
///
/// Each listener has its own queue of 1024 events; one that falls further behind misses the oldest ones and is told
/// how many by [`Event::Missed`]. Dropping it ends the listening, nothing else.
///
/// ```no_run
/// # fn f(nc: nuncio::Client) {
/// use nuncio::Event;
///
/// let mut events = nc.events();
/// tokio::spawn(async move {
///     while let Some(event) = events.next().await {
///         match event {
///             Event::Disconnected { server, cause, .. } => eprintln!("lost {server}: {cause}"),
///             Event::Reconnected { server } => eprintln!("back on {server}"),
///             Event::Closed { reason } => eprintln!("over: {reason}"),
///             _ => {}
///         }
///     }
/// });
/// # }
/// ```
#[derive(Debug)]
pub struct Events {
    listener: Listener<Event>,
}

impl Events {
    /// The next event; `None` after the connection was closed.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: an event that was not returned is returned by the next call.
    pub async fn next(&mut self) -> Option<Event> {
        std::future::poll_fn(|cx| self.poll_event(cx)).await
    }

    pub(crate) fn poll_event(&self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.listener.poll(cx).map(|heard| {
            Some(match heard? {
                Heard::Event(event) => event,
                Heard::Missed(events) => Event::Missed(events),
            })
        })
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.poll_event(cx)
    }
}

/// Hands events to all listeners.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    hub: listen::Hub<Event>,
}

impl Hub {
    pub(crate) fn listen(&self) -> Events {
        Events { listener: self.hub.listen() }
    }

    pub(crate) fn emit(&self, event: &Event) {
        tracing::debug!(?event, "connection event");
        self.hub.emit(event, matches!(event, Event::Closed { .. }));
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;
    use crate::listen::BEHIND;

    fn slow(sid: u64) -> Event {
        Event::SlowConsumer { subject: "s".into(), sid }
    }

    fn next(events: &mut Events) -> Poll<Option<Event>> {
        events.poll_event(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn every_listener_gets_every_event() {
        let hub = Hub::default();
        let (mut a, mut b) = (hub.listen(), hub.listen());
        hub.emit(&slow(1));
        assert_eq!(next(&mut a), Poll::Ready(Some(slow(1))));
        assert_eq!(next(&mut b), Poll::Ready(Some(slow(1))));
        assert_eq!(next(&mut a), Poll::Pending);
    }

    #[test]
    fn a_listener_that_falls_behind_is_told_how_many_it_missed() {
        let hub = Hub::default();
        let mut events = hub.listen();
        for sid in 0..BEHIND as u64 + 3 {
            hub.emit(&slow(sid));
        }
        assert_eq!(next(&mut events), Poll::Ready(Some(Event::Missed(3))));
        assert_eq!(next(&mut events), Poll::Ready(Some(slow(3))));
    }

    #[test]
    fn listening_ends_after_closed_even_for_those_who_come_later() {
        let hub = Hub::default();
        let mut early = hub.listen();
        let closed = Event::Closed { reason: CloseReason::Closed };
        hub.emit(&closed);
        assert_eq!(next(&mut early), Poll::Ready(Some(closed)));
        assert_eq!(next(&mut early), Poll::Ready(None));
        assert_eq!(next(&mut hub.listen()), Poll::Ready(None));
    }
}
