//! What a stream is to be.

use std::time::Duration;

use super::metadata::Metadata;
use super::source::{Placement, Republish, StreamSource, SubjectTransform};
use super::wire::{filled, limit, nullable};
use crate::js::time::nanos_option;

words! {
    /// When messages leave a stream.
    pub enum RetentionPolicy {
        /// When a limit is reached. The default.
        Limits = "limits",
        /// When all consumers that were interested have acknowledged them.
        Interest = "interest",
        /// When a consumer has acknowledged them; no two consumers get the same message.
        WorkQueue = "workqueue",
    }
}

words! {
    /// Where messages are kept.
    pub enum StorageType {
        /// On disk. The default.
        File = "file",
        /// In memory, gone when the server restarts.
        Memory = "memory",
    }
}

words! {
    /// What happens to a message for which there is no room.
    pub enum DiscardPolicy {
        /// The oldest messages make way for it. The default.
        Old = "old",
        /// It is refused.
        New = "new",
    }
}

words! {
    /// How messages on disk are packed.
    pub enum Compression {
        /// Not at all. The default.
        None = "none",
        /// With S2, a fast one.
        S2 = "s2",
    }
}

words! {
    /// When a message counts as stored.
    pub enum PersistenceMode {
        /// When it has been written. The default.
        Default = "default",
        /// A little before: faster, and what was acknowledged last may be lost when the server is killed.
        Async = "async",
    }
}

settings! {
    /// What a consumer of the stream may ask for at most, and gets unless it asks for less.
    #[derive(Default)]
    pub struct ConsumerLimits {
        /// After how long without use a consumer is deleted.
        #[serde(with = "nanos_option")]
        inactive_threshold: Option<Duration> => some(Duration),
        /// How many messages may be delivered and not yet acknowledged.
        max_ack_pending: i64 => plain(i64),
    }
}

