//! Makes the server's part of ordered consumers.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use nuncio_proto::js::ack::Delivery;
use nuncio_proto::js::api::consumer::{ConsumerInfo, ConsumerRequest, CreateAction};
use nuncio_proto::js::api::consumer_config::{AckPolicy, ConsumerConfig, DeliverPolicy};
use nuncio_proto::js::ordered::{CreateFailure, Ordered, Verdict};
use nuncio_proto::js::output::{Output, Start};
use nuncio_proto::js::status::PullStatus;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::Message;
use crate::driver::wait::instant_after;
use crate::jetstream::asking::jittered;
use crate::jetstream::engine::{Engine, Taken, forward};
use crate::jetstream::ground::{Answer, Ground, Task};
use crate::jetstream::manage_consumer::check;
use crate::jetstream::{Error, JetStream, Timestamp};

/// How long one attempt to make a consumer may take. The server that it is given to may be one that is gone, so it is better
/// to have another one chosen soon.
const ATTEMPT: Duration = Duration::from_secs(2);
/// How long the stream may take to say when it was created, while the consumer is being made.
const LOOK: Duration = Duration::from_secs(1);
/// How often the deletion of a consumer is called for, and the wait between; the server forgets it by itself then.
const DELETIONS: u32 = 20;
const DELETION_PAUSE: Duration = Duration::from_secs(2);

/// A consumer that has been made, or not.
pub(crate) struct Made {
    serial: u64,
    /// When the stream was created, if that is known.
    created: Option<Timestamp>,
    result: Result<Box<ConsumerInfo>, Failure>,
}

struct Failure {
    kind: CreateFailure,
    error: Error,
}

/// What the consumers of one ordered consumer have in common.
#[derive(Clone, Debug)]
pub(crate) struct Maker {
    js: JetStream,
    stream: String,
    /// The name without the serial.
    prefix: String,
    config: ConsumerConfig,
    /// When the stream was created that the sequences are of.
    created: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Created {
    created: Timestamp,
}

impl Maker {
    pub(crate) fn new(
        js: &JetStream,
        stream: &str,
        mut config: ConsumerConfig,
        created: Option<Timestamp>,
    ) -> Result<Self, Error> {
        js.api_prefix()?;
        check(&config)?;
        config.ack_policy = AckPolicy::None;
        config.max_deliver = Some(1);
        config.memory_storage = true;
        config.num_replicas = 1;
        if config.deliver_policy == DeliverPolicy::LastPerSubject && config.filter_subjects.is_empty() {
            config.filter_subjects.push(">".to_owned());
        }
        // One filter goes into the subject of the call, so that permissions can be given by it.
        if config.filter_subjects.len() == 1 {
            config.filter_subject = config.filter_subjects.pop();
        }
        let prefix = crate::nuid();
        Ok(Self { js: js.clone(), stream: stream.to_owned(), prefix, config, created })
    }

    pub(crate) fn config(&self) -> &ConsumerConfig {
        &self.config
    }

    fn name(&self, serial: u64) -> String {
        format!("{}_{serial}", self.prefix)
    }

    fn next_subject(&self, name: &str) -> String {
        self.js.subject(&["CONSUMER.MSG.NEXT", &self.stream, name]).unwrap_or_default()
    }

    async fn make(self, serial: u64, start: Start, verify: bool) -> Made {
        // Both at once: between leaders each of them may take its whole time.
        let (created, result) = both(self.stream_created(verify), self.create(serial, start)).await;
        match created {
            Ok(created) => Made { serial, created, result },
            Err(failure) => Made { serial, created: None, result: Err(failure) },
        }
    }

    async fn create(&self, serial: u64, start: Start) -> Result<Box<ConsumerInfo>, Failure> {
        let mut config = self.config.clone();
        config.name = Some(self.name(serial));
        if let Start::Sequence(start_sequence) = start {
            config.deliver_policy = DeliverPolicy::ByStartSequence { start_sequence };
        }
        let request = ConsumerRequest::new(&self.stream, &config, CreateAction::CreateOrUpdate, false);
        let js = self.js.clone().timeout(self.js.timeout.min(ATTEMPT));
        js.call(&request.subject_parts(), &request).await.map(Box::new).map_err(failure)
    }

    /// Has the consumer deleted, as long as it is not known that it is gone.
    async fn delete(self, serial: u64) -> Answer {
        let name = self.name(serial);
        let parts = ["CONSUMER.DELETE", &self.stream, &name];
        for _ in 0..DELETIONS {
            match self.js.call::<_, IgnoredAny>(&parts, &()).await {
                Err(error) if error.is_retryable() => self.js.pause(jittered(DELETION_PAUSE)).await,
                _ => break,
            }
        }
        Answer::Deleted(serial)
    }

