//! Handing a message to a publisher, once there is room in its window.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use nuncio_proto::inbox::{Token, nuid};
use nuncio_proto::js::expect;

use super::handle::AckHandle;
use super::kept::Kept;
use super::state::Placed;
use super::window::{Effects, Window};
use crate::driver::wait::{Deadline, instant_after};
use crate::error::{RequestError, shown};
use crate::jetstream::PublishError;
use crate::jetstream::attempts::Attempts;
use crate::jetstream::draft::{Draft, message_options};
use crate::jetstream::gate::Ask;
use crate::request::not_sent;
use crate::sync::lock;

/// A message about to be handed to a [`Publisher`](crate::jetstream::Publisher): set its options, then await it.
///
/// Returned by [`Publisher::send`](crate::jetstream::Publisher::send). Awaiting it is complete once the message is in the
/// window and in the outgoing buffer; what comes then is a handle, which is a future of the acknowledgement. Who waits for room is
/// served in the order of coming.
///
/// # Errors
///
/// [`PublishError`]: an option that cannot be, or that needs newer servers, a message larger than the server allows, no room within the publisher's
/// timeout, a connection that is draining or closed. A message that failed was not sent.
///
/// # Cancel safety
///
/// Dropped before it is complete, the message is not sent.
#[derive(Debug)]
#[must_use = "nothing is published until this is awaited, or sent with `try_send`"]
pub struct Sending<'a> {
    window: &'a Arc<Window>,
    draft: Draft<'a>,
    state: State,
}

#[derive(Debug)]
enum State {
    New,
    /// It waits for the level of the API, which it needs.
    Asking(Ask),
    /// It waits for room in the window.
    Queued {
        turn: u64,
        deadline: Deadline,
    },
    /// It waits for room in the outgoing buffer.
    Placed {
        placed: Placed,
        token: Token,
        held_up: bool,
    },
    Over,
}

impl<'a> Sending<'a> {
    pub(super) fn new(window: &'a Arc<Window>, draft: Draft<'a>) -> Self {
        Self { window, draft, state: State::New }
    }

    message_options!();

    /// Hands the message over without waiting, for code that is not async.
    ///
    /// It cannot ask for the level that an option needs. Where that is known of the connection, by [`JetStream::level`](crate::jetstream::JetStream::level) or
    /// anything that was awaited and needed it, the option is checked; else the message is sent, and a server that is too old
    /// stores it as if the option were not there.
    ///
    /// # Errors
    ///
    /// As awaiting it, and [`PublishError::WindowFull`] or a full outgoing buffer where that would wait.
    pub fn try_send(mut self) -> Result<AckHandle, PublishError> {
        self.prepare()?;
        self.draft.admitted(&self.window.js).unwrap_or(Ok(()))?;
        let Some((placed, token)) = self.place(None, None) else {
            return Err(self.full());
        };
        let reply = self.window.reply(token);
        match self.draft.message.try_send(self.window.shared(), Some(reply.as_slice())) {
            Ok(()) => Ok(AckHandle::new(Arc::clone(self.window), placed)),
            Err(error) => {
                self.withdraw(placed, token);
                Err(PublishError::NotSent(not_sent(error)))
            }
        }
    }

    fn prepare(&mut self) -> Result<(), PublishError> {
        self.draft.check()?;
        if self.window.ids && !self.draft.sent().headers.is_some_and(expect::has_message_id) {
            self.draft.set(|map, _| expect::message_id(map, &nuid()));
        }
        let strict = self.window.shared().config.strict_subjects;
        self.draft.message.check(strict).map_err(|error| PublishError::NotSent(not_sent(error)))
    }

    /// A place in the window and a slot for the answer; `None` if there is no room, or others have waited longer.
    fn place(&mut self, turn: Option<u64>, waker: Option<&Waker>) -> Option<(Placed, Token)> {
        let patience = &self.window.patience;
        let size = self.draft.message.size();
        let deadline = instant_after(patience.timeout);
        let attempts = Attempts::new(patience, deadline);
        let by = if attempts.are_left() && self.draft.sent().is_idempotent() {
            instant_after(patience.share()).min(deadline)
        } else {
            deadline
        };
        let (placed, next) = {
            let mut state = lock(&self.window.state);
            if let Some(waker) = waker
                && state.gives_way()
            {
                drop(state);
                waker.wake_by_ref();
                return None;
            }
            if !state.admits(size, turn) {
                if let Some(waker) = waker {
                    let turn = state.wait(turn, waker);
                    drop(state);
                    self.queue(turn);
                }
                return None;
            }
            let kept = Kept::new(state.spare(), &self.draft, attempts.are_left());
            let placed = state.place(size, kept, attempts);
            (placed, turn.and_then(|turn| state.leave(turn)))
        };
        next.into_iter().for_each(Waker::wake);
        let token = self.window.open(placed.number, &mut self.draft.message, by);
        Some((placed, token))
    }

