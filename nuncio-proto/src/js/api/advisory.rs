//! What the server tells of its own accord about streams and consumers.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::cluster::PeerInfo;
use super::stream::StreamState;
use super::wire::nullable;
use crate::js::error::DecodeError;
use crate::js::time::{self, Timestamp, nanos};

/// The subjects of all advisories of JetStream.
pub const ADVISORIES: &str = "$JS.EVENT.ADVISORY.>";
/// The subjects of all metrics of JetStream.
pub const METRICS: &str = "$JS.EVENT.METRIC.>";

const PREFIX: &str = "io.nats.jetstream.";

/// Something that happened to a stream or a consumer, told by the server.
///
/// ```
/// use nuncio_proto::js::api::advisory::{Advisory, AdvisoryEvent};
///
/// let advisory = Advisory::parse(br#"{"type":"io.nats.jetstream.advisory.v1.max_deliver","id":"x",
///     "timestamp":"2026-11-24T10:57:26.767173098Z","stream":"ORDERS","consumer":"worker","stream_seq":2,"deliveries":5}"#)?;
/// assert_eq!(advisory.stream.as_deref(), Some("ORDERS"));
/// assert_eq!(advisory.event, AdvisoryEvent::MaxDeliveries { stream_sequence: 2, deliveries: 5 });
/// # Ok::<(), nuncio_proto::js::error::DecodeError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Advisory {
    /// What kind it is, as the server writes it, such as `io.nats.jetstream.advisory.v1.max_deliver`.
    pub kind: String,
    /// A name for this one.
    pub id: String,
    /// When it happened.
    pub time: Option<Timestamp>,
    /// The stream that it is about.
    pub stream: Option<String>,
    /// The consumer that it is about.
    pub consumer: Option<String>,
    /// The JetStream domain.
    pub domain: Option<String>,
    /// The account, where the server tells.
    pub account: Option<String>,
    /// What happened.
    pub event: AdvisoryEvent,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum AdvisoryEvent {
    /// A stream was created, modified or deleted.
    Stream(Action),
    /// A consumer was created, modified or deleted.
    Consumer(Action),
    /// A message was delivered as often as it may be, and not acknowledged.
    MaxDeliveries {
        /// Its sequence in the stream.
        stream_sequence: u64,
        /// How often it was delivered.
        deliveries: u64,
    },
    /// A message was refused and will be delivered again.
    Nak(Attempt),
    /// A message was refused for good.
    Terminated(Attempt),
    /// A message was acknowledged; for consumers with
    /// [`sample_frequency`](super::consumer_config::ConsumerConfig::sample_frequency).
    Acknowledged(Attempt),
    /// A consumer was paused, or goes on.
    Pause {
        /// Whether it is paused.
        paused: bool,
        /// Until when.
        until: Option<Timestamp>,
    },
    /// A client was pinned in a priority group.
    Pinned {
        /// The group.
        group: String,
        /// The client.
        pinned_id: String,
    },
    /// A client is no longer pinned in a priority group.
    Unpinned {
        /// The group.
        group: String,
        /// Why, such as `admin` or `timeout`.
        reason: String,
    },
    /// A batch was given up.
    BatchAbandoned {
        /// Its id.
        batch: String,
        /// Why: `timeout`, `large`, `incomplete` or `unsupported`.
        reason: String,
    },
    /// A stream or a consumer, or the domain if neither is named, has another leader.
    LeaderElected {
        /// The server that leads.
        leader: String,
        /// The others.
        replicas: Vec<PeerInfo>,
    },
    /// A stream or a consumer can no longer make progress, because too many of its servers are away.
    QuorumLost {
        /// All of them.
        replicas: Vec<PeerInfo>,
    },
    /// A snapshot was begun.
    SnapshotCreate(Box<StreamState>),
    /// A snapshot is over.
    SnapshotComplete(Span),
    /// A restore was begun.
    RestoreCreate,
    /// A restore is over.
    RestoreComplete(Span),
    /// A server has no room left.
    OutOfSpace {
        /// Its name.
        server: String,
    },
    /// A server was removed from the cluster.
    ServerRemoved {
        /// Its name.
        server: String,
    },
    /// The API has so much to do that calls were dropped; they have no reply.
    ApiLimitReached {
        /// The server.
        server: String,
        /// How many calls.
        dropped: u64,
    },
    /// Somebody changed something by the API.
    ApiAudit {
        /// The subject of the call.
        subject: String,
        /// Its body.
        request: String,
        /// The reply.
        response: String,
    },
    /// Something that this version does not know: all its fields.
    Unknown(Map<String, Value>),
}

/// What was done to a stream or a consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// It was created.
    Create,
    /// It was changed.
    Modify,
    /// It was deleted.
    Delete,
    /// Something that this version does not know.
    Unknown(Box<str>),
}

impl<'de> Deserialize<'de> for Action {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match &*Box::<str>::deserialize(deserializer)? {
            "create" => Self::Create,
            "modify" => Self::Modify,
            "delete" => Self::Delete,
            other => Self::Unknown(other.into()),
        })
    }
}

/// One delivery of a message, and how it ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Attempt {
    /// Its sequence in the stream.
    #[serde(rename = "stream_seq")]
    pub stream_sequence: u64,
    /// The number of the delivery in the consumer.
    #[serde(rename = "consumer_seq")]
    pub consumer_sequence: u64,
    /// How often it was delivered so far.
    pub deliveries: u64,
    /// Why it was refused for good.
    pub reason: Option<String>,
    /// How long the acknowledgement took, in [`AdvisoryEvent::Acknowledged`].
    #[serde(with = "nanos")]
    pub ack_time: Duration,
}