    /// When the stream was created, asked where it is needed: at first, and where it may be another one.
    async fn stream_created(&self, verify: bool) -> Result<Option<Timestamp>, Failure> {
        if self.created.is_some() && !verify {
            return Ok(self.created);
        }
        // What is not told in time is taken to be as before; so the first time it may take longer.
        let limit = if self.created.is_some() { LOOK } else { self.js.timeout };
        let js = self.js.clone().timeout(self.js.timeout.min(limit));
        match js.call::<_, Created>(&["STREAM.INFO", &self.stream], &()).await {
            Ok(Created { created }) if self.created.is_some_and(|known| known != created) => {
                let error = Error::Option {
                    option: "stream",
                    problem: format!("\"{}\" was deleted and made anew", self.stream),
                };
                Err(Failure { kind: CreateFailure::StreamReplaced, error })
            }
            Ok(Created { created }) => Ok(Some(created)),
            Err(error) if error.is_stream_not_found() => Err(failure(error)),
            // Some may make consumers and not ask for streams.
            Err(_) => Ok(self.created),
        }
    }
}

/// What both come to.
async fn both<A, B>(one: impl Future<Output = A>, other: impl Future<Output = B>) -> (A, B) {
    let (mut one, mut other) = (pin!(one), pin!(other));
    let (mut first, mut second) = (None, None);
    poll_fn(|cx| {
        if first.is_none()
            && let Poll::Ready(output) = one.as_mut().poll(cx)
        {
            first = Some(output);
        }
        if second.is_none()
            && let Poll::Ready(output) = other.as_mut().poll(cx)
        {
            second = Some(output);
        }
        match (first.take(), second.take()) {
            (Some(first), Some(second)) => Poll::Ready((first, second)),
            halves => {
                (first, second) = halves;
                Poll::Pending
            }
        }
    })
    .await
}

fn failure(error: Error) -> Failure {
    let kind = if error.is_stream_not_found() {
        CreateFailure::StreamMissing
    } else if error.is_retryable() || matches!(error, Error::Request(_)) {
        CreateFailure::Unavailable(error.to_string())
    } else {
        CreateFailure::Refused(error.to_string())
    };
    Failure { kind, error }
}

/// The machine, with what it needs for making consumers.
#[derive(Debug)]
pub(crate) struct OrderedEngine {
    pub(crate) machine: Ordered,
    maker: Maker,
    first: First,
    /// So long the first consumer is tried to be made again while that may work later.
    until: Instant,
    /// The serials of consumers that are being deleted.
    leaving: Vec<u64>,
}

/// What came of the first consumer.
#[derive(Debug)]
enum First {
    Open,
    Made { pending: u64 },
    Refused(Error),
}

impl OrderedEngine {
    pub(crate) fn new(machine: Ordered, maker: Maker) -> Self {
        let until = instant_after(maker.js.timeout);
        Self { machine, maker, first: First::Open, until, leaving: Vec::new() }
    }

    /// Whether it is known what came of the first consumer.
    pub(crate) fn is_decided(&self) -> bool {
        !matches!(self.first, First::Open)
    }

    /// Why the first consumer could not be made.
    pub(crate) fn refusal(&self) -> Option<Error> {
        match &self.first {
            First::Refused(error) => Some(error.clone()),
            _ => None,
        }
    }

    pub(crate) fn pending_at_start(&self) -> u64 {
        match self.first {
            First::Made { pending } => pending,
            _ => 0,
        }
    }
}

impl Engine for OrderedEngine {
    forward!(machine);

    fn message(&mut self, message: &Message, ground: &Ground, now: Instant) -> Taken {
        let verdict = match message.reply_bytes().and_then(Delivery::parse) {
            Some(delivery) if delivery.consumer == ground.consumer.as_bytes() => {
                self.machine.message(self.machine.serial(), &delivery, message.len(), now)
            }
            _ => Verdict::Drop,
        };
        Taken { hand_out: verdict == Verdict::Accept, due: self.machine.is_due() }
    }

    fn status(&mut self, message: &Message, ground: &Ground, status: &PullStatus<'_>, now: Instant) {
        self.machine.status(ground.pull_id(message.subject_bytes()), status, now);
    }

    fn poll(&mut self, now: Instant) -> Option<Output> {
        self.machine.poll(now)
    }

    fn drained(&mut self) {
        self.machine.drained();
    }

    fn servers_changed(&mut self, now: Instant) {
        self.machine.servers_changed(now);
    }

    fn perform(&mut self, output: Output, ground: &Ground) -> Option<Task> {
        match output {
            Output::Create { serial, start, verify } => {
                let making = self.maker.clone().make(serial, start, verify);
                Some(Box::pin(async move { Answer::Made(making.await) }))
            }
            Output::Delete { serial } => {
                self.leaving.push(serial);
                Some(Box::pin(self.maker.clone().delete(serial)))
            }
            output => ground.perform(output),
        }
    }

    fn deleted(&mut self, serial: u64) {
        self.leaving.retain(|leaving| *leaving != serial);
    }

    fn leave(&mut self, ground: &Ground) {
        for serial in self.leaving.drain(..) {
            let name = self.maker.name(serial);
            if let Ok(subject) = ground.js.subject(&["CONSUMER.DELETE", &ground.stream, &name]) {
                // One that stays is gone by itself after a while.
                let _ = ground.js.post(subject.as_bytes(), None, b"");
            }
        }
    }

    fn made(&mut self, made: Made, ground: &mut Ground, now: Instant) {
        let Made { serial, created, result } = made;
        match result {
            Ok(info) => {
                self.maker.created = created;
                ground.consumer = self.maker.name(serial);
                ground.next = self.maker.next_subject(&ground.consumer);
                if let First::Open = self.first {
                    self.first = First::Made { pending: info.num_pending };
                }
                self.machine.created(serial, info.delivered.stream_sequence, info.num_pending, now);
            }
            Err(Failure { kind, error }) => {
                if matches!(kind, CreateFailure::StreamReplaced) {
                    self.maker.created = None;
                }
                let waits = kind == CreateFailure::StreamMissing && self.machine.waits_for_stream();
                // A refusal for lack of a leader is the end of an attempt, and not of the time there is.
                let later = error.is_retryable() && now < self.until;
                if !waits
                    && !later
                    && let First::Open = self.first
                {
                    self.first = First::Refused(error);
                }
                self.machine.create_failed(serial, kind, now);
            }
        }
    }
}
