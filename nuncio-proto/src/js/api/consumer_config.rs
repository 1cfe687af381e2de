//! What a consumer is to be.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::metadata::Metadata;
use super::wire::{filled, limit, nanos_list, nullable, unset};
use crate::js::time::{self, Timestamp, nanos_option};

words! {
    /// What has to be acknowledged.
    ///
    /// The default of this type is the server's; that of a new [`ConsumerConfig`] is [`Explicit`](Self::Explicit).
    pub enum AckPolicy {
        /// Nothing: a message counts as done once it is delivered.
        None = "none",
        /// Acknowledging a message does so for all before it.
        All = "all",
        /// Every message.
        Explicit = "explicit",
        /// The flow control of a consumer that feeds a mirror or a source. Needs 2.14 (level 4).
        FlowControl = "flow_control",
    }
}

words! {
    /// At what speed messages are delivered.
    pub enum ReplayPolicy {
        /// As fast as possible. The default.
        Instant = "instant",
        /// At the speed at which they were stored.
        Original = "original",
    }
}

words! {
    /// How clients share a consumer with priority groups (ADR-42).
    pub enum PriorityPolicy {
        /// Without priorities. The default.
        None = "none",
        /// Pulls that ask for it are served only while enough is pending.
        Overflow = "overflow",
        /// One client gets everything until it is gone.
        PinnedClient = "pinned_client",
        /// Pulls of the best priority come first. Needs 2.12 (level 2).
        Prioritized = "prioritized",
    }
}

/// With which message a consumer begins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "DeliverFields", into = "DeliverFields")]
#[non_exhaustive]
pub enum DeliverPolicy {
    /// With the first there is. The default.
    #[default]
    All,
    /// With the last there is.
    Last,
    /// With the next one to be stored.
    New,
    /// With this one, or the first after it.
    ByStartSequence {
        /// Its sequence, from 1.
        start_sequence: u64,
    },
    /// With the first that was stored at this time or later.
    ByStartTime {
        /// The time.
        start_time: Timestamp,
    },
    /// With the last of each subject. It needs a filter; `>` will do.
    LastPerSubject,
    /// In a way that this version does not know.
    Unknown(Box<str>),
}

#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct DeliverFields {
    #[serde(skip_serializing_if = "unset")]
    deliver_policy: Box<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    opt_start_seq: Option<u64>,
    #[serde(with = "time::option", skip_serializing_if = "Option::is_none")]
    opt_start_time: Option<Timestamp>,
}

impl From<DeliverFields> for DeliverPolicy {
    fn from(fields: DeliverFields) -> Self {
        match (&*fields.deliver_policy, fields.opt_start_seq, fields.opt_start_time) {
            ("" | "all", ..) => Self::All,
            ("last", ..) => Self::Last,
            ("new", ..) => Self::New,
            ("last_per_subject", ..) => Self::LastPerSubject,
            ("by_start_sequence", start, _) => Self::ByStartSequence { start_sequence: start.unwrap_or(0) },
            ("by_start_time", _, Some(start_time)) => Self::ByStartTime { start_time },
            ("by_start_time", _, None) => Self::ByStartTime { start_time: Timestamp::MIN },
            _ => Self::Unknown(fields.deliver_policy),
        }
    }
}

impl From<DeliverPolicy> for DeliverFields {
    fn from(policy: DeliverPolicy) -> Self {
        let (word, opt_start_seq, opt_start_time) = match policy {
            DeliverPolicy::All => ("", None, None),
            DeliverPolicy::Last => ("last", None, None),
            DeliverPolicy::New => ("new", None, None),
            DeliverPolicy::LastPerSubject => ("last_per_subject", None, None),
            DeliverPolicy::ByStartSequence { start_sequence } => {
                ("by_start_sequence", Some(start_sequence), None)
            }
            DeliverPolicy::ByStartTime { start_time } => ("by_start_time", None, Some(start_time)),
            DeliverPolicy::Unknown(deliver_policy) => return Self { deliver_policy, ..Self::default() },
        };
        Self { deliver_policy: word.into(), opt_start_seq, opt_start_time }
    }
}