/// When something began and ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Span {
    /// When it began.
    #[serde(with = "time::option")]
    pub start: Option<Timestamp>,
    /// When it ended.
    #[serde(with = "time::option")]
    pub end: Option<Timestamp>,
    /// How many bytes, for a restore.
    pub bytes: u64,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
struct Common {
    r#type: String,
    id: String,
    #[serde(with = "time::option")]
    timestamp: Option<Timestamp>,
    stream: Option<String>,
    consumer: Option<String>,
    domain: Option<String>,
    account: Option<String>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// The fields that only some kinds have.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields {
    stream_seq: u64,
    deliveries: u64,
    action: Option<Action>,
    paused: bool,
    #[serde(with = "time::option")]
    pause_until: Option<Timestamp>,
    group: String,
    pinned_id: String,
    reason: String,
    batch: String,
    leader: String,
    #[serde(deserialize_with = "nullable")]
    replicas: Vec<PeerInfo>,
    state: StreamState,
    server: String,
    dropped: u64,
    subject: String,
    request: String,
    response: String,
}

impl Advisory {
    /// Reads what came on one of [`ADVISORIES`] or [`METRICS`].
    ///
    /// # Errors
    ///
    /// [`DecodeError`] if it is not an advisory.
    pub fn parse(payload: &[u8]) -> Result<Self, DecodeError> {
        let common: Common = serde_json::from_slice(payload)?;
        let Some(short) = common.r#type.strip_prefix(PREFIX) else {
            return Err(DecodeError::new(format!("{:?} is no type of an advisory", common.r#type)));
        };
        let event = AdvisoryEvent::of(short, common.rest)?;
        Ok(Self {
            kind: common.r#type,
            id: common.id,
            time: common.timestamp,
            stream: common.stream,
            consumer: common.consumer,
            domain: common.domain,
            account: common.account,
            event,
        })
    }
}

fn read<T: DeserializeOwned>(rest: Map<String, Value>) -> Result<T, DecodeError> {
    Ok(serde_json::from_value(Value::Object(rest))?)
}

impl AdvisoryEvent {
    fn of(kind: &str, rest: Map<String, Value>) -> Result<Self, DecodeError> {
        let plain = match kind {
            "advisory.v1.nak" => return read(rest).map(Self::Nak),
            "advisory.v1.terminated" => return read(rest).map(Self::Terminated),
            "metric.v1.consumer_ack" => return read(rest).map(Self::Acknowledged),
            "advisory.v1.snapshot_complete" => return read(rest).map(Self::SnapshotComplete),
            "advisory.v1.restore_complete" => return read(rest).map(Self::RestoreComplete),
            "advisory.v1.restore_create" => return Ok(Self::RestoreCreate),
            "advisory.v1.stream_action"
            | "advisory.v1.consumer_action"
            | "advisory.v1.max_deliver"
            | "advisory.v1.consumer_pause"
            | "advisory.v1.consumer_group_pinned"
            | "advisory.v1.consumer_group_unpinned"
            | "advisory.v1.stream_batch_abandoned"
            | "advisory.v1.domain_leader_elected"
            | "advisory.v1.stream_leader_elected"
            | "advisory.v1.consumer_leader_elected"
            | "advisory.v1.stream_quorum_lost"
            | "advisory.v1.consumer_quorum_lost"
            | "advisory.v1.snapshot_create"
            | "advisory.v1.server_out_of_space"
            | "advisory.v1.server_removed"
            | "advisory.v1.api_limit_reached"
            | "advisory.v1.api_audit" => read::<Fields>(rest)?,
            _ => return Ok(Self::Unknown(rest)),
        };
        Ok(Self::with(kind, plain))
    }

    fn with(kind: &str, fields: Fields) -> Self {
        let action = fields.action.unwrap_or(Action::Unknown("".into()));
        let Fields { group, reason, server, replicas, .. } = fields;
        match kind {
            "advisory.v1.stream_action" => Self::Stream(action),
            "advisory.v1.consumer_action" => Self::Consumer(action),
            "advisory.v1.max_deliver" => {
                Self::MaxDeliveries { stream_sequence: fields.stream_seq, deliveries: fields.deliveries }
            }
            "advisory.v1.consumer_pause" => Self::Pause { paused: fields.paused, until: fields.pause_until },
            "advisory.v1.consumer_group_pinned" => Self::Pinned { group, pinned_id: fields.pinned_id },
            "advisory.v1.consumer_group_unpinned" => Self::Unpinned { group, reason },
            "advisory.v1.stream_batch_abandoned" => Self::BatchAbandoned { batch: fields.batch, reason },
            "advisory.v1.stream_quorum_lost" | "advisory.v1.consumer_quorum_lost" => {
                Self::QuorumLost { replicas }
            }
            "advisory.v1.snapshot_create" => Self::SnapshotCreate(Box::new(fields.state)),
            "advisory.v1.server_out_of_space" => Self::OutOfSpace { server },
            "advisory.v1.server_removed" => Self::ServerRemoved { server },
            "advisory.v1.api_limit_reached" => Self::ApiLimitReached { server, dropped: fields.dropped },
            "advisory.v1.api_audit" => {
                Self::ApiAudit { subject: fields.subject, request: fields.request, response: fields.response }
            }
            _ => Self::LeaderElected { leader: fields.leader, replicas },
        }
    }
}
