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
mod notes;
mod output;
mod payload;
mod program;
mod stop;
mod syntax;
mod table;

use std::process::ExitCode;

use clap::Parser;

use crate::command::Session;
use crate::exit::Failure;
use crate::output::Output;
use crate::stop::Stop;
use crate::syntax::Cli;

fn main() -> ExitCode {
    match Cli::try_parse() {
        Ok(cli) => exit::finish(run(cli)),
        Err(error) => exit::misused(&error),
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    let settings = connect::resolve(cli.global, cli.command.name())?;
    let command = cli.command.resolve()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::error(format!("cannot start the runtime: {error}")))?;
    let done = runtime.block_on(async {
        let out = Output::stdout(settings.json);
        let session = Session { out, stop: Stop::listen()?, settings };
        command.run(session).await
    });
    // A read of stdin that nobody waits for any more must not keep the program.
    runtime.shutdown_background();
    done
}
