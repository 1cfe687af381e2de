//! `nuncio consumer`.

mod add;
mod list;
mod pause;
mod remove;
mod show;
mod take;

use clap::{Args, Subcommand};
use nuncio::jetstream::{Consumer, Error};

use crate::command::Session;
use crate::connect::Settings;
use crate::exit::Failure;
use crate::jetstream::Api;

/// List, make, consume from, pause and remove consumers of JetStream streams.
#[derive(Debug, Args)]
pub(crate) struct Syntax {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Ls(list::Ls),
    Report(list::Report),
    Info(show::Syntax),
    Add(Box<add::Syntax>),
    Next(take::Next),
    Consume(take::Consume),
    Pause(pause::Pause),
    Resume(pause::Resume),
    Rm(remove::Syntax),
}

/// The names of stream and consumer, and where they are.
#[derive(Args, Clone, Debug)]
struct Which {
    /// Name of the stream.
    #[arg(value_name = "STREAM")]
    stream: String,
    /// Name of the consumer.
    #[arg(value_name = "NAME")]
    consumer: String,
    #[command(flatten)]
    api: Api,
}

impl Which {
    async fn connect(&self, settings: &Settings) -> Result<Consumer, Failure> {
        let js = self.api.connect(settings).await?;
        js.bind_consumer(&self.stream, &self.consumer).map_err(|error| self.about()(error.into()))
    }

    /// Puts the names before what went wrong.
    fn about(&self) -> impl Fn(Error) -> Failure + '_ {
        |error| {
            let what = format!("consumer \"{}\" of stream \"{}\"", self.consumer, self.stream);
            Failure::from(error).about(&what)
        }
    }
}

pub(crate) enum Task {
    List(list::Task),
    Info(show::Task),
    Add(Box<add::Task>),
    Take(take::Task),
    Pause(pause::Task),
    Remove(remove::Task),
}

impl Syntax {
    pub(crate) fn resolve(self) -> Result<Task, Failure> {
        Ok(match self.verb {
            Verb::Ls(syntax) => Task::List(syntax.resolve()),
            Verb::Report(syntax) => Task::List(syntax.resolve()),
            Verb::Info(syntax) => Task::Info(syntax.resolve()),
            Verb::Add(syntax) => Task::Add(Box::new(syntax.resolve()?)),
            Verb::Next(syntax) => Task::Take(syntax.resolve()),
            Verb::Consume(syntax) => Task::Take(syntax.resolve()),
            Verb::Pause(syntax) => Task::Pause(syntax.resolve()),
            Verb::Resume(syntax) => Task::Pause(syntax.resolve()),
            Verb::Rm(syntax) => Task::Remove(syntax.resolve()?),
        })
    }
}

impl Task {
    pub(crate) async fn run(self, session: Session) -> Result<(), Failure> {
        let Session { settings, mut out, stop } = session;
        let endless = matches!(&self, Self::Take(task) if task.is_endless());
        let work = async {
            match self {
                Self::List(task) => task.run(&settings, &mut out).await?,
                Self::Info(task) => task.run(&settings, &mut out).await?,
                Self::Add(task) => task.run(&settings, &mut out).await?,
                Self::Take(task) => task.run(&settings, &mut out, &stop).await?,
                Self::Pause(task) => task.run(&settings, &mut out).await?,
                Self::Remove(task) => task.run(&settings, &mut out).await?,
            }
            Ok(out.flush()?)
        };
        // One that goes on until it is stopped sees to that itself.
        if endless { work.await } else { stop.unless(work).await }
    }
}
