//! Requests over one shared inbox.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use nuncio_proto::header::HeaderMap;
use nuncio_proto::inbox::Token;
use nuncio_proto::registry::Interest;
use nuncio_proto::subject;

use crate::driver::route::{Change, Route};
use crate::driver::shared::{Core, Failure, MUX_SID, Shared, Stage};
use crate::driver::wait::instant_after;
use crate::error::{ConnectionClosed, PublishError, RequestError, shown};
use crate::publish::{LONGEST_SUBJECTS, Outgoing, Subject};
use crate::request_many::RequestMany;
use crate::subscribe::announce;
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
    state: State,
}

#[derive(Debug)]
enum State {
    New,
    /// A slot is open, the message has not been sent yet.
    Sending(Slot),
    Sent(Slot),
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
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Appends a header, as [`Publish::header`](crate::Publish::header) does.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.message.header(name, value);
        self
    }

    /// Appends all these headers.
    pub fn headers(mut self, headers: HeaderMap) -> Self {
        self.message.headers(headers);
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
        let mut fresh = false;
        loop {
            match &mut this.state {
                State::New => {
                    let after = this.after();
                    let slot = Slot::open(this.shared, &mut this.message, false, this.no_mux, after, cx)?;
                    this.state = State::Sending(slot);
                    fresh = true;
                }
                State::Sending(slot) => {
                    let sent = this.message.poll_send(this.shared, Some(slot.reply().as_slice()), cx);
                    if sent.is_pending() {
                        // The slot's deadline covers the wait for room as well.
                        let ended = slot.poll(cx, &this.message.subject.0);
                        if ended.is_ready() {
                            this.state = State::Over;
                        }
                        return ended;
                    }
                    let State::Sending(slot) = std::mem::replace(&mut this.state, State::Over) else {
                        continue;
                    };
                    if let Poll::Ready(Err(error)) = sent {
                        return Poll::Ready(Err(not_sent(error)));
                    }
                    this.state = State::Sent(slot);
                    if fresh {
                        // The slot has the waker since it was opened.
                        return Poll::Pending;
                    }
                }
                State::Sent(slot) => {
                    let ended = slot.poll(cx, &this.message.subject.0);
                    if ended.is_ready() {
                        this.state = State::Over;
                    }
                    return ended;
                }
                State::Over => return Poll::Pending,
            }
        }
    }
}

pub(crate) fn not_sent(error: PublishError) -> RequestError {
    match error {
        PublishError::Closed(closed) => RequestError::Closed(closed),
        PublishError::Draining => RequestError::Draining,
        error => RequestError::Publish(error),
    }
}

/// An open request: the slot that its replies are put in, freed on drop.
#[derive(Debug)]
pub(crate) struct Slot {
    shared: Arc<Shared>,
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

/// The subject of a reply: on the stack but for a long inbox prefix.
pub(crate) enum Reply<'a> {
    Short([u8; SHORT], usize),
    Long(Vec<u8>),
    Own(&'a [u8]),
}

const SHORT: usize = 64;

impl Reply<'_> {
    /// The subject of the reply to the request with this token, in the inbox of all requests.
    #[inline]
    pub(crate) fn of(shared: &Shared, token: Token) -> Self {
        let prefix = &*shared.mux_prefix;
        let mut text = [0; SHORT];
        if let Some((head, tail)) = text.split_at_mut_checked(prefix.len()) {
            head.copy_from_slice(prefix);
            if let Some(len) = token.write_to(tail) {
                return Reply::Short(text, prefix.len() + len);
            }
        }
        let mut text = Vec::with_capacity(prefix.len() + Token::MAX_LEN);
        text.extend_from_slice(prefix);
        token.encode_into(&mut text);
        Reply::Long(text)
    }

    #[inline]
    pub(crate) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Short(text, len) => text.get(..*len).unwrap_or_default(),
            Self::Long(text) => text,
            Self::Own(text) => text,
        }
    }
}

impl Slot {
    /// Opens a slot whose failure or reply wakes `cx`, for a message that is sent next.
    pub(crate) fn open(
        shared: &Arc<Shared>,
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
        shared: &Arc<Shared>,
        message: &mut Outgoing<'_>,
        many: bool,
        after: Duration,
        cx: &Context<'_>,
    ) -> Result<Self, RequestError> {
        let reply = own_reply(shared, message)?;
        ready(&shared.core())?;
        let mut slot = Self::enter(shared, message, many, after, cx);
        let max = (!many).then_some(1);
        let waker = {
            let mut core = shared.core();
            ready(&core)?;
            let sid = core.next_sid;
            core.next_sid += 1;
            let interest = Interest { subject: reply.as_slice().into(), queue: None };
            slot.own = Some(Box::new(Own { sid, reply }));
            let waker = announce(&mut core, sid, &interest, max);
            let route = Route::Reply(slot.token);
            core.changes.push(Change::Subscribe { sid, interest, max, route, first_message: None });
            waker
        };
        waker.into_iter().for_each(Waker::wake);
        Ok(slot)
    }

