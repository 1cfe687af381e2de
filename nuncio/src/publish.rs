//! Publishing: from the caller's values to encoded bytes in the outbox, in the caller's own thread.

use std::borrow::Cow;
use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use nuncio_proto::header::HeaderMap;
use nuncio_proto::{outbox, subject};

use crate::Message;
use crate::codec::Payload;
use crate::config::WhenFull;
use crate::driver::shared::{BURST, Core, Shared, Stage};
use crate::driver::wait::Deadline;
use crate::error::{PublishError, shown};
use crate::publish_confirmed::PublishConfirmed;
use crate::request::subscribe_to_replies;

/// What nats-server's default `max_control_line` of 4096 bytes leaves for subject and reply, or queue group.
pub(crate) const LONGEST_SUBJECTS: usize = 4096 - 64;

/// A subject given to a call: text, or bytes for subjects that are not UTF-8.
#[derive(Clone, Debug)]
pub struct Subject<'a>(pub(crate) Cow<'a, [u8]>);

macro_rules! subject_from {
    ($($from:ty => |$value:ident| $make:expr;)*) => {$(
        impl<'a> From<$from> for Subject<'a> {
            #[inline]
            fn from($value: $from) -> Self {
                Self($make)
            }
        }
    )*};
}

subject_from! {
    &'a str => |text| Cow::Borrowed(text.as_bytes());
    &'a String => |text| Cow::Borrowed(text.as_bytes());
    String => |text| Cow::Owned(text.into_bytes());
    &'a [u8] => |bytes| Cow::Borrowed(bytes);
    Cow<'a, str> => |text| match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    };
    &'a Cow<'a, str> => |text| Cow::Borrowed(text.as_bytes());
}

/// A message on its way out, before it is encoded.
#[derive(Debug)]
pub(crate) struct Outgoing<'a> {
    pub(crate) subject: Subject<'a>,
    pub(crate) payload: outbox::Payload<'a>,
    pub(crate) reply: Option<Subject<'a>>,
    headers: Option<HeaderMap>,
    /// The number of the request that it carries, if any.
    pub(crate) request: u64,
    /// Its reply comes to the inbox of all requests.
    pub(crate) muxed: bool,
    /// It may be sent again, with the same headers.
    pub(crate) again: bool,
    checked: bool,
    /// The driver got its turn once.
    paced: bool,
    /// What is seldom needed; apart, so that the builder is small and cheap to move.
    rare: Option<Box<Rare<'a>>>,
}

#[derive(Debug, Default)]
struct Rare<'a> {
    /// The first fault of an argument; reported when the message is sent.
    fault: Option<PublishError>,
    deadline: Option<Deadline>,
    /// A header block that is passed on as it was received.
    block: Option<Cow<'a, [u8]>>,
}

impl<'a> Outgoing<'a> {
    #[inline]
    pub(crate) fn new(subject: Subject<'a>, payload: Payload<'a>) -> Self {
        let (payload, rare) = match payload.0 {
            Ok(payload) => (payload, None),
            Err(error) => {
                let rare = Rare { fault: Some(error.into()), ..Rare::default() };
                (outbox::Payload::Borrowed(&[]), Some(Box::new(rare)))
            }
        };
        Self {
            subject,
            payload,
            reply: None,
            headers: None,
            request: 0,
            muxed: false,
            again: false,
            checked: false,
            paced: false,
            rare,
        }
    }

    // Not inlined, so that the builder around it is: it then stays where it is instead of being moved.
    #[inline(never)]
    pub(crate) fn header(&mut self, name: &str, value: &str) {
        let headers = self.headers.get_or_insert_with(spare_headers);
        if let Err(error) = headers.append(name, value) {
            self.note_fault(error);
        }
    }

    /// A message with a header block as it is on the wire.
    pub(crate) fn with_block(subject: Subject<'a>, block: Option<Vec<u8>>, payload: Payload<'a>) -> Self {
        let mut outgoing = Self::new(subject, payload);
        if let Some(block) = block {
            outgoing.rare.get_or_insert_default().block = Some(Cow::Owned(block));
        }
        outgoing
    }

