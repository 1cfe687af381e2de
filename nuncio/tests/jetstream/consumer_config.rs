//! Each field of a consumer's configuration: set, told by the server, kept when it is written back.

use std::time::Duration;

use nuncio::jetstream::{
    AckPolicy, ConsumerConfig, ConsumerLimits, DeliverPolicy, EnsureOutcome, Error, ErrorCode,
    PriorityPolicy, ReplayPolicy, RetentionPolicy, StorageType, Stream, StreamConfig, Timestamp,
};
use serde_json::Value;

use crate::support::*;

const SECOND: Duration = Duration::from_secs(1);

fn c() -> ConsumerConfig {
    ConsumerConfig::durable("c")
}

fn push() -> ConsumerConfig {
    ConsumerConfig::push("deliver.c").durable_name("c").name("c")
}

fn json(config: &ConsumerConfig) -> Value {
    serde_json::to_value(config).unwrap()
}

async fn on_disk() -> (nuncio_testkit::NatsServer, nuncio::Client, Stream) {
    let (server, nc, js) = start().await;
    let stream = js.create_stream(StreamConfig::new("A").subjects(["a.>"])).await.unwrap();
    (server, nc, stream)
}

/// The field as it is on the wire, and a configuration that sets it.
fn table() -> Vec<(&'static str, ConsumerConfig)> {
    let start_time: Timestamp = "2024-02-03T04:05:06.123456789Z".parse().unwrap();
    let by_sequence = DeliverPolicy::ByStartSequence { start_sequence: 1 << 40 };
    let by_time = DeliverPolicy::ByStartTime { start_time };
    let grouped = |policy| c().priority_policy(policy).priority_groups(["eu"]);
    let pinned = || grouped(PriorityPolicy::PinnedClient);
    vec![
        ("durable_name", c()),
        ("name", ConsumerConfig::named("c").inactive_threshold(SECOND * 60)),
        ("description", c().description("what it <is> & does")),
        ("deliver_policy", c().deliver_policy(DeliverPolicy::Last)),
        ("deliver_policy", c().deliver_policy(DeliverPolicy::New)),
        ("deliver_policy", c().deliver_policy(DeliverPolicy::LastPerSubject).filter_subject(">")),
        ("deliver_policy", c().deliver_policy(by_sequence.clone())),
        ("opt_start_seq", c().deliver_policy(by_sequence)),
        ("deliver_policy", c().deliver_policy(by_time.clone())),
        ("opt_start_time", c().deliver_policy(by_time)),
        ("ack_policy", c()),
        ("ack_policy", c().ack_policy(AckPolicy::All)),
        ("ack_policy", push().ack_policy(AckPolicy::FlowControl).flow_control(true).idle_heartbeat(SECOND)),
        ("ack_wait", c().ack_wait(Duration::from_nanos(1_000_000_001))),
        ("max_deliver", c().max_deliver(5)),
        ("backoff", c().max_deliver(3).backoff([SECOND, SECOND * 5])),
        ("filter_subject", c().filter_subject("a.*.x")),
        ("filter_subjects", c().filter_subjects(["a.x", "a.y.*"])),
        ("replay_policy", c().replay_policy(ReplayPolicy::Original)),
        ("rate_limit_bps", push().rate_limit(1 << 30)),
        ("sample_freq", c().sample_frequency("30%")),
        ("sample_freq", c().sample_frequency("30")),
        ("max_waiting", c().max_waiting(7)),
        ("max_ack_pending", c().max_ack_pending(7)),
        ("max_ack_pending", c().max_ack_pending(-1)),
        ("headers_only", c().headers_only(true)),
        ("max_batch", c().max_batch(7)),
        ("max_expires", c().max_expires(SECOND * 7)),
        ("max_bytes", c().max_bytes(7000)),
        ("flow_control", push().flow_control(true).idle_heartbeat(SECOND)),
        ("idle_heartbeat", push().idle_heartbeat(SECOND)),
        ("deliver_subject", push()),
        ("deliver_group", push().deliver_group("workers")),
        ("inactive_threshold", c().inactive_threshold(SECOND * 90)),
        ("num_replicas", c().num_replicas(1)),
        ("mem_storage", c().memory_storage(true)),
        ("metadata", c().metadata("team", "blue").metadata("empty", "")),
        ("pause_until", c().pause_until("2100-01-02T03:04:05.123456789Z".parse::<Timestamp>().unwrap())),
        ("priority_groups", grouped(PriorityPolicy::Overflow)),
        ("priority_policy", grouped(PriorityPolicy::Overflow)),
        ("priority_policy", pinned()),
        ("priority_policy", grouped(PriorityPolicy::Prioritized)),
        ("priority_timeout", pinned().priority_timeout(SECOND * 9)),
    ]
}

