//! Seeing to it that a stream is as it is wanted.

use std::time::Duration;

use nuncio::jetstream::{
    EnsureOutcome, Ensured, FieldChange, Republish, RetentionPolicy, StorageType, StreamConfig, StreamSource,
    SubjectTransform,
};

use crate::support::*;

fn config() -> StreamConfig {
    StreamConfig::new("A").subjects(["a.>"]).storage(StorageType::Memory)
}

fn lines(fields: &[FieldChange]) -> Vec<String> {
    fields.iter().map(ToString::to_string).collect()
}

fn updated(ensured: &Ensured) -> Vec<String> {
    let EnsureOutcome::Updated { diff } = &ensured.outcome else { panic!("{:?}", ensured.outcome) };
    lines(diff)
}

fn conflict(ensured: &Ensured) -> Vec<String> {
    let EnsureOutcome::Conflict { fields } = &ensured.outcome else { panic!("{:?}", ensured.outcome) };
    lines(fields)
}

#[tokio::test]
async fn a_stream_is_created_then_left_alone_then_changed() {
    let (_server, _nc, js) = start().await;
    assert_eq!(js.ensure_stream(config()).await.unwrap().outcome, EnsureOutcome::Created);
    assert_eq!(js.ensure_stream(config()).await.unwrap().outcome, EnsureOutcome::Unchanged);
    let wanted = config().max_messages(5).max_age(Duration::from_secs(3600));
    let ensured = js.ensure_stream(wanted.clone()).await.unwrap();
    assert_eq!(updated(&ensured), ["max_age: unset -> 3600s", "max_msgs: unset -> 5"]);
    assert_eq!(ensured.stream.info().await.unwrap().config.max_messages, Some(5));
    assert_eq!(js.ensure_stream(wanted).await.unwrap().outcome, EnsureOutcome::Unchanged);
    let back = js.ensure_stream(config()).await.unwrap();
    assert_eq!(updated(&back), ["max_age: 3600s -> unset", "max_msgs: 5 -> unset"]);
}

