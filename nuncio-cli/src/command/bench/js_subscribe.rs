//! `nuncio bench js-sub`.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use nuncio::jetstream::{AckPolicy, Consumer, ConsumerConfig, JetStream, JsMessage};

use super::load::Load;
use super::meter::latencies;
use super::receive::{Expected, Intake, Receivers};
use crate::command::{Job, Session};
use crate::exit::Failure;
use crate::jetstream::{Api, Named};
use crate::names;
use crate::syntax::duration;

/// After how long the server removes a consumer that was made for a measurement and left.
const FORGOTTEN: Duration = Duration::from_secs(60);
/// How many messages each client asks for ahead unless told.
const AHEAD: u64 = 500;

/// Take messages from a stream, and measure from the first to the last.
///
/// The clients share a consumer that is pulled from. It waits for the first message for as long as it takes, and ends when all
/// have come, when none has come for --idle, or with Ctrl-C. `lost` counts those that did not come. With --ack double each
/// acknowledgement is timed.
#[derive(Debug, Args)]
pub(crate) struct Syntax {
    /// Name of the stream.
    #[arg(value_parser = names::stream)]
    stream: String,
    #[command(flatten)]
    load: Load,
    /// Consumer to take from, which stays. Default: one that is made for the measurement and removed after it.
    #[arg(long, value_name = "NAME", value_parser = names::consumer)]
    consumer: Option<String>,
    /// Only messages of these subjects, with wildcards.
    #[arg(long, value_name = "FILTER", conflicts_with = "consumer", value_parser = names::filter)]
    filter: Option<String>,
    /// What is acknowledged: nothing, each message, or each message with the server confirming that.
    #[arg(long, value_enum, default_value = "explicit", hide_possible_values = false)]
    ack: AckMode,
    /// Fetch so many messages, and again, instead of consuming continuously.
    #[arg(long, value_name = "N")]
    fetch: Option<NonZeroU64>,
    /// Messages that each client asks for ahead. [default: 500]
    #[arg(long, value_name = "N", conflicts_with = "fetch")]
    pull: Option<NonZeroU64>,
    /// End when no message has come for so long after the first.
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = duration)]
    idle: Duration,
    #[command(flatten)]
    api: Api,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum AckMode {
    None,
    Explicit,
    Double,
}

/// How each client takes messages.
#[derive(Clone, Copy)]
struct How {
    fetch: Option<u64>,
    ahead: u64,
    ack: AckMode,
}

impl Syntax {
    pub(crate) fn resolve(self) -> Result<Job, Failure> {
        Ok(Job::new(async move |session| self.run(session).await))
    }

    fn how(&self) -> How {
        let ahead = self.pull.or(self.fetch).map_or(AHEAD, NonZeroU64::get);
        How { fetch: self.fetch.map(NonZeroU64::get), ahead, ack: self.ack }
    }

    async fn run(self, session: Session) -> Result<(), Failure> {
        let mut made = None;
        let preparing = async {
            let clients = self.load.connect(&session.settings).await?;
            let all: Vec<JetStream> = clients.iter().map(|nc| self.api.over(nc, &session.settings)).collect();
            made = self.make(all.first()).await?;
            Ok(all)
        };
        let mut all = None;
        session.stop.unless(async { preparing.await.map(|clients| all = Some(clients)) }).await?;
        let done = self.measure(all.unwrap_or_default(), made.as_ref(), session).await;
        if let Some(consumer) = made {
            // If it cannot be removed the server does it before long.
            let _ = consumer.delete().await;
        }
        done
    }

    /// The consumer of the measurement, unless there is one already.
    async fn make(&self, js: Option<&JetStream>) -> Result<Option<Consumer>, Failure> {
        let Some(js) = js.filter(|_| self.consumer.is_none()) else { return Ok(None) };
        let ahead = self.how().ahead.saturating_mul(self.load.clients.get().into());
        let mut config = ConsumerConfig::named(format!("bench-{}", nuncio::nuid()));
        config.inactive_threshold = Some(FORGOTTEN);
        config.filter_subject.clone_from(&self.filter);
        if self.ack == AckMode::None {
            config.ack_policy = AckPolicy::None;
        } else {
            // What is asked for must not be held back for want of acknowledgements.
            config.max_ack_pending = i64::try_from(ahead.saturating_mul(2).max(1000)).ok();
        }
        let stream = js.bind_stream(&self.stream)?;
        let made = stream.create_consumer(config).await;
        made.map(Some).map_err(|error| Named::stream(&self.stream).about(error))
    }

    async fn measure(
        &self,
        clients: Vec<JetStream>,
        made: Option<&Consumer>,
        session: Session,
    ) -> Result<(), Failure> {
        let Session { settings, mut out, stop } = session;
        let name = made.map(Consumer::name).or(self.consumer.as_deref()).unwrap_or_default();
        let named = Named::consumer(&self.stream, name);
        let timed = if self.ack == AckMode::Double { Some(latencies()?) } else { None };
        let expected = Expected::together(self.load.msgs.get());
        let mut receivers = Receivers::new(clients.len(), expected, timed, settings.json);
        for js in clients {
            let consumer = js.bind_stream(&self.stream)?.consumer(name).await;
            let consumer = consumer.map_err(|error| named.about(error))?;
            let how = self.how();
            receivers.spawn(|intake| receive(consumer, how, intake));
        }
        receivers.measure(self.idle, &stop, &mut out).await
    }
}

async fn receive(consumer: Consumer, how: How, mut intake: Intake) -> Result<(), Failure> {
    match how.fetch {
        None => {
            let mut messages = consumer.consume().max_messages(how.ahead).await?;
            while let Some(message) = messages.next().await {
                if !take(&message?, how.ack, &mut intake).await? {
                    break;
                }
            }
        }
        Some(size) => {
            while !intake.is_full() {
                let mut messages = consumer.fetch(size).await?;
                while let Some(message) = messages.next().await {
                    if !take(&message?, how.ack, &mut intake).await? {
                        break;
                    }
                }
            }
        }
    }
    Ok(())
}

/// Whether more are to come.
async fn take(message: &JsMessage, ack: AckMode, intake: &mut Intake) -> Result<bool, Failure> {
    match ack {
        AckMode::None => {}
        AckMode::Explicit => message.ack().await?,
        AckMode::Double => {
            let began = Instant::now();
            message.double_ack().await?;
            intake.note(began.elapsed());
        }
    }
    Ok(intake.one())
}
