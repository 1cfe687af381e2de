//! What servers report about a traced message (ADR-41).
//!
//! A message sent with [`Publish::trace`](crate::Publish::trace) makes each server on its way send a [`TraceEvent`] to
//! the destination that was named. Needs nats-server 2.11 or later.
//!
//! ```no_run
//! # async fn f(nc: nuncio::Client) -> Result<(), nuncio::Error> {
//! let inbox = nc.new_inbox();
//! let mut reports = nc.subscribe(&inbox).await?;
//! nc.publish("orders", "42").trace(&inbox).await?;
//! while let Some(m) = reports.next().await {
//!     let report: nuncio::trace::TraceEvent = m.decode()?;
//!     println!("{}: {:?}", report.server.name, report.events);
//! }
//! # Ok(())
//! # }
//! ```

use std::collections::HashMap;

use serde::Deserialize;

use crate::codec::{CodecError, Decode};

/// The header that names where reports go.
pub const DESTINATION: &str = "Nats-Trace-Dest";
/// The header that asks for reports without delivery.
pub const ONLY: &str = "Nats-Trace-Only";
/// The header of a report's request that tells the way it took: `1`, `1.2` and so on; absent at the first server.
pub const HOP: &str = "Nats-Trace-Hop";

/// What one server did with a message. Unknown fields are ignored, missing ones are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct TraceEvent {
    /// The server.
    pub server: TraceServer,
    /// The message.
    pub request: TraceRequest,
    /// To how many other servers it was sent, which report as well.
    pub hops: u32,
    /// What happened, in order; the arrival first.
    pub events: Vec<Step>,
}

impl TraceEvent {
    /// The way that the message took to this server: `1`, `1.2` and so on; `None` at the first one.
    pub fn hop(&self) -> Option<&str> {
        self.request.header.get(HOP)?.first().map(String::as_str)
    }
}

impl Decode for TraceEvent {
    fn decode(payload: &[u8]) -> Result<Self, CodecError> {
        serde_json::from_slice(payload).map_err(|error| CodecError::new("trace event", error.to_string()))
    }
}

/// The server that reports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct TraceServer {
    /// Its name.
    pub name: String,
    /// Its host.
    pub host: String,
    /// Its id.
    pub id: String,
    /// Its cluster, if any.
    pub cluster: Option<String>,
    /// Its JetStream domain, if any.
    pub domain: Option<String>,
    /// Its version.
    #[serde(rename = "ver")]
    pub version: String,
}

/// The message as the server got it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct TraceRequest {
    /// Its headers.
    pub header: HashMap<String, Vec<String>>,
    /// Bytes of headers and payload.
    #[serde(rename = "msgsize")]
    pub size: u64,
}

/// One thing that a server did.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "type")]
#[non_exhaustive]
pub enum Step {
    /// The message arrived.
    #[serde(rename = "in")]
    Ingress(Ingress),
    /// Its subject was mapped to another one.
    #[serde(rename = "sm")]
    SubjectMapping(Mapping),
    /// It was exported to another account as part of a stream.
    #[serde(rename = "se")]
    StreamExport(Mapping),
    /// It was imported by another account as a request to a service.
    #[serde(rename = "si")]
    ServiceImport(Mapping),
    /// It came to a stream of JetStream.
    #[serde(rename = "js")]
    JetStream(JetStream),
    /// It left, to a client, a route, a gateway or a leaf node.
    #[serde(rename = "eg")]
    Egress(Egress),
    /// Something that this version does not know.
    #[serde(other)]
    Other,
}

/// A kind of connection, as servers number them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "u8")]
#[non_exhaustive]
pub enum Peer {
    /// A client.
    #[default]
    Client,
    /// Another server of the cluster.
    Router,
    /// Another cluster.
    Gateway,
    /// The server's own system account.
    System,
    /// A leaf node.
    Leaf,
    /// JetStream.
    JetStream,
    /// An account.
    Account,
    /// Something that this version does not know.
    Other(u8),
}

impl From<u8> for Peer {
    fn from(number: u8) -> Self {
        match number {
            0 => Self::Client,
            1 => Self::Router,
            2 => Self::Gateway,
            3 => Self::System,
            4 => Self::Leaf,
            5 => Self::JetStream,
            6 => Self::Account,
            other => Self::Other(other),
        }
    }
}

/// The arrival of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Ingress {
    /// What it came from.
    pub kind: Peer,
    /// The id of that connection.
    pub cid: u64,
    /// Its name.
    pub name: String,
    /// The account.
    pub acc: String,
    /// The subject.
    pub subj: String,
    /// When, as RFC 3339.
    pub ts: String,
    /// Why it went no further.
    pub error: Option<String>,
}

/// A change of subject, account or both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Mapping {
    /// The account.
    pub acc: String,
    /// The subject before.
    pub from: String,
    /// The subject after.
    pub to: String,
    /// When, as RFC 3339.
    pub ts: String,
}

/// What JetStream did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct JetStream {
    /// The stream.
    pub stream: String,
    /// The subject that it is stored under.
    pub subject: String,
    /// It was not stored, since nobody is interested in it.
    pub nointerest: bool,
    /// When, as RFC 3339.
    pub ts: String,
    /// Why it was not stored.
    pub error: Option<String>,
}

/// A message that left.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Egress {
    /// What it went to.
    pub kind: Peer,
    /// The id of that connection.
    pub cid: u64,
    /// Its name.
    pub name: String,
    /// The hop that the next server reports, where it went to one.
    pub hop: Option<String>,
    /// The account, where it is another one.
    pub acc: Option<String>,
    /// The subscription's subject, where it went to a client.
    pub sub: Option<String>,
    /// The subscription's queue group.
    pub queue: Option<String>,
    /// When, as RFC 3339.
    pub ts: String,
    /// Why it did not leave.
    pub error: Option<String>,
}
