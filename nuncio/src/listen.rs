//! Listeners, each with a queue of its own, to what is told to any number of them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll, Waker};

use crate::sync::lock;

/// Events that a listener may be behind before it misses some.
pub(crate) const BEHIND: usize = 1024;

/// What a listener hears.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard<E> {
    Event(E),
    /// It was too slow, and missed so many of the oldest ones.
    Missed(u64),
}

#[derive(Debug)]
pub(crate) struct Listener<E> {
    inbox: Arc<Inbox<E>>,
}

#[derive(Debug)]
struct Inbox<E> {
    state: Mutex<State<E>>,
}

#[derive(Debug)]
struct State<E> {
    events: VecDeque<E>,
    missed: u64,
    over: bool,
    waker: Option<Waker>,
}

impl<E> Listener<E> {
    /// The next event; `None` after the last.
    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<Option<Heard<E>>> {
        let mut state = lock(&self.inbox.state);
        if state.missed > 0 {
            return Poll::Ready(Some(Heard::Missed(std::mem::take(&mut state.missed))));
        }
        if let Some(event) = state.events.pop_front() {
            return Poll::Ready(Some(Heard::Event(event)));
        }
        if state.over {
            return Poll::Ready(None);
        }
        match &mut state.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            empty => *empty = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}

/// Hands events to all listeners.
#[derive(Debug)]
pub(crate) struct Hub<E> {
    listeners: Mutex<Listeners<E>>,
}

#[derive(Debug)]
struct Listeners<E> {
    inboxes: Vec<Weak<Inbox<E>>>,
    over: bool,
}

impl<E> Default for Hub<E> {
    fn default() -> Self {
        Self { listeners: Mutex::new(Listeners { inboxes: Vec::new(), over: false }) }
    }
}

impl<E> Hub<E> {
    pub(crate) fn listen(&self) -> Listener<E> {
        let mut listeners = lock(&self.listeners);
        listeners.inboxes.retain(|l| l.strong_count() > 0);
        let over = listeners.over;
        let state = State { events: VecDeque::new(), missed: 0, over, waker: None };
        let inbox = Arc::new(Inbox { state: Mutex::new(state) });
        if !over {
            listeners.inboxes.push(Arc::downgrade(&inbox));
        }
        Listener { inbox }
    }

    /// Nothing more will be told.
    pub(crate) fn end(&self) {
        self.tell(|_| {}, true);
    }

    /// `push` puts something into a listener's queue.
    fn tell(&self, push: impl Fn(&mut State<E>), last: bool) {
        let mut wakers = Vec::new();
        {
            let mut listeners = lock(&self.listeners);
            listeners.over |= last;
            for inbox in listeners.inboxes.iter().filter_map(Weak::upgrade) {
                let mut state = lock(&inbox.state);
                push(&mut state);
                state.over |= last;
                wakers.extend(state.waker.take());
            }
        }
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl<E: Clone> Hub<E> {
    /// Tells all listeners; nothing more will come behind the last.
    pub(crate) fn emit(&self, event: &E, last: bool) {
        let push = |state: &mut State<E>| {
            if state.events.len() >= BEHIND {
                state.events.pop_front();
                state.missed += 1;
            }
            state.events.push_back(event.clone());
        };
        self.tell(push, last);
    }
}