#[tokio::test]
async fn each_field_is_told_as_it_was_set_and_survives_being_written_back() {
    let (_server, nc, stream) = on_disk().await;
    for (field, config) in table() {
        let wanted = json(&config)[field].clone();
        assert!(!wanted.is_null(), "{field} is not set by {config:?}");
        let create = stream.create_consumer(config.clone());
        let made = match config.needs() {
            Some(feature) => able(feature, create).await,
            None => Some(create.await.unwrap_or_else(|error| panic!("{field}: {error}"))),
        };
        let Some(consumer) = made else { continue };
        let kept = consumer_info(&nc, "A", "c").await["config"][field].take();
        assert!(holds(&kept, &wanted), "{field}: {wanted} is kept as {kept}");
        let read = consumer.info().await.unwrap().config;
        assert_eq!(json(&read)[field], wanted, "{field} is read as {read:?}");
        assert_eq!(config.diff(&read, &ConsumerLimits::default()), [], "{field}");

        // What was read is written back with another field changed.
        let written = stream.update_consumer(read.clone().description("changed")).await;
        written.unwrap_or_else(|error| panic!("{field}: {error}"));
        let again = consumer_info(&nc, "A", "c").await["config"].take();
        assert_eq!(again["description"], "changed");
        if field != "description" {
            assert_eq!(again[field], kept, "{field}");
        }
        assert!(holds(&again, &json(&read.description("changed"))), "{field}: {again}");
        consumer.delete().await.unwrap();
    }
}

#[tokio::test]
async fn each_field_can_be_ensured() {
    let (_server, _nc, stream) = on_disk().await;
    for (field, config) in table() {
        if config.needs().is_some_and(|feature| feature.level() > level()) {
            continue;
        }
        let created = stream.ensure_consumer(config.clone()).await.unwrap();
        assert_eq!(created.outcome, EnsureOutcome::Created, "{field}");
        let again = stream.ensure_consumer(config).await.unwrap();
        assert_eq!(again.outcome, EnsureOutcome::Unchanged, "{field}");
        created.consumer.delete().await.unwrap();
    }
}

async fn refused(stream: &Stream, config: ConsumerConfig) -> ErrorCode {
    let error = stream.create_consumer(config.clone()).await.expect_err(&format!("{config:?}"));
    let Error::Api { operation, error } = error else { panic!("{error:?} for {config:?}") };
    assert!(operation.starts_with("$JS.API.CONSUMER.CREATE.A"), "{operation}");
    error.err_code
}

