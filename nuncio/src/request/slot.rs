//! The place where a request waits.

use std::borrow::Borrow;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use nuncio_proto::inbox::Token;
use nuncio_proto::registry::Interest;

use super::failed;
use super::reply::{Reply, own_reply};
use crate::Message;
use crate::driver::route::{Change, Route};
use crate::driver::shared::{Core, Failure, Shared, Stage};
use crate::driver::wait::instant_after;
use crate::error::{ConnectionClosed, RequestError, shown};
use crate::publish::Outgoing;
use crate::subscribe::announce;

/// An open request: the slot that its replies are put in, freed on drop.
///
/// It borrows the connection where the future that holds it does, which spares a share of it a request.
#[derive(Debug)]
pub(crate) struct Slot<S: Borrow<Shared> = Arc<Shared>> {
    shared: S,
    token: Token,
    after: Duration,
    /// The one reply has been taken, and the slot freed with it.
    freed: bool,
    many: bool,
    /// The subscription that only this request has.
    own: Option<Box<Own>>,
}

#[derive(Debug)]
struct Own {
    sid: u64,
    reply: Vec<u8>,
}

impl<S: Borrow<Shared>> Slot<S> {
    /// Opens a slot whose failure or reply wakes `cx`, for a message that is sent next.
    pub(crate) fn open(
        shared: S,
        message: &mut Outgoing<'_>,
        many: bool,
        no_mux: bool,
        after: Duration,
        cx: &Context<'_>,
    ) -> Result<Self, RequestError> {
        if no_mux {
            return Self::open_own(shared, message, many, after, cx);
        }
        if message.reply.is_some() {
            let problem = "a reply subject of your own needs `no_mux`: the shared inbox does not receive it";
            return Err(RequestError::Option { option: "reply", problem });
        }
        // Before the subscription, which goes out with the message: a refusal of it fails the slots that are open.
        message.muxed = true;
        Ok(Self::enter(shared, message, many, after, cx))
    }

    /// The subscription is on the wire before the request, and ends by itself with the one reply that is wanted.
    fn open_own(
        shared: S,
        message: &mut Outgoing<'_>,
        many: bool,
        after: Duration,
        cx: &Context<'_>,
    ) -> Result<Self, RequestError> {
        let reply = own_reply(shared.borrow(), message)?;
        ready(&shared.borrow().core())?;
        let mut slot = Self::enter(shared, message, many, after, cx);
        let max = (!many).then_some(1);
        let waker = {
            let mut core = slot.shared.borrow().core();
            ready(&core)?;
            let sid = core.next_sid;
            core.next_sid += 1;
            let interest = Interest { subject: reply.as_slice().into(), queue: None };
            let waker = announce(&mut core, sid, &interest, max);
            let route = Route::Reply(slot.token);
            core.changes.push(Change::Subscribe { sid, interest, max, route, first_message: None });
            slot.own = Some(Box::new(Own { sid, reply }));
            waker
        };
        waker.into_iter().for_each(Waker::wake);
        Ok(slot)
    }

    #[inline]
    fn enter(shared: S, message: &mut Outgoing<'_>, many: bool, after: Duration, cx: &Context<'_>) -> Self {
        let subject = hash(&message.subject.0);
        let waker = cx.waker().clone();
        let token = if many {
            let deadline = instant_after(after);
            let token = {
                let requests = &mut shared.borrow().waits().requests;
                let token = requests.open(subject, true, Some(deadline), Some(waker));
                message.request = requests.newest();
                token
            };
            shared.borrow().note_deadline(deadline);
            token
        } else {
            let (token, number) = shared.borrow().open_request(subject, after, waker);
            message.request = number;
            token
        };
        Self { shared, token, after, freed: false, many, own: None }
    }

    #[inline]
    pub(crate) fn reply(&self) -> Reply<'_> {
        if let Some(own) = &self.own {
            return Reply::Own(&own.reply);
        }
        Reply::of(self.shared.borrow(), self.token)
    }

    /// Waits again, until `deadline`, for a message that is sent a second time: under the same subject, so that the
    /// answer to either is taken, unless there was one.
    pub(crate) fn reopen(&mut self, message: &mut Outgoing<'_>, deadline: Instant, cx: &Context<'_>) {
        let waker = Some(cx.waker().clone());
        {
            let requests = &mut self.shared.borrow().waits().requests;
            if self.freed {
                self.token = requests.open(hash(&message.subject.0), self.many, Some(deadline), waker);
                message.request = requests.newest();
                self.freed = false;
            } else {
                requests.reopen(self.token, deadline, waker);
            }
        }
        self.shared.borrow().note_deadline(deadline);
    }

    pub(crate) fn expect_reply_by(&self, deadline: Instant) {
        self.shared.borrow().waits().requests.expect_reply_by(self.token, deadline);
        self.shared.borrow().note_deadline(deadline);
    }

    #[inline]
    pub(crate) fn poll_reply(&mut self, cx: &mut Context<'_>) -> Poll<Result<Message, Failure>> {
        let ended = self.shared.borrow().waits().requests.poll(self.token, cx);
        self.freed = !self.many && matches!(ended, Poll::Ready(Ok(_)));
        ended
    }

    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        subject: &[u8],
    ) -> Poll<Result<Message, RequestError>> {
        self.poll_reply(cx).map(|ended| ended.map_err(|failure| self.error(failure, subject)))
    }

    #[cold]
    pub(crate) fn error(&self, failure: Failure, subject: &[u8]) -> RequestError {
        match (failure, &self.own) {
            (Failure::InboxDenied, Some(own)) => RequestError::InboxDenied { inbox: shown(&own.reply) },
            (Failure::InboxRefused(error), Some(own)) => {
                RequestError::InboxRefused { inbox: shown(&own.reply), error: *error }
            }
            (failure, _) => failed(self.shared.borrow(), failure, subject, self.after),
        }
    }
}

impl<S: Borrow<Shared>> Drop for Slot<S> {
    fn drop(&mut self) {
        if !self.freed {
            // Replies that nobody took go with the slot.
            self.shared.borrow().waits().requests.close(self.token);
        }
        let Some(sid) = self.own.as_ref().map(|own| own.sid) else { return };
        let waker = {
            let mut core = self.shared.borrow().core();
            if core.closed().is_some() {
                return;
            }
            core.changes.push(Change::Release(sid));
            core.driver.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }
}

fn ready(core: &Core) -> Result<(), RequestError> {
    match &core.gate.stage {
        Stage::Open => Ok(()),
        Stage::Closed(reason) => Err(ConnectionClosed { reason: reason.clone() }.into()),
        _ => Err(RequestError::Draining),
    }
}

/// Subjects are compared by hash when the server refuses one, so that a request need not keep its own.
#[inline]
pub(crate) fn hash(subject: &[u8]) -> u64 {
    // Whoever finds two subjects of one hash gains that a refusal of one may be told to a request for the other.
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |hash: u64, word: u64| (hash.rotate_left(23) ^ word).wrapping_mul(ODD);
    let first = subject.len() as u64;
    let Some(last) = subject.last_chunk::<8>() else {
        return subject.iter().fold(first, |hash, b| mix(hash, u64::from(*b)));
    };
    // The last word may overlap the one before it.
    let words = subject.as_chunks::<8>().0.iter().chain([last]);
    words.fold(first, |hash, word| mix(hash, u64::from_le_bytes(*word)))
}
