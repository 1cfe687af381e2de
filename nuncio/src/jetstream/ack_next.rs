//! Acknowledging a message and taking the next one in one step.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use futures_core::Stream;
use nuncio_proto::js::ack;
use nuncio_proto::js::fetch::{Fetch, FetchConfig};
use nuncio_proto::js::output::{End, Output};
use nuncio_proto::js::status::PullStatus;

use crate::driver::shared::now;
use crate::driver::wait::{Deadline, instant_after};
use crate::error::shown;
use crate::jetstream::ack::{Claim, is_ack_reply, no_reply, not_sent};
use crate::jetstream::pull_options::{
    check_heartbeat, check_priority, option, priority_options, pull_options,
};
use crate::jetstream::{AckError, JsMessage};
use crate::request::Request;
use crate::request_many::{Replies, RequestMany};
use crate::{Message, RequestError, publish};

/// How long replies are listened to beyond the time of the pull.
const BEYOND: Duration = Duration::from_secs(10);
/// What stands for an answer of nobody.
const NOBODY: &[u8] = b"NATS/1.0 503\r\n\r\n";

/// A message about to be acknowledged and the next one about to be taken: set the options of the pull, then await it.
///
/// Returned by [`JsMessage::ack_next`]. `None` means that the message is acknowledged and that there was no next one in
/// time. If it may wait for 5 seconds or more, the server shows each 2 seconds that it is there. Over a lost connection, a
/// new leader or silence it asks again, in the time that is left; that the acknowledgement is sent again with it does no
/// harm.
///
/// # Errors
///
/// [`AckError`]: the message has been acknowledged for good already, its consumer expects no acknowledgements, nobody takes
/// it, or the server does not answer in time; then it can be acknowledged again. With [`AckError::NoNext`] it is
/// acknowledged.
///
/// # Cancel safety
///
/// Dropped before it is complete, it may have been sent; a next message that has arrived meanwhile is given back to the
/// server. The message can be acknowledged again.
#[derive(Debug)]
#[must_use = "nothing is acknowledged until this is awaited"]
pub struct AckNext<'a> {
    claim: Claim<'a>,
    config: FetchConfig,
    run: Option<Box<Run<'a>>>,
}

/// What goes on from the first poll to the end.
#[derive(Debug)]
struct Run<'a> {
    message: &'a JsMessage,
    machine: Fetch,
    /// The pull that is open.
    id: u64,
    asking: Option<RequestMany<'a>>,
    replies: Option<Replies>,
    alarm: Option<(Instant, Deadline)>,
    /// The pulls are over by then.
    until: Instant,
    /// The server has said something, so that it has taken note of the acknowledgement.
    answered: bool,
}

impl<'a> AckNext<'a> {
    pub(crate) fn new(message: &'a JsMessage) -> Self {
        Self { claim: Claim::of_next(message), config: FetchConfig::default(), run: None }
    }

    /// How long to wait for the next message. Default: 30 seconds.
    pub fn expires(mut self, expires: Duration) -> Self {
        self.config.expires = expires;
        self
    }

    /// Takes it if it is there and does not wait for it.
    pub fn no_wait(mut self) -> Self {
        self.config.no_wait = true;
        self
    }

    pull_options!(config);
    priority_options!(config);

    fn begin(&mut self) -> Result<Box<Run<'a>>, AckError> {
        let message = self.claim.message();
        let config = &mut self.config;
        if config.expires.is_zero() && !config.no_wait {
            return Err(option("expires", "without time to wait it has to be `no_wait`").into());
        }
        check_heartbeat(config.heartbeat, config.expires)?;
        check_priority(&config.priority)?;
        if !message.terms().acks {
            return Err(AckError::NotExpected { subject: shown(message.subject_bytes()) });
        }
        if message.reply_bytes().is_none() {
            return Err(no_reply(message));
        }
        self.claim.take()?;
        config.batch = Some(1);
        config.seed = fastrand::u64(..);
        config.pin = message.header("Nats-Pin-Id").map(str::to_owned);
        let now = now();
        let mut machine = Fetch::new(config.clone(), now);
        machine.waiting(true, now);
        Ok(Box::new(Run {
            message,
            machine,
            id: 0,
            asking: None,
            replies: None,
            alarm: None,
            until: instant_after(config.expires),
            answered: false,
        }))
    }

    /// What it means that the pull has ended without a message.
    fn over(&self, end: End, answered: bool) -> Result<Option<JsMessage>, AckError> {
        let subject = shown(self.claim.message().subject_bytes());
        match end {
            End::Complete if answered => Ok(None),
            End::Complete => Err(AckError::Timeout { subject, after: self.config.expires }),
            End::Timeout { after } => Err(AckError::Timeout { subject, after }),
            End::NoResponders if !answered => Err(AckError::NoConsumer { subject }),
            end => Err(AckError::NoNext { subject, end }),
        }
    }

    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<JsMessage>, AckError>> {
        if self.run.is_none() {
            self.run = Some(self.begin()?);
        }
        loop {
            let Some(run) = &mut self.run else { return Poll::Pending };
            if let Some(end) = run.act() {
                let answered = run.answered;
                return Poll::Ready(self.over(end, answered));
            }
            if let Some(next) = std::task::ready!(run.poll_heard(cx))? {
                return Poll::Ready(Ok(Some(JsMessage::new(next, run.message.terms()))));
            }
        }
    }
}