async fn all_refused(stream: &Stream, table: impl IntoIterator<Item = (ConsumerConfig, ErrorCode)>) {
    let mut wrong = Vec::new();
    for (config, expected) in table {
        let code = refused(stream, config.clone()).await;
        if code != expected {
            wrong.push(format!("{code} rather than {expected} for {config:?}"));
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[tokio::test]
async fn configurations_that_cannot_be_are_refused_with_their_code() {
    let (_server, _nc, stream) = on_disk().await;
    let table = [
        (ConsumerConfig::durable("c").name("d"), ErrorCode::CONSUMER_DURABLE_NAME_NOT_MATCH_SUBJECT),
        (c().deliver_policy(DeliverPolicy::LastPerSubject), ErrorCode::CONSUMER_INVALID_POLICY),
        (c().filter_subjects(["a.>", "a.1"]), ErrorCode::CONSUMER_OVERLAPPING_SUBJECT_FILTERS),
        (c().filter_subject("a.1").filter_subjects(["a.2"]), ErrorCode::CONSUMER_DUPLICATE_FILTER_SUBJECTS),
        (c().max_deliver(1).backoff([SECOND; 2]), ErrorCode::CONSUMER_MAX_DELIVER_BACKOFF),
        (c().idle_heartbeat(SECOND), ErrorCode::CONSUMER_HEARTBEAT_REQUIRES_PUSH),
        (c().flow_control(true), ErrorCode::CONSUMER_FLOW_CONTROL_REQUIRES_PUSH),
        (push().flow_control(true), ErrorCode::CONSUMER_WITH_FLOW_CONTROL_NEEDS_HEARTBEATS),
        (push().idle_heartbeat(SECOND / 100), ErrorCode::CONSUMER_SMALL_HEARTBEAT),
        (push().max_waiting(5), ErrorCode::CONSUMER_PUSH_MAX_WAITING),
        (c().rate_limit(1000), ErrorCode::CONSUMER_PULL_WITH_RATE_LIMIT),
        (ConsumerConfig::push("x.*"), ErrorCode::CONSUMER_DELIVER_TO_WILDCARDS),
        (ConsumerConfig::push("a.loop"), ErrorCode::CONSUMER_DELIVER_CYCLE),
        (c().sample_frequency("often"), ErrorCode::CONSUMER_INVALID_SAMPLING),
        (c().description("x".repeat(4097)), ErrorCode::CONSUMER_DESCRIPTION_TOO_LONG),
        (c().metadata("k", "x".repeat(129 * 1024)), ErrorCode::CONSUMER_METADATA_LENGTH),
        (c().num_replicas(3), ErrorCode::STREAM_REPLICAS_NOT_SUPPORTED),
    ];
    all_refused(&stream, table).await;
    assert_eq!(stream.consumer_names().all().await, Ok(vec![]));
}

#[tokio::test]
async fn priority_groups_that_cannot_be_are_refused_with_their_code() {
    needs!(PriorityGroups);
    let (_server, _nc, stream) = on_disk().await;
    let overflow = || c().priority_policy(PriorityPolicy::Overflow);
    let push = push().priority_policy(PriorityPolicy::Overflow).priority_groups(["A"]);
    let mut table = vec![
        (overflow(), ErrorCode::CONSUMER_PRIORITY_POLICY_WITHOUT_GROUP),
        (overflow().priority_groups([""]), ErrorCode::CONSUMER_EMPTY_GROUP_NAME),
        (overflow().priority_groups(["not a name"]), ErrorCode::CONSUMER_INVALID_GROUP_NAME),
    ];
    if level() >= 2 {
        table.push((push, ErrorCode::CONSUMER_PUSH_WITH_PRIORITY_GROUP));
        table.push((c().priority_groups(["A"]), ErrorCode::CONSUMER_PRIORITY_GROUP_WITH_POLICY_NONE));
    }
    all_refused(&stream, table).await;
}

#[tokio::test]
async fn a_pedantic_request_is_refused_rather_than_put_right() {
    needs!(Pedantic);
    let (_server, _nc, js) = start().await;
    let limits = ConsumerLimits::default().inactive_threshold(SECOND * 60);
    let config = StreamConfig::new("A").storage(StorageType::Memory).consumer_limits(limits);
    let stream = js.create_stream(config).await.unwrap();
    let error = stream.create_consumer(c()).pedantic().await.unwrap_err();
    assert_eq!(error.api_error().unwrap().err_code, ErrorCode::PEDANTIC, "{error}");
    // What is not pedantic is put right.
    let made = stream.create_consumer(c()).await.unwrap();
    assert_eq!(made.info().await.unwrap().config.inactive_threshold, Some(SECOND * 60));
}

#[tokio::test]
async fn consumers_of_a_work_queue_follow_its_rules() {
    let (_server, _nc, js) = start().await;
    let queue = StreamConfig::new("A").subjects(["a.>"]).retention(RetentionPolicy::WorkQueue);
    let stream = js.create_stream(queue.storage(StorageType::Memory)).await.unwrap();
    let named = |name: &str| ConsumerConfig::durable(name);
    let first = stream.create_consumer(named("one").filter_subject("a.1")).await.unwrap();
    let table = [
        (named("c"), ErrorCode::CONSUMER_WQ_MULTIPLE_UNFILTERED),
        (named("c").filter_subject("a.*"), ErrorCode::CONSUMER_WQ_CONSUMER_NOT_UNIQUE),
        (
            named("c").filter_subject("a.2").deliver_policy(DeliverPolicy::Last),
            ErrorCode::CONSUMER_WQ_CONSUMER_NOT_DELIVER_ALL,
        ),
        (
            ConsumerConfig::push("x").filter_subject("a.2").ack_policy(AckPolicy::None),
            ErrorCode::CONSUMER_WQ_REQUIRES_EXPLICIT_ACK,
        ),
    ];
    all_refused(&stream, table).await;
    stream.create_consumer(named("two").filter_subject("a.2")).await.unwrap();
    first.delete().await.unwrap();
}

#[tokio::test]
async fn a_stream_limits_its_consumers() {
    let (_server, _nc, js) = start().await;
    let limits = ConsumerLimits::default().max_ack_pending(10).inactive_threshold(SECOND * 60);
    let config = StreamConfig::new("A").storage(StorageType::Memory).consumer_limits(limits);
    let stream = js.create_stream(config).await.unwrap();
    assert_eq!(refused(&stream, c().max_ack_pending(11)).await, ErrorCode::CONSUMER_MAX_PENDING_ACK_EXCESS);
    let long = c().inactive_threshold(SECOND * 61);
    assert_eq!(refused(&stream, long).await, ErrorCode::CONSUMER_INACTIVE_THRESHOLD_EXCESS);
    let made = stream.ensure_consumer(c()).await.unwrap();
    assert_eq!(made.consumer.cached_info().unwrap().config.max_ack_pending, Some(10));
    // What the stream has set is no difference.
    assert_eq!(stream.ensure_consumer(c()).await.unwrap().outcome, EnsureOutcome::Unchanged);
}
