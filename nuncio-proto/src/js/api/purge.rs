//! Purging streams and deleting messages.

use serde::{Deserialize, Serialize};

use super::wire::unset;

/// Removes messages from a stream: all of them unless something is set.
///
/// ```
/// use nuncio_proto::js::api::purge::PurgeRequest;
///
/// assert_eq!(serde_json::to_string(&PurgeRequest::new())?, "{}");
/// let body = PurgeRequest::new().filter("orders.eu").keep(1);
/// assert_eq!(serde_json::to_string(&body)?, r#"{"filter":"orders.eu","keep":1}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct PurgeRequest {
    /// Only messages of these subjects, with wildcards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// Only messages before this sequence. It excludes [`keep`](Self::keep).
    #[serde(rename = "seq", skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// All but so many of the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep: Option<u64>,
}

impl PurgeRequest {
    /// Everything.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only messages of these subjects, with wildcards.
    #[must_use]
    pub fn filter(mut self, filter: impl Into<String>) -> Self {
        self.filter = Some(filter.into());
        self
    }

    /// Only messages before this sequence. It excludes [`keep`](Self::keep()).
    #[must_use]
    pub fn sequence(mut self, sequence: u64) -> Self {
        self.sequence = Some(sequence);
        self
    }

    /// All but so many of the last.
    #[must_use]
    pub fn keep(mut self, keep: u64) -> Self {
        self.keep = Some(keep);
        self
    }
}

/// What was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Purged {
    /// Whether it was done.
    pub success: bool,
    /// How many messages.
    pub purged: u64,
}

/// Deletes one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DeleteMessageRequest {
    /// Its sequence.
    #[serde(rename = "seq")]
    pub sequence: u64,
    /// Whether the bytes may stay on disk until they are overwritten. Without it the server overwrites them with random
    /// ones at once, which takes longer.
    #[serde(default, skip_serializing_if = "unset")]
    pub no_erase: bool,
}

impl DeleteMessageRequest {
    /// Deletes the message of this sequence.
    pub fn delete(sequence: u64) -> Self {
        Self { sequence, no_erase: true }
    }

    /// Deletes the message of this sequence and overwrites its bytes.
    pub fn erase(sequence: u64) -> Self {
        Self { sequence, no_erase: false }
    }
}
