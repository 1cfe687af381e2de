//! Publishing one message and waiting until a stream has it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use nuncio_proto::js::puback::PubAck;

use crate::Message;
use crate::codec::Payload;
use crate::driver::shared::{Failure, now};
use crate::driver::wait::{Deadline, instant_after};
use crate::jetstream::attempts::{Attempts, Patience, Verdict};
use crate::jetstream::draft::{Draft, message_options};
use crate::jetstream::gate::Ask;
use crate::jetstream::{JetStream, PublishError};
use crate::publish::Subject;
use crate::request::{Slot, not_sent};

impl JetStream {
    /// Publishes a message and waits until a stream has stored it.
    ///
    /// Each call waits for a round trip; [`publisher`](Self::publisher) keeps many messages in flight.
    ///
    /// ```no_run
    /// # async fn f(js: nuncio::jetstream::JetStream) -> Result<(), nuncio::Error> {
    /// match js.publish("orders.eu", "42").expect_last_subject_sequence(17).await {
    ///     Ok(ack) => println!("stored as {}", ack.sequence),
    ///     Err(error) if error.is_wrong_last_sequence() => println!("somebody else was faster"),
    ///     Err(error) if error.is_stored_unknown() => println!("perhaps: {error}"),
    ///     Err(error) => println!("not stored: {error}"),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn publish<'a>(
        &'a self,
        subject: impl Into<Subject<'a>>,
        payload: impl Into<Payload<'a>>,
    ) -> Publish<'a> {
        Publish::new(self, Draft::new(subject.into(), payload.into()))
    }
}

/// A message about to be published to a stream: set its options, then await its acknowledgement.
///
/// Returned by [`JetStream::publish`].
///
/// The message is sent again, twice unless told otherwise, where that cannot store it twice: after a pause, when no
/// stream takes it at the moment or the stream asks for patience (ADR-22); at once, when the connection is lost or an
/// equal share of the time is over without an answer, if it has a [message id](Self::message_id) or expects the last
/// sequence or the last id of the stream. All that happens within the [timeout](Self::timeout).
///
/// An expected sequence of the subject alone leaves the outcome unknown then: the message may be stored, and taken, purged
/// or aged out again, so that another copy would be stored too. Give it an id as well to have it sent again.
///
/// An option that needs a level of the API, such as a [time to live](Self::ttl), has the servers asked for theirs before,
/// once a connection: an older one would store the message as if the option were not there. Where nobody tells, since there
/// is no JetStream here or the user may not ask, the message is sent all the same.
///
/// # Errors
///
/// [`PublishError`]: refused by the stream, no stream, servers too old, not sent; in these cases it is not stored. With
/// [`PublishError::Unknown`] it may be.
///
/// # Cancel safety
///
/// Dropped before it is complete, the message may have been sent and stored; it is not sent again.
#[derive(Debug)]
#[must_use = "nothing is published until this is awaited"]
pub struct Publish<'a> {
    js: &'a JetStream,
    draft: Draft<'a>,
    patience: Patience,
    attempts: Option<Attempts>,
    state: State,
}

#[derive(Debug)]
enum State {
    New,
    /// It waits for the level of the API, which it needs.
    Asking(Ask),
    /// It waits for room.
    Sending(Slot),
    Sent(Slot),
    /// It waits before it is sent again.
    Resting(Slot, Deadline),
    Over,
}

impl<'a> Publish<'a> {
    pub(crate) fn new(js: &'a JetStream, draft: Draft<'a>) -> Self {
        Self { js, draft, patience: Patience::new(js.timeout), attempts: None, state: State::New }
    }

    pub(crate) fn subject(&self) -> &[u8] {
        &self.draft.message.subject.0
    }

    message_options!();

