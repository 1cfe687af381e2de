#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
//! Runs the built program against the embedded server.
#![cfg(unix)]

mod auth;
mod backup;
mod bench;
mod consumer;
mod context;
mod ending;
mod events;
mod golden;
mod js_bench;
mod names;
mod progress;
mod publish;
mod reply;
mod request;
mod rtt;
mod server;
mod stream;
mod subscribe;
mod tls;

use std::process::Stdio;
use std::time::Duration;

use nuncio::Client;
use nuncio_server::Server;
use nuncio_testkit::NatsServer;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};

/// No run takes so long, on however busy a machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What came of a run.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    stdout: Vec<u8>,
    stderr: String,
}

impl Ran {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap()
    }

    fn json(&self) -> Vec<Value> {
        self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The run succeeded and had nothing to say about it.
    #[track_caller]
    fn fine(self) -> Self {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""), "{self:?}");
        self
    }

    /// The run ended with this code, printed nothing, and said why in one line that has these words.
    #[track_caller]
    fn failed(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert_eq!(self.text(), "");
        assert!(self.stderr.starts_with("nuncio: "), "{self:?}");
        assert_eq!(self.stderr.matches('\n').count(), 1, "{self:?}");
        for word in words {
            assert!(self.stderr.contains(word), "no {word:?} in {self:?}");
        }
    }
}

/// The program, away from the environment's settings, with stdin at its end.
fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nuncio"));
    for (variable, _) in std::env::vars_os() {
        if variable.to_string_lossy().starts_with("NATS_") {
            command.env_remove(variable);
        }
    }
    command
        // The width of help.
        .env("COLUMNS", "100")
        // Away from the contexts of whoever runs the tests.
        .env("XDG_CONFIG_HOME", "/nowhere")
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// The program as a client of this server, with a timeout that nothing but a fault exceeds.
fn client(server: &Server, arguments: &[&str]) -> Command {
    let mut command = program(&[]);
    command.env("NATS_URL", server.url());
    if !arguments.contains(&"--timeout") {
        command.args(["--timeout", "50s"]);
    }
    command.args(arguments);
    command
}

/// The program as a client of a nats-server.
fn of(server: &NatsServer, arguments: &[&str]) -> Command {
    let mut command = program(arguments);
    command.env("NATS_URL", server.url()).env("NATS_TIMEOUT", "50s");
    command
}

/// A nats-server with JetStream.
async fn jetstream() -> NatsServer {
    NatsServer::builder().jetstream().start().await.unwrap()
}

async fn finish(child: Child) -> Ran {
    let done = tokio::time::timeout(PATIENCE, child.wait_with_output()).await.expect("ends in time").unwrap();
    Ran { code: done.status.code(), stdout: done.stdout, stderr: String::from_utf8(done.stderr).unwrap() }
}

async fn run(mut command: Command) -> Ran {
    finish(command.spawn().unwrap()).await
}

async fn run_with_stdin(mut command: Command, input: &[u8]) -> Ran {
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // It need not be read to the end.
    let _ = stdin.write_all(input).await;
    drop(stdin);
    finish(child).await
}

/// Starts a command that subscribes, and waits until it does.
async fn start(server: &Server, arguments: &[&str]) -> Child {
    let before = server.subscriptions_count();
    let child = client(server, arguments).spawn().unwrap();
    within(server.wait_for_subscriptions(before + 1)).await;
    child
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("happens in time")
}

async fn connect(server: &Server) -> Client {
    nuncio::connect(server.url()).await.unwrap()
}

async fn signal(child: &Child, name: &str) {
    let pid = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-s", name, &pid]).status().await.unwrap().success());
}

/// The next line of a command's stdout.
struct Lines(tokio::io::Lines<BufReader<tokio::process::ChildStdout>>);

impl Lines {
    fn of(child: &mut Child) -> Self {
        Self(BufReader::new(child.stdout.take().unwrap()).lines())
    }

    async fn next(&mut self) -> String {
        within(self.0.next_line()).await.unwrap().expect("one more line")
    }
}
