//! What an account may use and uses.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::wire::{limit, nullable, unset};

/// What an account uses of JetStream and may use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct AccountInfo {
    /// What is used, in all.
    #[serde(flatten)]
    pub usage: Tier,
    /// The JetStream domain that answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// What the API was asked.
    pub api: ApiStats,
    /// What is used and may be used by replication, as `R1` and `R3`, for accounts with limits of that kind.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "BTreeMap::is_empty")]
    pub tiers: BTreeMap<String, Tier>,
}

/// What is used of JetStream and may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Tier {
    /// Bytes of memory.
    pub memory: u64,
    /// Bytes of disk.
    pub storage: u64,
    /// Bytes of memory that streams have reserved.
    pub reserved_memory: u64,
    /// Bytes of disk that streams have reserved.
    pub reserved_storage: u64,
    /// Streams.
    pub streams: u64,
    /// Consumers.
    pub consumers: u64,
    /// What may be used.
    pub limits: AccountLimits,
}

/// What may be used of JetStream; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct AccountLimits {
    /// Bytes of memory. Zero is a limit as well: none of it may be used.
    #[serde(with = "bound")]
    pub max_memory: Option<u64>,
    /// Bytes of disk. Zero is a limit as well: none of it may be used.
    #[serde(with = "bound")]
    pub max_storage: Option<u64>,
    /// Streams.
    #[serde(with = "bound")]
    pub max_streams: Option<u64>,
    /// Consumers.
    #[serde(with = "bound")]
    pub max_consumers: Option<u64>,
    /// Messages that are delivered and not acknowledged, of one consumer.
    #[serde(with = "bound")]
    pub max_ack_pending: Option<u64>,
    /// Bytes of memory, of one stream.
    #[serde(with = "limit", skip_serializing_if = "Option::is_none")]
    pub memory_max_stream_bytes: Option<u64>,
    /// Bytes of disk, of one stream.
    #[serde(with = "limit", skip_serializing_if = "Option::is_none")]
    pub storage_max_stream_bytes: Option<u64>,
    /// Whether every stream has to set [`max_bytes`](super::stream_config::StreamConfig::max_bytes).
    pub max_bytes_required: bool,
}

/// A limit of which only -1 is none.
mod bound {
    use super::{Deserialize, Serialize};
    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bound: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
        match bound {
            Some(bound) => bound.serialize(serializer),
            None => serializer.serialize_i64(-1),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
        Ok(Option::<i64>::deserialize(deserializer)?.and_then(|bound| u64::try_from(bound).ok()))
    }
}

/// What the API was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ApiStats {
    /// The level of the API that the servers have; 0 before 2.11. See [`level`](crate::js::level).
    pub level: u32,
    /// Calls.
    pub total: u64,
    /// Calls that were refused.
    pub errors: u64,
    /// Calls that are being worked on.
    #[serde(skip_serializing_if = "unset")]
    pub inflight: u64,
}
