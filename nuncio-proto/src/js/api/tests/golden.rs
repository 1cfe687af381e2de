//! What is sent holds only what was set.

use std::time::Duration;

use serde::Serialize;

use super::*;
use crate::js::api::consumer::{ConsumerRequest, CreateAction, ResetRequest, UnpinRequest};
use crate::js::api::consumer_config::{
    AckPolicy, ConsumerConfig, DeliverPolicy, PriorityPolicy, ReplayPolicy,
};
use crate::js::api::message::GetMessageRequest;
use crate::js::api::pause::PauseRequest;
use crate::js::api::purge::{DeleteMessageRequest, PurgeRequest};
use crate::js::api::snapshot::SnapshotRequest;
use crate::js::api::source::{
    External, Placement, Republish, SourceConsumer, StreamSource, SubjectTransform,
};
use crate::js::api::stream::{PeerRequest, StepDownRequest, StreamRequest};
use crate::js::api::stream_config::{
    Compression, ConsumerLimits, DiscardPolicy, PersistenceMode, RetentionPolicy, StorageType, StreamConfig,
};
use crate::js::time::Timestamp;

fn text(body: &impl Serialize) -> String {
    serde_json::to_string(body).unwrap()
}

fn second() -> Duration {
    Duration::from_secs(1)
}

