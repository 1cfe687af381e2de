//! Fast ingest (ADR-50): a stream of messages with few acknowledgements, each of which holds for all before it.

use std::fmt;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use nuncio_proto::js::fast::{Config, Event, Fast, OnGap, Op};
use nuncio_proto::js::puback::PubAck;

use crate::codec::Payload;
use crate::driver::shared::now;
use crate::driver::wait::Deadline;
use crate::error::shown;
use crate::jetstream::draft::Draft;
use crate::jetstream::{Error, JetStream, PublishError, Uncertain};
use crate::publish::Subject;
use crate::{Message, Subscription};

mod ack;
mod send;

pub use ack::FastAck;
use ack::Losses;
pub use send::{FastEnd, FastSend};

impl JetStream {
    /// Prepares a fast ingest: the quickest way to get many messages into one stream, which must allow it
    /// (`allow_batched`; ADR-50, nats-server 2.14).
    ///
    /// ```no_run
    /// # async fn f(js: nuncio::jetstream::JetStream) -> Result<(), nuncio::Error> {
    /// let mut ingest = js.fast_ingest().begin().await?;
    /// for line in 0..1_000_000 {
    ///     ingest.send("logs.a", line.to_string()).await?;
    /// }
    /// let done = ingest.finish("logs.a").await?;
    /// println!("{} messages are stored", done.stored());
    /// # Ok(())
    /// # }
    /// ```
    pub fn fast_ingest(&self) -> FastIngestBuilder<'_> {
        FastIngestBuilder { js: self, config: Config::default(), timeout: self.timeout }
    }
}

/// The choices made before a [`FastIngest`] begins; returned by [`JetStream::fast_ingest`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `begin` is called"]
pub struct FastIngestBuilder<'a> {
    js: &'a JetStream,
    config: Config,
    timeout: Duration,
}

impl FastIngestBuilder<'_> {
    /// How many messages apart acknowledgements are wished for, at most 500; the server decides. Default: 500.
    pub fn flow(mut self, messages: u16) -> Self {
        self.config.flow = messages;
        self
    }

    /// How many acknowledgements may be outstanding: 1 to 3. Default: 2.
    pub fn outstanding(mut self, acknowledgements: u8) -> Self {
        self.config.outstanding = acknowledgements;
        self
    }

    /// What happens when messages are lost on the way or refused. Default: [`OnGap::Stop`].
    pub fn on_gap(mut self, on_gap: OnGap) -> Self {
        self.config.on_gap = on_gap;
        self
    }

    /// How long each call waits for the server. Default: that of [`JetStream::timeout`], 5 seconds unless set.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Asks for the level of the API and subscribes to what will be answered. Nothing else is sent yet.
    ///
    /// # Errors
    ///
    /// [`Error::Level`] if the servers are too old; no answer, a connection that is draining or closed.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn begin(self) -> Result<FastIngest, Error> {
        self.js.needs("fast ingest", 4).await?;
        let client = self.js.client();
        let book = Fast::new(&client.new_inbox(), self.config, now());
        let answers = client.subscribe(book.subscription()).await?;
        Ok(FastIngest {
            js: self.js.clone(),
            timeout: self.timeout,
            answers,
            book,
            reply: Vec::new(),
            subject: Vec::new(),
            alarm: None,
            on_gap: self.config.on_gap,
            losses: Losses::default(),
            end: None,
        })
    }
}

/// Messages on their way into one stream, without an acknowledgement for each; begun by [`FastIngestBuilder::begin`].
///
/// The messages are stored as they come. [`acked`](Self::acked) tells up to which one they surely are;
/// [`finish`](Self::finish) or [`commit`](Self::commit) tells of all. When one is lost or refused the stream ends it there,
/// and the next call fails with [`PublishError::Broken`], which tells what is stored; with [`OnGap::Continue`] it goes on.
///
/// The server gives it up ten seconds after the last message: send something, or [`ping`](Self::ping), more often.
/// Dropping it does not end it for the server, and nothing that was sent is taken back.
pub struct FastIngest {
    js: JetStream,
    timeout: Duration,
    answers: Subscription,
    book: Fast,
    /// The reply subject of the message at hand; kept for its memory.
    reply: Vec<u8>,
    /// That of the first message, for questions.
    subject: Vec<u8>,
    alarm: Option<(Instant, Deadline)>,
    on_gap: OnGap,
    losses: Losses,
    end: Option<Result<PubAck, PublishError>>,
}

