//! The queue between the connection and a subscription: filled in batches, emptied in batches.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};
use std::task::{Context, Poll, Waker};

use nuncio_proto::server_error::ServerError;

use crate::Message;
use crate::error::CloseReason;
use crate::sync::lock;

/// How much may wait in a subscription's queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Messages.
    pub messages: usize,
    /// Bytes of subjects, replies, headers and payloads.
    pub bytes: usize,
}

impl Default for Limits {
    /// 524,288 messages and 64 MiB.
    fn default() -> Self {
        Self { messages: 512 * 1024, bytes: 64 * 1024 * 1024 }
    }
}

/// What happens when a subscription's queue is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnFull {
    /// The message that arrives is dropped.
    #[default]
    DropNewest,
    /// The message that has waited longest is dropped.
    DropOldest,
    /// Nothing is dropped: the whole connection is not read until half of the queue's room is free again.
    ///
    /// The queue holds no more than its limits and what one read brings: 128 KiB, or one larger message. Meanwhile
    /// nothing else of the connection arrives either: other subscriptions' messages, replies, confirmations of flushes;
    /// give such a subscription a connection of its own, and do not await a request or flush in the task that reads it.
    /// The connection does not count as lost for its silence. The server buffers, and closes the connection of a client
    /// that leaves too much unread (nats-server: 64 MiB, or 10 seconds without taking a byte). A drain reads on.
    Backpressure,
    /// The subscription ends with [`SubscriptionEnd::QueueFull`] after what fits has been handed out: what it received
    /// has no gap.
    Close,
}

/// Why a subscription has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubscriptionEnd {
    /// It was unsubscribed or dropped.
    Unsubscribed,
    /// All messages asked for with `max` or `unsubscribe_after` have arrived.
    Max,
    /// It, or its connection, was drained.
    Drained,
    /// The server does not let this user subscribe to the subject.
    Denied {
        /// The subject.
        subject: String,
    },
    /// The server refuses the subscription for another reason, such as too many subscriptions.
    ///
    /// nats-server does not say which one it refuses. The client finds out by the order of the answers; where other
    /// subscriptions ended at about the same time it may not, and only [`Event::ServerError`](crate::Event::ServerError)
    /// tells. A [confirmed](crate::Subscribe::confirmed) subscription always learns.
    Refused {
        /// The subject.
        subject: String,
        /// What the server said.
        error: ServerError,
    },
    /// Its queue was full, and its policy is [`OnFull::Close`].
    QueueFull,
    /// The first message did not arrive in time.
    FirstMessageTimeout {
        /// The time allowed.
        after: std::time::Duration,
    },
    /// The callback panicked.
    CallbackPanicked,
    /// The connection was closed.
    Closed(CloseReason),
}

impl fmt::Display for SubscriptionEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsubscribed => f.write_str("unsubscribed"),
            Self::Max => f.write_str("all messages asked for have arrived"),
            Self::Drained => f.write_str("drained"),
            Self::Denied { subject } => {
                write!(
                    f,
                    "the server denies subscribing to \"{subject}\": the user's permissions do not allow it"
                )
            }
            Self::Refused { subject, error } => {
                write!(f, "the server refuses to subscribe to \"{subject}\": {error}")
            }
            Self::QueueFull => f.write_str("its queue was full: messages came faster than they were read"),
            Self::FirstMessageTimeout { after } => write!(f, "no message within {after:?}"),
            Self::CallbackPanicked => f.write_str("the callback panicked"),
            Self::Closed(reason) => write!(f, "the connection is closed: {reason}"),
        }
    }
}

/// Who polls a queue: a task of tokio, or a thread outside of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Poller {
    Task(tokio::task::Id),
    Thread(std::thread::ThreadId),
}