    /// Passes on what another message has, its header block byte for byte.
    pub(crate) fn forward(message: &'a Message, subject: Subject<'a>) -> Self {
        let mut outgoing = Self::new(subject, message.payload_bytes().into());
        if let Some(block) = message.raw_headers() {
            outgoing.rare.get_or_insert_default().block = Some(Cow::Borrowed(block));
        }
        outgoing
    }

    fn block(&self) -> Option<&[u8]> {
        self.rare.as_ref()?.block.as_deref()
    }

    /// Where the servers on the way report what they do with the message (ADR-41).
    pub(crate) fn trace(&mut self, destination: &str, only: bool) {
        if let Err(error) = subject::validate_publish(destination.as_bytes()) {
            return self.note_fault(error);
        }
        if !subject::is_literal(destination.as_bytes()) {
            return self.note_fault(PublishError::Wildcard { subject: shown(destination.as_bytes()) });
        }
        self.header(crate::trace::DESTINATION, destination);
        if only {
            self.header(crate::trace::ONLY, "true");
        }
    }

    pub(crate) fn headers(&mut self, headers: HeaderMap) {
        match &mut self.headers {
            None => self.headers = Some(headers),
            Some(present) => {
                for (name, value) in headers.iter() {
                    if let Err(error) = present.append(name, value) {
                        self.rare.get_or_insert_default().fault.get_or_insert(error.into());
                    }
                }
            }
        }
    }

    /// The headers, to be changed.
    pub(crate) fn headers_mut(&mut self) -> &mut HeaderMap {
        self.headers.get_or_insert_with(spare_headers)
    }

    pub(crate) fn header_map(&self) -> Option<&HeaderMap> {
        self.headers.as_ref()
    }

    #[cold]
    fn note_fault(&mut self, error: impl Into<PublishError>) {
        self.rare.get_or_insert_default().fault.get_or_insert(error.into());
    }

    /// Checks the arguments that do not depend on the connection, once.
    #[inline]
    pub(crate) fn check(&mut self, strict: bool) -> Result<(), PublishError> {
        if self.checked {
            return Ok(());
        }
        if strict || self.rare.is_some() || self.reply.is_some() {
            return self.check_all(strict);
        }
        subject::validate_publish(&self.subject.0)?;
        if self.subject.0.len() > LONGEST_SUBJECTS {
            return self.check_all(strict);
        }
        self.checked = true;
        Ok(())
    }

    #[inline(never)]
    fn check_all(&mut self, strict: bool) -> Result<(), PublishError> {
        if let Some(fault) = self.rare.as_mut().and_then(|rare| rare.fault.take()) {
            return Err(fault);
        }
        subject::validate_publish(&self.subject.0)?;
        if strict && !subject::is_literal(&self.subject.0) {
            return Err(PublishError::Wildcard { subject: self.shown() });
        }
        let mut subjects = self.subject.0.len();
        if let Some(reply) = &self.reply {
            subject::validate_publish(&reply.0)?;
            subjects += reply.0.len();
        }
        if subjects > LONGEST_SUBJECTS {
            return Err(PublishError::SubjectTooLong { size: subjects, max: LONGEST_SUBJECTS });
        }
        self.join_headers();
        self.checked = true;
        Ok(())
    }

    /// Headers that were added to a block that is passed on go behind its own.
    fn join_headers(&mut self) {
        let Some(block) = self.rare.as_mut().and_then(|rare| rare.block.as_mut()) else { return };
        let Some(headers) = self.headers.take().filter(|headers| !headers.is_empty()) else { return };
        let mut added = Vec::with_capacity(headers.encoded_len());
        headers.encode_into(&mut added);
        // Without the version line.
        let lines = added.splitn(2, |byte| *byte == b'\n').nth(1).unwrap_or_default();
        let mut joined = block.strip_suffix(b"\r\n").unwrap_or(block).to_vec();
        joined.extend_from_slice(lines);
        *block = Cow::Owned(joined);
    }

    pub(crate) fn size(&self) -> usize {
        // Empty headers are not sent.
        let headers = self.headers.as_ref().filter(|headers| !headers.is_empty());
        let block = self.block().map_or(0, <[u8]>::len);
        block + headers.map_or(0, HeaderMap::encoded_len) + self.payload.as_slice().len()
    }

