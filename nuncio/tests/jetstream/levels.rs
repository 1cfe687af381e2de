//! What old servers cannot do is refused before it is sent.

use std::time::{Duration, SystemTime};

use nuncio::jetstream::{
    AckPolicy, ConsumerConfig, Feature, JetStream, PersistenceMode, PriorityPolicy, SourceConsumer,
    StorageType, StreamConfig, StreamSource,
};
use nuncio_testkit::NatsServer;

use crate::support::*;

pub(crate) async fn old(version: &str) -> (NatsServer, nuncio::Client, JetStream) {
    let server = NatsServer::builder().version(version).jetstream().start().await.unwrap();
    let nc = client(server.url()).await;
    let js = nc.jetstream().timeout(SOON);
    (server, nc, js)
}

fn config() -> StreamConfig {
    StreamConfig::new("A").subjects(["a.>"]).storage(StorageType::Memory)
}

#[tokio::test]
async fn level_0_has_streams_and_consumers_and_nothing_of_2_11() {
    let (_server, _nc, js) = old("2.10.25").await;
    assert_eq!(js.level().await, Ok(0));
    let stream = js.create_stream(config()).await.unwrap();
    let consumer = stream.create_consumer(ConsumerConfig::durable("c")).await.unwrap();
    assert_eq!(js.stream_names().all().await, Ok(vec!["A".into()]));
    too_low(js.create_stream(config().allow_message_ttl(true)).await, Feature::MessageTtl, 0);
    let markers = config().subject_delete_marker_ttl(Duration::from_secs(1));
    too_low(js.update_stream(markers.clone()).await, Feature::DeleteMarkers, 0);
    too_low(js.ensure_stream(markers.clone()).await, Feature::DeleteMarkers, 0);
    too_low(js.create_or_update_stream(markers).await, Feature::DeleteMarkers, 0);
    too_low(js.create_stream(config()).pedantic().await, Feature::Pedantic, 0);
    too_low(stream.step_down(Some("n2")).await, Feature::PreferredLeader, 0);
    let group = ConsumerConfig::named("d").priority_policy(PriorityPolicy::Overflow).priority_groups(["A"]);
    too_low(stream.create_consumer(group).await, Feature::PriorityGroups, 0);
    too_low(consumer.pause(SystemTime::now()).await, Feature::Pause, 0);
    too_low(consumer.resume().await, Feature::Pause, 0);
    too_low(consumer.unpin("A").await, Feature::PriorityGroups, 0);
    too_low(consumer.reset(None).await, Feature::ConsumerReset, 0);
}

#[tokio::test]
async fn level_1_has_nothing_of_2_12_and_later() {
    let (_server, _nc, js) = old("2.11.11").await;
    let stream = js.create_stream(config().allow_message_ttl(true)).await.unwrap();
    let consumer = stream.create_consumer(ConsumerConfig::durable("c")).await.unwrap();
    consumer.pause(SystemTime::now()).await.unwrap();
    too_low(js.create_stream(config().allow_atomic_publish(true)).await, Feature::AtomicPublish, 1);
    too_low(js.create_stream(config().allow_message_counter(true)).await, Feature::Counters, 1);
    too_low(js.create_stream(config().allow_message_schedules(true)).await, Feature::MessageSchedules, 1);
    too_low(js.create_stream(config().allow_batch_publish(true)).await, Feature::BatchPublish, 1);
    too_low(
        js.create_stream(config().persist_mode(PersistenceMode::Async)).await,
        Feature::AsyncPersistence,
        1,
    );
    let source = StreamSource::new("B").consumer(SourceConsumer::new("c", "d"));
    too_low(js.create_stream(config().sources([source])).await, Feature::SourceConsumer, 1);
    // Servers note level 1 for this policy, and those of 2.11 do not know it.
    let prioritized =
        ConsumerConfig::named("d").priority_policy(PriorityPolicy::Prioritized).priority_groups(["A"]);
    too_low(stream.create_consumer(prioritized).await, Feature::Prioritized, 1);
    let flow = ConsumerConfig::push("d").ack_policy(AckPolicy::FlowControl);
    too_low(stream.create_consumer(flow).await, Feature::AckFlowControl, 1);
    too_low(stream.evacuate_peer("n1").await, Feature::PeerEvacuate, 1);
    too_low(stream.cancel_move().await, Feature::CancelMove, 1);
}

