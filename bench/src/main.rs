//! Measures nuncio against its peers: each client in a process of its own, all in turn in the same run.
//!
//! `cargo run --release -p nuncio-bench --features peers`

mod chart;
mod clients;
mod report;
mod runner;
mod servers;
mod streams;
mod work;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::work::Job;

/// Measures nuncio against its peers in the same run.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Counted runs of each client and work.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Works to measure, by the beginning of their names; all unless given.
    #[arg(long)]
    only: Vec<String>,
    /// Messages a run, in thousands, instead of what each work takes by default.
    #[arg(long)]
    thousands: Option<u64>,
    /// Print one JSON object a row instead of a table.
    #[arg(long)]
    json: bool,
    /// Draw the comparison to this file.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve for a measurement: discard, flood, echo or be an emulated stream.
    #[command(hide = true)]
    Serve { kind: servers::Kind, over: work::Over },
    /// Do one job as one client and print its figures.
    #[command(hide = true)]
    Job { job: String },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.command {
        Some(Command::Serve { kind, over }) => servers::serve(kind, over).map_err(|e| e.to_string()),
        Some(Command::Job { job }) => serde_json::from_str::<Job>(&job)
            .map_err(|e| e.to_string())
            .and_then(|job| clients::run(&job))
            .and_then(|figures| serde_json::to_string(&figures).map_err(|e| e.to_string()))
            .map(|figures| println!("{figures}")),
        None => {
            let Arguments { runs, only, thousands, json, svg, .. } = arguments;
            runner::measure(runs, &only, thousands, json, svg.as_deref())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("nuncio-bench: {error}");
            ExitCode::FAILURE
        }
    }
}