impl Poller {
    pub(crate) fn current() -> Self {
        match tokio::task::try_id() {
            Some(id) => Self::Task(id),
            None => Self::Thread(std::thread::current().id()),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    limits: Limits,
    on_full: OnFull,
    /// What the subscription has taken over but not yet handed out; written by it alone.
    taken: AtomicUsize,
    taken_bytes: AtomicUsize,
    /// The connection waits for room.
    held: AtomicBool,
    /// What had arrived before the current server was told of the subscription; written under the core's lock.
    before: AtomicU64,
    /// A server may have been told of a maximum; written under the core's lock.
    limited: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    messages: VecDeque<Message>,
    bytes: usize,
    received: u64,
    dropped: u64,
    slow: bool,
    end: Option<SubscriptionEnd>,
    /// The subscription has seen the end, or was dropped.
    finished: bool,
    poller: Option<Poller>,
    /// What was waiting when a drain of the connection began.
    at_drain: Option<usize>,
    /// It was polled since.
    goes_on: bool,
    waker: Option<Waker>,
    /// The connection, which is not read until there is room.
    holding: Option<Waker>,
}

/// What came of a push.
#[derive(Debug, Default)]
pub(crate) struct Pushed {
    pub(crate) waker: Option<Waker>,
    /// The queue has just become full.
    pub(crate) turned_slow: bool,
    pub(crate) dropped: u64,
    /// Nothing more must be read until there is room.
    pub(crate) holds: bool,
    /// The subscription has to end.
    pub(crate) overrun: bool,
}

/// What a subscription takes over at once.
pub(crate) enum Taken {
    /// Messages are in the buffer that was handed in.
    Messages { bytes: usize },
    /// Nothing more will come.
    End,
}

/// How far a consumer is, with the messages that still wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drained {
    /// It has handled everything, as far as can be known.
    Done,
    /// Nobody has polled the queue yet, or only the task that now awaits the drain, and not since: it may never be emptied.
    Idle(usize),
    /// Somebody else is on it.
    Busy(usize),
}

/// Figures of a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) received: u64,
    pub(crate) dropped: u64,
    pub(crate) pending: usize,
    pub(crate) pending_bytes: usize,
}

/// What was read in one burst with many messages for others is copied out of it where the consumer lags behind: else
/// a full queue would keep many times the bytes that its limit counts.
fn detach_small_share(batch: &mut VecDeque<Message>, bytes: usize) {
    const SHARE: usize = 4;
    if batch.front().is_some_and(|first| bytes.saturating_mul(SHARE) < first.pinned()) {
        batch.iter_mut().for_each(Message::detach);
    }
}

impl State {
    fn note_poller(&mut self) {
        self.poller = Some(Poller::current());
        self.goes_on |= self.at_drain.is_some();
    }
}

impl Queue {
    pub(crate) fn new(limits: Limits, on_full: OnFull) -> Self {
        Self {
            state: Mutex::default(),
            limits,
            on_full,
            taken: AtomicUsize::new(0),
            taken_bytes: AtomicUsize::new(0),
            held: AtomicBool::new(false),
            before: AtomicU64::new(0),
            limited: AtomicBool::new(false),
        }
    }

    /// Appends a batch of `bytes` bytes in all and leaves `batch` empty.
    pub(crate) fn push(&self, batch: &mut VecDeque<Message>, bytes: usize) -> Pushed {
        let mut state = lock(&self.state);
        state.received += batch.len() as u64;
        let mut pushed = Pushed::default();
        if state.finished {
            batch.clear();
            return pushed;
        }
        if !state.messages.is_empty() {
            detach_small_share(batch, bytes);
        }
        let (taken, taken_bytes) =
            (self.taken.load(Ordering::Relaxed), self.taken_bytes.load(Ordering::Relaxed));
        let fits = state.messages.len() + taken + batch.len() <= self.limits.messages
            && state.bytes + taken_bytes + bytes <= self.limits.bytes;
        if !fits && self.on_full != OnFull::Backpressure {
            pushed.dropped = self.push_some(&mut state, batch, taken, taken_bytes);
            state.dropped += pushed.dropped;
            pushed.turned_slow = pushed.dropped > 0 && !std::mem::replace(&mut state.slow, true);
            pushed.overrun = pushed.dropped > 0 && self.on_full == OnFull::Close;
        } else if state.messages.is_empty() {
            std::mem::swap(&mut state.messages, batch);
            state.bytes += bytes;
        } else {
            state.messages.append(batch);
            state.bytes += bytes;
        }
        if self.on_full == OnFull::Backpressure && self.is_full(&state) {
            pushed.holds = true;
            pushed.turned_slow = !std::mem::replace(&mut state.slow, true);
        }
        pushed.waker = state.waker.take();
        pushed
    }

