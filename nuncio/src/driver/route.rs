//! Where the messages of a subscription go, and what changes about subscriptions.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nuncio_proto::inbox::Token;
use nuncio_proto::registry::Interest;

use crate::Message;
use crate::queue::{Queue, SubscriptionEnd};

/// Where messages go.
pub(crate) enum Route {
    /// To a queue, through a staging buffer that collects the messages of one read.
    Queue { queue: Arc<Queue>, staged: VecDeque<Message>, staged_bytes: usize },
    /// To a function, in the driver's own task.
    Callback(Callback),
    /// To the requests that await them.
    Replies,
    /// To the one request that made the subscription.
    Reply(Token),
}

pub(crate) struct Callback {
    pub(crate) on_message: Box<dyn FnMut(Message) + Send>,
    /// Holds the figures and the end for the handle.
    pub(crate) queue: Arc<Queue>,
}

impl Route {
    pub(crate) fn queue(queue: Arc<Queue>) -> Self {
        Self::Queue { queue, staged: VecDeque::new(), staged_bytes: 0 }
    }

    /// The next server counts from here: so many messages arrived before it was told of the subscription.
    pub(crate) fn begin_anew(&self, before: u64) {
        match self {
            Self::Queue { queue, .. } | Self::Callback(Callback { queue, .. }) => queue.set_before(before),
            Self::Replies | Self::Reply(_) => {}
        }
    }

    /// Whether requests wait for its messages, and not a subscription of the application.
    pub(crate) fn is_for_requests(&self) -> bool {
        matches!(self, Self::Replies | Self::Reply(_))
    }

    /// The request that made the subscription for itself alone.
    pub(crate) fn request(&self) -> Option<Token> {
        if let Self::Reply(token) = self { Some(*token) } else { None }
    }

    /// Tells whoever listens that nothing more will come.
    pub(crate) fn end(self, why: SubscriptionEnd) {
        let waker = match self {
            Self::Queue { queue, mut staged, staged_bytes } => {
                let pushed = queue.push(&mut staged, staged_bytes);
                queue.end(why).or(pushed.waker)
            }
            Self::Callback(callback) => callback.queue.end(why),
            Self::Replies | Self::Reply(_) => None,
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Queue { .. } => "Queue",
            Self::Callback(_) => "Callback",
            Self::Replies => "Replies",
            Self::Reply(_) => "Reply",
        })
    }
}

/// A change that a handle made; the driver applies it before it writes what was encoded with it.
#[derive(Debug)]
pub(crate) enum Change {
    Subscribe {
        sid: u64,
        interest: Interest,
        max: Option<u64>,
        route: Route,
        first_message: Option<FirstMessage>,
    },
    Unsubscribe(u64),
    /// The request that made it is over.
    Release(u64),
    SetMax(u64, u64),
    Drain(u64),
}

/// The first message has to arrive by then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FirstMessage {
    pub(crate) sid: u64,
    pub(crate) after: Duration,
    pub(crate) deadline: Instant,
}
