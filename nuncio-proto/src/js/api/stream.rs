//! What a stream is, and what can be asked of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::cluster::ClusterInfo;
use super::paging::Page;
use super::source::{Placement, SourceInfo};
use super::stream_config::StreamConfig;
use super::wire::{nullable, unset};
use crate::js::time::{self, Timestamp};

/// Creates or updates a stream.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct StreamRequest<'a> {
    /// What it is to be.
    #[serde(flatten)]
    pub config: &'a StreamConfig,
    /// Whether the server refuses (10157) what it would else put right by itself. Needs 2.11 (level 1).
    #[serde(skip_serializing_if = "unset")]
    pub pedantic: bool,
}

impl<'a> StreamRequest<'a> {
    /// A request for this configuration.
    pub fn new(config: &'a StreamConfig, pedantic: bool) -> Self {
        Self { config, pedantic }
    }
}

/// Asks for a stream, and for details of it on request.
///
/// ```
/// use nuncio_proto::js::api::stream::StreamInfoRequest;
///
/// let body = StreamInfoRequest::new().subjects_filter("orders.>").deleted_details(true);
/// assert_eq!(serde_json::to_string(&body)?, r#"{"deleted_details":true,"subjects_filter":"orders.>"}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct StreamInfoRequest {
    /// How many subjects to leave out.
    #[serde(skip_serializing_if = "unset")]
    pub offset: u64,
    /// Whether to tell the sequences that are deleted.
    #[serde(skip_serializing_if = "unset")]
    pub deleted_details: bool,
    /// Tell how many messages there are of each of these subjects, with wildcards; 100 000 subjects a page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subjects_filter: Option<String>,
}

impl StreamInfoRequest {
    /// Without details.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many subjects to leave out.
    #[must_use]
    pub fn offset(mut self, offset: u64) -> Self {
        self.offset = offset;
        self
    }

    /// Whether to tell the sequences that are deleted.
    #[must_use]
    pub fn deleted_details(mut self, on: bool) -> Self {
        self.deleted_details = on;
        self
    }

    /// Tell how many messages there are of each of these subjects.
    #[must_use]
    pub fn subjects_filter(mut self, filter: impl Into<String>) -> Self {
        self.subjects_filter = Some(filter.into());
        self
    }
}

/// A stream as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StreamInfo {
    /// What it is to be. Metadata has entries of the server's own.
    pub config: StreamConfig,
    /// When it was created. A stream that was deleted and created anew has another time.
    pub created: Timestamp,
    /// What it holds.
    #[serde(default)]
    pub state: StreamState,
    /// The JetStream domain it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// The servers it is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterInfo>,
    /// How far the mirror has come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirror: Option<SourceInfo>,
    /// How far each source has come.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<SourceInfo>,
    /// The stream and its mirrors, nearest first. Since 2.8.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub alternates: Vec<StreamAlternate>,
    /// When the server said so. Since 2.10.
    #[serde(default, rename = "ts", with = "time::option", skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
    /// Where the subjects of the state lie in the list of all that were asked for.
    #[serde(default, flatten)]
    pub page: Page,
}

/// What a stream holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct StreamState {
    /// Messages.
    pub messages: u64,
    /// Bytes, with headers and overhead.
    pub bytes: u64,
    /// The sequence of the first message; of the next one when it is empty.
    #[serde(rename = "first_seq")]
    pub first_sequence: u64,
    /// When the first message was stored.
    #[serde(rename = "first_ts", with = "time::option", skip_serializing_if = "Option::is_none")]
    pub first_timestamp: Option<Timestamp>,
    /// The sequence of the last message; one less than the first when it is empty.
    #[serde(rename = "last_seq")]
    pub last_sequence: u64,
    /// When the last message was stored.
    #[serde(rename = "last_ts", with = "time::option", skip_serializing_if = "Option::is_none")]
    pub last_timestamp: Option<Timestamp>,
    /// Different subjects.
    #[serde(rename = "num_subjects", skip_serializing_if = "unset")]
    pub subjects_count: u64,
    /// Messages a subject, if asked for.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "BTreeMap::is_empty")]
    pub subjects: BTreeMap<String, u64>,
    /// Deleted messages between the first and the last.
    #[serde(rename = "num_deleted", skip_serializing_if = "unset")]
    pub deleted_count: u64,
    /// Their sequences, if asked for.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub deleted: Vec<u64>,
    /// What the server found damaged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost: Option<LostMessages>,
    /// Consumers.
    pub consumer_count: u64,
}

/// Messages that were damaged on disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct LostMessages {
    /// Their sequences.
    #[serde(rename = "msgs", deserialize_with = "nullable")]
    pub messages: Vec<u64>,
    /// Their bytes.
    pub bytes: u64,
}

/// A stream or a mirror of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct StreamAlternate {
    /// The name of the stream.
    pub name: String,
    /// Its domain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// Its cluster.
    pub cluster: String,
}

/// A reply that only says that it was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Success {
    /// Whether it was done.
    pub success: bool,
}

/// Asks a stream or a consumer for another leader.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct StepDownRequest {
    /// Which one is preferred.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub placement: Option<Placement>,
}

impl StepDownRequest {
    /// Any other leader, or the server of this name, which needs 2.11 (level 1).
    pub fn new(preferred: Option<&str>) -> Self {
        Self { placement: preferred.map(|server| Placement::new().preferred(server)) }
    }
}

/// Names a server to take a stream from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PeerRequest {
    /// The server's name.
    pub peer: String,
}

impl PeerRequest {
    /// The server of this name.
    pub fn new(peer: impl Into<String>) -> Self {
        Self { peer: peer.into() }
    }
}
