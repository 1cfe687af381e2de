//! Seeing to it that a consumer is as it is wanted.

use std::time::{Duration, SystemTime};

use nuncio::jetstream::{
    AckPolicy, ConsumerConfig, ConsumerLimits, DeliverPolicy, EnsureOutcome, EnsuredConsumer, Error,
    NameKind, ReplayPolicy, StorageType, Stream, StreamConfig,
};

use crate::support::*;

const SECOND: Duration = Duration::from_secs(1);

async fn with_stream() -> (nuncio_testkit::NatsServer, nuncio::Client, Stream) {
    let (server, nc, js) = start().await;
    let config = StreamConfig::new("A").subjects(["a.>"]).storage(StorageType::Memory);
    let stream = js.create_stream(config).await.unwrap();
    (server, nc, stream)
}

fn c() -> ConsumerConfig {
    ConsumerConfig::durable("c")
}

fn updated(ensured: &EnsuredConsumer) -> Vec<String> {
    let EnsureOutcome::Updated { diff } = &ensured.outcome else { panic!("{:?}", ensured.outcome) };
    diff.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn a_consumer_is_created_then_left_alone_then_changed() {
    let (_server, _nc, stream) = with_stream().await;
    assert_eq!(stream.ensure_consumer(c()).await.unwrap().outcome, EnsureOutcome::Created);
    assert_eq!(stream.ensure_consumer(c()).await.unwrap().outcome, EnsureOutcome::Unchanged);
    let wanted = c().max_ack_pending(5).ack_wait(SECOND * 7).filter_subject("a.1");
    let ensured = stream.ensure_consumer(wanted.clone()).await.unwrap();
    assert_eq!(
        updated(&ensured),
        ["ack_wait: 30s -> 7s", r#"filter_subject: unset -> "a.1""#, "max_ack_pending: 1000 -> 5"]
    );
    assert_eq!(ensured.consumer.info().await.unwrap().config.max_ack_pending, Some(5));
    assert_eq!(stream.ensure_consumer(wanted).await.unwrap().outcome, EnsureOutcome::Unchanged);
    let back = stream.ensure_consumer(c()).await.unwrap();
    assert_eq!(
        updated(&back),
        ["ack_wait: 7s -> 30s", r#"filter_subject: "a.1" -> unset"#, "max_ack_pending: 5 -> 1000"]
    );
}

#[tokio::test]
async fn what_cannot_be_changed_is_a_conflict_and_nothing_is_changed() {
    let (_server, _nc, stream) = with_stream().await;
    stream.create_consumer(c()).await.unwrap();
    let wanted = c().ack_policy(AckPolicy::All).max_deliver(3).backoff([SECOND, SECOND * 2]);
    let ensured = stream.ensure_consumer(wanted).await.unwrap();
    let EnsureOutcome::Conflict { fields } = &ensured.outcome else { panic!("{:?}", ensured.outcome) };
    let fields: Vec<_> = fields.iter().map(ToString::to_string).collect();
    assert_eq!(
        fields,
        [
            r#"ack_policy: "explicit" -> "all" (cannot be changed)"#,
            "ack_wait: 30s -> 1s",
            "backoff: unset -> [1s, 2s]",
            "max_deliver: unset -> 3"
        ]
    );
    assert_eq!(ensured.consumer.info().await.unwrap().config.max_deliver, None);
}

/// The table of what is fixed says what the server says.
#[tokio::test]
async fn what_the_server_refuses_to_change_is_what_is_called_fixed() {
    let (_server, _nc, stream) = with_stream().await;
    let push = || ConsumerConfig::push("deliver.c").durable_name("c").name("c");
    let start = |start_sequence| DeliverPolicy::ByStartSequence { start_sequence };
    let pairs = [
        (c(), c().description("new")),
        (c(), c().deliver_policy(DeliverPolicy::New)),
        (c().deliver_policy(start(1)), c().deliver_policy(start(2))),
        (c(), c().ack_policy(AckPolicy::All)),
        (c(), c().ack_wait(SECOND)),
        (c(), c().max_deliver(5)),
        (c().max_deliver(5), c().max_deliver(5).backoff([SECOND])),
        (c(), c().filter_subject("a.x")),
        (c(), c().filter_subjects(["a.x", "a.y"])),
        (c(), c().replay_policy(ReplayPolicy::Original)),
        (push(), push().rate_limit(1 << 20)),
        (c(), c().sample_frequency("50%")),
        (c(), c().max_waiting(5)),
        (c(), c().max_ack_pending(5)),
        (c(), c().headers_only(true)),
        (c(), c().max_batch(5)),
        (c(), c().max_expires(SECOND)),
        (c(), c().max_bytes(1000)),
        (push().idle_heartbeat(SECOND), push().idle_heartbeat(SECOND).flow_control(true)),
        (push(), push().idle_heartbeat(SECOND)),
        (c(), push()),
        (push(), push().deliver_subject("deliver.other")),
        (push(), push().deliver_group("workers")),
        (c(), c().inactive_threshold(SECOND * 60)),
        (c(), c().num_replicas(1)),
        (c(), c().metadata("k", "v")),
        (c(), c().memory_storage(true)),
    ];
    let limits = ConsumerLimits::default();
    let mut wrong = Vec::new();
    for (one, other) in pairs {
        for (from, to) in [(&one, &other), (&other, &one)] {
            let consumer = stream.create_consumer(from.clone()).await.unwrap();
            let changes = to.diff(&consumer.info().await.unwrap().config, &limits);
            assert_ne!(changes, [], "{from:?} and {to:?}");
            // Servers before 2.14 take this.
            let fixed =
                changes.iter().any(|change| change.fixed && (change.field != "mem_storage" || level() >= 4));
            let refused = stream.update_consumer(to.clone()).await.err();
            // What is taken has to be there as well.
            let left = match &refused {
                Some(_) => vec![],
                None => to.diff(&consumer.info().await.unwrap().config, &limits),
            };
            if fixed != refused.is_some() || !left.is_empty() {
                let changes: Vec<_> = changes.iter().map(ToString::to_string).collect();
                wrong.push(format!("{changes:?}: {refused:?}, {left:?}"));
            }
            consumer.delete().await.unwrap();
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[tokio::test]
async fn a_consumer_that_somebody_creates_meanwhile_is_taken_as_it_is() {
    let (_server, nc, _) = start().await;
    let mut asked = nc.subscribe("fake.>").confirmed().await.unwrap();
    let js = nc.jetstream().prefix("fake").timeout(SOON);
    let stream = js.bind_stream("A").unwrap();
    let present = r#"{"stream_name":"A","name":"c","created":"2026-01-01T00:00:00Z","config":{"durable_name":"c","name":"c","ack_policy":"explicit"}}"#;
    let answering = async {
        for answer in [
            r#"{"error":{"code":404,"err_code":10014,"description":"consumer not found"}}"#,
            r#"{"error":{"code":400,"err_code":10148,"description":"already exists"}}"#,
            present,
        ] {
            asked.next().await.unwrap().respond(answer).await.unwrap();
        }
    };
    let (ensured, ()) = both(stream.ensure_consumer(c()), answering).await;
    assert_eq!(ensured.unwrap().outcome, EnsureOutcome::Unchanged);
}

#[tokio::test]
async fn fields_of_a_consumer_that_only_the_server_knows_survive() {
    let (_server, nc, _) = start().await;
    let mut asked = nc.subscribe("fake.>").confirmed().await.unwrap();
    let js = nc.jetstream().prefix("fake").timeout(SOON);
    let stream = js.bind_stream("A").unwrap();
    let present = r#"{"stream_name":"A","name":"c","created":"2026-01-01T00:00:00Z","config":{"durable_name":"c","name":"c","ack_policy":"explicit","newer":7}}"#;
    let of_stream = r#"{"config":{"name":"A"},"created":"2026-01-01T00:00:00Z"}"#;
    let answering = async {
        asked.next().await.unwrap().respond(present).await.unwrap();
        asked.next().await.unwrap().respond(of_stream).await.unwrap();
        let update = asked.next().await.unwrap();
        update.respond(present).await.unwrap();
        update.json::<serde_json::Value>().unwrap()
    };
    let (ensured, update) = both(stream.ensure_consumer(c().max_ack_pending(1)), answering).await;
    assert_eq!(updated(&ensured.unwrap()), ["max_ack_pending: 1000 -> 1"]);
    assert_eq!(update["action"], "update");
    assert_eq!((&update["config"]["newer"], &update["config"]["max_ack_pending"]), (&7.into(), &1.into()));
}

#[tokio::test]
async fn a_consumer_that_is_paused_stays_so() {
    needs!(Pause);
    let (_server, _nc, stream) = with_stream().await;
    let consumer = stream.ensure_consumer(c()).await.unwrap().consumer;
    consumer.pause(SystemTime::now() + SECOND * 3600).await.unwrap();
    assert_eq!(stream.ensure_consumer(c()).await.unwrap().outcome, EnsureOutcome::Unchanged);
    let changed = stream.ensure_consumer(c().max_ack_pending(5)).await.unwrap();
    assert_eq!(updated(&changed), ["max_ack_pending: 1000 -> 5"]);
    assert!(consumer.info().await.unwrap().paused);
}

#[tokio::test]
async fn a_consumer_has_to_be_named_and_its_stream_to_be_there() {
    let (_server, nc, stream) = with_stream().await;
    let sent = nc.statistics().published;
    for config in [ConsumerConfig::new(), ConsumerConfig::named(""), ConsumerConfig::durable("a.b")] {
        let error = stream.ensure_consumer(config).await.unwrap_err();
        assert!(matches!(&error, Error::Name(name) if name.kind() == NameKind::Consumer), "{error:?}");
    }
    assert_eq!(nc.statistics().published, sent);
    let unknown = stream.jetstream().bind_stream("NOPE").unwrap();
    assert!(unknown.ensure_consumer(c()).await.unwrap_err().is_stream_not_found());
}
