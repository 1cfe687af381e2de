//! Each field of a stream's configuration: set, told by the server, kept when it is written back.

use std::time::Duration;

use nuncio::jetstream::{
    AckPolicy, Compression, ConsumerConfig, ConsumerLimits, DiscardPolicy, EnsureOutcome, Error, ErrorCode,
    External, JetStream, PersistenceMode, Republish, RetentionPolicy, SourceConsumer, StorageType,
    StreamConfig, StreamSource, SubjectTransform, Timestamp,
};
use serde_json::Value;

use crate::support::*;

const SECOND: Duration = Duration::from_secs(1);

fn config() -> StreamConfig {
    StreamConfig::new("A").subjects(["a.>"]).storage(StorageType::Memory)
}

fn json(config: &StreamConfig) -> Value {
    serde_json::to_value(config).unwrap()
}

fn start_time() -> Timestamp {
    "2024-02-03T04:05:06.123456789Z".parse().unwrap()
}

/// The field as it is on the wire, and a configuration that sets it.
fn table() -> Vec<(&'static str, StreamConfig)> {
    let transform = SubjectTransform::new("a.*", "b.{{wildcard(1)}}");
    let mirror = |source: StreamSource| StreamConfig::new("A").storage(StorageType::Memory).mirror(source);
    let origin = || StreamSource::new("O");
    vec![
        ("name", config()),
        ("description", config().description("what it <is> & does")),
        ("subjects", config().subjects(["a.x", "a.*.y"])),
        ("retention", config().retention(RetentionPolicy::Interest)),
        ("retention", config().retention(RetentionPolicy::WorkQueue)),
        ("max_consumers", config().max_consumers(3)),
        ("max_msgs", config().max_messages(u64::try_from(i64::MAX).unwrap())),
        ("max_bytes", config().max_bytes(1 << 20)),
        ("max_msgs_per_subject", config().max_messages_per_subject(7)),
        ("max_msg_size", config().max_message_size(1000)),
        ("max_age", config().max_age(Duration::from_nanos(3_600_000_000_001))),
        ("discard", config().discard(DiscardPolicy::New)),
        (
            "discard_new_per_subject",
            config().discard(DiscardPolicy::New).max_messages_per_subject(1).discard_new_per_subject(true),
        ),
        ("storage", config()),
        ("num_replicas", config().num_replicas(1)),
        ("no_ack", config().no_ack(true)),
        ("duplicate_window", config().duplicate_window(SECOND)),
        ("mirror", mirror(origin())),
        ("mirror", mirror(origin().start_sequence(9))),
        ("mirror", mirror(origin().start_time(start_time()))),
        ("mirror", mirror(origin().filter_subject("o.>"))),
        ("mirror", mirror(origin().subject_transforms([transform.clone()]))),
        ("mirror", mirror(origin().external(External::new("from.acme").deliver("deliver.acme")))),
        ("mirror", mirror(origin().domain("leaf").unwrap())),
        ("sources", config().sources([origin().start_sequence(9), StreamSource::new("P")])),
        ("sources", config().sources([origin().start_time(start_time()).filter_subject("o.>")])),
        ("sources", config().sources([origin().subject_transforms([transform.clone()])])),
        ("sources", config().sources([origin().domain("leaf").unwrap()])),
        ("sources", config().sources([origin().consumer(SourceConsumer::new("feed", "feed.a"))])),
        ("compression", config().storage(StorageType::File).compression(Compression::S2)),
        ("first_seq", config().first_sequence(1 << 40)),
        ("subject_transform", config().subject_transform(transform)),
        ("republish", config().republish(Republish::new("copy.>"))),
        (
            "republish",
            config().republish(Republish::new("copy.{{wildcard(1)}}").source("a.*").headers_only(true)),
        ),
        ("allow_direct", config().allow_direct(true)),
        ("mirror_direct", mirror(origin()).mirror_direct(true)),
        ("deny_delete", config().deny_delete(true)),
        ("deny_purge", config().deny_purge(true)),
        ("allow_rollup_hdrs", config().allow_rollup(true)),
        (
            "consumer_limits",
            config().consumer_limits(
                ConsumerLimits::default().inactive_threshold(SECOND * 60).max_ack_pending(5),
            ),
        ),
        ("metadata", config().metadata("team", "blue").metadata("empty", "")),
        ("allow_msg_ttl", config().allow_message_ttl(true)),
        ("subject_delete_marker_ttl", config().subject_delete_marker_ttl(SECOND * 5)),
        ("allow_msg_counter", config().allow_message_counter(true)),
        ("allow_atomic", config().allow_atomic_publish(true)),
        ("allow_msg_schedules", config().allow_message_schedules(true)),
        ("persist_mode", config().storage(StorageType::File).persist_mode(PersistenceMode::Async)),
        ("allow_batched", config().allow_batch_publish(true)),
    ]
}

