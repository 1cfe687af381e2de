//! Consumers.

use std::time::Duration;

use serde_json::{Map, Value};

use super::{FieldChange, changes, fields};
use crate::js::api::consumer_config::{AckPolicy, ConsumerConfig, PriorityPolicy};
use crate::js::api::stream_config::ConsumerLimits;

/// What the server takes unless told.
const ACK_WAIT: Duration = Duration::from_secs(30);
const MAX_ACK_PENDING: i64 = 1000;
const MAX_WAITING: u64 = 512;
const INACTIVE: Duration = Duration::from_secs(5);
const PINNED: Duration = Duration::from_secs(120);

impl ConsumerConfig {
    /// In which fields `server`, the configuration that a consumer has, differs from this one, which is wanted, in the order
    /// of their names. `limits` are those that the stream sets its consumers: what the server takes for
    /// [`max_ack_pending`](Self::max_ack_pending) and [`inactive_threshold`](Self::inactive_threshold) unless told.
    ///
    /// What is not set here counts as what the server makes of it, so that the configuration of a consumer that was just
    /// created from this one does not differ. Metadata of the server's own is left out, and so are fields that this
    /// version does not know, unless they are set here. So is [`pause_until`](Self::pause_until), which only counts at
    /// creation: a consumer that was paused meanwhile is to stay so.
    ///
    /// ```
    /// use nuncio_proto::js::api::consumer_config::ConsumerConfig;
    /// use nuncio_proto::js::api::stream_config::ConsumerLimits;
    ///
    /// let has = ConsumerConfig::durable("worker").max_ack_pending(1000);
    /// let limits = ConsumerLimits::default();
    /// assert_eq!(ConsumerConfig::durable("worker").diff(&has, &limits), []);
    /// let changes = ConsumerConfig::durable("worker").max_ack_pending(5).diff(&has, &limits);
    /// assert_eq!(changes[0].to_string(), "max_ack_pending: 1000 -> 5");
    /// ```
    pub fn diff(&self, server: &Self, limits: &ConsumerLimits) -> Vec<FieldChange> {
        let unknown =
            |field: &str, _: &Value| server.extra.contains_key(field) && !self.extra.contains_key(field);
        changes(&self.completed(limits), &server.completed(limits), unknown, is_fixed)
    }

    /// The fields as they are once the server has filled in what is not set.
    fn completed(&self, limits: &ConsumerLimits) -> Map<String, Value> {
        let mut config = self.clone();
        config.pause_until = None;
        config.name = config.any_name().map(Into::into);
        // The first of them takes the place of what is set.
        config.ack_wait = config.backoff.first().copied().or(config.ack_wait);
        if config.ack_policy != AckPolicy::None {
            config.ack_wait.get_or_insert(ACK_WAIT);
            let most = if limits.max_ack_pending > 0 { limits.max_ack_pending } else { MAX_ACK_PENDING };
            config.max_ack_pending.get_or_insert(most);
        }
        if config.deliver_subject.is_none() {
            config.max_waiting.get_or_insert(MAX_WAITING);
        }
        let inactive = limits.inactive_threshold.or(config.durable_name.is_none().then_some(INACTIVE));
        config.inactive_threshold = config.inactive_threshold.or(inactive);
        if config.priority_policy == PriorityPolicy::PinnedClient {
            config.priority_timeout.get_or_insert(PINNED);
        }
        let words = [
            ("deliver_policy", "all"),
            ("ack_policy", "none"),
            ("replay_policy", "instant"),
            ("priority_policy", "none"),
        ];
        fields(&config, &words)
    }
}

/// Whether the server refuses this change (seen on 2.15.1).
fn is_fixed(field: &str, from: &Value, to: &Value) -> bool {
    match field {
        "name" | "durable_name" | "deliver_policy" | "opt_start_seq" | "opt_start_time" | "ack_policy"
        | "replay_policy" | "idle_heartbeat" | "flow_control" | "max_waiting" | "mem_storage" => true,
        // It stays a push consumer, or a pull consumer.
        "deliver_subject" => from.is_null() || to.is_null(),
        _ => false,
    }
}
