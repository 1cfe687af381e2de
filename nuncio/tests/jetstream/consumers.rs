//! Managing consumers.

use std::time::{Duration, SystemTime};

use nuncio::jetstream::{
    AckPolicy, ConsumerConfig, DeliverPolicy, Error, ErrorCode, NameKind, PriorityPolicy, RetentionPolicy,
    StorageType, Stream, StreamConfig, StreamSource,
};

use crate::support::*;

async fn with_stream() -> (nuncio_testkit::NatsServer, nuncio::Client, Stream) {
    let (server, nc, js) = start().await;
    let config = StreamConfig::new("A").subjects(["a.>"]).storage(StorageType::Memory);
    let stream = js.create_stream(config).await.unwrap();
    (server, nc, stream)
}

fn code<T>(outcome: Result<T, Error>) -> ErrorCode {
    outcome.err().and_then(|error| error.api_error().map(|error| error.err_code)).expect("a refusal")
}

#[tokio::test]
async fn a_consumer_is_created_as_it_was_configured() {
    let (_server, _nc, stream) = with_stream().await;
    let start = DeliverPolicy::ByStartSequence { start_sequence: 3 };
    let config = ConsumerConfig::durable("c")
        .deliver_policy(start.clone())
        .filter_subjects(["a.1", "a.2"])
        .ack_wait(Duration::from_secs(7))
        .metadata("k", "v");
    let consumer = stream.create_consumer(config).await.unwrap();
    assert_eq!((consumer.name(), consumer.stream_name()), ("c", "A"));
    let info = consumer.info().await.unwrap();
    assert_eq!(info.config.deliver_policy, start);
    assert_eq!(info.config.filter_subjects, ["a.1", "a.2"]);
    assert_eq!(info.config.ack_wait, Some(Duration::from_secs(7)));
    assert_eq!(info.config.ack_policy, AckPolicy::Explicit);
    assert_eq!(consumer.cached_info().unwrap().created, info.created);
}

#[tokio::test]
async fn a_consumer_without_a_name_gets_one() {
    let (_server, _nc, stream) = with_stream().await;
    let consumer = stream.create_consumer(ConsumerConfig::new()).await.unwrap();
    assert!(!consumer.name().is_empty());
    assert_eq!(stream.consumer(consumer.name()).await.unwrap().name(), consumer.name());
}

#[tokio::test]
async fn the_only_filter_is_in_the_subject_of_the_call() {
    let (_server, nc, stream) = with_stream().await;
    let mut seen = nc.subscribe("$JS.EVENT.ADVISORY.API").confirmed().await.unwrap();
    stream.create_consumer(ConsumerConfig::named("c").filter_subject("a.>")).await.unwrap();
    let mut asked = async || {
        let audit: serde_json::Value = soon(seen.next()).await.unwrap().json().unwrap();
        audit["subject"].as_str().unwrap().to_owned()
    };
    let mut subject = asked().await;
    // The servers tell of calls a while after they have answered them.
    while !subject.starts_with("$JS.API.CONSUMER.CREATE") {
        subject = asked().await;
    }
    assert_eq!(subject, "$JS.API.CONSUMER.CREATE.A.c.a.>");
}

#[tokio::test]
async fn create_update_and_both_are_told_apart() {
    let (_server, _nc, stream) = with_stream().await;
    let config = ConsumerConfig::durable("c");
    let missing = stream.update_consumer(config.clone()).await.unwrap_err();
    assert!(missing.is_consumer_not_found(), "{missing:?}");
    stream.create_consumer(config.clone()).await.unwrap();
    stream.create_consumer(config.clone()).await.unwrap();
    let other = config.clone().max_ack_pending(5);
    assert_eq!(code(stream.create_consumer(other.clone()).await), ErrorCode::CONSUMER_ALREADY_EXISTS);
    let updated = stream.update_consumer(other).await.unwrap();
    assert_eq!(updated.cached_info().unwrap().config.max_ack_pending, Some(5));
    let either = stream.create_or_update_consumer(config.clone().max_ack_pending(6)).await.unwrap();
    assert_eq!(either.cached_info().unwrap().config.max_ack_pending, Some(6));
    stream.create_or_update_consumer(ConsumerConfig::durable("d")).await.unwrap();
    assert_eq!(stream.consumer_names().all().await, Ok(vec!["c".into(), "d".into()]));
}

#[tokio::test]
async fn what_was_read_can_be_written_back() {
    let (_server, _nc, stream) = with_stream().await;
    let consumer = stream.create_consumer(ConsumerConfig::durable("c").filter_subject("a.1")).await.unwrap();
    let config = consumer.info().await.unwrap().config.description("new");
    let updated = stream.update_consumer(config).await.unwrap();
    assert_eq!(updated.info().await.unwrap().config.filter_subject.as_deref(), Some("a.1"));
}

#[tokio::test]
async fn names_that_no_consumer_can_have_are_refused_before_anything_is_sent() {
    let (_server, nc, stream) = with_stream().await;
    let sent = nc.statistics().published;
    for bad in ["", "a.b", "a b", "a*", ">", "a/b", "a\\b", &"n".repeat(256)] {
        let errors = [
            stream.create_consumer(ConsumerConfig::named(bad)).await.unwrap_err(),
            stream.create_consumer(ConsumerConfig::durable(bad)).await.unwrap_err(),
            stream.consumer(bad).await.unwrap_err(),
            stream.delete_consumer(bad).await.unwrap_err(),
            stream.bind_consumer(bad).unwrap_err(),
        ];
        for error in errors {
            assert!(
                matches!(&error, Error::Name(name) if name.kind() == NameKind::Consumer),
                "{bad}: {error:?}"
            );
        }
    }
    assert_eq!(nc.statistics().published, sent);
}

