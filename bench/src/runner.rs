//! Runs every client in turn, each job in a process of its own.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::clients;
use crate::report::{Row, print_json, print_table};
use crate::servers::Kind;
use crate::work::{self, Figures, Job, Work};

pub(crate) fn measure(
    runs: usize,
    only: &[String],
    thousands: Option<u64>,
    json: bool,
) -> Result<(), String> {
    let mut rows = Vec::new();
    for mut work in work::all() {
        if !only.is_empty() && !only.iter().any(|name| work.name.starts_with(name.as_str())) {
            continue;
        }
        work.messages = thousands.map_or(work.messages, |thousands| thousands * 1000);
        eprintln!("{} …", work.name);
        rows.push(measure_work(&work, runs)?);
    }
    if json {
        print_json(&rows)
    } else {
        print_table(&rows)
    }
    Ok(())
}

fn measure_work(work: &Work, runs: usize) -> Result<Row, String> {
    let server = Server::start(work.server)?;
    let mut row = Row::new(work, clients::names());
    // The first round warms up and is not counted.
    for round in 0..=runs {
        for client in clients::names() {
            let figures = run_job(work, client, server.port)?;
            if round > 0 {
                row.add(client, figures);
            }
        }
    }
    Ok(row)
}

fn run_job(work: &Work, client: &str, port: u16) -> Result<Figures, String> {
    let job = Job {
        client: client.to_owned(),
        verb: work.verb,
        size: work.size,
        headers: work.headers,
        read_header: work.read_header,
        messages: work.messages,
        port,
    };
    let job = serde_json::to_string(&job).map_err(|e| e.to_string())?;
    let output = on_core(0, &["job", &job]).stderr(Stdio::inherit()).output().map_err(|e| e.to_string())?;
    if !output.status.success() {
        return Err(format!("{client} failed at {}", work.name));
    }
    serde_json::from_slice(&output.stdout).map_err(|e| format!("{client} at {}: {e}", work.name))
}

struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start(kind: Kind) -> Result<Self, String> {
        let kind = format!("{kind:?}").to_lowercase();
        let mut child =
            on_core(1, &["serve", &kind]).stdout(Stdio::piped()).spawn().map_err(|e| e.to_string())?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line).map_err(|e| e.to_string())?;
        }
        let port = line.trim().parse().map_err(|_| format!("the {kind} server did not start"))?;
        Ok(Self { child, port })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It serves until it is killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// This program again, on a core of its own where `taskset` is there and there are two.
fn on_core(core: usize, arguments: &[&str]) -> Command {
    let program = std::env::current_exe().unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let pinned = cores > 1 && Command::new("taskset").arg("-V").output().is_ok();
    let mut command = if pinned { Command::new("taskset") } else { Command::new(&program) };
    if pinned {
        command.arg("-c").arg(core.to_string()).arg(&program);
    }
    command.args(arguments);
    command
}