#[test]
fn a_stream_of_defaults_is_its_name() {
    assert_eq!(text(&StreamConfig::new("A")), r#"{"name":"A"}"#);
    let defaults = StreamConfig::new("A")
        .retention(RetentionPolicy::Limits)
        .storage(StorageType::File)
        .allow_direct(false)
        .subjects(Vec::<String>::new())
        .consumer_limits(ConsumerLimits::default());
    assert_eq!(text(&StreamRequest::new(&defaults, false)), r#"{"name":"A"}"#);
    assert_eq!(text(&StreamRequest::new(&defaults, true)), r#"{"name":"A","pedantic":true}"#);
}

#[test]
fn every_field_of_a_stream_has_its_name_on_the_wire() {
    let start = Timestamp::from_nanos(1_500_000_000);
    let config = StreamConfig::new("A")
        .description("d")
        .subjects(["a", "b.>"])
        .retention(RetentionPolicy::WorkQueue)
        .max_consumers(1)
        .max_messages(2)
        .max_bytes(3)
        .max_age(second())
        .max_messages_per_subject(4)
        .max_message_size(5)
        .discard(DiscardPolicy::New)
        .discard_new_per_subject(true)
        .storage(StorageType::Memory)
        .num_replicas(3)
        .no_ack(true)
        .duplicate_window(second())
        .placement(Placement::new().cluster("c").tags(["t"]))
        .mirror(StreamSource::new("M").start_sequence(6).external(External::new("x.API").deliver("y")))
        .sources([StreamSource::new("S")
            .start_time(start)
            .subject_transforms([SubjectTransform::new("s", "d")])
            .consumer(SourceConsumer::new("sc", "sd"))])
        .compression(Compression::S2)
        .first_sequence(7)
        .subject_transform(SubjectTransform::new("p", "q"))
        .republish(Republish::new("r.>").source("a").headers_only(true))
        .allow_direct(true)
        .mirror_direct(true)
        .sealed(true)
        .deny_delete(true)
        .deny_purge(true)
        .allow_rollup(true)
        .consumer_limits(ConsumerLimits::default().inactive_threshold(second()).max_ack_pending(8))
        .allow_message_ttl(true)
        .subject_delete_marker_ttl(second())
        .allow_message_counter(true)
        .allow_atomic_publish(true)
        .allow_message_schedules(true)
        .persist_mode(PersistenceMode::Async)
        .allow_batch_publish(true)
        .metadata("k", "v")
        .metadata("_nats.ver", "never sent");
    let expected = json!({
        "name": "A", "description": "d", "subjects": ["a", "b.>"], "retention": "workqueue", "max_consumers": 1,
        "max_msgs": 2, "max_bytes": 3, "max_age": 1_000_000_000, "max_msgs_per_subject": 4, "max_msg_size": 5,
        "discard": "new", "discard_new_per_subject": true, "storage": "memory", "num_replicas": 3, "no_ack": true,
        "duplicate_window": 1_000_000_000, "placement": {"cluster": "c", "tags": ["t"]},
        "mirror": {"name": "M", "opt_start_seq": 6, "external": {"api": "x.API", "deliver": "y"}},
        "sources": [{"name": "S", "opt_start_time": "1970-01-01T00:00:01.5Z",
            "subject_transforms": [{"src": "s", "dest": "d"}],
            "consumer": {"name": "sc", "deliver_subject": "sd"}}],
        "compression": "s2", "first_seq": 7, "subject_transform": {"src": "p", "dest": "q"},
        "republish": {"src": "a", "dest": "r.>", "headers_only": true}, "allow_direct": true, "mirror_direct": true,
        "sealed": true, "deny_delete": true, "deny_purge": true, "allow_rollup_hdrs": true,
        "consumer_limits": {"inactive_threshold": 1_000_000_000, "max_ack_pending": 8}, "allow_msg_ttl": true,
        "subject_delete_marker_ttl": 1_000_000_000, "allow_msg_counter": true, "allow_atomic": true,
        "allow_msg_schedules": true, "persist_mode": "async", "allow_batched": true, "metadata": {"k": "v"},
    });
    assert_eq!(serde_json::to_value(&config).unwrap(), expected);
    assert_eq!(serde_json::from_value::<StreamConfig>(expected).unwrap(), config);
}

#[test]
fn a_consumer_of_defaults_still_says_what_has_to_be_acknowledged() {
    assert_eq!(text(&ConsumerConfig::new()), r#"{"ack_policy":"explicit"}"#);
    assert_eq!(text(&ConsumerConfig::new().ack_policy(AckPolicy::None)), "{}");
    assert_eq!(text(&ConsumerConfig::named("a")), r#"{"name":"a","ack_policy":"explicit"}"#);
}

#[test]
fn every_field_of_a_consumer_has_its_name_on_the_wire() {
    let config = ConsumerConfig::durable("a")
        .description("d")
        .deliver_policy(DeliverPolicy::ByStartSequence { start_sequence: 1 })
        .ack_policy(AckPolicy::All)
        .ack_wait(second())
        .max_deliver(2)
        .backoff([second()])
        .filter_subject("f")
        .filter_subjects(["g"])
        .replay_policy(ReplayPolicy::Original)
        .rate_limit(3)
        .sample_frequency("30%")
        .max_waiting(4)
        .max_ack_pending(-1)
        .headers_only(true)
        .max_batch(5)
        .max_expires(second())
        .max_bytes(6)
        .flow_control(true)
        .deliver_subject("ds")
        .deliver_group("dg")
        .idle_heartbeat(second())
        .inactive_threshold(second())
        .num_replicas(3)
        .memory_storage(true)
        .metadata("k", "v")
        .pause_until(Timestamp::from_nanos(1))
        .priority_groups(["A"])
        .priority_policy(PriorityPolicy::Overflow)
        .priority_timeout(second());
    let expected = json!({
        "durable_name": "a", "name": "a", "description": "d", "deliver_policy": "by_start_sequence",
        "opt_start_seq": 1, "ack_policy": "all", "ack_wait": 1_000_000_000, "max_deliver": 2,
        "backoff": [1_000_000_000], "filter_subject": "f", "filter_subjects": ["g"], "replay_policy": "original",
        "rate_limit_bps": 3, "sample_freq": "30%", "max_waiting": 4, "max_ack_pending": -1, "headers_only": true,
        "max_batch": 5, "max_expires": 1_000_000_000, "max_bytes": 6, "flow_control": true, "deliver_subject": "ds",
        "deliver_group": "dg", "idle_heartbeat": 1_000_000_000, "inactive_threshold": 1_000_000_000,
        "num_replicas": 3, "mem_storage": true, "metadata": {"k": "v"}, "pause_until": "1970-01-01T00:00:00.000000001Z",
        "priority_groups": ["A"], "priority_policy": "overflow", "priority_timeout": 1_000_000_000,
    });
    assert_eq!(serde_json::to_value(&config).unwrap(), expected);
    assert_eq!(serde_json::from_value::<ConsumerConfig>(expected).unwrap(), config);
}

#[test]
fn deliver_policies_send_the_start_that_is_theirs() {
    let policy = |policy| text(&ConsumerConfig::new().ack_policy(AckPolicy::None).deliver_policy(policy));
    assert_eq!(policy(DeliverPolicy::All), "{}");
    assert_eq!(policy(DeliverPolicy::Last), r#"{"deliver_policy":"last"}"#);
    assert_eq!(policy(DeliverPolicy::New), r#"{"deliver_policy":"new"}"#);
    assert_eq!(policy(DeliverPolicy::LastPerSubject), r#"{"deliver_policy":"last_per_subject"}"#);
    assert_eq!(
        policy(DeliverPolicy::ByStartTime { start_time: Timestamp::UNIX_EPOCH }),
        r#"{"deliver_policy":"by_start_time","opt_start_time":"1970-01-01T00:00:00Z"}"#
    );
    let unknown: ConsumerConfig = serde_json::from_str(r#"{"deliver_policy":"random"}"#).unwrap();
    assert_eq!(unknown.deliver_policy, DeliverPolicy::Unknown("random".into()));
    assert_eq!(text(&unknown), r#"{"deliver_policy":"random","ack_policy":"explicit"}"#);
}

#[test]
fn the_subject_of_a_consumer_names_it_and_its_only_filter() {
    let parts = |config: &ConsumerConfig| {
        ConsumerRequest::new("S", config, CreateAction::Create, false).subject_parts().join(".")
    };
    assert_eq!(parts(&ConsumerConfig::new()), "CONSUMER.CREATE.S");
    assert_eq!(parts(&ConsumerConfig::new().filter_subject("a")), "CONSUMER.CREATE.S");
    let named = ConsumerConfig::named("c");
    assert_eq!(parts(&named), "CONSUMER.CREATE.S.c");
    assert_eq!(parts(&named.clone().filter_subject("a.>")), "CONSUMER.CREATE.S.c.a.>");
    assert_eq!(parts(&named.clone().filter_subjects(["a", "b"])), "CONSUMER.CREATE.S.c");
    assert_eq!(parts(&named.clone().filter_subject("a").filter_subjects(["b"])), "CONSUMER.CREATE.S.c");
    assert_eq!(parts(&named.filter_subject("not a subject")), "CONSUMER.CREATE.S.c");
    let mut durable = ConsumerConfig::durable("d");
    durable.name = None;
    assert_eq!(parts(&durable), "CONSUMER.CREATE.S.d");
}

#[test]
fn actions_are_words_and_the_plain_one_is_left_out() {
    let config = ConsumerConfig::new();
    let body = |action, pedantic| text(&ConsumerRequest::new("S", &config, action, pedantic));
    assert_eq!(
        body(CreateAction::CreateOrUpdate, false),
        r#"{"stream_name":"S","config":{"ack_policy":"explicit"}}"#
    );
    assert_eq!(
        body(CreateAction::Create, true),
        r#"{"stream_name":"S","config":{"ack_policy":"explicit"},"action":"create","pedantic":true}"#
    );
    assert!(body(CreateAction::Update, false).ends_with(r#""action":"update"}"#));
}

#[test]
fn small_bodies_are_what_the_server_reads() {
    assert_eq!(text(&PurgeRequest::new().sequence(7)), r#"{"seq":7}"#);
    assert_eq!(text(&DeleteMessageRequest::delete(1)), r#"{"seq":1,"no_erase":true}"#);
    assert_eq!(text(&DeleteMessageRequest::erase(1)), r#"{"seq":1}"#);
    assert_eq!(text(&GetMessageRequest::sequence(1)), r#"{"seq":1}"#);
    assert_eq!(text(&GetMessageRequest::last_by_subject("a")), r#"{"last_by_subj":"a"}"#);
    assert_eq!(text(&PauseRequest::resume()), "{}");
    assert_eq!(
        text(&PauseRequest::until(Timestamp::UNIX_EPOCH)),
        r#"{"pause_until":"1970-01-01T00:00:00Z"}"#
    );
    assert_eq!(text(&UnpinRequest::new("A")), r#"{"group":"A"}"#);
    assert_eq!(text(&ResetRequest::new(None)), "{}");
    assert_eq!(text(&ResetRequest::new(Some(3))), r#"{"seq":3}"#);
    assert_eq!(text(&StepDownRequest::new(Some("n2"))), r#"{"placement":{"preferred":"n2"}}"#);
    assert_eq!(text(&StepDownRequest::new(None)), "{}");
    assert_eq!(text(&PeerRequest::new("n2")), r#"{"peer":"n2"}"#);
    assert_eq!(text(&SnapshotRequest::new("d")), r#"{"deliver_subject":"d"}"#);
}
