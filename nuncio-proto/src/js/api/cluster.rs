//! The servers that a stream or a consumer is on.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::wire::{lenient, nullable, unset};
use crate::js::time::{self, Timestamp, nanos};

/// The servers that a stream or a consumer is on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ClusterInfo {
    /// The cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The group of servers that keep it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raft_group: Option<String>,
    /// The server that leads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leader: Option<String>,
    /// Since when. Since 2.12.
    #[serde(with = "time::option", skip_serializing_if = "Option::is_none")]
    pub leader_since: Option<Timestamp>,
    /// Whether the traffic between replicas goes through the system account. Since 2.12.
    #[serde(skip_serializing_if = "unset")]
    pub system_account: bool,
    /// The account that it goes through. Since 2.12.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traffic_account: Option<String>,
    /// The other servers.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub replicas: Vec<PeerInfo>,
    /// What the servers are on the way to, during a move or a change of replicas. Since 2.15.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub desired: Option<DesiredCluster>,
}

/// A server that follows the leader.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct PeerInfo {
    /// The name of the server.
    pub name: String,
    /// Whether it has all that the leader has.
    pub current: bool,
    /// Whether it cannot be reached.
    #[serde(skip_serializing_if = "unset")]
    pub offline: bool,
    /// How long ago it was heard of.
    #[serde(with = "nanos")]
    pub active: Duration,
    /// How many operations it lacks.
    #[serde(skip_serializing_if = "unset")]
    pub lag: u64,
    /// Whether it is still to become a member. Since 2.15.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "unset")]
    pub pending: bool,
}

/// Where a stream that is being moved or scaled is to end. Since 2.15.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct DesiredCluster {
    /// The cluster.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Replicas, in the shape that the server gives them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<serde_json::Value>,
    /// What asked for it.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// How far it is.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub status: Option<DesiredStatus>,
}

/// How far a move or a change of replicas is. Since 2.15.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct DesiredStatus {
    /// A word for programs.
    #[serde(rename = "type", deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// A text for people.
    #[serde(deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What went wrong.
    #[serde(rename = "err", deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}
