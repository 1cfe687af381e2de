//! `nuncio consumer pause` and `nuncio consumer resume`.

use std::io::{self, Write};
use std::time::Duration;

use clap::Args;
use nuncio::jetstream::Timestamp;
use serde::Serialize;

use crate::command::Job;
use crate::command::consumer::Which;
use crate::exit::Failure;
use crate::jetstream::Named;
use crate::jetstream::options::moment;
use crate::jetstream::target::Target;
use crate::output::Show;
use crate::printable::printable;
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

impl Pause {
    pub(crate) fn resolve(self) -> Result<Job, Failure> {
        let what = match (self.end.until, self.end.length) {
            (Some(until), _) => What::Until(until),
            (None, length) => What::For(length.unwrap_or_default()),
        };
        Ok(set(self.which, what))
    }
}

impl Resume {
    pub(crate) fn resolve(self) -> Result<Job, Failure> {
        Ok(set(self.which, What::Resume))
    }
}

fn set(which: Which, what: What) -> Job {
    Job::brief(async move |settings, out| {
        let consumer = which.connect(settings).await?;
        let state = match what {
            What::Until(until) => consumer.pause(until).await,
            What::For(length) => consumer.pause(Timestamp::now().saturating_add(length)).await,
            What::Resume => consumer.resume().await,
        };
        let named = which.named();
        let state = state.map_err(|error| named.about(error))?;
        let until = state.pause_until.filter(|_| state.paused);
        Ok(out.show(&State { what: &named, paused: state.paused, until })?)
    })
}

#[derive(Serialize)]
struct State<'a> {
    #[serde(flatten)]
    what: &'a Named,
    paused: bool,
    until: Option<Timestamp>,
}

impl Show for State<'_> {
    fn show(&self, out: &mut dyn Write) -> io::Result<()> {
        write!(out, "{} ", printable(&self.what.to_string()))?;
        match self.until {
            Some(until) => writeln!(out, "is paused until {until}"),
            None => writeln!(out, "is not paused"),
        }
    }
}
