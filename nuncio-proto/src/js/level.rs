//! Levels of the JetStream API: which servers can do what (ADR-44).
//!
//! A server tells its level in [`AccountInfo`](super::api::account::AccountInfo); go by that, and never by the version
//! of the server that the client is connected to, which need not be the one that answers.
//!
//! | level | server |
//! | --- | --- |
//! | 0 | before 2.11 |
//! | 1 | 2.11 |
//! | 2 | 2.12.0 to 2.12.4 |
//! | 3 | 2.12.5 and later |
//! | 4 | 2.14 |
//! | 5 | 2.15 |

use std::fmt;

use super::api::consumer_config::{AckPolicy, ConsumerConfig, PriorityPolicy};
use super::api::direct::DirectGetRequest;
use super::api::source::StreamSource;
use super::api::stream_config::{PersistenceMode, StreamConfig};
use super::schedule::Schedule;

macro_rules! features {
    ($($level:literal { $($(#[doc = $doc:literal])+ $Feature:ident = $name:literal,)* })*) => {
        /// Something that only servers of a certain API level can do.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Feature {
            $($($(#[doc = $doc])+ $Feature,)*)*
        }

        impl Feature {
            /// All of them, in the order of their levels.
            pub const ALL: &[Self] = &[$($(Self::$Feature,)*)*];

            /// The level that it needs.
            pub const fn level(self) -> u32 {
                match self {
                    $($(Self::$Feature => $level,)*)*
                }
            }

            /// Its name, for people.
            pub const fn name(self) -> &'static str {
                match self {
                    $($(Self::$Feature => $name,)*)*
                }
            }
        }
    };
}

features! {
    1 {
        /// `allow_msg_ttl`.
        MessageTtl = "message TTLs (allow_msg_ttl)",
        /// `subject_delete_marker_ttl`.
        DeleteMarkers = "delete markers (subject_delete_marker_ttl)",
        /// `pause_until`, pausing and resuming a consumer.
        Pause = "pausing consumers",
        /// `priority_groups` and `priority_policy`, and letting go of a pinned client.
        PriorityGroups = "priority groups",
        /// Requests that the server refuses rather than putting them right.
        Pedantic = "pedantic requests",
        /// Direct gets of more than one message.
        DirectBatch = "direct gets of several messages",
        /// Direct gets by time.
        DirectByTime = "direct gets by time",
        /// Asking for a certain leader.
        PreferredLeader = "a preferred leader",
        /// What a message expects of the last sequence of other subjects than its own.
        ExpectedSubject = "expecting the last sequence of other subjects",
    }
    2 {
        /// `allow_msg_counter`.
        Counters = "counters (allow_msg_counter)",
        /// `allow_atomic`.
        AtomicPublish = "atomic batches (allow_atomic)",
        /// `allow_msg_schedules`.
        MessageSchedules = "scheduled messages (allow_msg_schedules)",
        /// `persist_mode`.
        AsyncPersistence = "asynchronous persistence (persist_mode)",
        /// The priority policy `prioritized`.
        Prioritized = "the priority policy prioritized",
        /// Direct gets without headers.
        DirectNoHeaders = "direct gets without headers (no_hdr)",
    }
    3 {
        /// The window of a snapshot.
        SnapshotWindow = "the window of a snapshot (window_size)",
    }
    4 {
        /// `allow_batched`.
        BatchPublish = "fast batches (allow_batched)",
        /// The ack policy `flow_control`.
        AckFlowControl = "the ack policy flow_control",
        /// `consumer` of a mirror or source.
        SourceConsumer = "a consumer for a mirror or source",
        /// Resetting a consumer.
        ConsumerReset = "resetting consumers",
        /// Schedules that fire more than once, with a source or with roll-ups.
        RepeatedSchedules = "repeated schedules, their sources and roll-ups",
        /// Committing an atomic batch without another message.
        BatchEnd = "ending a batch without another message",
    }
    5 {
        /// Taking everything from a server.
        PeerEvacuate = "evacuating a server",
        /// Calling off a move.
        CancelMove = "calling off a move",
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Of what is used, the one that needs the highest level.
fn highest<const N: usize>(used: [(bool, Feature); N]) -> Option<Feature> {
    used.into_iter().filter(|(on, _)| *on).map(|(_, feature)| feature).max_by_key(|feature| feature.level())
}

impl StreamConfig {
    /// What in this configuration needs the highest API level; `None` if any server will do.
    ///
    /// ```
    /// use nuncio_proto::js::api::stream_config::StreamConfig;
    /// use nuncio_proto::js::level::Feature;
    ///
    /// assert_eq!(StreamConfig::new("A").needs(), None);
    /// let counter = StreamConfig::new("A").allow_message_counter(true);
    /// assert_eq!(counter.needs(), Some(Feature::Counters));
    /// assert_eq!(Feature::Counters.level(), 2);
    /// ```
    pub fn needs(&self) -> Option<Feature> {
        let by_consumer = |source: &StreamSource| source.consumer.is_some();
        highest([
            (self.allow_message_ttl, Feature::MessageTtl),
            (self.subject_delete_marker_ttl.is_some(), Feature::DeleteMarkers),
            (self.allow_message_counter, Feature::Counters),
            (self.allow_atomic_publish, Feature::AtomicPublish),
            (self.allow_message_schedules, Feature::MessageSchedules),
            (self.persist_mode != PersistenceMode::Default, Feature::AsyncPersistence),
            (self.allow_batch_publish, Feature::BatchPublish),
            (self.mirror.iter().chain(&self.sources).any(by_consumer), Feature::SourceConsumer),
        ])
    }
}

impl ConsumerConfig {
    /// What in this configuration needs the highest API level; `None` if any server will do.
    pub fn needs(&self) -> Option<Feature> {
        let grouped = !self.priority_groups.is_empty()
            || self.priority_policy != PriorityPolicy::None
            || self.priority_timeout.is_some();
        highest([
            (self.pause_until.is_some(), Feature::Pause),
            (grouped, Feature::PriorityGroups),
            (self.priority_policy == PriorityPolicy::Prioritized, Feature::Prioritized),
            (self.ack_policy == AckPolicy::FlowControl, Feature::AckFlowControl),
        ])
    }
}

impl DirectGetRequest {
    /// What in this request needs the highest API level; `None` if any server will do.
    pub fn needs(&self) -> Option<Feature> {
        let batch = self.batch.is_some() || !self.multi_last.is_empty();
        highest([
            (batch, Feature::DirectBatch),
            (self.start_time.is_some() || self.up_to_time.is_some(), Feature::DirectByTime),
            (self.no_headers, Feature::DirectNoHeaders),
        ])
    }
}

impl Schedule {
    /// The level that a message with this schedule needs.
    pub fn needs(&self) -> Feature {
        if self.is_plain() { Feature::MessageSchedules } else { Feature::RepeatedSchedules }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_level_counts() {
        let config = StreamConfig::new("A").allow_message_ttl(true).allow_batch_publish(true);
        assert_eq!(config.needs(), Some(Feature::BatchPublish));
        let config =
            ConsumerConfig::new().priority_groups(["A"]).priority_policy(PriorityPolicy::Prioritized);
        assert_eq!(config.needs(), Some(Feature::Prioritized));
        let mut source = StreamSource::new("B");
        assert_eq!(StreamConfig::new("A").sources([source.clone()]).needs(), None);
        source = source.consumer(super::super::api::source::SourceConsumer::new("c", "d"));
        assert_eq!(StreamConfig::new("A").sources([source.clone()]).needs(), Some(Feature::SourceConsumer));
        assert_eq!(StreamConfig::new("A").mirror(source).needs(), Some(Feature::SourceConsumer));
    }

    #[test]
    fn what_every_server_knows_needs_no_level() {
        assert_eq!(ConsumerConfig::durable("a").filter_subjects(["b", "c"]).needs(), None);
        assert_eq!(DirectGetRequest::sequence(1).needs(), None);
        assert_eq!(DirectGetRequest::sequence(1).no_headers(true).needs(), Some(Feature::DirectNoHeaders));
        assert_eq!(DirectGetRequest::multi_last(["a"]).needs(), Some(Feature::DirectBatch));
    }

    #[test]
    fn only_schedules_that_fire_once_and_have_nothing_more_do_with_the_first_level() {
        use crate::js::schedule::When;
        let once = || Schedule::new(When::At(crate::js::time::Timestamp::now()), "b");
        assert_eq!(once().ttl(std::time::Duration::from_secs(1)).needs(), Feature::MessageSchedules);
        let every = Schedule::new(When::Every(std::time::Duration::from_secs(1)), "b");
        for more in [once().source("a"), once().rollup(), once().time_zone("UTC"), every] {
            assert_eq!(more.needs(), Feature::RepeatedSchedules, "{more:?}");
        }
    }

    #[test]
    fn features_are_listed_by_level() {
        assert!(Feature::ALL.is_sorted_by_key(|feature| feature.level()));
        assert_eq!(Feature::ALL.last().map(|feature| feature.level()), Some(5));
    }
}
