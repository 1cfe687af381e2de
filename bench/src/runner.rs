//! Runs every client in turn, each job in a process of its own.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use clap::ValueEnum;
use nuncio_testkit::NatsServer;

use crate::chart;
use crate::clients;
use crate::report::{Row, print_json, print_table};
use crate::servers::Kind;
use crate::work::{self, Figures, Job, Work};

pub(crate) fn measure(
    runs: usize,
    only: &[String],
    thousands: Option<u64>,
    json: bool,
    svg: Option<&Path>,
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
    svg.map_or(Ok(()), |path| fs::write(path, chart::draw(&rows)).map_err(|e| e.to_string()))
}

fn measure_work(work: &Work, runs: usize) -> Result<Row, String> {
    let server = Server::start(work)?;
    let clients = clients::names(work);
    let mut row = Row::new(work, &clients);
    // The first round warms up and is not counted.
    for round in 0..=runs {
        for client in &clients {
            let figures = run_job(work, client, &server)?;
            if round > 0 {
                row.add(client, figures);
            }
        }
    }
    Ok(row)
}

fn run_job(work: &Work, client: &str, server: &Server) -> Result<Figures, String> {
    let job = Job {
        client: client.to_owned(),
        verb: work.verb,
        over: work.over,
        storage: work.storage,
        size: work.size,
        headers: work.headers,
        read_header: work.read_header,
        messages: work.messages,
        port: server.port,
        ca: server.ca.clone(),
    };
    let job = serde_json::to_string(&job).map_err(|e| e.to_string())?;
    let output = on_core(0, &["job", &job]).stderr(Stdio::inherit()).output().map_err(|e| e.to_string())?;
    if !output.status.success() {
        return Err(format!("{client} failed at {}", work.name));
    }
    serde_json::from_slice(&output.stdout).map_err(|e| format!("{client} at {}: {e}", work.name))
}

struct Server {
    process: Process,
    port: u16,
    ca: String,
}

/// Serves until it is dropped.
enum Process {
    Own(Child),
    Nats(#[expect(dead_code, reason = "it is stopped by its drop")] Box<NatsServer>),
}

impl Server {
    fn start(work: &Work) -> Result<Self, String> {
        if work.server == Kind::Nats {
            return Self::start_nats();
        }
        let mut child = on_core(1, &["serve", &name_of(&work.server), &name_of(&work.over)])
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| e.to_string())?;
        let (mut port, mut ca) = (String::new(), String::new());
        if let Some(stdout) = child.stdout.take() {
            let mut lines = BufReader::new(stdout);
            lines.read_line(&mut port).and_then(|_| lines.read_line(&mut ca)).map_err(|e| e.to_string())?;
        }
        let port = port.trim().parse().map_err(|_| format!("the server of {} did not start", work.name))?;
        Ok(Self { process: Process::Own(child), port, ca: ca.trim().to_owned() })
    }

    fn start_nats() -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|e| e.to_string())?;
        let server =
            runtime.block_on(NatsServer::builder().jetstream().start()).map_err(|e| e.to_string())?;
        if let Some(pid) = server.pid() {
            // On the core where the other servers are; without taskset anywhere.
            let _ = Command::new("taskset").args(["-acp", "1", &pid.to_string()]).output();
        }
        Ok(Self { port: server.port(), process: Process::Nats(Box::new(server)), ca: String::new() })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Process::Own(child) = &mut self.process {
            // It serves until it is killed.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The name of a value on the command line.
fn name_of(value: &impl ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
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