settings! {
    /// What a consumer is to be: which messages it delivers, how, and what has to be acknowledged.
    ///
    /// Only what is set is sent; the server fills in the rest. Each field has a builder of its own name. Without
    /// [`deliver_subject`](Self::deliver_subject) it is a pull consumer. Of the constructors, [`durable`](Self::durable) is
    /// what most want.
    ///
    /// ```
    /// use std::time::Duration;
    /// use nuncio_proto::js::api::consumer_config::ConsumerConfig;
    ///
    /// let config = ConsumerConfig::durable("worker").filter_subject("orders.eu").ack_wait(Duration::from_secs(5));
    /// assert_eq!(
    ///     serde_json::to_string(&config)?,
    ///     r#"{"durable_name":"worker","name":"worker","ack_policy":"explicit","ack_wait":5000000000,"filter_subject":"orders.eu"}"#
    /// );
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct ConsumerConfig {
        /// The name of a consumer that stays until it is deleted, or until
        /// [`inactive_threshold`](Self::inactive_threshold) if that is set. Default: it is gone 5 s after its last use.
        #[serde(deserialize_with = "filled")]
        durable_name: Option<String> => text,
        /// Its name; the same as the durable name if both are set. Default: one that the server makes up.
        #[serde(deserialize_with = "filled")]
        name: Option<String> => text,
        /// A text for people, of 4 KiB at most.
        #[serde(deserialize_with = "filled")]
        description: Option<String> => text,
        /// With which message it begins.
        #[serde(flatten)]
        deliver_policy: DeliverPolicy => plain(DeliverPolicy),
        /// What has to be acknowledged. Default: every message.
        ack_policy: AckPolicy => plain(AckPolicy),
        /// After how long a message that was not acknowledged is delivered again. Default: 30 s.
        #[serde(with = "nanos_option")]
        ack_wait: Option<Duration> => some(Duration),
        /// How often a message is delivered. Default: without limit.
        #[serde(with = "limit")]
        max_deliver: Option<u64> => some(u64),
        /// After how long a message is delivered again, delivery by delivery, in place of [`ack_wait`](Self::ack_wait); not
        /// more of them than [`max_deliver`](Self::max_deliver). Needs 2.7.1. Default: none.
        #[serde(with = "nanos_list")]
        backoff: Vec<Duration> => list(Duration),
        /// Deliver only messages of these subjects, with wildcards. Default: all.
        #[serde(deserialize_with = "filled")]
        filter_subject: Option<String> => text,
        /// Several of them, that do not overlap; not together with [`filter_subject`](Self::filter_subject). Needs 2.10.
        /// Default: all.
        #[serde(deserialize_with = "nullable")]
        filter_subjects: Vec<String> => texts,
        /// At what speed messages are delivered. Default: as fast as possible.
        replay_policy: ReplayPolicy => plain(ReplayPolicy),
        /// How many bits a second are delivered at most, for push consumers. Default: no limit.
        #[serde(rename = "rate_limit_bps", with = "limit")]
        rate_limit: Option<u64> => some(u64),
        /// Of how many acknowledgements the server tells in metrics, such as `30%`. Default: of none.
        #[serde(rename = "sample_freq", deserialize_with = "filled")]
        sample_frequency: Option<String> => text,
        /// How many pulls may wait at once, for pull consumers. Default: 512.
        #[serde(with = "limit")]
        max_waiting: Option<u64> => some(u64),
        /// How many messages may be delivered and not yet acknowledged; -1 is without limit. Default: 1000.
        max_ack_pending: Option<i64> => some(i64),
        /// Whether payloads are left out, with their size in the header `Nats-Msg-Size` instead. Default: no.
        headers_only: bool => flag,
        /// How many messages one pull may ask for. Needs 2.7. Default: no limit.
        #[serde(with = "limit")]
        max_batch: Option<u64> => some(u64),
        /// How long one pull may wait. Needs 2.7. Default: no limit.
        #[serde(with = "nanos_option")]
        max_expires: Option<Duration> => some(Duration),
        /// How many bytes one pull may ask for. Needs 2.8.3. Default: no limit.
        #[serde(with = "limit")]
        max_bytes: Option<u64> => some(u64),
        /// Whether the server waits for the application to catch up, for push consumers with a heartbeat. Default: no.
        flow_control: bool => flag,
        /// Where messages are delivered to, without being asked for: it makes this a push consumer. Default: nowhere.
        #[serde(deserialize_with = "filled")]
        deliver_subject: Option<String> => text,
        /// The queue group of a push consumer. Default: none.
        #[serde(deserialize_with = "filled")]
        deliver_group: Option<String> => text,
        /// How often a push consumer shows that it is alive while it has nothing to deliver, 100 ms at least. Default:
        /// never.
        #[serde(with = "nanos_option")]
        idle_heartbeat: Option<Duration> => some(Duration),
        /// After how long without use it is deleted. Default: 5 s, and never if it is durable.
        #[serde(with = "nanos_option")]
        inactive_threshold: Option<Duration> => some(Duration),
        /// On how many servers its state is kept. Default: 0, as many as the stream.
        num_replicas: usize => plain(usize),
        /// Whether its state is kept in memory even if the stream is on disk. Needs 2.8.3. Default: no.
        #[serde(rename = "mem_storage")]
        memory_storage: bool => flag,
        /// What else to know about it, 128 KiB at most. Keys that begin with `_nats.` are the server's; they are never
        /// sent. Needs 2.10. Default: nothing.
        #[serde(deserialize_with = "nullable")]
        metadata: Metadata => none,
        /// Until when it delivers nothing. It can only be given at creation. Needs 2.11 (level 1). Default: it delivers.
        #[serde(with = "time::option")]
        pause_until: Option<Timestamp> => none,
        /// Groups of clients that share it by priority. Needs 2.11 (level 1). Default: none.
        #[serde(deserialize_with = "nullable")]
        priority_groups: Vec<String> => texts,
        /// How they share it. Needs 2.11 (level 1). Default: without priorities.
        priority_policy: PriorityPolicy => plain(PriorityPolicy),
        /// After how long without a pull another client is pinned. Needs 2.11 (level 1). Default: 2 minutes.
        #[serde(with = "nanos_option")]
        priority_timeout: Option<Duration> => some(Duration),
    }
}

