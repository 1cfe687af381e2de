//! The commands, one a file: what may be written, what it means, and how it is done.

mod bench;
mod consumer;
mod context;
mod events;
mod publish;
mod reply;
mod request;
mod rtt;
mod server;
mod stream;
mod subscribe;

use clap::Subcommand;

use crate::connect::Settings;
use crate::exit::Failure;
use crate::output::Output;
use crate::stop::Stop;
use crate::syntax::EXIT_CODES;

/// What a command works with.
pub(crate) struct Session {
    pub(crate) settings: Settings,
    pub(crate) out: Output,
    pub(crate) stop: Stop,
}

macro_rules! commands {
    ($($(#[$attribute:meta])* $name:ident($text:literal): $module:ident;)*) => {
        /// What may be written after `nuncio`.
        #[derive(Debug, Subcommand)]
        pub(crate) enum Command {
            $($(#[$attribute])* #[command(name = $text, after_help = EXIT_CODES)] $name($module::Syntax),)*
        }

        /// A command whose arguments are known to be good.
        pub(crate) enum Resolved {
            $($name($module::Task),)*
        }

        impl Command {
            pub(crate) fn name(&self) -> &'static str {
                match self {
                    $(Self::$name(_) => $text,)*
                }
            }

            pub(crate) fn resolve(self) -> Result<Resolved, Failure> {
                match self {
                    $(Self::$name(syntax) => syntax.resolve().map(Resolved::$name),)*
                }
            }
        }

        impl Resolved {
            pub(crate) async fn run(self, session: Session) -> Result<(), Failure> {
                match self {
                    $(Self::$name(task) => task.run(session).await,)*
                }
            }
        }
    };
}

commands! {
    Pub("pub"): publish;
    Sub("sub"): subscribe;
    Request("request"): request;
    Reply("reply"): reply;
    Rtt("rtt"): rtt;
    Events("events"): events;
    Server("server"): server;
    Stream("stream"): stream;
    Consumer("consumer"): consumer;
    Context("context"): context;
    Bench("bench"): bench;
}
