//! What is measured.

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
    /// Send requests to a server that echoes, so many at once.
    Request { in_flight: usize },
    /// Publish to a stream and have each message confirmed, so many in flight at once.
    Store { in_flight: usize },
}

/// One row of the table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Work {
    pub(crate) name: &'static str,
    pub(crate) verb: Verb,
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
    pub(crate) size: usize,
    pub(crate) headers: usize,
    pub(crate) read_header: bool,
    pub(crate) messages: u64,
    pub(crate) port: u16,
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
}

pub(crate) const HEADERS: [(&str, &str); 2] = [("trace", "0123456789abcdef"), ("tenant", "blue")];

pub(crate) fn all() -> Vec<Work> {
    use servers::Kind::{Discard, Echo, Flood, Nats};
    let row = |name, verb, size, headers, messages, server| Work {
        name,
        verb,
        size,
        headers,
        read_header: false,
        messages,
        server,
    };
    let mut one_read = row("subscribe 128 B, 2 headers, one read", Verb::Subscribe, 128, 2, 1_000_000, Flood);
    one_read.read_header = true;
    vec![
        row("publish 16 B", Verb::Publish, 16, 0, 2_000_000, Discard),
        row("publish 128 B", Verb::Publish, 128, 0, 2_000_000, Discard),
        row("publish 128 B, 2 headers", Verb::Publish, 128, 2, 1_000_000, Discard),
        row("publish 1 KiB", Verb::Publish, 1024, 0, 1_000_000, Discard),
        row("publish 16 KiB", Verb::Publish, 16 * 1024, 0, 200_000, Discard),
        row("publish 128 B, 16 tasks", Verb::PublishMany, 128, 0, 1_600_000, Discard),
        row("subscribe 16 B", Verb::Subscribe, 16, 0, 2_000_000, Flood),
        row("subscribe 128 B", Verb::Subscribe, 128, 0, 2_000_000, Flood),
        row("subscribe 1 KiB", Verb::Subscribe, 1024, 0, 1_000_000, Flood),
        row("subscribe 128 B, 2 headers, none read", Verb::Subscribe, 128, 2, 1_000_000, Flood),
        one_read,
        row("request 128 B, one at a time", Verb::Request { in_flight: 1 }, 128, 0, 20_000, Echo),
        row("request 128 B, 64 at once", Verb::Request { in_flight: 64 }, 128, 0, 400_000, Echo),
        row("request 128 B, 256 at once", Verb::Request { in_flight: 256 }, 128, 0, 600_000, Echo),
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
    ]
}

/// The stream that messages are stored in, in memory, so that the disk is not measured.
pub(crate) const STREAM: &str =
    r#"{"name":"BENCH","subjects":["bench.>"],"storage":"memory","max_msgs":10000}"#;