    /// Encodes the message into the outbox if it is allowed and there is room.
    ///
    /// `reply` stands in for the message's own reply subject. Who can wait for room gives its waker, which is in place
    /// when the answer is [`Admission::Full`].
    #[inline]
    fn admit(&mut self, shared: &Shared, reply: Option<&[u8]>, waker: Option<&Waker>) -> Admission {
        if let Err(error) = self.check(shared.config.strict_subjects) {
            return Admission::Refused(error);
        }
        let size = self.size();
        let mut core = shared.core();
        if let Err(error) = self.allowed(&core, size) {
            return Admission::Refused(error);
        }
        if core.up
            && core.moving.is_some_and(|newest| self.request > newest)
            && let Some(waker) = waker
        {
            // Its reply might come when the server has been left.
            core.room.push(waker.clone());
            return Admission::Wait;
        }
        let room = shared.config.outbox_limit.saturating_sub(core.ledger.in_flight_bytes);
        if (core.batch.len() + size > room || core.batch.weight() >= BURST)
            && let Some(full) = self.full(&mut core, shared, size, waker)
        {
            return full;
        }
        let subscribed = if self.muxed { subscribe_to_replies(&mut core, shared) } else { None };
        let payload = &self.payload;
        if let Some(block) = self.block() {
            let waker = pass_on(&mut core, &self.subject.0, reply.or(self.reply()), block, payload, size);
            drop(core);
            subscribed.or(waker).into_iter().for_each(Waker::wake);
            return Admission::Sent;
        }
        let waker =
            encode(&mut core, &self.subject.0, reply.or(self.reply()), self.headers.as_ref(), payload, size);
        drop(core);
        if let Some(waker) = subscribed.or(waker) {
            waker.wake();
        }
        if !self.again
            && let Some(headers) = self.headers.take()
        {
            spare(headers);
        }
        Admission::Sent
    }

    fn reply(&self) -> Option<&[u8]> {
        self.reply.as_ref().map(|reply| &*reply.0)
    }

    #[inline]
    fn allowed(&self, core: &Core, size: usize) -> Result<(), PublishError> {
        match &core.stage {
            Stage::Open => {}
            Stage::DrainingSubscriptions if self.request == 0 => {}
            Stage::DrainingSubscriptions | Stage::DrainingPublishes => return Err(PublishError::Draining),
            Stage::Closed(reason) => {
                return Err(crate::ConnectionClosed { reason: reason.clone() }.into());
            }
        }
        if size > core.max_payload {
            return Err(PublishError::TooLarge { subject: self.shown(), size, max: core.max_payload });
        }
        let has_headers = self.headers.as_ref().is_some_and(|headers| !headers.is_empty());
        if !core.headers && (has_headers || self.block().is_some()) {
            return Err(PublishError::HeadersUnsupported { subject: self.shown() });
        }
        Ok(())
    }

    /// What to do about a message that would exceed a burst or the limit; `None` means to take it.
    #[cold]
    fn full(
        &mut self,
        core: &mut Core,
        shared: &Shared,
        size: usize,
        waker: Option<&Waker>,
    ) -> Option<Admission> {
        let config = &shared.config;
        let limit = config.outbox_limit;
        let buffered = core.buffered_bytes();
        let patient = matches!(config.when_full, WhenFull::Wait(_));
        // While the driver writes, a whole burst waits for it; that is the ordinary pace of a fast publisher. Without
        // patience it lets the driver run once and then fills the buffer up to its limit.
        let paced = waker.is_some() && core.up && core.batch.weight() >= BURST && (patient || !self.paced);
        if !paced {
            // A message larger than the whole limit is taken when nothing else is buffered.
            if buffered + size <= limit || buffered == 0 {
                return None;
            }
            if config.when_full == WhenFull::DropOldest && core.ledger.in_flight_bytes + size <= limit {
                // A share of the limit at once, so that a long outage does not move the whole buffer each time.
                let keep = (limit - core.ledger.in_flight_bytes - size).min(limit / 8 * 7);
                let dropped = core.batch.drop_oldest(keep);
                core.note_dropped(dropped);
                return None;
            }
        }
        if let Some(waker) = waker.filter(|_| paced || patient) {
            self.paced = true;
            // A task that is polled often leaves one waker all the same.
            if patient && core.room.last().is_none_or(|last| !last.will_wake(waker)) {
                core.room.push(waker.clone());
            }
            return Some(Admission::Wait);
        }
        Some(Admission::Refused(PublishError::Full { buffered, limit }))
    }

