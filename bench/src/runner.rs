//! Runs every client in turn, each job in a process of its own.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use crate::build;
use crate::clients;
use crate::process::{self, Server};
use crate::report::Row;
use crate::work::{Figures, Job, Kind, Work};

/// How to measure.
pub(crate) struct Plan<'a> {
    pub(crate) works: Vec<Work>,
    pub(crate) runs: usize,
    /// What each process may take.
    pub(crate) deadline: Duration,
    /// Gets a line for each row.
    pub(crate) json: Option<&'a Path>,
}

/// Measures all works. Each row is printed and written when it is there; what goes wrong is in the row.
pub(crate) fn measure(plan: &Plan<'_>) -> Result<Vec<Row>, String> {
    let mut json = plan.json.map(File::create).transpose().map_err(|e| e.to_string())?;
    let mut rows = Vec::new();
    for work in &plan.works {
        let row = measure_work(work, plan);
        println!("{}", row.line());
        if let Some(json) = &mut json {
            let line = serde_json::to_string(&row).map_err(|e| e.to_string())?;
            writeln!(json, "{line}").and_then(|()| json.flush()).map_err(|e| e.to_string())?;
        }
        rows.push(row);
    }
    println!();
    Ok(rows)
}

fn measure_work(work: &Work, plan: &Plan<'_>) -> Row {
    let clients = clients::names(work);
    let mut row = Row::new(work, &clients);
    let server = match (work.kind != Kind::Build).then(|| Server::start(work)).transpose() {
        Ok(server) => server,
        Err(problem) => {
            clients.iter().for_each(|client| row.fail(client, problem.clone()));
            return row;
        }
    };
    // The first round warms up and is not counted; what takes no time needs none, and what is counted does not vary.
    let rounds = match work.kind {
        Kind::Time => 0..=plan.runs,
        Kind::Memory => 1..=plan.runs,
        Kind::Instructions | Kind::Build => 1..=1,
    };
    for round in rounds {
        for client in &clients {
            if row.has_failed(client) {
                continue;
            }
            match run(work, client, server.as_ref(), plan.deadline) {
                Ok(figures) if round > 0 => row.add(client, figures),
                Ok(_) => {}
                Err(problem) => {
                    eprintln!("{client} at {}: {problem}", work.name);
                    row.fail(client, problem);
                }
            }
        }
    }
    row
}

fn run(work: &Work, client: &str, server: Option<&Server>, deadline: Duration) -> Result<Figures, String> {
    let Some(server) = server else { return build::cold(client) };
    let job = |messages| Job {
        client: client.to_owned(),
        verb: work.verb,
        over: work.over,
        storage: work.storage,
        size: work.size,
        headers: work.headers,
        read_header: work.read_header,
        messages,
        port: server.port,
        ca: server.ca.clone(),
    };
    if work.kind != Kind::Instructions {
        return process::run_job(&job(work.messages), deadline);
    }
    // What starting and connecting takes is in both.
    let few = process::count_instructions(&job(work.messages), deadline)?;
    let many = process::count_instructions(&job(3 * work.messages), deadline)?;
    let messages = 2 * work.messages;
    let instructions = (many - few) / messages as f64;
    Ok(Figures { messages, delivered: messages, instructions, ..Figures::default() })
}