impl FastIngest {
    /// Sends a message once the server is ready for it. The first one waits for nothing; the second for the stream's consent.
    pub fn send<'a>(
        &'a mut self,
        subject: impl Into<Subject<'a>>,
        payload: impl Into<Payload<'a>>,
    ) -> FastSend<'a> {
        FastSend::new(self, Draft::new(subject.into(), payload.into()))
    }

    /// Sends the last message and waits until the stream has told what became of all.
    pub fn commit<'a>(
        &'a mut self,
        subject: impl Into<Subject<'a>>,
        payload: impl Into<Payload<'a>>,
    ) -> FastEnd<'a> {
        FastEnd::new(self, Draft::new(subject.into(), payload.into()), Op::Commit)
    }

    /// Waits until the stream has told what became of all messages. `subject` must be one of the stream; nothing is stored
    /// under it.
    ///
    /// # Errors
    ///
    /// As those of [`commit`](Self::commit).
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is complete, it may be called again.
    pub async fn finish(&mut self, subject: &str) -> Result<FastAck, PublishError> {
        FastEnd::new(self, Draft::new(subject.into(), ().into()), Op::End).await
    }

    /// Keeps it alive while there is nothing to send.
    ///
    /// # Errors
    ///
    /// [`PublishError::NotSent`] if the connection is draining or closed, or its outgoing buffer is full.
    pub fn ping(&mut self) -> Result<(), PublishError> {
        if self.book.sent() == 0 || self.book.is_over() {
            return Ok(());
        }
        self.book.write_ping(&mut self.reply);
        self.js
            .post(&self.subject, Some(&self.reply), b"")
            .map_err(|error| PublishError::NotSent(crate::request::not_sent(error)))?;
        self.book.pinged(now());
        Ok(())
    }

    /// Messages sent.
    pub fn sent(&self) -> u64 {
        self.book.sent()
    }

    /// Up to this number all messages are stored, but for those that were lost or refused, as far as is known.
    pub fn acked(&self) -> u64 {
        self.book.acked()
    }

    /// Takes in what the server said.
    fn poll_answers(&mut self, cx: &mut Context<'_>) {
        while let Poll::Ready(answer) = self.answers.poll_message(cx) {
            match answer {
                Some(answer) => self.take_in(&answer),
                None => {
                    self.stop(Uncertain::Disconnected);
                    return;
                }
            }
        }
    }

    fn take_in(&mut self, answer: &Message) {
        if answer.payload().is_empty() && answer.status().is_some_and(|status| status.code() == Some(503)) {
            if self.book.acked() == 0 && self.book.sent() <= 1 {
                self.book.abandon();
                self.end.get_or_insert(Err(PublishError::NoStream { subject: shown(&self.subject) }));
            }
            // Else the stream is between two leaders: silence is asked about.
            return;
        }
        match self.book.receive(answer.payload(), now()) {
            Ok(None) => {}
            Ok(Some(Event::Lost(from, to))) => self.losses.lose(from, to),
            Ok(Some(Event::Refused(number, error))) => self.losses.refuse(number, error),
            Ok(Some(Event::Done(ack))) => {
                self.end.get_or_insert(Ok(ack));
            }
            Ok(Some(Event::Failed(error))) if self.book.sent() <= 1 => {
                let subject = shown(&self.subject);
                self.end.get_or_insert(Err(PublishError::Refused { subject, error }));
            }
            Ok(Some(Event::Failed(error))) => self.stop(Uncertain::Ended(error)),
            Err(error) => tracing::debug!(%error, "ignoring what is no answer to a fast ingest"),
        }
    }

    /// What it has come to, once it is over.
    fn outcome(&self) -> Option<Result<FastAck, PublishError>> {
        let ack = match self.end.as_ref()? {
            Ok(ack) => self.losses.account(ack.clone(), self.book.sent()),
            Err(error) => return Some(Err(error.clone())),
        };
        let ended = self.book.is_ending() && ack.end() == ack.sent;
        if ended && (ack.is_complete() || self.on_gap == OnGap::Continue) {
            return Some(Ok(ack));
        }
        Some(Err(PublishError::Broken { subject: shown(&self.subject), ack: Box::new(ack) }))
    }

    fn stop(&mut self, cause: Uncertain) {
        self.book.abandon();
        let subject = shown(&self.subject);
        self.end.get_or_insert_with(|| Err(PublishError::Unknown { subject, cause: Box::new(cause) }));
    }

    /// While the server is waited for: asks it where it has been silent for long.
    fn poll_ping(&mut self, cx: &mut Context<'_>) {
        while let Some(at) = self.book.ping_at() {
            let alarm = match self.alarm.take() {
                Some((set, alarm)) if set == at => alarm,
                _ => Deadline::at(&self.js.client.handle.shared, at),
            };
            let rings = alarm.poll(cx).is_ready();
            self.alarm = Some((at, alarm));
            if !rings || self.ping().is_err() {
                return;
            }
        }
    }
}

impl fmt::Debug for FastIngest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FastIngest").field("book", &self.book).finish_non_exhaustive()
    }
}
