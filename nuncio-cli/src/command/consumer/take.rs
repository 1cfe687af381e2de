//! `nuncio consumer next` and `nuncio consumer consume`.

use std::io::{self, IsTerminal, Write, stdout};
use std::time::Duration;

use clap::Args;
use nuncio::Client;
use nuncio::jetstream::{Consumer, JsMessage};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::command::consumer::Which;
use crate::command::subscribe::silence;
use crate::command::{Job, Session};
use crate::connect::Settings;
use crate::exit::Failure;
use crate::jetstream::target::Target;
use crate::notes;
use crate::output::{MessageLine, Output, Show};
use crate::printable::printable;
use crate::progress::{Progress, Unit};
use crate::stop::Stop;
use crate::syntax::duration;

/// Take messages from a consumer that is pulled from, print them, and acknowledge each once it is written.
///
/// Waits for them as long as --timeout says. Exit code 3 if fewer came than asked for.
///
/// With --json each message is one object as of `nuncio sub`, with stream, seq and time (of the stream), delivered (how
/// often) and pending (how many follow) as well.
#[derive(Debug, Args)]
pub(crate) struct Next {
    #[command(flatten)]
    which: Which,
    /// How many.
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u64).range(1..))]
    count: u64,
    #[command(flatten)]
    how: How,
}

/// Print what comes from a consumer that is pulled from, and acknowledge each message once it is written.
///
/// Ends after --count messages, when nothing has come for --wait, with Ctrl-C or SIGTERM, or when the reader of stdout is
/// gone. Notes about the connection go to stderr.
///
/// With --json each message is one object as of `nuncio consumer next`.
#[derive(Debug, Args)]
pub(crate) struct Consume {
    #[command(flatten)]
    which: Which,
    /// End after so many messages. Exit code 3 if --wait ends it before.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// End when nothing has come for so long.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    wait: Option<Duration>,
    #[command(flatten)]
    how: How,
}

#[derive(Args, Clone, Copy, Debug)]
struct How {
    /// Acknowledge nothing: the server delivers the messages again when the time to acknowledge them is over.
    #[arg(long)]
    no_ack: bool,
    /// Print the payload as it is and an end of line, nothing else.
    #[arg(long, conflicts_with = "json")]
    raw: bool,
}

impl Next {
    pub(crate) fn resolve(self) -> Result<Job, Failure> {
        Ok(Job::brief(async move |settings, out| {
            let taker = Taker::connect(self.which, self.how, settings).await?;
            taker.batch(self.count, settings, out).await
        }))
    }
}

impl Consume {
    pub(crate) fn resolve(self) -> Result<Job, Failure> {
        Ok(Job::new(async move |session| {
            let Session { settings, mut out, stop } = session;
            let taker = tokio::select! {
                connected = Taker::connect(self.which, self.how, &settings) => connected?,
                _ = stop.reason() => return Ok(()),
            };
            notes::take(&taker.nc);
            let done = taker.endless(self.count, self.wait, &settings, &mut out, &stop).await;
            taker.nc.close().await;
            done?;
            Ok(out.flush()?)
        }))
    }
}

struct Line<'a>(&'a JsMessage);

impl Line<'_> {
    fn message(&self) -> MessageLine<'_> {
        MessageLine { message: self.0, number: None, with_payload: true }
    }
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(info) = self.0.info() {
            map.serialize_entry("stream", &String::from_utf8_lossy(info.stream))?;
            map.serialize_entry("seq", &info.stream_sequence)?;
            map.serialize_entry("time", &info.published())?;
            map.serialize_entry("delivered", &info.delivered)?;
            map.serialize_entry("pending", &info.pending)?;
        }
        self.message().entries(&mut map)?;
        map.end()
    }
}

impl Show for Line<'_> {
    fn show(&self, out: &mut dyn Write) -> io::Result<()> {
        let subject = self.0.subject();
        let subject = printable(&subject);
        match self.0.info() {
            None => writeln!(out, "{subject}")?,
            Some(info) => {
                write!(out, "#{} {subject}, {}", info.stream_sequence, info.published())?;
                let again = info.delivered > 1;
                writeln!(
                    out,
                    "{}",
                    if again { format!(", delivery {}", info.delivered) } else { String::new() }
                )?;
            }
        }
        self.message().show(out)?;
        writeln!(out)
    }
}

/// Who takes messages.
struct Taker {
    which: Which,
    how: How,
    nc: Client,
    consumer: Consumer,
}

impl Taker {
    /// The consumer as it is, since its configuration says what is acknowledged.
    async fn connect(which: Which, how: How, settings: &Settings) -> Result<Self, Failure> {
        let stream = which.stream(settings).await?;
        let nc = stream.jetstream().client().clone();
        let consumer = stream.consumer(&which.consumer).await;
        let consumer = consumer.map_err(|error| which.named().about(error))?;
        Ok(Self { which, how, nc, consumer })
    }

    async fn batch(&self, count: u64, settings: &Settings, out: &mut Output) -> Result<(), Failure> {
        let wait = settings.timeout;
        let mut messages = self.consumer.fetch(count).expires(wait).await?;
        let shown = self.progress(settings, Some(count));
        let mut taken = 0;
        while let Some(message) = messages.next().await {
            self.take(&message?, out).await?;
            taken += 1;
            shown.at(taken);
        }
        drop(shown);
        self.enough(taken, Some(count), wait)
    }

    async fn endless(
        &self,
        count: Option<u64>,
        wait: Option<Duration>,
        settings: &Settings,
        out: &mut Output,
        stop: &Stop,
    ) -> Result<(), Failure> {
        let mut consume = self.consumer.consume();
        if let Some(count) = count {
            consume = consume.stop_after(count);
        }
        let mut messages = consume.await?;
        let shown = self.progress(settings, count);
        let mut taken = 0;
        loop {
            let message = tokio::select! {
                biased;
                _ = stop.reason() => return Ok(()),
                message = messages.next() => message,
                wait = silence(wait) => return self.enough(taken, count, wait),
            };
            let Some(message) = message else { return Ok(()) };
            self.take(&message?, out).await?;
            taken += 1;
            shown.at(taken);
        }
    }

    /// Drawn only where the messages do not go to the terminal themselves.
    fn progress(&self, settings: &Settings, count: Option<u64>) -> Progress {
        let what = format!("taking from {}", self.which.named());
        Progress::new(settings.json || stdout().is_terminal(), &what, count, Unit::Messages)
    }

    /// Prints a message, and only then acknowledges it: one that nobody has read comes again.
    async fn take(&self, message: &JsMessage, out: &mut Output) -> Result<(), Failure> {
        if self.how.raw {
            out.raw(message.payload())?;
        } else {
            out.show(&Line(message))?;
        }
        out.flush()?;
        if !self.how.no_ack {
            message.double_ack().await?;
        }
        Ok(())
    }

    fn enough(&self, taken: u64, count: Option<u64>, wait: Duration) -> Result<(), Failure> {
        match count {
            Some(count) if taken < count => Err(Failure::timeout(format!(
                "{taken} of {count} messages of {} came, and nothing more within {wait:?}",
                self.which.named()
            ))),
            _ => Ok(()),
        }
    }
}
