//! What a consumer is, and what can be asked of it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::cluster::ClusterInfo;
use super::consumer_config::ConsumerConfig;
use super::wire::{nullable, unset};
use crate::js::time::{self, Timestamp, nanos_option};

/// Whether a consumer may be there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum CreateAction {
    /// It is created, or updated if it is there.
    #[default]
    #[serde(rename = "")]
    CreateOrUpdate,
    /// It is created; if it is there with another configuration, that is an error (10148). Since 2.10.
    Create,
    /// It is updated; if it is not there, that is an error (10149). Since 2.10.
    Update,
}

/// Creates or updates a consumer.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ConsumerRequest<'a> {
    /// The stream.
    pub stream_name: &'a str,
    /// What the consumer is to be.
    pub config: &'a ConsumerConfig,
    /// Whether it may be there already.
    #[serde(skip_serializing_if = "unset")]
    pub action: CreateAction,
    /// Whether the server refuses (10157) what it would else put right by itself. Needs 2.11 (level 1).
    #[serde(skip_serializing_if = "unset")]
    pub pedantic: bool,
}

impl<'a> ConsumerRequest<'a> {
    /// A request for this configuration.
    pub fn new(stream: &'a str, config: &'a ConsumerConfig, action: CreateAction, pedantic: bool) -> Self {
        Self { stream_name: stream, config, action, pedantic }
    }

    /// What goes behind the prefix of the subject: the operation, the stream, the name, and the filter if there is
    /// exactly one, so that permissions can be given by them.
    ///
    /// A filter with characters that a subject cannot have is left to the server to refuse.
    pub fn subject_parts(&self) -> Vec<&'a str> {
        let mut parts = vec!["CONSUMER.CREATE", self.stream_name];
        let Some(name) = self.config.any_name() else { return parts };
        parts.push(name);
        let filter = self.config.filter_subject.as_deref().filter(|_| self.config.filter_subjects.is_empty());
        parts.extend(filter.filter(|filter| crate::subject::validate_subscribe(filter.as_bytes()).is_ok()));
        parts
    }
}

/// A consumer as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ConsumerInfo {
    /// The stream.
    pub stream_name: String,
    /// Its name.
    pub name: String,
    /// When it was created.
    pub created: Timestamp,
    /// What it is to be.
    #[serde(default)]
    pub config: ConsumerConfig,
    /// The last message that was delivered.
    #[serde(default)]
    pub delivered: SequenceInfo,
    /// The last message up to which all are acknowledged.
    #[serde(default)]
    pub ack_floor: SequenceInfo,
    /// Messages that are delivered and not yet acknowledged.
    #[serde(default)]
    pub num_ack_pending: u64,
    /// Messages that were delivered more than once and are not yet acknowledged.
    #[serde(default)]
    pub num_redelivered: u64,
    /// Pulls that wait.
    #[serde(default)]
    pub num_waiting: u64,
    /// Messages still to be delivered.
    #[serde(default)]
    pub num_pending: u64,
    /// The servers it is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterInfo>,
    /// Whether somebody listens on the subject of a push consumer.
    #[serde(default, skip_serializing_if = "unset")]
    pub push_bound: bool,
    /// Whether it is paused. Since 2.11.
    #[serde(default, skip_serializing_if = "unset")]
    pub paused: bool,
    /// For how long it still is. Since 2.11.
    #[serde(default, with = "nanos_option", skip_serializing_if = "Option::is_none")]
    pub pause_remaining: Option<Duration>,
    /// Its priority groups. Since 2.11.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub priority_groups: Vec<PriorityGroupInfo>,
    /// When the server said so. Since 2.10.
    #[serde(default, rename = "ts", with = "time::option", skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
}

impl ConsumerInfo {
    /// The stream that this consumer feeds, if the servers made it for a source or a mirror (since 2.14): it is not for
    /// applications.
    pub fn feeds(&self) -> Option<&str> {
        let metadata = &self.config.metadata;
        let stream = metadata.get("_nats.src.stream").or_else(|| metadata.get("_nats.mirror.stream"));
        stream.map(String::as_str)
    }
}

/// A place in a consumer and in its stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct SequenceInfo {
    /// How many deliveries there were. It starts anew when the consumer is reset.
    #[serde(rename = "consumer_seq")]
    pub consumer_sequence: u64,
    /// The sequence in the stream.
    #[serde(rename = "stream_seq")]
    pub stream_sequence: u64,
    /// When that was.
    #[serde(with = "time::option", skip_serializing_if = "Option::is_none")]
    pub last_active: Option<Timestamp>,
}

/// A priority group and the client that is pinned in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct PriorityGroupInfo {
    /// The name of the group.
    pub group: String,
    /// The client that gets everything at the moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pinned_client_id: Option<String>,
    /// Since when.
    #[serde(rename = "pinned_ts", with = "time::option", skip_serializing_if = "Option::is_none")]
    pub pinned_since: Option<Timestamp>,
}

/// Lets go of the client that is pinned in a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct UnpinRequest {
    /// The name of the group.
    pub group: String,
}

impl UnpinRequest {
    /// In this group.
    pub fn new(group: impl Into<String>) -> Self {
        Self { group: group.into() }
    }
}

/// Lets a consumer begin anew. Needs 2.14 (level 4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ResetRequest {
    /// With this message; after the last that was acknowledged unless set.
    #[serde(rename = "seq", skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
}

impl ResetRequest {
    /// With the message of this sequence, or after the last that was acknowledged.
    pub fn new(sequence: Option<u64>) -> Self {
        Self { sequence }
    }
}

/// A consumer that was reset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ConsumerReset {
    /// The consumer as it is now.
    #[serde(flatten)]
    pub info: ConsumerInfo,
    /// The message that it delivers next.
    #[serde(rename = "reset_seq", default)]
    pub sequence: u64,
}