    /// How long to wait for the acknowledgement in all, from the first poll on. Default: that of
    /// [`JetStream::timeout`], 5 seconds unless set.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.patience.timeout = timeout;
        self
    }

    /// How often the message is sent again at most, where that cannot store it twice. Default: 2 (ADR-22).
    pub fn retries(mut self, retries: u32) -> Self {
        self.patience.retries = retries;
        self
    }

    /// The pause before it is sent again when no stream took it. Default: 250 milliseconds (ADR-22).
    pub fn retry_wait(mut self, wait: Duration) -> Self {
        self.patience.retry_wait = wait;
        self
    }

    /// Sends it, unless the servers have to be asked before.
    fn begin(&mut self, cx: &Context<'_>) -> Result<State, PublishError> {
        self.draft.check()?;
        match self.draft.admitted(self.js) {
            Some(admitted) => admitted?,
            None => return Ok(State::Asking(Ask::new(self.js, self.patience.timeout))),
        }
        self.open(cx)
    }

    fn open(&mut self, cx: &Context<'_>) -> Result<State, PublishError> {
        let patience = self.patience;
        let attempts = self.attempts.insert(Attempts::new(&patience, instant_after(patience.timeout)));
        self.draft.message.again = true;
        Slot::open(
            Arc::clone(&self.js.client.handle.shared),
            &mut self.draft.message,
            false,
            false,
            patience.timeout,
            cx,
        )
        .map(State::Sending)
        .map_err(|error| attempts.unsent(error, &self.draft.sent(), &patience))
    }

    /// Hands the message to the connection. While that waits for room, an earlier attempt may be answered.
    fn poll_send(
        &mut self,
        slot: &mut Slot,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Message>, PublishError>> {
        let Some(attempts) = &mut self.attempts else { return Poll::Pending };
        loop {
            if let Poll::Ready(sent) =
                self.draft.message.poll_send(&self.js.client.handle.shared, Some(slot.reply().as_slice()), cx)
            {
                let Err(error) = sent else { break };
                let error = attempts.unsent(not_sent(error), &self.draft.sent(), &self.patience);
                return Poll::Ready(Err(error));
            }
            match ready!(slot.poll_reply(cx)) {
                Ok(reply) => return Poll::Ready(Ok(Some(reply))),
                Err(Failure::Disconnected) => slot.reopen(&mut self.draft.message, attempts.deadline, cx),
                Err(failure) => {
                    let sent = self.draft.sent();
                    let error = slot.error(failure, sent.subject);
                    return Poll::Ready(Err(attempts.unsent(error, &sent, &self.patience)));
                }
            }
        }
        if attempts.are_left() && self.draft.sent().is_idempotent() {
            slot.expect_reply_by(instant_after(self.patience.share()).min(attempts.deadline));
        }
        Poll::Ready(Ok(None))
    }

    /// What follows from the end of an attempt.
    fn judge(&mut self, slot: Slot, answer: Result<Message, Failure>, cx: &Context<'_>) -> Step {
        let Some(attempts) = &mut self.attempts else { return Step::Wait(State::Over) };
        let answer = answer.map(|reply| PubAck::parse(reply.payload()));
        match attempts.judge(answer, &self.draft.sent(), &self.patience, now()) {
            Verdict::Done(end) => Step::End(end),
            Verdict::Again(Duration::ZERO) => Step::Go(self.send_again(slot, cx)),
            Verdict::Again(wait) => {
                Step::Go(State::Resting(slot, Deadline::after(&self.js.client.handle.shared, wait)))
            }
        }
    }

    fn send_again(&mut self, mut slot: Slot, cx: &Context<'_>) -> State {
        if let Some(attempts) = &self.attempts {
            slot.reopen(&mut self.draft.message, attempts.deadline, cx);
        }
        State::Sending(slot)
    }

    fn step(&mut self, state: State, cx: &mut Context<'_>) -> Step {
        match state {
            State::New => match self.begin(cx) {
                Ok(next) => Step::Go(next),
                Err(error) => Step::End(Err(error)),
            },
            State::Asking(mut ask) => match ask.poll(&self.draft, cx) {
                Poll::Pending => Step::Wait(State::Asking(ask)),
                Poll::Ready(admitted) => {
                    self.patience.timeout = ask.left();
                    match admitted.and_then(|()| self.open(cx)) {
                        Ok(next) => Step::Go(next),
                        Err(error) => Step::End(Err(error)),
                    }
                }
            },
            State::Sending(mut slot) => match self.poll_send(&mut slot, cx) {
                Poll::Pending => Step::Wait(State::Sending(slot)),
                Poll::Ready(Err(error)) => Step::End(Err(error)),
                Poll::Ready(Ok(Some(reply))) => self.judge(slot, Ok(reply), cx),
                Poll::Ready(Ok(None)) => Step::Go(State::Sent(slot)),
            },
            State::Sent(mut slot) => match slot.poll_reply(cx) {
                Poll::Pending => Step::Wait(State::Sent(slot)),
                Poll::Ready(answer) => self.judge(slot, answer, cx),
            },
            State::Resting(slot, deadline) => match deadline.poll(cx) {
                Poll::Pending => Step::Wait(State::Resting(slot, deadline)),
                Poll::Ready(()) => Step::Go(self.send_again(slot, cx)),
            },
            State::Over => Step::Wait(State::Over),
        }
    }
}

enum Step {
    Go(State),
    Wait(State),
    End(Result<PubAck, PublishError>),
}

impl Future for Publish<'_> {
    type Output = Result<PubAck, PublishError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let fresh = matches!(this.state, State::New);
        loop {
            let state = std::mem::replace(&mut this.state, State::Over);
            match this.step(state, cx) {
                Step::Go(sent @ State::Sent(_)) if fresh => {
                    // The slot has the waker since it was opened.
                    this.state = sent;
                    return Poll::Pending;
                }
                Step::Go(next) => this.state = next,
                Step::Wait(same) => {
                    this.state = same;
                    return Poll::Pending;
                }
                Step::End(end) => return Poll::Ready(end),
            }
        }
    }
}