impl Default for ConsumerConfig {
    /// A pull consumer that the server names, and that is gone 5 s after its last use.
    fn default() -> Self {
        Self {
            durable_name: None,
            name: None,
            description: None,
            deliver_policy: DeliverPolicy::All,
            ack_policy: AckPolicy::Explicit,
            ack_wait: None,
            max_deliver: None,
            backoff: Vec::new(),
            filter_subject: None,
            filter_subjects: Vec::new(),
            replay_policy: ReplayPolicy::Instant,
            rate_limit: None,
            sample_frequency: None,
            max_waiting: None,
            max_ack_pending: None,
            headers_only: false,
            max_batch: None,
            max_expires: None,
            max_bytes: None,
            flow_control: false,
            deliver_subject: None,
            deliver_group: None,
            idle_heartbeat: None,
            inactive_threshold: None,
            num_replicas: 0,
            memory_storage: false,
            metadata: Metadata::default(),
            pause_until: None,
            priority_groups: Vec::new(),
            priority_policy: PriorityPolicy::None,
            priority_timeout: None,
            extra: serde_json::Map::new(),
        }
    }
}

impl ConsumerConfig {
    /// A pull consumer that the server names, and that is gone 5 s after its last use.
    pub fn new() -> Self {
        Self::default()
    }

    /// A pull consumer that stays until it is deleted.
    pub fn durable(name: impl Into<String>) -> Self {
        let name = name.into();
        Self { durable_name: Some(name.clone()), name: Some(name), ..Self::default() }
    }

    /// A pull consumer of this name that is gone 5 s after its last use, or after
    /// [`inactive_threshold`](Self::inactive_threshold).
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..Self::default() }
    }

    /// A push consumer that the server names, and that delivers to this subject.
    pub fn push(deliver_subject: impl Into<String>) -> Self {
        Self { deliver_subject: Some(deliver_subject.into()), ..Self::default() }
    }

    /// Adds an entry to the [`metadata`](Self::metadata).
    #[must_use]
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    /// Until when it delivers nothing. It can only be given at creation. Needs 2.11 (level 1). Default: it delivers.
    #[must_use]
    pub fn pause_until(mut self, until: impl Into<Timestamp>) -> Self {
        self.pause_until = Some(until.into());
        self
    }

    /// The name that is in subjects: the name, else the durable name.
    pub fn any_name(&self) -> Option<&str> {
        self.name.as_deref().or(self.durable_name.as_deref())
    }
}