#[tokio::test]
async fn an_unknown_consumer_is_a_typed_error_that_names_it() {
    let (_server, _nc, stream) = with_stream().await;
    let bound = stream.bind_consumer("nope").unwrap();
    assert!(bound.cached_info().is_none());
    let errors = [
        stream.consumer("nope").await.unwrap_err(),
        bound.delete().await.unwrap_err(),
        stream.update_consumer(ConsumerConfig::durable("nope")).await.unwrap_err(),
    ];
    for error in errors {
        assert!(error.is_consumer_not_found(), "{error:?}");
        assert!(
            error.to_string().contains(".A.nope was refused: consumer ")
                && error.to_string().contains("; create it"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn consumers_are_listed() {
    let (_server, _nc, stream) = with_stream().await;
    assert!(stream.consumers().all().await.unwrap().is_empty());
    for n in 0..260 {
        stream.create_consumer(ConsumerConfig::durable(format!("c{n:03}"))).await.unwrap();
    }
    let names = stream.consumer_names().all().await.unwrap();
    assert_eq!((names.len(), names[259].as_str()), (260, "c259"));
    let all = stream.consumers().all().await.unwrap();
    assert_eq!(all.into_iter().map(|info| info.name).collect::<Vec<_>>(), names);
}

#[tokio::test]
async fn a_consumer_is_paused_and_goes_on() {
    needs!(Pause);
    let (_server, _nc, stream) = with_stream().await;
    let consumer = stream.create_consumer(ConsumerConfig::durable("c")).await.unwrap();
    let until = SystemTime::now() + Duration::from_secs(3600);
    let state = consumer.pause(until).await.unwrap();
    assert!(state.paused);
    assert_eq!(state.pause_until, Some(until.into()));
    assert!(state.pause_remaining.is_some_and(|left| left > Duration::from_secs(3000)));
    assert!(consumer.info().await.unwrap().paused);
    let state = consumer.resume().await.unwrap();
    assert_eq!((state.paused, state.pause_until), (false, None));
    let paused = ConsumerConfig::durable("d").pause_until(until);
    assert!(stream.create_consumer(paused).await.unwrap().cached_info().unwrap().paused);
}

#[tokio::test]
async fn a_pinned_client_is_let_go() {
    needs!(PriorityGroups);
    let (_server, _nc, stream) = with_stream().await;
    let config =
        ConsumerConfig::durable("c").priority_policy(PriorityPolicy::PinnedClient).priority_groups(["A"]);
    let consumer = stream.create_consumer(config).await.unwrap();
    consumer.unpin("A").await.unwrap();
    assert_eq!(code(consumer.unpin("B").await), ErrorCode::CONSUMER_INVALID_PRIORITY_GROUP);
    let info = consumer.info().await.unwrap();
    assert_eq!((info.priority_groups[0].group.as_str(), info.priority_groups[0].pinned_since), ("A", None));
}

#[tokio::test]
async fn a_consumer_is_reset() {
    needs!(ConsumerReset);
    let (_server, nc, stream) = with_stream().await;
    for _ in 0..5 {
        nc.request("a.1", "x").await.unwrap();
    }
    let consumer = stream.create_consumer(ConsumerConfig::durable("c")).await.unwrap();
    let reset = consumer.reset(Some(4)).await.unwrap();
    assert_eq!((reset.sequence, reset.info.num_pending), (4, 2));
    assert_eq!(consumer.reset(None).await.unwrap().info.name, "c");
    let last = ConsumerConfig::durable("d").deliver_policy(DeliverPolicy::Last);
    let last = stream.create_consumer(last).await.unwrap();
    assert_eq!(code(last.reset(Some(1)).await), ErrorCode::CONSUMER_INVALID_RESET);
}

#[tokio::test]
async fn a_consumer_is_deleted() {
    let (_server, _nc, stream) = with_stream().await;
    let consumer = stream.create_consumer(ConsumerConfig::durable("c")).await.unwrap();
    assert_eq!(code(consumer.step_down(None).await), ErrorCode::CLUSTER_REQUIRED);
    consumer.delete().await.unwrap();
    assert!(consumer.info().await.unwrap_err().is_consumer_not_found());
    stream.create_consumer(ConsumerConfig::durable("d")).await.unwrap();
    stream.delete_consumer("d").await.unwrap();
    assert_eq!(stream.consumer_names().all().await, Ok(vec![]));
}

#[tokio::test]
async fn a_consumer_that_the_server_made_for_a_source_says_whom_it_feeds() {
    needs!(AckFlowControl);
    let (_server, _nc, js) = start().await;
    let queue = StreamConfig::new("Q").storage(StorageType::Memory).retention(RetentionPolicy::WorkQueue);
    let queue = js.create_stream(queue).await.unwrap();
    let fed = StreamConfig::new("F").storage(StorageType::Memory).sources([StreamSource::new("Q")]);
    js.create_stream(fed).await.unwrap();
    let info = nuncio_testkit::eventually_async("the server's consumer", SOON, async || {
        queue.consumers().all().await.ok()?.pop()
    });
    let info = info.await.unwrap();
    assert_eq!((info.feeds(), &info.config.ack_policy), (Some("F"), &AckPolicy::FlowControl));
    let own = js.get_stream("F").await.unwrap().create_consumer(ConsumerConfig::named("c")).await.unwrap();
    assert_eq!(own.cached_info().unwrap().feeds(), None);
}