    fn shown(&self) -> String {
        shown(&self.subject.0)
    }

    /// Sends the message, or waits for room by the connection's policy.
    #[inline]
    pub(crate) fn poll_send(
        &mut self,
        shared: &Arc<Shared>,
        reply: Option<&[u8]>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), PublishError>> {
        match self.admit(shared, reply, Some(cx.waker())) {
            Admission::Sent => Poll::Ready(Ok(())),
            Admission::Refused(error) => Poll::Ready(Err(error)),
            Admission::Wait => self.poll_deadline(shared, cx),
        }
    }

    #[cold]
    fn poll_deadline(
        &mut self,
        shared: &Arc<Shared>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), PublishError>> {
        let WhenFull::Wait(after) = shared.config.when_full else {
            // Not under the lock: a waker may do anything, publish as well.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        };
        let rare = self.rare.get_or_insert_default();
        let deadline = rare.deadline.get_or_insert_with(|| Deadline::after(shared, after));
        match deadline.poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(PublishError::Timeout { subject: self.shown(), after })),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Sends the message now or not at all.
    pub(crate) fn try_send(&mut self, shared: &Shared, reply: Option<&[u8]>) -> Result<(), PublishError> {
        match self.admit(shared, reply, None) {
            Admission::Sent => Ok(()),
            Admission::Refused(error) => Err(error),
            Admission::Wait => Err(PublishError::Draining),
        }
    }
}

thread_local! {
    /// The headers of the message before, for those of the next: publishing with headers then allocates nothing.
    static SPARE: Cell<Option<HeaderMap>> = const { Cell::new(None) };
}

/// Room for headers up to this many bytes is worth keeping.
const SPARE_ROOM: usize = 4096;

fn spare_headers() -> HeaderMap {
    // Room for a few headers at once, so that the usual message allocates once.
    SPARE.try_with(Cell::take).ok().flatten().unwrap_or_else(|| HeaderMap::with_capacity(128))
}

fn spare(mut headers: HeaderMap) {
    if headers.capacity() <= SPARE_ROOM {
        headers.clear();
        // A thread that ends keeps nothing.
        let _ = SPARE.try_with(|spare| spare.set(Some(headers)));
    }
}

enum Admission {
    Sent,
    /// There is no room; the waker is in place, if the policy is to wait.
    Wait,
    Refused(PublishError),
}

#[inline]
fn encode(
    core: &mut Core,
    subject: &[u8],
    reply: Option<&[u8]>,
    headers: Option<&HeaderMap>,
    payload: &outbox::Payload<'_>,
    size: usize,
) -> Option<Waker> {
    let idle = core.batch.is_empty();
    core.batch.publish(subject, reply, headers, payload);
    core.ledger.published += 1;
    core.ledger.published_bytes += size as u64;
    if idle && core.up { core.driver.take() } else { None }
}

#[cold]
fn pass_on(
    core: &mut Core,
    subject: &[u8],
    reply: Option<&[u8]>,
    block: &[u8],
    payload: &outbox::Payload<'_>,
    size: usize,
) -> Option<Waker> {
    let idle = core.batch.is_empty();
    core.batch.forward(subject, reply, block, payload);
    core.ledger.published += 1;
    core.ledger.published_bytes += size as u64;
    if idle && core.up { core.driver.take() } else { None }
}

/// How far control frames may exceed the limit of the outgoing buffer: they steer what will empty it again.
const POST_BEYOND: usize = 1024 * 1024;

/// Sends a small message that steers something now, whatever the policy for a full buffer is.
pub(crate) fn post(
    shared: &Shared,
    subject: &[u8],
    reply: Option<&[u8]>,
    payload: &[u8],
) -> Result<(), PublishError> {
    let mut message = Outgoing::new(subject.into(), payload.into());
    message.check(false)?;
    let size = message.size();
    let mut core = shared.core();
    message.allowed(&core, size)?;
    let (buffered, limit) = (core.buffered_bytes(), shared.config.outbox_limit.saturating_add(POST_BEYOND));
    if buffered > limit {
        return Err(PublishError::Full { buffered, limit });
    }
    let waker = encode(&mut core, subject, reply, None, &outbox::Payload::Borrowed(payload), size);
    drop(core);
    waker.into_iter().for_each(Waker::wake);
    Ok(())
}

/// A message about to be published: set its options, then await it.
///
/// Returned by [`Client::publish`](crate::Client::publish) and [`Message::respond`](crate::Message::respond).
///
/// Awaiting it is complete once the message is encoded in the outgoing buffer, in the order of the calls of one
/// thread; the connection writes it at once, or after reconnecting. It waits only while the buffer is full, by the
/// policy of [`Connect::when_full`](crate::Connect::when_full). [`Client::flush`](crate::Client::flush) tells that
/// the server has processed it, and [`confirmed`](Self::confirmed) that it was allowed.
///
/// # Errors
///
/// [`PublishError`]: a subject or header that breaks a rule, a message larger than the server allows, no room in time,
/// a connection that is draining or closed. A message that failed was not sent and is not buffered.
///
/// # Cancel safety
///
/// Dropped before it is complete, the message is not sent.
#[derive(Debug)]
#[must_use = "nothing is published until this is awaited, or sent with `try_send`"]
pub struct Publish<'a> {
    shared: &'a Arc<Shared>,
    message: Outgoing<'a>,
}