    fn is_full(&self, state: &State) -> bool {
        state.messages.len() + self.taken.load(Ordering::Relaxed) >= self.limits.messages
            || state.bytes + self.taken_bytes.load(Ordering::Relaxed) >= self.limits.bytes
    }

    /// Whether at least half of the room is free, or nobody wants it any more. If not, `cx` is woken when it is.
    pub(crate) fn has_room(&self, cx: &Context<'_>) -> bool {
        let mut state = lock(&self.state);
        self.held.store(true, Ordering::Relaxed);
        // Either this sees what the subscription handed out, or the subscription sees that it is waited for.
        fence(Ordering::SeqCst);
        let room = state.finished || state.end.is_some() || self.is_half_free(&state);
        if room {
            self.held.store(false, Ordering::Relaxed);
            state.holding = None;
        } else {
            state.holding = Some(cx.waker().clone());
        }
        room
    }

    fn is_half_free(&self, state: &State) -> bool {
        state.messages.len() + self.taken.load(Ordering::Relaxed) <= self.limits.messages / 2
            && state.bytes + self.taken_bytes.load(Ordering::Relaxed) <= self.limits.bytes / 2
    }

    /// A message was handed out.
    fn offer_room(&self) {
        fence(Ordering::SeqCst);
        if !self.held.load(Ordering::Relaxed) {
            return;
        }
        let waker = {
            let mut state = lock(&self.state);
            if self.is_half_free(&state) { state.holding.take() } else { None }
        };
        waker.into_iter().for_each(Waker::wake);
    }

    pub(crate) fn on_full(&self) -> OnFull {
        self.on_full
    }

    /// The slow way: one message after the other, by the policy for a full queue.
    fn push_some(
        &self,
        state: &mut State,
        batch: &mut VecDeque<Message>,
        taken: usize,
        taken_bytes: usize,
    ) -> u64 {
        let mut dropped = 0;
        for message in batch.drain(..) {
            let len = message.len();
            let full = |state: &State| {
                state.messages.len() + taken + 1 > self.limits.messages
                    || state.bytes + taken_bytes + len > self.limits.bytes
            };
            if self.on_full == OnFull::DropOldest {
                while full(state) {
                    let Some(oldest) = state.messages.pop_front() else { break };
                    state.bytes -= oldest.len();
                    dropped += 1;
                }
            }
            // A subscription that is closed for it has no gap before its end.
            if full(state) || (dropped > 0 && self.on_full == OnFull::Close) {
                dropped += 1;
            } else {
                state.bytes += len;
                state.messages.push_back(message);
            }
        }
        dropped
    }

    /// Counts a message that goes to a callback instead; false when the subscription is gone.
    pub(crate) fn note_received(&self) -> bool {
        let mut state = lock(&self.state);
        state.received += 1;
        !state.finished
    }

    /// Nothing more is pushed; what is queued is still handed out. The first reason stays.
    pub(crate) fn end(&self, why: SubscriptionEnd) -> Option<Waker> {
        let mut state = lock(&self.state);
        state.end.get_or_insert(why);
        state.waker.take()
    }

    /// The subscription is gone or does not want more: what is queued is dropped.
    pub(crate) fn finish(&self, why: SubscriptionEnd) {
        let mut state = lock(&self.state);
        state.end.get_or_insert(why);
        state.finished = true;
        state.bytes = 0;
        let messages = std::mem::take(&mut state.messages);
        let holding = state.holding.take();
        drop(state);
        holding.into_iter().for_each(Waker::wake);
        drop(messages);
        self.note_taken(0, 0);
    }

