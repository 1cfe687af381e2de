//! What the server tells of its own accord.

use nuncio::jetstream::{Action, AdvisoryEvent, ConsumerConfig, StorageType, StreamConfig, Timestamp};

use crate::support::*;

#[tokio::test]
async fn advisories_tell_what_happens_to_streams_and_consumers() {
    needs!(Pause);
    let (_server, _nc, js) = start().await;
    let mut advisories = js.advisories_on("$JS.EVENT.ADVISORY.*.*.A.>").await.unwrap();
    let mut streams = js.advisories_on("$JS.EVENT.ADVISORY.STREAM.*.A").await.unwrap();
    let config = StreamConfig::new("A").subjects(["a.>"]).storage(StorageType::Memory);
    let stream = js.create_stream(config).await.unwrap();
    let consumer = stream.create_consumer(ConsumerConfig::durable("c")).await.unwrap();
    let until = Timestamp::now().saturating_add(std::time::Duration::from_secs(60));
    consumer.pause(until).await.unwrap();
    consumer.delete().await.unwrap();
    stream.delete().await.unwrap();
    let created = advisories.next().await.unwrap().unwrap();
    assert_eq!((created.stream.as_deref(), created.consumer.as_deref()), (Some("A"), Some("c")));
    assert_eq!(created.event, AdvisoryEvent::Consumer(Action::Create));
    assert!(created.time.is_some());
    let paused = advisories.next().await.unwrap().unwrap();
    assert_eq!(paused.event, AdvisoryEvent::Pause { paused: true, until: Some(until) });
    assert_eq!(advisories.next().await.unwrap().unwrap().event, AdvisoryEvent::Consumer(Action::Delete));
    assert_eq!(streams.next().await.unwrap().unwrap().event, AdvisoryEvent::Stream(Action::Create));
    assert_eq!(streams.next().await.unwrap().unwrap().event, AdvisoryEvent::Stream(Action::Delete));
}

#[tokio::test]
async fn all_advisories_come_and_what_is_none_is_an_error_of_its_own() {
    let (_server, nc, js) = start().await;
    let mut advisories = js.advisories().await.unwrap();
    nc.publish("$JS.EVENT.ADVISORY.X", "what?").await.unwrap();
    js.create_stream(StreamConfig::new("A").storage(StorageType::Memory)).await.unwrap();
    assert!(advisories.next().await.unwrap().is_err());
    let mut kinds = Vec::new();
    while kinds.len() < 2 {
        let advisory = advisories.next().await.unwrap().unwrap();
        kinds.push(matches!(advisory.event, AdvisoryEvent::ApiAudit { .. } | AdvisoryEvent::Stream(_)));
    }
    assert_eq!(kinds, [true, true]);
}

#[tokio::test]
async fn metrics_tell_how_long_acknowledgements_take() {
    let (_server, nc, js) = start().await;
    let mut metrics = js.metrics().await.unwrap();
    let stream = js.create_stream(StreamConfig::new("A").storage(StorageType::Memory)).await.unwrap();
    stream.create_consumer(ConsumerConfig::durable("c").sample_frequency("100")).await.unwrap();
    nc.request("A", "x").await.unwrap();
    let inbox = nc.new_inbox();
    let mut messages = nc.subscribe(&inbox).await.unwrap();
    nc.publish("$JS.API.CONSUMER.MSG.NEXT.A.c", "").reply(&inbox).await.unwrap();
    messages.next().await.unwrap().respond("+ACK").await.unwrap();
    let AdvisoryEvent::Acknowledged(attempt) = metrics.next().await.unwrap().unwrap().event else {
        panic!("an acknowledgement")
    };
    assert_eq!((attempt.stream_sequence, attempt.deliveries), (1, 1));
    assert!(!attempt.ack_time.is_zero());
}
