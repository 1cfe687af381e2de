//! Processes of a measurement: clients with a deadline, servers that go when they are dropped.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use clap::ValueEnum;
use nuncio_testkit::NatsServer;

use crate::servers::Kind;
use crate::work::{Figures, Job, Work};

/// Runs a job as a process of its own, which has so much time.
pub(crate) fn run_job(job: &Job, deadline: Duration) -> Result<Figures, String> {
    let command = on_core(0, &[], &["job", &encoded(job)?]);
    let (out, _) = run(command, deadline)?;
    serde_json::from_str(&out).map_err(|e| format!("its figures: {e}"))
}

/// The instructions that such a process executes, by callgrind; none of the kernel's are counted.
pub(crate) fn count_instructions(job: &Job, deadline: Duration) -> Result<f64, String> {
    let valgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"];
    let (_, err) = run(on_core(0, &valgrind, &["job", &encoded(job)?]), deadline)?;
    let line = err.lines().find_map(|line| line.split_once("Collected :"));
    let count = line.and_then(|(_, count)| count.trim().parse().ok());
    count.ok_or_else(|| format!("callgrind counted nothing: {}", err.trim()))
}

fn encoded(job: &Job) -> Result<String, String> {
    serde_json::to_string(job).map_err(|e| e.to_string())
}

/// What a command printed and what it complained of. One that takes longer is killed.
pub(crate) fn run(mut command: Command, deadline: Duration) -> Result<(String, String), String> {
    let spawned = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = spawned.map_err(|e| format!("{:?}: {e}", command.get_program()))?;
    let (out, err) = (gather(child.stdout.take()), gather(child.stderr.take()));
    let printed = out.recv_timeout(deadline);
    if printed.is_err() {
        // It may be over by now.
        let _ = child.kill();
    }
    let status = child.wait().map_err(|e| e.to_string())?;
    let complaints = err.recv_timeout(deadline).unwrap_or_default();
    match printed {
        Ok(printed) if status.success() => Ok((printed, complaints)),
        Ok(_) => Err(complaints.lines().last().unwrap_or("it failed").to_owned()),
        Err(_) => Err(format!("no end within {} s", deadline.as_secs())),
    }
}

/// Reads a stream to its end on a thread of its own.
fn gather(stream: Option<impl Read + Send + 'static>) -> mpsc::Receiver<String> {
    let (done, gathered) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            // What was read before it broke is told.
            let _ = stream.read_to_end(&mut bytes);
        }
        // Nobody listens any more after the deadline.
        let _ = done.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    gathered
}

/// A server of a work.
pub(crate) struct Server {
    #[expect(dead_code, reason = "it is stopped by its drop")]
    process: Process,
    pub(crate) port: u16,
    pub(crate) ca: String,
}

/// Serves until it is dropped.
enum Process {
    Own(Child),
    Nats(#[expect(dead_code, reason = "it is stopped by its drop")] Box<NatsServer>),
}

impl Server {
    pub(crate) fn start(work: &Work) -> Result<Self, String> {
        if work.server == Kind::Nats {
            return Self::start_nats();
        }
        let mut child = on_core(1, &[], &["serve", &name_of(&work.server), &name_of(&work.over)])
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| e.to_string())?;
        let (mut port, mut ca) = (String::new(), String::new());
        if let Some(stdout) = child.stdout.take() {
            let mut lines = BufReader::new(stdout);
            lines.read_line(&mut port).and_then(|_| lines.read_line(&mut ca)).map_err(|e| e.to_string())?;
        }
        let server = Self { process: Process::Own(child), port: 0, ca: ca.trim().to_owned() };
        let port = port.trim().parse().map_err(|_| format!("the server of {} did not start", work.name))?;
        Ok(Self { port, ..server })
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

impl Drop for Process {
    fn drop(&mut self) {
        if let Self::Own(child) = self {
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

/// This program again, beneath another one if wanted, on a core of its own where `taskset` is there and there are two.
fn on_core(core: usize, beneath: &[&str], arguments: &[&str]) -> Command {
    let own = std::env::current_exe().unwrap_or_default();
    let own = fs::canonicalize(&own).unwrap_or(own);
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let core = core.to_string();
    let mut words: Vec<&str> = Vec::new();
    if cores > 1 && Command::new("taskset").arg("-V").output().is_ok() {
        words.extend(["taskset", "-c", &core]);
    }
    words.extend(beneath);
    let own = own.to_string_lossy();
    words.push(&own);
    words.extend(arguments);
    let mut words = words.into_iter();
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words);
    command
}