    fn queue(&mut self, turn: u64) {
        if !matches!(self.state, State::Queued { .. }) {
            let deadline = Deadline::after(self.window.shared(), self.window.patience.timeout);
            self.state = State::Queued { turn, deadline };
        }
    }

    fn full(&self) -> PublishError {
        let state = lock(&self.window.state);
        PublishError::WindowFull {
            subject: shown(&self.draft.message.subject.0),
            messages: state.messages,
            bytes: state.max_bytes,
        }
    }

    fn withdraw(&self, placed: Placed, token: Token) {
        self.window.close(token);
        let mut effects = Effects::default();
        lock(&self.window.state).withdraw(placed, &mut effects);
        self.window.apply(effects);
    }

    fn poll_place(&mut self, cx: &mut Context<'_>) -> Poll<Result<(Placed, Token), PublishError>> {
        let turn = match &self.state {
            State::Queued { turn, .. } => Some(*turn),
            _ => None,
        };
        if let Some(placed) = self.place(turn, Some(cx.waker())) {
            return Poll::Ready(Ok(placed));
        }
        let State::Queued { deadline, .. } = &self.state else { return Poll::Pending };
        ready!(deadline.poll(cx));
        if let Some(closed) = self.window.shared().core().closed() {
            return Poll::Ready(Err(PublishError::NotSent(RequestError::Closed(closed))));
        }
        Poll::Ready(Err(self.full()))
    }

    fn poll_out(
        &mut self,
        placed: Placed,
        token: Token,
        cx: &mut Context<'_>,
    ) -> Poll<Result<AckHandle, PublishError>> {
        let State::Placed { held_up, .. } = &mut self.state else { return Poll::Pending };
        if *held_up && let Poll::Ready(Err(error)) = lock(&self.window.state).poll_ticket(placed.ticket, cx) {
            return Poll::Ready(Err(error));
        }
        let reply = self.window.reply(token);
        let sent = self.draft.message.poll_send(self.window.shared(), Some(reply.as_slice()), cx);
        match sent {
            Poll::Pending if !mem::replace(held_up, true) => {
                lock(&self.window.state).set_sent(placed.number, false);
                // What ended it in the meantime has been taken for the end of a message that was sent.
                self.poll_out(placed, token, cx)
            }
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(())) => {
                if *held_up {
                    lock(&self.window.state).set_sent(placed.number, true);
                }
                Poll::Ready(Ok(AckHandle::new(Arc::clone(self.window), placed)))
            }
            Poll::Ready(Err(error)) => {
                self.withdraw(placed, token);
                Poll::Ready(Err(PublishError::NotSent(not_sent(error))))
            }
        }
    }
}

impl Future for Sending<'_> {
    type Output = Result<AckHandle, PublishError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        loop {
            match &mut this.state {
                State::New => {
                    if let Err(error) = this.prepare() {
                        this.state = State::Over;
                        return Poll::Ready(Err(error));
                    }
                    match this.draft.admitted(&this.window.js) {
                        Some(Ok(())) => {}
                        Some(Err(error)) => {
                            this.state = State::Over;
                            return Poll::Ready(Err(error));
                        }
                        None => {
                            this.state =
                                State::Asking(Ask::new(&this.window.js, this.window.patience.timeout));
                            continue;
                        }
                    }
                }
                State::Asking(ask) => {
                    let admitted = ready!(ask.poll(&this.draft, cx));
                    this.state = State::New;
                    if let Err(error) = admitted {
                        this.state = State::Over;
                        return Poll::Ready(Err(error));
                    }
                    continue;
                }
                State::Queued { .. } => {}
                State::Placed { placed, token, .. } => {
                    let (placed, token) = (*placed, *token);
                    let ended = ready!(this.poll_out(placed, token, cx));
                    this.state = State::Over;
                    return Poll::Ready(ended);
                }
                State::Over => return Poll::Pending,
            }
            match ready!(this.poll_place(cx)) {
                Ok((placed, token)) => {
                    this.state = State::Placed { placed, token, held_up: false };
                }
                Err(error) => {
                    this.leave();
                    return Poll::Ready(Err(error));
                }
            }
        }
    }
}

impl Sending<'_> {
    /// Gives up what it waits for.
    fn leave(&mut self) {
        match mem::replace(&mut self.state, State::Over) {
            State::New | State::Asking(_) | State::Over => {}
            State::Queued { turn, .. } => {
                let next = lock(&self.window.state).leave(turn);
                next.into_iter().for_each(Waker::wake);
            }
            State::Placed { placed, token, .. } => self.withdraw(placed, token),
        }
    }
}

impl Drop for Sending<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}