async fn made(js: &JetStream, config: &StreamConfig) -> bool {
    // A consumer that is to feed a stream has to be there beforehand.
    if config.sources.iter().any(|source| source.consumer.is_some()) && level() >= 4 {
        let origin = StreamConfig::new("O").storage(StorageType::Memory);
        let origin = js.create_stream(origin).await.unwrap();
        let feed = ConsumerConfig::push("feed.a")
            .durable_name("feed")
            .ack_policy(AckPolicy::FlowControl)
            .flow_control(true)
            .idle_heartbeat(SECOND);
        origin.create_consumer(feed).await.unwrap();
    }
    match config.needs() {
        Some(feature) => able(feature, js.create_stream(config.clone())).await.is_some(),
        None => js.create_stream(config.clone()).await.unwrap().name() == "A",
    }
}

#[tokio::test]
async fn each_field_is_told_as_it_was_set_and_survives_being_written_back() {
    let (_server, nc, js) = start().await;
    for (field, config) in table() {
        let wanted = json(&config)[field].clone();
        assert!(!wanted.is_null(), "{field} is not set by {config:?}");
        if !made(&js, &config).await {
            let newer = config.needs().expect("a stream that is not made needs newer servers");
            assert!(newer.level() > level(), "{field}");
            continue;
        }
        let kept = raw(&nc, "STREAM.INFO.A", "").await["config"][field].take();
        assert!(holds(&kept, &wanted), "{field}: {wanted} is kept as {kept}");
        let stream = js.get_stream("A").await.unwrap();
        let read = stream.cached_info().unwrap().config.clone();
        assert!(holds(&json(&read)[field], &wanted), "{field}: {wanted} is read as {read:?}");
        assert_eq!(config.diff(&read), [], "{field}");

        // What was read is written back with another field changed.
        js.update_stream(read.clone().description("changed"))
            .await
            .unwrap_or_else(|e| panic!("{field}: {e}"));
        let again = raw(&nc, "STREAM.INFO.A", "").await["config"].take();
        assert_eq!(again["description"], "changed");
        if field != "description" {
            assert_eq!(again[field], kept, "{field}");
            assert!(holds(&again, &json(&read.description("changed"))), "{field}: {again}");
        }
        for name in js.stream_names().all().await.unwrap() {
            js.delete_stream(name).await.unwrap();
        }
    }
}

#[tokio::test]
async fn each_field_can_be_ensured() {
    let (_server, _nc, js) = start().await;
    for (field, config) in table() {
        if config.needs().is_some_and(|feature| feature.level() > level()) || !config.sources.is_empty() {
            continue;
        }
        assert_eq!(
            js.ensure_stream(config.clone()).await.unwrap().outcome,
            EnsureOutcome::Created,
            "{field}"
        );
        let again = js.ensure_stream(config).await.unwrap().outcome;
        assert_eq!(again, EnsureOutcome::Unchanged, "{field}");
        js.delete_stream("A").await.unwrap();
    }
}

