//! `nuncio stream purge`.

use std::io::{self, Write};

use clap::Args;
use serde::Serialize;

use crate::command::Job;
use crate::command::stream::Which;
use crate::exit::Failure;
use crate::jetstream::Named;
use crate::jetstream::removal::forced;
use crate::jetstream::target::Target;
use crate::names;
use crate::output::Show;
use crate::printable::printable;
use crate::progress::{Progress, Unit};

/// Remove messages from a stream, all of them unless told otherwise; with --json prints one object (stream, purged).
#[derive(Debug, Args)]
pub(crate) struct Purge {
    #[command(flatten)]
    which: Which,
    /// Only messages of these subjects, with wildcards.
    #[arg(long, value_name = "FILTER", value_parser = names::filter)]
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

impl Purge {
    pub(crate) fn resolve(self) -> Result<Job, Failure> {
        let what = self.which.named();
        forced(self.force, &format!("purging {what}"))?;
        Ok(Job::brief(async move |settings, out| {
            let stream = self.which.connect(settings).await?;
            let _shown = Progress::new(settings.json, &format!("purging {what}"), None, Unit::Time);
            let mut purge = stream.purge();
            if let Some(subject) = self.subject {
                purge = purge.filter(subject);
            }
            if let Some(keep) = self.keep {
                purge = purge.keep(keep);
            }
            if let Some(seq) = self.seq {
                purge = purge.sequence(seq);
            }
            let purged = purge.await.map_err(|error| what.about(error))?;
            Ok(out.show(&Purged { what: &what, purged })?)
        }))
    }
}

#[derive(Serialize)]
struct Purged<'a> {
    #[serde(flatten)]
    what: &'a Named,
    purged: u64,
}

impl Show for Purged<'_> {
    fn show(&self, out: &mut dyn Write) -> io::Result<()> {
        let plural = if self.purged == 1 { "" } else { "s" };
        let what = self.what.to_string();
        writeln!(out, "removed {} message{plural} from {}", self.purged, printable(&what))
    }
}
