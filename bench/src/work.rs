//! What is measured.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::servers;

/// What a client has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Verb {
    /// Publish to a server that discards.
    Publish,
    /// Publish from 16 tasks over one connection.
    PublishMany,
    /// Receive from a server that floods.
    Subscribe,
    /// Receive by a function that is called.
    Callback,
    /// Send requests to a server that echoes, so many at once.
    Request { in_flight: usize },
    /// Publish to a stream and have each message confirmed, so many in flight at once.
    Store { in_flight: usize },
    /// Receive what a stream has, acknowledging it or not.
    Consume { ack: bool },
    /// Publish on one connection and receive on another.
    Through,
    /// Hold so many subscriptions.
    Subscriptions,
    /// Hold so many connections.
    Connections,
}

/// What lies between client and server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
pub(crate) enum Over {
    Tcp,
    Tls,
    WebSocket,
}

/// One row of the table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Work {
    pub(crate) name: &'static str,
    pub(crate) verb: Verb,
    pub(crate) over: Over,
    pub(crate) size: usize,
    pub(crate) headers: usize,
    pub(crate) read_header: bool,
    pub(crate) messages: u64,
    pub(crate) server: servers::Kind,
}

/// A work to be done by one client against a server that listens on a port.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) client: String,
    pub(crate) verb: Verb,
    pub(crate) over: Over,
    pub(crate) size: usize,
    pub(crate) headers: usize,
    pub(crate) read_header: bool,
    pub(crate) messages: u64,
    pub(crate) port: u16,
    /// The file with the certificate that the server's is signed with.
    pub(crate) ca: String,
}

impl Job {
    pub(crate) fn url(&self) -> String {
        let scheme = match self.over {
            Over::Tcp => "nats",
            Over::Tls => "tls",
            Over::WebSocket => "ws",
        };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }
}

/// What a job took.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Figures {
    pub(crate) messages: u64,
    /// Messages that arrived, of those that were sent.
    pub(crate) delivered: u64,
    pub(crate) seconds: f64,
    pub(crate) cpu_seconds: f64,
    pub(crate) peak_rss: u64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    /// Memory that each of the things held takes, where that is measured.
    pub(crate) bytes_each: f64,
}

pub(crate) const HEADERS: [(&str, &str); 2] = [("trace", "0123456789abcdef"), ("tenant", "blue")];

pub(crate) fn all() -> Vec<Work> {
    use servers::Kind::{Discard, Echo, Flood, Nats};
    let row = |name, verb, size, headers, messages, server| Work {
        name,
        verb,
        over: Over::Tcp,
        size,
        headers,
        read_header: false,
        messages,
        server,
    };
    let over =
        |over, name, verb, messages, server| Work { over, ..row(name, verb, 128, 0, messages, server) };
    let one_read = row("subscribe 128 B, 2 headers, one read", Verb::Subscribe, 128, 2, 1_000_000, Flood);
    vec![
        row("publish 16 B", Verb::Publish, 16, 0, 2_000_000, Discard),
        row("publish 128 B", Verb::Publish, 128, 0, 2_000_000, Discard),
        row("publish 128 B, 2 headers", Verb::Publish, 128, 2, 1_000_000, Discard),
        row("publish 1 KiB", Verb::Publish, 1024, 0, 1_000_000, Discard),
        row("publish 16 KiB", Verb::Publish, 16 * 1024, 0, 200_000, Discard),
        row("publish 128 B, 16 tasks", Verb::PublishMany, 128, 0, 1_600_000, Discard),
        row("subscribe 16 B", Verb::Subscribe, 16, 0, 2_000_000, Flood),
        row("subscribe 128 B", Verb::Subscribe, 128, 0, 2_000_000, Flood),
        row("subscribe 128 B, by callback", Verb::Callback, 128, 0, 2_000_000, Flood),
        row("subscribe 1 KiB", Verb::Subscribe, 1024, 0, 1_000_000, Flood),
        row("subscribe 128 B, 2 headers, none read", Verb::Subscribe, 128, 2, 1_000_000, Flood),
        Work { read_header: true, ..one_read },
        row("request 128 B, one at a time", Verb::Request { in_flight: 1 }, 128, 0, 20_000, Echo),
        row("request 128 B, 64 at once", Verb::Request { in_flight: 64 }, 128, 0, 400_000, Echo),
        row("request 128 B, 256 at once", Verb::Request { in_flight: 256 }, 128, 0, 600_000, Echo),
        over(Over::Tls, "publish 128 B, TLS", Verb::Publish, 1_000_000, Discard),
        over(Over::Tls, "subscribe 128 B, TLS", Verb::Subscribe, 1_000_000, Flood),
        over(Over::WebSocket, "publish 128 B, WebSocket", Verb::Publish, 1_000_000, Discard),
        over(Over::WebSocket, "subscribe 128 B, WebSocket", Verb::Subscribe, 1_000_000, Flood),
        row("publish and receive 128 B through nats-server", Verb::Through, 128, 0, 1_000_000, Nats),
        row("stream publish 128 B, one at a time", Verb::Store { in_flight: 1 }, 128, 0, 20_000, Nats),
        row("stream publish 128 B, 256 in flight", Verb::Store { in_flight: 256 }, 128, 0, 400_000, Nats),
        row(
            "stream publish 16 KiB, 256 in flight",
            Verb::Store { in_flight: 256 },
            16 * 1024,
            0,
            40_000,
            Nats,
        ),
        row("consume 128 B from a stream", Verb::Consume { ack: false }, 128, 0, 500_000, Nats),
        row("consume 128 B from a stream, with acks", Verb::Consume { ack: true }, 128, 0, 300_000, Nats),
        row("hold 100,000 subscriptions", Verb::Subscriptions, 0, 0, 100_000, Discard),
        row("hold 200 idle connections", Verb::Connections, 0, 0, 200, Nats),
    ]
}

/// The stream that messages are stored in, in memory, so that the disk is not measured.
pub(crate) const STREAM: &str =
    r#"{"name":"BENCH","subjects":["bench.>"],"storage":"memory","max_msgs":10000}"#;

/// The call that makes the consumer of a run, and its body.
pub(crate) fn consumer(job: &Job) -> (&'static str, String) {
    let policy = if job.verb == (Verb::Consume { ack: true }) { "explicit" } else { "none" };
    let body = format!(
        r#"{{"stream_name":"KEPT","config":{{"name":"BENCH","ack_policy":"{policy}","inactive_threshold":60000000000}}}}"#
    );
    ("$JS.API.CONSUMER.CREATE.KEPT.BENCH", body)
}

/// Messages in the stream, by the answer to a call for its information.
pub(crate) fn stored(answer: &[u8]) -> u64 {
    let answer: serde_json::Value = serde_json::from_slice(answer).unwrap_or_default();
    answer.pointer("/state/messages").and_then(serde_json::Value::as_u64).unwrap_or(0)
}

pub(crate) const INFO: &str = "$JS.API.STREAM.INFO.KEPT";
pub(crate) const DELETE: &str = "$JS.API.CONSUMER.DELETE.KEPT.BENCH";

/// The stream that is consumed, and the call that makes it.
pub(crate) const KEPT: (&str, &str) =
    ("$JS.API.STREAM.CREATE.KEPT", r#"{"name":"KEPT","subjects":["kept.>"],"storage":"memory"}"#);
