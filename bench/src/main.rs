//! Measures nuncio against its peers: each client in a process of its own, all in turn in the same run.
//!
//! `cargo run --release -p nuncio-bench --features peers`

mod build;
mod chart;
mod clients;
mod machine;
mod page;
mod pieces;
mod process;
mod report;
mod runner;
mod servers;
mod streams;
mod tables;
mod wire;
mod work;
mod works;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::runner::Plan;
use crate::work::{Job, Work};

/// Measures nuncio against its peers in the same run.
///
/// Each row is printed as soon as it is there, and all of them as a table at the end.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Print the names of the works.
    #[arg(long)]
    list: bool,
    /// Works to measure, by the beginning of their names; all unless given.
    #[arg(long, value_name = "NAME")]
    work: Vec<String>,
    /// Counted runs of each client and work. Instructions and builds are measured once.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Messages a run, in thousands, instead of what each work takes by default.
    #[arg(long)]
    thousands: Option<u64>,
    /// Seconds that each process may take; one that takes longer is killed, and its row says so.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    deadline: u64,
    /// Write one JSON object a row to this file, each as soon as it is there.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Measure nothing: take the rows of this file, written by `--json`. Of several files the last counts.
    #[arg(long, value_name = "FILE")]
    from: Vec<PathBuf>,
    /// Draw the comparison to this file.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Put the tables into the marked parts of this file. Takes several.
    #[arg(long, value_name = "FILE")]
    page: Vec<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve for a measurement: discard, flood, echo or be an emulated stream.
    #[command(hide = true)]
    Serve { kind: servers::Kind, over: wire::Over },
    /// Do one job as one client and print its figures.
    #[command(hide = true)]
    Job { job: String },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match &arguments.command {
        Some(Command::Serve { kind, over }) => servers::serve(*kind, *over).map_err(|e| e.to_string()),
        Some(Command::Job { job }) => serde_json::from_str::<Job>(job)
            .map_err(|e| e.to_string())
            .and_then(|job| clients::run(&job))
            .and_then(|figures| serde_json::to_string(&figures).map_err(|e| e.to_string()))
            .map(|figures| println!("{figures}")),
        None if arguments.list => {
            works::all().iter().for_each(|work| println!("{}", work.name));
            Ok(())
        }
        None => measure(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("nuncio-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &Arguments) -> Result<(), String> {
    // A page that cannot be filled is better known before ten minutes of measuring.
    arguments.page.iter().try_for_each(|file| page::check(file))?;
    let rows = if arguments.from.is_empty() {
        runner::measure(&Plan {
            works: chosen(arguments)?,
            runs: arguments.runs.max(1),
            deadline: Duration::from_secs(arguments.deadline),
            json: arguments.json.as_deref(),
        })?
    } else {
        report::read(&arguments.from)?
    };
    report::print_table(&rows);
    if let Some(file) = &arguments.svg {
        fs::write(file, chart::draw(&rows)).map_err(|e| e.to_string())?;
    }
    arguments.page.iter().try_for_each(|file| page::fill(file, &rows))
}

fn chosen(arguments: &Arguments) -> Result<Vec<Work>, String> {
    let mut works = works::all();
    if let Some(none) =
        arguments.work.iter().find(|name| !works.iter().any(|work| work.name.starts_with(name.as_str())))
    {
        return Err(format!("no work begins with {none:?}; --list has them"));
    }
    if !arguments.work.is_empty() {
        works.retain(|work| arguments.work.iter().any(|name| work.name.starts_with(name.as_str())));
    }
    if let Some(thousands) = arguments.thousands {
        works.iter_mut().for_each(|work| work.messages = thousands * 1000);
    }
    Ok(works)
}
