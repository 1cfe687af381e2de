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
use crate::jetstream::listing::{Ls, Report};
use crate::jetstream::target::{Info, Rm, Target};
use crate::jetstream::write::{Add, Edit, Ensure, Write};
use crate::jetstream::{Api, Named};
use crate::names;

verbs! {
    /// What may be written after `nuncio consumer`.
    pub(crate) enum Verb {
        /// List the consumers of a stream; with --json one object each (stream, consumer, kind, filter, description).
        ///
        /// The kind is pull or push.
        Ls: Ls<list::Of>,
        /// Show how far the consumers of a stream are; with --json one object each.
        ///
        /// The object has stream, consumer, kind (pull or push), ack, ack_pending, redelivered, pending (not delivered yet), waiting
        /// (pulls), delivered_seq, ack_floor_seq (of the stream), and paused.
        Report: Report<list::Of>,
        /// Show a consumer: its configuration and how far it is.
        ///
        /// With --json it is one object in the words of the server: stream_name, name, created, config (limits that are not set left
        /// out) and more.
        Info: Info<Which>,
        /// Make a consumer, which lasts until it is removed, and show it as `nuncio consumer info` does.
        ///
        /// It is pulled from unless --push is given. That there is one of the same name and configuration is fine; one with another
        /// configuration is an error.
        Add: Write<Add, Which>,
        /// Change a consumer: what is given, the rest stays.
        ///
        /// Shows what has changed; with --json as one object (stream, consumer, outcome, changes), where the outcome is updated or
        /// unchanged, and each change has field, from, to and fixed (always false). What cannot be changed the server refuses, which is
        /// an error.
        Edit: Write<Edit, Which>,
        /// Make a consumer if it is not there, and change it if it is not as given: what is not given becomes the default.
        ///
        /// Shows what was done, as `nuncio consumer edit` does; the outcome may be created as well.
        Ensure: Write<Ensure, Which>,
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
