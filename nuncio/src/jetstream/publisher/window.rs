//! What drives a publisher: replies and deadlines call it in the connection's task.

use std::fmt;
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Wake, Waker};
use std::time::Instant;

use nuncio_proto::inbox::Token;
use nuncio_proto::requests::Ended;

use super::state::State;
use crate::Message;
use crate::driver::shared::{Failure, Shared, now};
use crate::driver::wait::{Deadline, instant_after};
use crate::error::PublishError;
use crate::jetstream::JetStream;
use crate::jetstream::attempts::Patience;
use crate::publish::Outgoing;
use crate::request::{Reply, hash, not_sent};
use crate::sync::lock;

pub(super) struct Window {
    pub(super) js: JetStream,
    pub(super) patience: Patience,
    /// Messages without an id get one.
    pub(super) ids: bool,
    group: Token,
    poke: Waker,
    pub(super) state: Mutex<State>,
    alarm: Mutex<Option<Deadline>>,
    /// Kept for its memory.
    ended: Mutex<Vec<Ended<Message, Failure>>>,
}

/// What is to be done when the lock is released.
#[derive(Debug, Default)]
pub(super) struct Effects {
    pub(super) wakers: Vec<Waker>,
    pub(super) close: Vec<Token>,
    pub(super) reopen: Vec<(Token, Instant)>,
    pub(super) again: Vec<(u64, Option<Token>)>,
}

/// Calls the window, and does not keep it alive.
struct Poke(Weak<Window>);

impl Wake for Poke {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if let Some(window) = self.0.upgrade() {
            window.collect();
        }
    }
}

impl Window {
    pub(super) fn new(js: JetStream, patience: Patience, ids: bool, state: State) -> Arc<Self> {
        Arc::new_cyclic(|window| {
            let poke = Waker::from(Arc::new(Poke(Weak::clone(window))));
            let group = js.client.handle.shared.waits().requests.open_group(poke.clone());
            Self {
                js,
                patience,
                ids,
                group,
                poke,
                state: Mutex::new(state),
                alarm: Mutex::default(),
                ended: Mutex::default(),
            }
        })
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.js.client.handle.shared
    }

    /// Opens a slot for the answer to a message.
    pub(super) fn open(&self, number: u64, message: &mut Outgoing<'_>, deadline: Instant) -> Token {
        let subject = hash(&message.subject.0);
        let token = {
            let requests = &mut self.shared().waits().requests;
            let token = requests.open_in(self.group, number, subject, deadline);
            message.request = requests.newest();
            token
        };
        message.muxed = true;
        self.shared().note_deadline(deadline);
        token
    }

    pub(super) fn reply(&self, token: Token) -> Reply<'static> {
        Reply::of(self.shared(), token)
    }

    pub(super) fn close(&self, token: Token) {
        self.shared().waits().requests.close(token);
    }

    /// Takes in all that has ended, and does what follows from it.
    fn collect(&self) {
        let mut over = false;
        loop {
            let mut ended = std::mem::take(&mut *lock(&self.ended));
            self.shared().waits().requests.take_ended(self.group, &mut ended);
            let now = now();
            let mut effects = Effects::default();
            {
                let mut state = lock(&self.state);
                ended.retain(|ended| !state.take_stored(ended, &mut effects));
                for ended in ended.drain(..) {
                    state.take_end(self.shared(), ended, &self.patience, now, &mut effects);
                }
                state.take_rested(now, over, &mut effects);
            }
            *lock(&self.ended) = ended;
            self.apply(effects);
            let next = lock(&self.state).next_rest();
            if next.is_none_or(|next| !self.has_rung(next)) {
                return;
            }
            // Then nobody keeps the time any more.
            over = self.shared().core().closed().is_some();
        }
    }

    /// Does what is not done under the lock.
    pub(super) fn apply(&self, effects: Effects) {
        let Effects { wakers, close, reopen, again } = effects;
        if !close.is_empty() || !reopen.is_empty() {
            let requests = &mut self.shared().waits().requests;
            close.into_iter().for_each(|token| requests.close(token));
            reopen.iter().for_each(|(token, deadline)| requests.reopen(*token, *deadline, None));
        }
        reopen.iter().for_each(|(_, deadline)| self.shared().note_deadline(*deadline));
        again.into_iter().for_each(|(number, token)| self.send_again(number, token));
        wakers.into_iter().for_each(Waker::wake);
    }

    fn send_again(&self, number: u64, token: Option<Token>) {
        let again = lock(&self.state).again(number);
        let Some((mut message, deadline, shares)) = again else {
            token.into_iter().for_each(|token| self.close(token));
            return;
        };
        let by = if shares { instant_after(self.patience.share()).min(deadline) } else { deadline };
        let token = match token {
            Some(token) => {
                self.shared().waits().requests.reopen(token, by, None);
                self.shared().note_deadline(by);
                message.muxed = true;
                token
            }
            None => self.open(number, &mut message, by),
        };
        let mut effects = Effects::default();
        match message.try_send(self.shared(), Some(self.reply(token).as_slice())) {
            Ok(()) => return,
            Err(PublishError::Full { .. }) => {
                let until = instant_after(self.patience.retry_wait);
                lock(&self.state).rest(number, until, Some(token));
            }
            Err(error) => {
                self.close(token);
                lock(&self.state).fail_unsent(number, not_sent(error), &self.patience, &mut effects);
            }
        }
        effects.wakers.into_iter().for_each(Waker::wake);
    }

    /// Has this window called at that time; true if it is past already.
    fn has_rung(&self, at: Instant) -> bool {
        let deadline = Deadline::at(self.shared(), at);
        let rung = deadline.poll(&mut Context::from_waker(&self.poke)).is_ready();
        // The old one is disarmed when this lock is released.
        let before = lock(&self.alarm).replace(deadline);
        drop(before);
        rung
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (given_up, failures) = (state.resting(), state.failures.count());
        if given_up > 0 || failures > 0 {
            tracing::warn!(
                given_up,
                failures,
                "a publisher and its handles were dropped: messages that no stream had taken are not sent again, and \
                 errors were not looked at"
            );
        }
        self.shared().waits().requests.close_group(self.group);
    }
}

impl fmt::Debug for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Window").field("patience", &self.patience).finish_non_exhaustive()
    }
}