#[tokio::test]
async fn the_server_has_the_level_of_its_version() {
    let (_server, nc, js) = start().await;
    assert_eq!(js.level().await, Ok(level()));
    assert_eq!(js.account_info().await.unwrap().api.level, level());
    let told = raw(&nc, "INFO", "").await["api"]["level"].as_u64().unwrap_or(0);
    assert_eq!(told, u64::from(level()));
}

#[tokio::test]
async fn whatever_needs_a_newer_server_is_refused_with_the_level_that_it_needs() {
    // Options of messages are in a module of their own.
    let published = [Feature::ExpectedSubject, Feature::RepeatedSchedules, Feature::BatchEnd];
    let newer = |feature: &&Feature| feature.level() > level() && !published.contains(feature);
    for feature in Feature::ALL.iter().filter(newer) {
        assert!(!offered(*feature).await, "{feature:?}");
    }
}

/// The table of levels says what the server says: it notes the level that each stream needs.
#[tokio::test]
async fn the_levels_of_streams_are_those_that_the_server_notes() {
    // Servers without levels note none.
    needs!(Pedantic);
    let (_server, _nc, js) = start().await;
    let file = StreamConfig::new("A").subjects(["a.>"]);
    let configs = [
        config(),
        config().allow_message_ttl(true),
        config().subject_delete_marker_ttl(Duration::from_secs(1)),
        config().allow_atomic_publish(true),
        config().allow_message_counter(true),
        config().allow_message_schedules(true),
        config().allow_batch_publish(true),
        file.persist_mode(PersistenceMode::Async),
    ];
    for config in configs {
        let stream = match config.needs() {
            Some(feature) => able(feature, js.create_stream(config.clone())).await,
            None => js.create_stream(config.clone()).await.ok(),
        };
        let Some(stream) = stream else { continue };
        let noted = &stream.cached_info().unwrap().config.metadata["_nats.req.level"];
        let needed = config.needs().map_or(0, Feature::level);
        assert_eq!(noted, &needed.to_string(), "{config:?}");
        stream.delete().await.unwrap();
    }
}

#[tokio::test]
async fn the_levels_of_consumers_are_those_that_the_server_notes() {
    // Servers without levels note none.
    needs!(Pedantic);
    let (_server, _nc, js) = start().await;
    let stream = js.create_stream(config()).await.unwrap();
    let later = SystemTime::now() + Duration::from_secs(60);
    let grouped = |policy| ConsumerConfig::durable("c").priority_policy(policy).priority_groups(["A"]);
    let configs = [
        ConsumerConfig::durable("c"),
        ConsumerConfig::durable("c").pause_until(later),
        grouped(PriorityPolicy::Overflow),
        grouped(PriorityPolicy::PinnedClient),
    ];
    for config in configs {
        let consumer = stream.create_consumer(config.clone()).await.unwrap();
        let noted = &consumer.cached_info().unwrap().config.metadata["_nats.req.level"];
        let needed = config.needs().map_or(0, Feature::level);
        assert_eq!(noted, &needed.to_string(), "{config:?}");
        consumer.delete().await.unwrap();
    }
}

#[tokio::test]
async fn a_user_who_may_not_ask_for_the_level_is_let_through() {
    let users = "authorization { users = [{user: a, password: a, permissions: {publish: {deny: \"$JS.API.INFO\"}}}] }";
    let server = NatsServer::builder().jetstream().config(users).start().await.unwrap();
    let nc = client(format!("nats://a:a@127.0.0.1:{}", server.port())).await;
    let js = nc.jetstream().timeout(SOON);
    js.create_stream(config().allow_atomic_publish(true)).await.unwrap();
}