impl<'a> Publish<'a> {
    #[inline]
    pub(crate) fn new(shared: &'a Arc<Shared>, message: Outgoing<'a>) -> Self {
        Self { shared, message }
    }

    pub(crate) fn failed(shared: &'a Arc<Shared>, error: PublishError) -> Self {
        let mut message = Outgoing::new("".into(), ().into());
        message.note_fault(error);
        Self { shared, message }
    }

    /// Sets the subject that responses are expected on.
    #[inline]
    pub fn reply(mut self, reply: impl Into<Subject<'a>>) -> Self {
        self.message.reply = Some(reply.into());
        self
    }

    /// Appends a header. The name has to be printable ASCII without a colon, the value must not contain CR or LF
    /// (ADR-4); a fault is reported when the message is sent.
    #[inline(always)]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.message.header(name, value);
        self
    }

    /// Appends all these headers.
    #[inline]
    pub fn headers(mut self, headers: HeaderMap) -> Self {
        self.message.headers(headers);
        self
    }

    /// Asks the servers on the message's way to report to `destination` what they do with it (ADR-41), besides
    /// delivering it; [`trace`](crate::trace) reads the reports. Each message should have a destination of its own.
    pub fn trace(mut self, destination: &str) -> Self {
        self.message.trace(destination, false);
        self
    }

    /// As [`trace`](Self::trace), without delivering the message to anybody.
    pub fn trace_only(mut self, destination: &str) -> Self {
        self.message.trace(destination, true);
        self
    }

    /// Waits until the server has taken the message: a round trip, and a denial is an error.
    ///
    /// ```no_run
    /// # async fn f(nc: nuncio::Client) -> Result<(), nuncio::Error> {
    /// nc.publish("orders.new", "7").confirmed().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn confirmed(self) -> PublishConfirmed<'a> {
        PublishConfirmed::new(self.shared, self.message)
    }

    /// Publishes without waiting, for code that is not async.
    ///
    /// # Errors
    ///
    /// As awaiting it, and [`PublishError::Full`] where that would wait.
    pub fn try_send(mut self) -> Result<(), PublishError> {
        self.message.try_send(self.shared, None)
    }
}

impl Future for Publish<'_> {
    type Output = Result<(), PublishError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        this.message.poll_send(this.shared, None, cx)
    }
}

#[cfg(test)]
#[path = "publish_tests.rs"]
mod tests;
