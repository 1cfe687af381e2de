//! `nuncio consumer`.

mod config;
mod list;
mod pause;
mod remove;
mod show;
mod take;
mod write;

use clap::Args;
use nuncio::jetstream::{Consumer, Stream};

use crate::command::{Job, verbs};
use crate::connect::Settings;
use crate::exit::Failure;
use crate::jetstream::{Api, Named};
use crate::names;

/// List, make, change, consume from, pause and remove consumers of JetStream streams.
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
        Next: take::Next,
        Consume: take::Consume,
        Pause: pause::Pause,
        Resume: pause::Resume,
        Rm: remove::Rm,
    }
}

/// The names of stream and consumer, and where they are.
#[derive(Args, Clone, Debug)]
struct Which {
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
    fn named(&self) -> Named {
        Named::consumer(&self.stream, &self.consumer)
    }

    async fn stream(&self, settings: &Settings) -> Result<Stream, Failure> {
        Ok(self.api.connect(settings).await?.bind_stream(&self.stream)?)
    }

    async fn connect(&self, settings: &Settings) -> Result<Consumer, Failure> {
        Ok(self.stream(settings).await?.bind_consumer(&self.consumer)?)
    }
}
