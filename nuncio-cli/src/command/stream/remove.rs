//! `nuncio stream purge` and `nuncio stream rm`.

use std::io::{self, Write};

use clap::Args;
use serde::Serialize;

use crate::command::stream::Which;
use crate::connect::Settings;
use crate::exit::Failure;
use crate::jetstream::forced;
use crate::output::{Output, Show, printable};

/// Remove messages from a stream, all of them unless told otherwise; with --json prints one object (stream, purged).
#[derive(Debug, Args)]
pub(crate) struct Purge {
    #[command(flatten)]
    which: Which,
    /// Only messages of these subjects, with wildcards.
    #[arg(long, value_name = "FILTER")]
    subject: Option<String>,
    /// Leave so many of the newest.
    #[arg(long, value_name = "N", conflicts_with = "seq")]
    keep: Option<u64>,
    /// Only messages before this sequence.
    #[arg(long, value_name = "SEQ")]
    seq: Option<u64>,
    /// Do it: without this nothing is removed.
    #[arg(long)]
    force: bool,
}

/// Remove a stream with all that it holds and its consumers; with --json prints one object (stream, removed).
#[derive(Debug, Args)]
pub(crate) struct Rm {
    #[command(flatten)]
    which: Which,
    /// Do it: without this nothing is removed.
    #[arg(long)]
    force: bool,
}

enum What {
    Messages { subject: Option<String>, keep: Option<u64>, seq: Option<u64> },
    Stream,
}

pub(crate) struct Task {
    which: Which,
    what: What,
}

impl Purge {
    pub(crate) fn resolve(self) -> Result<Task, Failure> {
        forced(self.force, &format!("purging stream \"{}\"", self.which.stream))?;
        let what = What::Messages { subject: self.subject, keep: self.keep, seq: self.seq };
        Ok(Task { which: self.which, what })
    }
}

impl Rm {
    pub(crate) fn resolve(self) -> Result<Task, Failure> {
        forced(self.force, &format!("removing stream \"{}\"", self.which.stream))?;
        Ok(Task { which: self.which, what: What::Stream })
    }
}

#[derive(Serialize)]
struct Purged<'a> {
    stream: &'a str,
    purged: u64,
}

impl Show for Purged<'_> {
    fn show(&self, out: &mut dyn Write) -> io::Result<()> {
        let plural = if self.purged == 1 { "" } else { "s" };
        let stream = printable(self.stream);
        writeln!(out, "removed {} message{plural} from stream \"{stream}\"", self.purged)
    }
}

#[derive(Serialize)]
struct Removed<'a> {
    stream: &'a str,
    removed: bool,
}

impl Show for Removed<'_> {
    fn show(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "removed stream \"{}\"", printable(self.stream))
    }
}

impl Task {
    pub(crate) async fn run(self, settings: &Settings, out: &mut Output) -> Result<(), Failure> {
        let js = self.which.api.connect(settings).await?;
        let name = &*self.which.stream;
        let stream = js.bind_stream(name).map_err(self.which.about())?;
        match self.what {
            What::Stream => {
                stream.delete().await.map_err(self.which.about())?;
                out.show(&Removed { stream: name, removed: true })?;
            }
            What::Messages { subject, keep, seq } => {
                let mut purge = stream.purge();
                if let Some(subject) = subject {
                    purge = purge.filter(subject);
                }
                if let Some(keep) = keep {
                    purge = purge.keep(keep);
                }
                if let Some(seq) = seq {
                    purge = purge.sequence(seq);
                }
                let purged = purge.await.map_err(self.which.about())?;
                out.show(&Purged { stream: name, purged })?;
            }
        }
        Ok(())
    }
}
