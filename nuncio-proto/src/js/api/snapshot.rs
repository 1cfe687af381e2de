//! Taking a stream out of the server as a file, and putting it back.

use serde::{Deserialize, Serialize};

use super::stream::StreamState;
use super::stream_config::StreamConfig;
use super::wire::unset;

/// Asks for a snapshot of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct SnapshotRequest {
    /// Where the chunks are to be delivered.
    pub deliver_subject: String,
    /// Whether to leave the consumers out.
    #[serde(skip_serializing_if = "unset")]
    pub no_consumers: bool,
    /// How large a chunk is, 1 KiB to 1 MiB. The server takes 128 KiB unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chunk_size: Option<u64>,
    /// How many bytes may be under way and not yet acknowledged, 32 MiB at most. The server takes 8 MiB unless set.
    /// Needs 2.12.5 (level 3).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window_size: Option<u64>,
    /// Whether the server checks the messages first.
    #[serde(rename = "jsck", skip_serializing_if = "unset")]
    pub check: bool,
}

impl SnapshotRequest {
    /// A snapshot that is delivered to this subject.
    pub fn new(deliver_subject: impl Into<String>) -> Self {
        Self { deliver_subject: deliver_subject.into(), ..Self::default() }
    }
}

/// What a snapshot is of. A restore needs it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SnapshotInfo {
    /// The configuration of the stream.
    pub config: StreamConfig,
    /// What it held.
    pub state: StreamState,
}

/// Announces a snapshot that is to be put back.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RestoreRequest<'a> {
    /// The configuration of the stream.
    pub config: &'a StreamConfig,
    /// What it held.
    pub state: &'a StreamState,
}

impl<'a> RestoreRequest<'a> {
    /// Puts back what `info` tells of.
    pub fn new(info: &'a SnapshotInfo) -> Self {
        Self { config: &info.config, state: &info.state }
    }
}

/// Where the chunks of a restore go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RestoreReply {
    /// The subject to send them to, each as a request; an empty one ends it.
    pub deliver_subject: String,
}

/// The subject on which a chunk of a snapshot is acknowledged tells its size and its place:
/// `$JS.SNAPSHOT.ACK.<stream>.<id>.<size>.<index>`, the index from 1.
///
/// ```
/// use nuncio_proto::js::api::snapshot::chunk_index;
///
/// assert_eq!(chunk_index(b"$JS.SNAPSHOT.ACK.ORDERS.x7.131072.3"), Some(3));
/// assert_eq!(chunk_index(b"_INBOX.x"), None);
/// ```
pub fn chunk_index(reply: &[u8]) -> Option<u64> {
    let tail = reply.strip_prefix(b"$JS.SNAPSHOT.ACK.")?;
    let index = tail.rsplit(|b| *b == b'.').next()?;
    std::str::from_utf8(index).ok()?.parse().ok()
}
