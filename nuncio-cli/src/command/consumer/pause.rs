//! `nuncio consumer pause` and `nuncio consumer resume`.

use std::io::{self, Write};
use std::time::Duration;

use clap::Args;
use nuncio::jetstream::{PauseState, Timestamp};
use serde::Serialize;

use crate::command::consumer::Which;
use crate::connect::Settings;
use crate::exit::Failure;
use crate::jetstream::moment;
use crate::output::{Output, Show, printable};
use crate::syntax::duration;

/// Have a consumer deliver nothing for a time, which needs nats-server 2.11.
///
/// With --json prints one object: stream, consumer, paused, and until, null where it is not paused.
#[derive(Debug, Args)]
pub(crate) struct Pause {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    end: End,
}

#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct End {
    /// Until this time, such as 2030-01-31T12:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<Timestamp>,
    /// For so long, such as 10m.
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    length: Option<Duration>,
}

/// Have a consumer that is paused deliver again; with --json prints an object as `nuncio consumer pause` does.
#[derive(Debug, Args)]
pub(crate) struct Resume {
    #[command(flatten)]
    which: Which,
}

enum What {
    Until(Timestamp),
    For(Duration),
    Resume,
}

pub(crate) struct Task {
    which: Which,
    what: What,
}

impl Pause {
    pub(crate) fn resolve(self) -> Task {
        let what = match (self.end.until, self.end.length) {
            (Some(until), _) => What::Until(until),
            (None, length) => What::For(length.unwrap_or_default()),
        };
        Task { which: self.which, what }
    }
}

impl Resume {
    pub(crate) fn resolve(self) -> Task {
        Task { which: self.which, what: What::Resume }
    }
}

#[derive(Serialize)]
struct State<'a> {
    stream: &'a str,
    consumer: &'a str,
    paused: bool,
    until: Option<Timestamp>,
}

impl<'a> State<'a> {
    fn of(which: &'a Which, state: PauseState) -> Self {
        let until = state.pause_until.filter(|_| state.paused);
        Self { stream: &which.stream, consumer: &which.consumer, paused: state.paused, until }
    }
}

impl Show for State<'_> {
    fn show(&self, out: &mut dyn Write) -> io::Result<()> {
        let (consumer, stream) = (printable(self.consumer), printable(self.stream));
        write!(out, "consumer \"{consumer}\" of stream \"{stream}\" ")?;
        match self.until {
            Some(until) => writeln!(out, "is paused until {until}"),
            None => writeln!(out, "is not paused"),
        }
    }
}

impl Task {
    pub(crate) async fn run(self, settings: &Settings, out: &mut Output) -> Result<(), Failure> {
        let consumer = self.which.connect(settings).await?;
        let state = match self.what {
            What::Until(until) => consumer.pause(until).await,
            What::For(length) => consumer.pause(Timestamp::now().saturating_add(length)).await,
            What::Resume => consumer.resume().await,
        };
        let state = state.map_err(self.which.about())?;
        Ok(out.show(&State::of(&self.which, state))?)
    }
}
