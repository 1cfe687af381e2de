//! `nuncio consumer`.

mod config;
mod list;
mod pause;
mod show;
mod take;
mod write;

use clap::Args;
use nuncio::jetstream::{Consumer, Error, Stream};

use crate::command::verbs;
use crate::connect::Settings;
use crate::exit::Failure;
use crate::jetstream::target::{Info, Rm, Target};
use crate::jetstream::{Api, Named};
use crate::names;

verbs! {
    /// What may be written after `nuncio consumer`.
    pub(crate) enum Verb {
        Ls: list::Ls,
        Report: list::Report,
        /// Show a consumer: its configuration and how far it is.
        ///
        /// With --json it is one object in the words of the server: stream_name, name, created, config (limits that are not set left
        /// out) and more.
        Info: Info<Which>,
        Add: write::Add,
        Edit: write::Edit,
        Ensure: write::Ensure,
        Next: take::Next,
        Consume: take::Consume,
        Pause: pause::Pause,
        Resume: pause::Resume,
        /// Remove a consumer, and with it how far it was; with --json prints one object (stream, consumer, removed).
        Rm: Rm<Which>,
    }
}

/// The names of stream and consumer, and where they are.
#[derive(Args, Clone, Debug)]
pub(crate) struct Which {
    /// Name of the stream.
    #[arg(value_name = "STREAM", value_parser = names::stream)]
    stream: String,
    /// Name of the consumer.
    #[arg(value_name = "NAME", value_parser = names::consumer)]
    consumer: String,
    #[command(flatten)]
    api: Api,
}

impl Which {
    async fn stream(&self, settings: &Settings) -> Result<Stream, Failure> {
        Ok(self.api.connect(settings).await?.bind_stream(&self.stream)?)
    }
}

impl Target for Which {
    type Handle = Consumer;
    type Info = show::Whole;

    fn named(&self) -> Named {
        Named::consumer(&self.stream, &self.consumer)
    }

    async fn connect(&self, settings: &Settings) -> Result<Consumer, Failure> {
        Ok(self.stream(settings).await?.bind_consumer(&self.consumer)?)
    }

    async fn info(consumer: &Consumer) -> Result<show::Whole, Error> {
        consumer.info().await.map(show::Whole)
    }

    async fn delete(consumer: &Consumer) -> Result<(), Error> {
        consumer.delete().await
    }
}
