//! `nuncio stream`.

mod config;
mod list;
mod read;
mod remove;
mod show;
mod write;

use clap::{Args, Subcommand};

use crate::command::Session;
use crate::exit::Failure;
use crate::jetstream::Api;

/// List, make, change, read and remove JetStream streams.
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
    Add(write::Add),
    Edit(write::Edit),
    Ensure(write::Ensure),
    Get(read::Get),
    View(read::View),
    Purge(remove::Purge),
    Rm(remove::Rm),
}

/// The name of the stream and where it is.
#[derive(Args, Clone, Debug)]
struct Which {
    /// Name of the stream.
    #[arg(value_name = "NAME")]
    stream: String,
    #[command(flatten)]
    api: Api,
}

impl Which {
    /// Puts the name before what went wrong.
    fn about(&self) -> impl Fn(nuncio::jetstream::Error) -> Failure + '_ {
        |error| Failure::from(error).about(&format!("stream \"{}\"", self.stream))
    }
}

pub(crate) enum Task {
    List(list::Task),
    Info(show::Task),
    Write(write::Task),
    Read(read::Task),
    Remove(remove::Task),
}

impl Syntax {
    pub(crate) fn resolve(self) -> Result<Task, Failure> {
        Ok(match self.verb {
            Verb::Ls(syntax) => Task::List(syntax.resolve()),
            Verb::Report(syntax) => Task::List(syntax.resolve()),
            Verb::Info(syntax) => Task::Info(syntax.resolve()),
            Verb::Add(syntax) => Task::Write(syntax.resolve()?),
            Verb::Edit(syntax) => Task::Write(syntax.resolve()?),
            Verb::Ensure(syntax) => Task::Write(syntax.resolve()?),
            Verb::Get(syntax) => Task::Read(syntax.resolve()),
            Verb::View(syntax) => Task::Read(syntax.resolve()),
            Verb::Purge(syntax) => Task::Remove(syntax.resolve()?),
            Verb::Rm(syntax) => Task::Remove(syntax.resolve()?),
        })
    }
}

impl Task {
    pub(crate) async fn run(self, session: Session) -> Result<(), Failure> {
        let Session { settings, mut out, stop } = session;
        stop.unless(async {
            match self {
                Self::List(task) => task.run(&settings, &mut out).await?,
                Self::Info(task) => task.run(&settings, &mut out).await?,
                Self::Write(task) => task.run(&settings, &mut out).await?,
                Self::Read(task) => task.run(&settings, &mut out).await?,
                Self::Remove(task) => task.run(&settings, &mut out).await?,
            }
            Ok(out.flush()?)
        })
        .await
    }
}
