//! `nuncio consumer rm`.

use std::io::{self, Write};

use clap::Args;
use serde::Serialize;

use crate::command::consumer::Which;
use crate::connect::Settings;
use crate::exit::Failure;
use crate::jetstream::forced;
use crate::output::{Output, Show, printable};

/// Remove a consumer, and with it how far it was; with --json prints one object (stream, consumer, removed).
#[derive(Debug, Args)]
pub(crate) struct Syntax {
    #[command(flatten)]
    which: Which,
    /// Do it: without this nothing is removed.
    #[arg(long)]
    force: bool,
}

pub(crate) struct Task {
    which: Which,
}

impl Syntax {
    pub(crate) fn resolve(self) -> Result<Task, Failure> {
        let Which { stream, consumer, .. } = &self.which;
        forced(self.force, &format!("removing consumer \"{consumer}\" of stream \"{stream}\""))?;
        Ok(Task { which: self.which })
    }
}

#[derive(Serialize)]
struct Removed<'a> {
    stream: &'a str,
    consumer: &'a str,
    removed: bool,
}

impl Show for Removed<'_> {
    fn show(&self, out: &mut dyn Write) -> io::Result<()> {
        let (consumer, stream) = (printable(self.consumer), printable(self.stream));
        writeln!(out, "removed consumer \"{consumer}\" of stream \"{stream}\"")
    }
}

impl Task {
    pub(crate) async fn run(self, settings: &Settings, out: &mut Output) -> Result<(), Failure> {
        let consumer = self.which.connect(settings).await?;
        consumer.delete().await.map_err(self.which.about())?;
        let Which { stream, consumer, .. } = &self.which;
        Ok(out.show(&Removed { stream, consumer, removed: true })?)
    }
}