#[tokio::test]
async fn what_cannot_be_changed_is_a_conflict_and_nothing_is_changed() {
    let (_server, _nc, js) = start().await;
    js.create_stream(config()).await.unwrap();
    let wanted = config().storage(StorageType::File).max_messages(5);
    let ensured = js.ensure_stream(wanted).await.unwrap();
    assert_eq!(
        conflict(&ensured),
        ["max_msgs: unset -> 5", r#"storage: "memory" -> "file" (cannot be changed)"#]
    );
    assert_eq!(ensured.stream.info().await.unwrap().config.max_messages, None);
}

/// Every kind of configuration, as the server fills it in, is what was wanted.
#[tokio::test]
async fn a_stream_that_was_just_created_does_not_differ() {
    let (_server, _nc, js) = start().await;
    let second = Duration::from_secs(1);
    let wanted = [
        StreamConfig::new("A"),
        config(),
        config().max_age(second),
        config().retention(RetentionPolicy::WorkQueue),
        config().subject_delete_marker_ttl(second),
        config().allow_message_schedules(true),
        config().allow_message_counter(true),
        config().allow_atomic_publish(true).allow_batch_publish(true),
        config().republish(Republish::new("copy.>")),
        config().subject_transform(SubjectTransform::new("a.x", "a.y")),
        config().allow_direct(true).first_sequence(7).metadata("k", "v"),
        StreamConfig::new("A").mirror(StreamSource::new("O").domain("d").unwrap()),
        StreamConfig::new("A").subjects(["a"]).sources([StreamSource::new("O").filter_subject("o")]),
    ];
    for config in wanted {
        let first = js.ensure_stream(config.clone());
        let first = match config.needs() {
            Some(feature) => able(feature, first).await,
            None => Some(first.await.unwrap()),
        };
        let Some(first) = first else { continue };
        assert_eq!(first.outcome, EnsureOutcome::Created);
        let again = js.ensure_stream(config.clone()).await.unwrap();
        assert_eq!(again.outcome, EnsureOutcome::Unchanged, "{config:?}");
        js.delete_stream("A").await.unwrap();
    }
}

/// The table of what is fixed says what the server says.
#[tokio::test]
async fn what_the_server_refuses_to_change_is_what_is_called_fixed() {
    let (_server, _nc, js) = start().await;
    let plain = config();
    let pairs = [
        (plain.clone(), plain.clone().retention(RetentionPolicy::Interest)),
        (plain.clone(), plain.clone().retention(RetentionPolicy::WorkQueue)),
        (plain.clone(), plain.clone().storage(StorageType::File)),
        (plain.clone(), plain.clone().max_consumers(3)),
        (plain.clone(), plain.clone().allow_message_ttl(true)),
        (plain.clone(), plain.clone().allow_message_schedules(true)),
        (plain.clone(), plain.clone().deny_delete(true)),
        (plain.clone(), plain.clone().deny_purge(true)),
        (plain.clone(), plain.clone().allow_message_counter(true)),
        (plain.clone(), plain.clone().allow_atomic_publish(true)),
        (plain.clone(), plain.clone().allow_batch_publish(true)),
        (plain.clone(), plain.clone().allow_rollup(true)),
        (plain.clone(), plain.clone().allow_direct(true)),
        (StreamConfig::new("A").mirror(StreamSource::new("x")), StreamConfig::new("A")),
        (
            StreamConfig::new("A").mirror(StreamSource::new("x")),
            StreamConfig::new("A").mirror(StreamSource::new("y")),
        ),
    ];
    for (one, other) in pairs {
        if one.needs().or(other.needs()).is_some_and(|feature| feature.level() > level()) {
            continue;
        }
        for (from, to) in [(&one, &other), (&other, &one)] {
            js.create_stream(from.clone()).await.unwrap();
            let fixed = to.diff(from).iter().any(|change| change.fixed);
            let refused = js.update_stream(to.clone()).await.is_err();
            // Servers before 2.12 refuse these too.
            let older = from.max_consumers != to.max_consumers || from.mirror.is_some();
            let fixed = fixed || older && level() < 2;
            assert_eq!(fixed, refused, "{:?}", to.diff(from));
            js.delete_stream("A").await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_stream_that_somebody_creates_meanwhile_is_taken_as_it_is() {
    let (_server, nc, _) = start().await;
    let mut asked = nc.subscribe("fake.>").confirmed().await.unwrap();
    let js = nc.jetstream().prefix("fake").timeout(SOON);
    let present =
        r#"{"config":{"name":"A","subjects":["a.>"],"storage":"memory"},"created":"2026-01-01T00:00:00Z"}"#;
    let answering = async {
        for answer in [
            r#"{"error":{"code":404,"err_code":10059,"description":"stream not found"}}"#,
            r#"{"error":{"code":400,"err_code":10058,"description":"in use"}}"#,
            present,
        ] {
            asked.next().await.unwrap().respond(answer).await.unwrap();
        }
    };
    let (ensured, ()) = both(js.ensure_stream(config()), answering).await;
    assert_eq!(ensured.unwrap().outcome, EnsureOutcome::Unchanged);
}

#[tokio::test]
async fn fields_that_only_the_server_knows_survive() {
    let (_server, nc, _) = start().await;
    let mut asked = nc.subscribe("fake.>").confirmed().await.unwrap();
    let js = nc.jetstream().prefix("fake").timeout(SOON);
    let present = r#"{"config":{"name":"A","subjects":["a.>"],"storage":"memory","newer":7},"created":"2026-01-01T00:00:00Z"}"#;
    let answering = async {
        asked.next().await.unwrap().respond(present).await.unwrap();
        let update = asked.next().await.unwrap();
        update.respond(present).await.unwrap();
        update.json::<serde_json::Value>().unwrap()
    };
    let (ensured, update) = both(js.ensure_stream(config().max_messages(1)), answering).await;
    assert_eq!(updated(&ensured.unwrap()), ["max_msgs: unset -> 1"]);
    assert_eq!((&update["newer"], &update["max_msgs"]), (&7.into(), &1.into()));
}