/// The reasons are the server's; the codes and the name of the call are what programs and people go by.
#[tokio::test]
async fn configurations_that_cannot_be_are_refused_with_their_code() {
    let (_server, _nc, js) = start().await;
    let origin = || StreamSource::new("O");
    let transform = |source: &str| SubjectTransform::new(source, "b");
    let both = origin().filter_subject("o.>").subject_transforms([transform("o.a")]);
    let overlap = origin().subject_transforms([transform("o.*"), transform("o.a")]);
    let mirror = |source| StreamConfig::new("A").mirror(source);
    let table = [
        (config().max_age(Duration::from_millis(99)), ErrorCode::STREAM_INVALID_CONFIG),
        (config().duplicate_window(Duration::from_millis(99)), ErrorCode::STREAM_INVALID_CONFIG),
        (config().max_age(SECOND).duplicate_window(SECOND * 2), ErrorCode::STREAM_INVALID_CONFIG),
        (config().description("x".repeat(4097)), ErrorCode::STREAM_INVALID_CONFIG),
        (config().metadata("k", "x".repeat(129 * 1024)), ErrorCode::STREAM_INVALID_CONFIG),
        (config().subjects(["a.>", "a.b"]), ErrorCode::STREAM_INVALID_CONFIG),
        (config().subjects([">"]), ErrorCode::STREAM_INVALID_CONFIG),
        (config().discard_new_per_subject(true), ErrorCode::STREAM_INVALID_CONFIG),
        (config().deny_purge(true).allow_rollup(true), ErrorCode::STREAM_INVALID_CONFIG),
        (config().mirror_direct(true), ErrorCode::STREAM_INVALID_CONFIG),
        (config().sealed(true), ErrorCode::STREAM_INVALID_CONFIG),
        (config().num_replicas(6), ErrorCode::STREAM_INVALID_CONFIG),
        (config().num_replicas(3), ErrorCode::STREAM_REPLICAS_NOT_SUPPORTED),
        (config().mirror(origin()), ErrorCode::MIRROR_WITH_SUBJECTS),
        (mirror(origin()).sources([origin()]), ErrorCode::MIRROR_WITH_SOURCES),
        (mirror(origin()).first_sequence(5), ErrorCode::MIRROR_WITH_FIRST_SEQ),
        (mirror(both.clone()), ErrorCode::MIRROR_MULTIPLE_FILTERS_NOT_ALLOWED),
        (mirror(overlap.clone()), ErrorCode::MIRROR_OVERLAPPING_SUBJECT_FILTERS),
        (config().sources([both]), ErrorCode::SOURCE_MULTIPLE_FILTERS_NOT_ALLOWED),
        (config().sources([overlap]), ErrorCode::SOURCE_OVERLAPPING_SUBJECT_FILTERS),
        (config().sources([origin(), origin()]), ErrorCode::SOURCE_DUPLICATE_DETECTED),
    ];
    let mut wrong = Vec::new();
    for (config, expected) in table {
        let error = js.create_stream(config.clone()).await.expect_err(&format!("{config:?}"));
        let Error::Api { operation, error } = error else { panic!("{error:?}") };
        assert_eq!(operation, "$JS.API.STREAM.CREATE.A");
        if error.err_code != expected {
            wrong.push(format!("{error} rather than {expected} for {config:?}"));
        }
    }
    assert_eq!(wrong, [""; 0]);
    assert_eq!(js.stream_names().all().await, Ok(vec![]));
}

#[tokio::test]
async fn what_is_sealed_stays_so() {
    let (_server, nc, js) = start().await;
    let stream = js.create_stream(config()).await.unwrap();
    stream.update(config().sealed(true)).await.unwrap();
    assert_eq!(raw(&nc, "STREAM.INFO.A", "").await["config"]["sealed"], true);
    let ensured = js.ensure_stream(config()).await.unwrap();
    let EnsureOutcome::Conflict { fields } = ensured.outcome else { panic!("{:?}", ensured.outcome) };
    assert!(fields.iter().any(|change| change.field == "sealed" && change.fixed), "{fields:?}");
}

/// A stream with a field that this version does not know, and a server that has it.
#[tokio::test]
async fn a_field_that_no_server_knows_is_refused_by_those_that_are_strict() {
    let (_server, _nc, js) = start().await;
    let mut unknown = config();
    unknown.extra.insert("colour".into(), "blue".into());
    let outcome = js.create_stream(unknown).await;
    if level() < 2 {
        assert_eq!(outcome.unwrap().name(), "A");
        return;
    }
    let error = outcome.unwrap_err();
    assert_eq!(error.api_error().unwrap().err_code, ErrorCode::INVALID_JSON);
    assert!(error.to_string().ends_with("the server may be too old for a field that is set"), "{error}");
}
