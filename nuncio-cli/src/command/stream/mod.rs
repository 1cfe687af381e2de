//! `nuncio stream`.

mod archive;
mod backup;
mod config;
mod list;
mod purge;
mod read;
mod restore;
mod show;
mod write;

use clap::Args;
use nuncio::jetstream::{Error, Stream};

use crate::command::verbs;
use crate::connect::Settings;
use crate::exit::Failure;
use crate::jetstream::target::{Info, Rm, Target};
use crate::jetstream::{Api, Named};
use crate::names;

verbs! {
    /// What may be written after `nuncio stream`.
    pub(crate) enum Verb {
        Ls: list::Ls,
        Report: list::Report,
        /// Show a stream: its configuration and what it holds.
        ///
        /// With --json it is one object in the words of the server: config (limits that are not set left out), created, state and
        /// more.
        Info: Info<Which>,
        Add: write::Add,
        Edit: write::Edit,
        Ensure: write::Ensure,
        Get: read::Get,
        View: read::View,
        Purge: purge::Purge,
        Backup: backup::Backup,
        Restore: restore::Restore,
        /// Remove a stream with all that it holds and its consumers; with --json prints one object (stream, removed).
        Rm: Rm<Which>,
    }
}

/// The name of the stream and where it is.
#[derive(Args, Clone, Debug)]
pub(crate) struct Which {
    /// Name of the stream.
    #[arg(value_name = "NAME", value_parser = names::stream)]
    stream: String,
    #[command(flatten)]
    api: Api,
}

impl Target for Which {
    type Handle = Stream;
    type Info = show::Whole;

    fn named(&self) -> Named {
        Named::stream(&self.stream)
    }

    async fn connect(&self, settings: &Settings) -> Result<Stream, Failure> {
        let js = self.api.connect(settings).await?;
        Ok(js.bind_stream(&self.stream)?)
    }

    async fn info(stream: &Stream) -> Result<show::Whole, Error> {
        stream.info().await.map(show::Whole)
    }

    async fn delete(stream: &Stream) -> Result<(), Error> {
        stream.delete().await
    }
}
