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
    /// Publish to a stream with an acknowledgement for many messages each.
    Ingest,
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

/// Where a stream keeps its messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Storage {
    #[default]
    Memory,
    File,
}

/// One row of the table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Work {
    pub(crate) name: &'static str,
    pub(crate) verb: Verb,
    pub(crate) over: Over,
    pub(crate) storage: Storage,
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
    pub(crate) storage: Storage,
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
    let over =
        |over, name, verb, messages, server| Work { over, ..row(name, verb, 128, 0, messages, server) };
    let one_read = row("subscribe 128 B, 2 headers, one read", Verb::Subscribe, 128, 2, 1_000_000, Flood);
    let mut all = vec![
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
    ];
    all.extend(streams());
    all.push(row("hold 100,000 subscriptions", Verb::Subscriptions, 0, 0, 100_000, Discard));
    all.push(row("hold 200 idle connections", Verb::Connections, 0, 0, 200, Nats));
    all
}

/// What is done with streams: at a server that keeps them in memory, at one that keeps them on disk, and at one that
/// answers at once.
fn streams() -> Vec<Work> {
    use servers::Kind::{Emulated, Nats};
    let memory = |name, verb, messages| row(name, verb, 128, 0, messages, Nats);
    let file = |name, verb, messages| Work { storage: Storage::File, ..memory(name, verb, messages) };
    let emulated = |name, verb, messages| row(name, verb, 128, 0, messages, Emulated);
    let (one, some, many) =
        (Verb::Store { in_flight: 1 }, Verb::Store { in_flight: 256 }, Verb::Store { in_flight: 1000 });
    let (read, acked) = (Verb::Consume { ack: false }, Verb::Consume { ack: true });
    vec![
        memory("stream publish 128 B, one at a time", one, 20_000),
        memory("stream publish 128 B, 256 in flight", some, 400_000),
        memory("stream publish 128 B, 1000 in flight", many, 400_000),
        memory("stream publish 128 B, fast ingest", Verb::Ingest, 400_000),
        Work { size: 16 * 1024, ..memory("stream publish 16 KiB, 256 in flight", some, 40_000) },
        memory("consume 128 B from a stream", read, 500_000),
        memory("consume 128 B from a stream, with acks", acked, 300_000),
        file("file stream publish 128 B, one at a time", one, 20_000),
        file("file stream publish 128 B, 256 in flight", some, 400_000),
        file("file stream publish 128 B, 1000 in flight", many, 400_000),
        file("file stream publish 128 B, fast ingest", Verb::Ingest, 400_000),
        file("consume 128 B from a file stream", read, 500_000),
        file("consume 128 B from a file stream, with acks", acked, 300_000),
        emulated("emulated stream publish 128 B, one at a time", one, 50_000),
        emulated("emulated stream publish 128 B, 256 in flight", some, 1_000_000),
        emulated("emulated stream publish 128 B, 1000 in flight", many, 1_000_000),
        emulated("consume 128 B from an emulated stream", read, 2_000_000),
        emulated("consume 128 B from an emulated stream, with acks", acked, 1_000_000),
    ]
}

/// Over TCP, and with streams in memory.
fn row(
    name: &'static str,
    verb: Verb,
    size: usize,
    headers: usize,
    messages: u64,
    server: servers::Kind,
) -> Work {
    Work {
        name,
        verb,
        over: Over::Tcp,
        storage: Storage::Memory,
        size,
        headers,
        read_header: false,
        messages,
        server,
    }
}