    /// Swaps what is queued with the empty buffer `into`. `recovered` is set where a slow queue has been emptied.
    pub(crate) fn poll_take(
        &self,
        into: &mut VecDeque<Message>,
        recovered: &mut bool,
        cx: &mut Context<'_>,
    ) -> Poll<Taken> {
        let mut state = lock(&self.state);
        state.note_poller();
        if !state.messages.is_empty() {
            let bytes = self.take_some(&mut state, into);
            self.set_taken(into.len(), bytes);
            return Poll::Ready(Taken::Messages { bytes });
        }
        // No earlier: it may be full again by the time that all that was taken has been handed out.
        *recovered = std::mem::take(&mut state.slow);
        if state.end.is_some() {
            state.finished = true;
            return Poll::Ready(Taken::End);
        }
        match &mut state.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            empty => *empty = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    /// All there is, but where the oldest may have to be dropped: what was taken cannot be.
    fn take_some(&self, state: &mut State, into: &mut VecDeque<Message>) -> usize {
        if self.on_full != OnFull::DropOldest {
            std::mem::swap(&mut state.messages, into);
            return std::mem::take(&mut state.bytes);
        }
        let bytes = state.messages.front().map_or(0, Message::len);
        into.extend(state.messages.pop_front());
        state.bytes -= bytes;
        bytes
    }

    /// Somebody else goes on with what the subscription holds.
    pub(crate) fn note_poller(&self) {
        lock(&self.state).note_poller();
    }

    /// A drain of the connection begins: who polls from here on does not wait for it in the middle of a message.
    pub(crate) fn begin_drain(&self) {
        let mut state = lock(&self.state);
        state.at_drain = Some(self.waiting(&state));
    }

    fn waiting(&self, state: &State) -> usize {
        state.messages.len() + self.taken.load(Ordering::Relaxed)
    }

    /// The subscription holds so much that it has not handed out yet.
    #[inline]
    pub(crate) fn note_taken(&self, messages: usize, bytes: usize) {
        self.set_taken(messages, bytes);
        if self.on_full == OnFull::Backpressure {
            self.offer_room();
        }
    }

    #[inline]
    fn set_taken(&self, messages: usize, bytes: usize) {
        self.taken.store(messages, Ordering::Relaxed);
        self.taken_bytes.store(bytes, Ordering::Relaxed);
    }

    /// The next server is told of the subscription after so many messages.
    pub(crate) fn set_before(&self, messages: u64) {
        self.before.store(messages, Ordering::Relaxed);
    }

    /// Messages that the current server does not count.
    pub(crate) fn before(&self) -> u64 {
        self.before.load(Ordering::Relaxed)
    }

    pub(crate) fn set_limited(&self) {
        self.limited.store(true, Ordering::Relaxed);
    }

    /// Whether a server may have been told of a maximum.
    pub(crate) fn is_limited(&self) -> bool {
        self.limited.load(Ordering::Relaxed)
    }

    pub(crate) fn ended(&self) -> Option<SubscriptionEnd> {
        lock(&self.state).end.clone()
    }

    /// How far the consumer is, for a drain. `caller` is who awaits the drain.
    pub(crate) fn drained(&self, caller: Option<Poller>) -> Drained {
        let state = lock(&self.state);
        let waiting = self.waiting(&state);
        if state.finished {
            return Drained::Done;
        }
        // What was taken over before is handed out without a word here.
        let goes_on = state.goes_on || state.at_drain.is_some_and(|before| waiting < before);
        match (state.poller, waiting) {
            (Some(poller), n) if goes_on || Some(poller) != caller => Drained::Busy(n),
            (_, 0) => Drained::Done,
            (_, n) => Drained::Idle(n),
        }
    }

    pub(crate) fn figures(&self) -> Figures {
        let state = lock(&self.state);
        Figures {
            received: state.received,
            dropped: state.dropped,
            pending: self.waiting(&state),
            pending_bytes: state.bytes + self.taken_bytes.load(Ordering::Relaxed),
        }
    }
}
