//! The `nuncio` program: publish, subscribe, request and serve on NATS from a shell.
//!
//! A run goes through three stages: [`syntax`] is what may be written, each command's `resolve` turns that into values
//! that are known to be good, and its `run` does the work. What comes out goes through [`output`], how it ends
//! through [`exit`].

mod command;
mod connect;
mod exit;
mod headers;
mod jetstream;
mod names;
mod notes;
mod output;
mod payload;
mod printable;
mod program;
mod progress;
mod stop;
mod syntax;
mod table;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

use crate::command::Session;
use crate::exit::Failure;
use crate::output::Output;
use crate::stop::Stop;
use crate::syntax::Cli;

fn main() -> ExitCode {
    let parsed = Cli::command().try_get_matches().and_then(|matches| {
        let command = matches.subcommand_name().unwrap_or_default().to_owned();
        Ok((command, Cli::from_arg_matches(&matches)?))
    });
    match parsed {
        Ok((command, cli)) => exit::finish(run(&command, cli)),
        Err(error) => exit::misused(&error),
    }
}

fn run(command: &str, cli: Cli) -> Result<(), Failure> {
    let settings = connect::resolve(cli.global, command)?;
    let job = cli.command.resolve()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::error(format!("cannot start the runtime: {error}")))?;
    let done = runtime.block_on(async {
        let out = Output::stdout(settings.json);
        let session = Session { out, stop: Stop::listen()?, settings };
        job.run(session).await
    });
    // A read of stdin that nobody waits for any more must not keep the program.
    runtime.shutdown_background();
    done
}
