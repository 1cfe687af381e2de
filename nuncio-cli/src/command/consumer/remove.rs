//! `nuncio consumer rm`.

use clap::Args;

use crate::command::Job;
use crate::command::consumer::Which;
use crate::exit::Failure;
use crate::jetstream::removal::{Removed, forced};

/// Remove a consumer, and with it how far it was; with --json prints one object (stream, consumer, removed).
#[derive(Debug, Args)]
pub(crate) struct Rm {
    #[command(flatten)]
    which: Which,
    /// Do it: without this nothing is removed.
    #[arg(long)]
    force: bool,
}

impl Rm {
    pub(crate) fn resolve(self) -> Result<Job, Failure> {
        let what = self.which.named();
        forced(self.force, &format!("removing {what}"))?;
        Ok(Job::brief(async move |settings, out| {
            let consumer = self.which.connect(settings).await?;
            consumer.delete().await.map_err(|error| what.about(error))?;
            Ok(out.show(&Removed::new(&what))?)
        }))
    }
}
