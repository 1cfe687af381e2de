//! What is measured.

use serde::{Deserialize, Serialize};

use crate::servers;
use crate::wire::Over;

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
    /// A piece of the protocol, without a connection.
    Piece(Piece),
    /// Build a small program with nothing built before.
    Build,
}

/// What lies on the way of each message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Piece {
    /// Encode a message into an outbox.
    Encode,
    /// Find a message in what was read.
    Decode,
    /// Find the subscription that a message is for, and make the message that it gets.
    Dispatch,
    /// Look up a header.
    View,
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
    pub(crate) kind: Kind,
}

/// What of a work is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    /// The time that it takes.
    Time,
    /// The memory that is held.
    Memory,
    /// The instructions that are executed.
    Instructions,
    /// The time of a build.
    Build,
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
    #[serde(default)]
    pub(crate) bytes_each: f64,
    /// Instructions for each message, where those are counted.
    #[serde(default)]
    pub(crate) instructions: f64,
    /// Crates in a program, where one is built.
    #[serde(default)]
    pub(crate) crates: u64,
}