impl Future for AckNext<'_> {
    type Output = Result<Option<JsMessage>, AckError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let end = std::task::ready!(this.poll_end(cx));
        this.run = None;
        if matches!(end, Ok(_) | Err(AckError::NoNext { .. })) {
            this.claim.used();
        } else {
            this.claim.give_back();
        }
        Poll::Ready(end)
    }
}

impl Run<'_> {
    /// Does what the machine asks for, until it ends.
    fn act(&mut self) -> Option<End> {
        while let Some(output) = self.machine.poll(now()) {
            match output {
                Output::Pull { id, body } => self.ask(id, &body),
                Output::Event(event) => tracing::debug!(?event, "next message"),
                Output::End(end) => return Some(end),
                _ => {}
            }
        }
        None
    }

    fn ask(&mut self, id: u64, body: &[u8]) {
        let message = self.message;
        let Some(reply) = message.reply_bytes() else { return };
        let timeout = self.until.saturating_duration_since(now()) + BEYOND;
        // The next message comes with a subject of its own, which the shared inbox does not receive.
        let request = Request::new(message.shared(), reply.into(), ack::next(body).into()).no_mux();
        self.asking = Some(request.many().timeout(timeout));
        self.replies = None;
        self.id = id;
    }

    /// Waits until a message has come, or anything else has happened.
    fn poll_heard(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Message>, AckError>> {
        if let Some(asking) = &mut self.asking
            && let Poll::Ready(asked) = Pin::new(asking).poll(cx)
        {
            self.asking = None;
            match asked {
                Ok(replies) => self.replies = Some(replies),
                Err(error) => return Poll::Ready(self.failed(error).map(|()| None)),
            }
        }
        if let Some(replies) = &mut self.replies
            && let Poll::Ready(reply) = Pin::new(replies).poll_next(cx)
        {
            return Poll::Ready(match reply {
                Some(Ok(message)) => Ok(self.take(message)),
                Some(Err(error)) => self.failed(error).map(|()| None),
                None => {
                    self.replies = None;
                    Ok(None)
                }
            });
        }
        self.poll_alarm(cx).map(|()| Ok(None))
    }

    /// The message, if the reply is none of the server's words.
    fn take(&mut self, message: Message) -> Option<Message> {
        self.answered = true;
        let status =
            if is_ack_reply(&message) { None } else { message.raw_headers().and_then(PullStatus::classify) };
        let Some(status) = status else { return Some(message) };
        self.machine.status(Some(self.id), &status, now());
        None
    }

    fn failed(&mut self, error: RequestError) -> Result<(), AckError> {
        self.replies = None;
        let subject = || shown(self.message.subject_bytes());
        match error {
            RequestError::NoResponders { .. } => {
                if let Some(nobody) = PullStatus::classify(NOBODY) {
                    self.machine.status(Some(self.id), &nobody, now());
                }
            }
            RequestError::Disconnected { .. } => {
                self.machine.disconnected();
                // What is asked now waits for the connection.
                self.machine.connected(now());
            }
            RequestError::Publish(error) => return Err(not_sent(self.message, error)),
            error => return Err(AckError::Unconfirmed { subject: subject(), error: Box::new(error) }),
        }
        Ok(())
    }

    fn poll_alarm(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(want) = self.machine.deadline() else { return Poll::Pending };
        let shared = self.message.shared();
        let alarm = match self.alarm.take().filter(|(armed, _)| *armed == want) {
            Some((_, alarm)) => alarm,
            None => Deadline::at(shared, want),
        };
        let rung = alarm.poll(cx);
        if rung.is_ready() {
            self.machine.tick(now().max(want));
        } else {
            self.alarm = Some((want, alarm));
        }
        rung
    }
}

impl Drop for Run<'_> {
    /// Gives back what has arrived and nobody takes.
    fn drop(&mut self) {
        let mut cx = Context::from_waker(Waker::noop());
        let Some(mut replies) = self.replies.take() else { return };
        while let Poll::Ready(Some(Ok(message))) = Pin::new(&mut replies).poll_next(&mut cx) {
            if let Some(reply) = message.reply_bytes().filter(|_| is_ack_reply(&message)) {
                // Without a connection it is delivered again after the consumer's `ack_wait`.
                let _ = publish::post(message.shared(), reply, None, b"-NAK");
            }
        }
    }
}