    fn enter(
        shared: &Arc<Shared>,
        message: &mut Outgoing<'_>,
        many: bool,
        after: Duration,
        cx: &Context<'_>,
    ) -> Self {
        let deadline = instant_after(after);
        let subject = hash(&message.subject.0);
        let waker = cx.waker().clone();
        let token = {
            let requests = &mut shared.waits().requests;
            let token = requests.open(subject, many, Some(deadline), Some(waker));
            message.request = requests.newest();
            token
        };
        shared.note_deadline(deadline);
        Self { shared: Arc::clone(shared), token, after, freed: false, many, own: None }
    }

    #[inline]
    pub(crate) fn reply(&self) -> Reply<'_> {
        if let Some(own) = &self.own {
            return Reply::Own(&own.reply);
        }
        Reply::of(&self.shared, self.token)
    }

    /// Waits again, until `deadline`, for a message that is sent a second time: under the same subject, so that the
    /// answer to either is taken, unless there was one.
    pub(crate) fn reopen(
        &mut self,
        message: &mut Outgoing<'_>,
        deadline: std::time::Instant,
        cx: &Context<'_>,
    ) {
        let waker = Some(cx.waker().clone());
        {
            let requests = &mut self.shared.waits().requests;
            if self.freed {
                self.token = requests.open(hash(&message.subject.0), self.many, Some(deadline), waker);
                message.request = requests.newest();
                self.freed = false;
            } else {
                requests.reopen(self.token, deadline, waker);
            }
        }
        self.shared.note_deadline(deadline);
    }

    pub(crate) fn expect_reply_by(&self, deadline: std::time::Instant) {
        self.shared.waits().requests.expect_reply_by(self.token, deadline);
        self.shared.note_deadline(deadline);
    }

    pub(crate) fn poll_reply(&mut self, cx: &mut Context<'_>) -> Poll<Result<Message, Failure>> {
        let ended = self.shared.waits().requests.poll(self.token, cx);
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

    pub(crate) fn error(&self, failure: Failure, subject: &[u8]) -> RequestError {
        match (failure, &self.own) {
            (Failure::InboxDenied, Some(own)) => RequestError::InboxDenied { inbox: shown(&own.reply) },
            (Failure::InboxRefused(error), Some(own)) => {
                RequestError::InboxRefused { inbox: shown(&own.reply), error }
            }
            (failure, _) => failed(&self.shared, failure, subject, self.after),
        }
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
            RequestError::InboxRefused { inbox: shown(&shared.mux_subject()), error }
        }
        Failure::Disconnected => RequestError::Disconnected { subject },
        Failure::Closed(reason) | Failure::Unsent(reason) => ConnectionClosed { reason }.into(),
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if !self.freed {
            // Replies that nobody took go with the slot.
            self.shared.waits().requests.close(self.token);
        }
        let Some(sid) = self.own.as_ref().map(|own| own.sid) else { return };
        let waker = {
            let mut core = self.shared.core();
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
    match &core.stage {
        Stage::Open => Ok(()),
        Stage::Closed(reason) => Err(ConnectionClosed { reason: reason.clone() }.into()),
        _ => Err(RequestError::Draining),
    }
}

/// The subject that a request with its own subscription gets its reply on.
fn own_reply(shared: &Shared, message: &Outgoing<'_>) -> Result<Vec<u8>, RequestError> {
    let Some(reply) = &message.reply else { return Ok(shared.new_inbox().into_bytes()) };
    let reply = &*reply.0;
    subject::validate_publish(reply).map_err(PublishError::from)?;
    if !subject::is_literal(reply) {
        let problem = "a reply subject must not hold wildcards: it is published to";
        return Err(RequestError::Option { option: "reply", problem });
    }
    if reply.len() > LONGEST_SUBJECTS {
        let error = PublishError::SubjectTooLong { size: reply.len(), max: LONGEST_SUBJECTS };
        return Err(error.into());
    }
    Ok(reply.to_vec())
}

/// Subscribes to the inbox of all requests, the first time one is made.
#[inline]
pub(crate) fn subscribe_to_replies(core: &mut Core, shared: &Shared) -> Option<Waker> {
    if core.mux_live { None } else { subscribe_now(core, shared) }
}

#[cold]
fn subscribe_now(core: &mut Core, shared: &Shared) -> Option<Waker> {
    core.mux_live = true;
    let subject = shared.mux_subject();
    let interest = Interest { subject: subject.into(), queue: None };
    let waker = announce(core, MUX_SID, &interest, None);
    core.changes.push(Change::Subscribe {
        sid: MUX_SID,
        interest,
        max: None,
        route: Route::Replies,
        first_message: None,
    });
    waker
}

/// Subjects are compared by hash when the server refuses one, so that a request need not keep its own.
#[inline]
pub(crate) fn hash(subject: &[u8]) -> u64 {
    // Whoever finds two subjects of one hash gains that a refusal of one may be told to a request for the other.
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |hash: u64, word: u64| (hash.rotate_left(23) ^ word).wrapping_mul(ODD);
    let (words, rest) = subject.as_chunks::<8>();
    let hash = words.iter().fold(subject.len() as u64, |hash, word| mix(hash, u64::from_le_bytes(*word)));
    rest.iter().fold(hash, |hash, b| mix(hash, u64::from(*b)))
}
