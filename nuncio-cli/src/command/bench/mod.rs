//! `nuncio bench`.

mod load;
mod meter;
mod plot;
mod publish;
mod reply;
mod report;
mod request;
mod subscribe;

use clap::{Args, Subcommand};

use crate::command::Session;
use crate::exit::Failure;

/// Measure how fast this client and a server are together.
///
/// Each client is a connection of its own. The figures are those of this program alone: what it took of the processor
/// for each message, the memory it had at most, and how long requests took. With --json the result is one object: msgs,
/// seconds, msgs_per_sec, cpu_ns_per_msg, rss_bytes, p50_us, p90_us, p99_us, p999_us, max_us (null where nothing is timed),
/// lost.
#[derive(Debug, Args)]
pub(crate) struct Syntax {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Pub(publish::Syntax),
    Sub(subscribe::Syntax),
    Request(request::Syntax),
    Reply(reply::Syntax),
}

pub(crate) enum Task {
    Publish(publish::Task),
    Subscribe(subscribe::Task),
    Request(request::Task),
    Reply(reply::Task),
}

impl Syntax {
    pub(crate) fn resolve(self) -> Result<Task, Failure> {
        Ok(match self.verb {
            Verb::Pub(syntax) => Task::Publish(syntax.resolve()?),
            Verb::Sub(syntax) => Task::Subscribe(syntax.resolve()),
            Verb::Request(syntax) => Task::Request(syntax.resolve()?),
            Verb::Reply(syntax) => Task::Reply(syntax.resolve()),
        })
    }
}

impl Task {
    pub(crate) async fn run(self, session: Session) -> Result<(), Failure> {
        match self {
            Self::Publish(task) => task.run(session).await,
            Self::Subscribe(task) => task.run(session).await,
            Self::Request(task) => task.run(session).await,
            Self::Reply(task) => task.run(session).await,
        }
    }
}
