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
use crate::jetstream::listing::{Ls, Report};
use crate::jetstream::target::{Info, Rm, Target};
use crate::jetstream::write::{Add, Edit, Ensure, Write};
use crate::jetstream::{Api, Named};
use crate::names;

verbs! {
    /// What may be written after `nuncio stream`.
    pub(crate) enum Verb {
        /// List streams; with --json one object each (stream, subjects, description, created).
        Ls: Ls<list::Of>,
        /// Show what all streams hold; with --json one object each.
        ///
        /// The object has stream, storage, replicas, messages, bytes, consumers, first_seq, last_seq, and last_time, null where
        /// nothing was ever stored.
        Report: Report<list::Of>,
        /// Show a stream: its configuration and what it holds.
        ///
        /// With --json it is one object in the words of the server: config (limits that are not set left out), created, state and
        /// more.
        Info: Info<Which>,
        /// Make a stream, and show it as `nuncio stream info` does.
        ///
        /// That there is one of the same name and configuration is fine; one with another configuration is an error.
        Add: Write<Add, Which>,
        /// Change a stream: what is given, the rest stays.
        ///
        /// Shows what has changed; with --json as one object (stream, outcome, changes), where the outcome is updated, unchanged or
        /// conflict, and each change has field, from, to and fixed. A stream of which something would have to change that cannot is
        /// left as it is, which is an error.
        Edit: Write<Edit, Which>,
        /// Make a stream if it is not there, and change it if it is not as given: what is not given becomes the default.
        ///
        /// Shows what was done, as `nuncio stream edit` does; the outcome may be created as well.
        Ensure: Write<Ensure, Which>,
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
