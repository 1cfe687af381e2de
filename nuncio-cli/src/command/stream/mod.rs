//! `nuncio stream`.

mod archive;
mod backup;
mod config;
mod list;
mod read;
mod remove;
mod restore;
mod show;
mod write;

use clap::Args;
use nuncio::jetstream::Stream;

use crate::command::{Job, verbs};
use crate::connect::Settings;
use crate::exit::Failure;
use crate::jetstream::{Api, Named};
use crate::names;

/// List, make, change, read, back up, restore and remove JetStream streams.
#[derive(Debug, Args)]
pub(crate) struct Syntax {
    #[command(subcommand)]
    verb: Verb,
}

impl Syntax {
    pub(crate) fn resolve(self) -> Result<Job, Failure> {
        self.verb.resolve()
    }
}

verbs! {
    enum Verb {
        Ls: list::Ls,
        Report: list::Report,
        Info: show::Info,
        Add: write::Add,
        Edit: write::Edit,
        Ensure: write::Ensure,
        Get: read::Get,
        View: read::View,
        Purge: remove::Purge,
        Backup: backup::Backup,
        Restore: restore::Restore,
        Rm: remove::Rm,
    }
}

/// The name of the stream and where it is.
#[derive(Args, Clone, Debug)]
struct Which {
    /// Name of the stream.
    #[arg(value_name = "NAME", value_parser = names::stream)]
    stream: String,
    #[command(flatten)]
    api: Api,
}

impl Which {
    fn named(&self) -> Named {
        Named::stream(&self.stream)
    }

    async fn connect(&self, settings: &Settings) -> Result<Stream, Failure> {
        let js = self.api.connect(settings).await?;
        Ok(js.bind_stream(&self.stream)?)
    }
}