settings! {
    /// What a stream is to be: its subjects, its limits, and what it allows.
    ///
    /// Only what is set is sent; the server fills in the rest. Each field has a builder of its own name, and each says
    /// which server it needs if that is not every one. The API levels in brackets are what
    /// [`needs`](Self::needs) goes by.
    ///
    /// ```
    /// use std::time::Duration;
    /// use nuncio_proto::js::api::stream_config::{StorageType, StreamConfig};
    ///
    /// let config = StreamConfig::new("ORDERS")
    ///     .subjects(["orders.*"])
    ///     .max_age(Duration::from_secs(86_400))
    ///     .storage(StorageType::Memory);
    /// assert_eq!(
    ///     serde_json::to_string(&config)?,
    ///     r#"{"name":"ORDERS","subjects":["orders.*"],"max_age":86400000000000,"storage":"memory"}"#
    /// );
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    #[derive(Default)]
    pub struct StreamConfig {
        /// Its name; see [`validate_name`](crate::js::name::validate_name) for what it may hold.
        name: String => none,
        /// A text for people, of 4 KiB at most.
        #[serde(deserialize_with = "filled")]
        description: Option<String> => text,
        /// The subjects that it takes, with wildcards. Default: its name, unless it has a mirror or sources.
        #[serde(deserialize_with = "nullable")]
        subjects: Vec<String> => texts,
        /// When messages leave it. Default: at a limit.
        retention: RetentionPolicy => plain(RetentionPolicy),
        /// How many consumers it may have. Default: no limit.
        #[serde(with = "limit")]
        max_consumers: Option<u64> => some(u64),
        /// How many messages it may hold. Default: no limit.
        #[serde(rename = "max_msgs", with = "limit")]
        max_messages: Option<u64> => some(u64),
        /// How many bytes it may hold, headers and overhead included. Default: no limit.
        #[serde(with = "limit")]
        max_bytes: Option<u64> => some(u64),
        /// How old messages become, 100 ms at least. Default: no limit.
        #[serde(with = "nanos_option")]
        max_age: Option<Duration> => some(Duration),
        /// How many messages it may hold of each subject. Default: no limit.
        #[serde(rename = "max_msgs_per_subject", with = "limit")]
        max_messages_per_subject: Option<u64> => some(u64),
        /// How large a message may be, headers and payload, in bytes. Default: no limit.
        #[serde(rename = "max_msg_size", with = "limit")]
        max_message_size: Option<u32> => some(u32),
        /// What happens to a message for which there is no room. Default: the oldest make way.
        discard: DiscardPolicy => plain(DiscardPolicy),
        /// Whether [`DiscardPolicy::New`] goes for the limit a subject as well. Needs 2.9.2. Default: no.
        discard_new_per_subject: bool => flag,
        /// Where messages are kept. It cannot be changed. Default: on disk.
        storage: StorageType => plain(StorageType),
        /// On how many servers it is kept, 1 to 5. Default: 0, with which the server takes 1.
        num_replicas: usize => plain(usize),
        /// Whether the stream does not confirm what it stores, so that publishing can only be sent and forgotten.
        /// Default: no.
        no_ack: bool => flag,
        /// For how long message ids are remembered, 100 ms at least and [`max_age`](Self::max_age) at most. Default: 2
        /// minutes.
        #[serde(with = "nanos_option")]
        duplicate_window: Option<Duration> => some(Duration),
        /// Which servers may keep it. Default: any.
        placement: Option<Placement> => some(Placement),
        /// The stream that it is a copy of, which excludes subjects of its own. Default: none.
        mirror: Option<StreamSource> => some(StreamSource),
        /// Streams whose messages it takes over. Default: none.
        #[serde(deserialize_with = "nullable")]
        sources: Vec<StreamSource> => list(StreamSource),
        /// How messages on disk are packed. Needs 2.10. Default: not at all.
        compression: Compression => plain(Compression),
        /// The sequence of its first message, not with a mirror. Needs 2.10. Default: 1.
        #[serde(rename = "first_seq")]
        first_sequence: u64 => plain(u64),
        /// How subjects are changed before messages are stored. Needs 2.10. Default: not at all.
        subject_transform: Option<SubjectTransform> => some(SubjectTransform),
        /// Where messages are published again once stored. Needs 2.8.3. Default: nowhere.
        republish: Option<Republish> => some(Republish),
        /// Whether replicas and mirrors may answer reads (direct get). Needs 2.9. Default: no.
        allow_direct: bool => flag,
        /// Whether this mirror answers direct gets for its origin. Needs 2.9. Default: as the origin allows.
        mirror_direct: bool => flag,
        /// Whether nothing can be added or removed any more. It cannot be taken back. Default: no.
        sealed: bool => flag,
        /// Whether messages cannot be deleted one by one. It cannot be taken back. Default: no.
        deny_delete: bool => flag,
        /// Whether the stream cannot be purged. It cannot be taken back. Default: no.
        deny_purge: bool => flag,
        /// Whether a message may replace all those before it, with the header `Nats-Rollup`. Default: no.
        #[serde(rename = "allow_rollup_hdrs")]
        allow_rollup: bool => flag,
        /// What its consumers may ask for. Needs 2.10. Default: anything.
        #[serde(deserialize_with = "nullable")]
        consumer_limits: ConsumerLimits => plain(ConsumerLimits),
        /// Whether messages may expire by themselves, with the header `Nats-TTL`. It cannot be taken back. Needs 2.11
        /// (level 1). Default: no.
        #[serde(rename = "allow_msg_ttl")]
        allow_message_ttl: bool => flag,
        /// For how long a marker stays where the last message of a subject has aged away, 1 s at least. Needs 2.11 (level
        /// 1). Default: no markers.
        #[serde(with = "nanos_option")]
        subject_delete_marker_ttl: Option<Duration> => some(Duration),
        /// Whether messages are counters (ADR-49). It can only be chosen at creation. Needs 2.12 (level 2). Default: no.
        #[serde(rename = "allow_msg_counter")]
        allow_message_counter: bool => flag,
        /// Whether messages may be published in batches that are stored whole or not at all (ADR-50). Needs 2.12 (level
        /// 2). Default: no.
        #[serde(rename = "allow_atomic")]
        allow_atomic_publish: bool => flag,
        /// Whether messages may be delayed and scheduled (ADR-51). It cannot be taken back. Needs 2.12 (level 2).
        /// Default: no.
        #[serde(rename = "allow_msg_schedules")]
        allow_message_schedules: bool => flag,
        /// When a message counts as stored. It can only be chosen at creation. Needs 2.12 (level 2). Default: when it
        /// has been written.
        persist_mode: PersistenceMode => plain(PersistenceMode),
        /// Whether messages may be published in fast batches (ADR-50). Needs 2.14 (level 4). Default: no.
        #[serde(rename = "allow_batched")]
        allow_batch_publish: bool => flag,
        /// What else to know about it, 128 KiB at most. Keys that begin with `_nats.` are the server's; they are never
        /// sent. Needs 2.10. Default: nothing.
        #[serde(deserialize_with = "nullable")]
        metadata: Metadata => none,
    }
}

impl StreamConfig {
    /// A stream of this name, with the server's defaults.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Adds an entry to the [`metadata`](Self::metadata).
    #[must_use]
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }
}
