//! What an account may do with JetStream, and JetStream of another account.

use std::time::Duration;

use nuncio::Client;
use nuncio::jetstream::{ConsumerConfig, ErrorCode, Feature, StorageType, StreamConfig};
use nuncio_testkit::NatsServer;

use crate::support::*;

fn config(name: &str) -> StreamConfig {
    StreamConfig::new(name).subjects([format!("{name}.>")]).storage(StorageType::Memory)
}

async fn login(server: &NatsServer, user: &str) -> Client {
    client(format!("nats://{user}:{user}@127.0.0.1:{}", server.port())).await
}

#[tokio::test]
async fn the_limits_of_an_account_are_told_and_kept_to() {
    let accounts = "accounts { A { users = [{user: a, password: a}], jetstream: {\n\
                    max_mem: 1M, max_file: 0, max_streams: 1, max_consumers: 2 } } }";
    let server = NatsServer::builder().jetstream().config(accounts).start().await.unwrap();
    let js = login(&server, "a").await.jetstream().timeout(SOON);
    let limits = js.account_info().await.unwrap().usage.limits;
    assert_eq!((limits.max_memory, limits.max_storage), (Some(1_000_000), Some(0)));
    assert_eq!((limits.max_streams, limits.max_consumers), (Some(1), Some(2)));
    assert_eq!((limits.max_ack_pending, limits.max_bytes_required), (None, false));

    let disk = StreamConfig::new("D").max_bytes(1000);
    let disk = js.create_stream(disk).await.unwrap_err().api_error().unwrap().err_code;
    assert_eq!(disk, ErrorCode::STORAGE_RESOURCES_EXCEEDED);
    let stream = js.create_stream(config("A")).await.unwrap();
    let second = js.create_stream(config("B")).await.unwrap_err();
    assert_eq!(second.api_error().unwrap().err_code, ErrorCode::MAXIMUM_STREAMS_LIMIT);
    assert!(
        second.to_string().ends_with("delete what is not needed, or raise the account's limits"),
        "{second}"
    );
    for name in ["a", "b"] {
        stream.create_consumer(ConsumerConfig::durable(name)).await.unwrap();
    }
    let third = stream.create_consumer(ConsumerConfig::durable("c")).await.unwrap_err();
    assert_eq!(third.api_error().unwrap().err_code, ErrorCode::MAXIMUM_CONSUMERS_LIMIT);
    let usage = js.account_info().await.unwrap().usage;
    assert_eq!((usage.streams, usage.consumers), (1, 2));
}

#[tokio::test]
async fn jetstream_of_another_account_is_used_through_its_prefix() {
    let accounts = r#"accounts {
        A { users = [{user: a, password: a}], jetstream: enabled
            exports = [{service: "$JS.API.>", response_type: stream}, {service: "$JS.ACK.>"}, {service: "A.>"}] }
        B { users = [{user: b, password: b}]
            imports = [{service: {account: A, subject: "$JS.API.>"}, to: "from.a.>"},
                       {service: {account: A, subject: "$JS.ACK.>"}},
                       {service: {account: A, subject: "A.>"}}] }
    }"#;
    let server = NatsServer::builder().jetstream().config(accounts).start().await.unwrap();
    let nc = login(&server, "b").await;
    assert!(nc.jetstream().level().await.unwrap_err().is_no_jetstream());
    let js = nc.jetstream().prefix("from.a").timeout(SOON);
    assert_eq!(js.level().await, Ok(level()));
    let stream = js.create_stream(config("A")).await.unwrap();
    for number in 1..=3u64 {
        assert_eq!(js.publish("A.x", number.to_string()).await.unwrap().sequence, number);
    }
    assert_eq!(js.stream_names().all().await, Ok(vec!["A".into()]));
    assert_eq!(stream.get_message(2).await.unwrap().text(), Ok("2"));
    let consumer = stream.create_consumer(ConsumerConfig::durable("c")).await.unwrap();
    let mut batch = consumer.fetch(3).await.unwrap();
    for number in 1..=3u64 {
        let message = soon(batch.next()).await.unwrap().unwrap();
        assert_eq!(message.info().unwrap().stream_sequence, number);
        message.double_ack().await.unwrap();
    }
    assert_eq!(consumer.info().await.unwrap().ack_floor.stream_sequence, 3);
    // The same stream, as its own account sees it.
    let own = login(&server, "a").await.jetstream().timeout(SOON);
    assert_eq!(own.get_stream("A").await.unwrap().cached_info().unwrap().state.messages, 3);
}

#[tokio::test]
async fn what_is_delivered_comes_below_the_inbox_prefix_of_the_connection() {
    let users = r#"authorization { users: [
        { user: admin, password: admin },
        { user: b, password: b, permissions: { subscribe: { allow: "mine.>" } } }
    ] }"#;
    let server = NatsServer::builder().jetstream().config(users).start().await.unwrap();
    let admin = login(&server, "admin").await;
    stream(&admin, "S", r#""allow_direct":true"#).await;
    fill(&admin, "S", 4).await;
    let url = format!("nats://b:b@127.0.0.1:{}", server.port());
    let nc = nuncio::connect(url).inbox_prefix("mine.inbox").await.unwrap();
    let stream = nc.jetstream().timeout(SOON).get_stream("S").await.unwrap();
    let consumer = stream.create_consumer(ConsumerConfig::durable("c")).await.unwrap();
    let fetched = soon(consumer.next()).await.unwrap().unwrap();
    fetched.double_ack().await.unwrap();
    let mut messages = consumer.consume().await.unwrap();
    assert_eq!(soon(messages.next()).await.unwrap().unwrap().text(), Ok("2"));
    let mut ordered = stream.ordered_consumer().await.unwrap();
    assert_eq!(soon(ordered.next()).await.unwrap().unwrap().text(), Ok("1"));
    let mut pushed = stream.push_consumer(ConsumerConfig::named("p")).await.unwrap();
    assert_eq!(soon(pushed.next()).await.unwrap().unwrap().text(), Ok("1"));
    assert_eq!(stream.direct_get(3).await.unwrap().text(), Ok("3"));
    if level() >= Feature::DirectBatch.level() {
        assert_eq!(stream.direct_batch().all().await.unwrap().len(), 4);
    }
}

/// All that a user may do is to pull from one consumer and to acknowledge.
#[tokio::test]
async fn a_user_who_may_only_pull_binds_the_consumer_without_asking_for_it() {
    let users = r#"authorization { users: [
        { user: admin, password: admin },
        { user: b, password: b, permissions: {
            publish: { allow: ["$JS.API.CONSUMER.MSG.NEXT.S.c", "$JS.ACK.S.c.>"] }
            subscribe: { allow: "_INBOX.>" }
        } }
    ] }"#;
    let server = NatsServer::builder().jetstream().config(users).start().await.unwrap();
    let admin = login(&server, "admin").await;
    stream(&admin, "S", "").await;
    consumer(&admin, "S", "c", "").await;
    fill(&admin, "S", 3).await;
    let js = login(&server, "b").await.jetstream().timeout(Duration::from_secs(5));
    assert!(js.get_stream("S").await.is_err());
    let bound = js.bind_stream("S").unwrap().bind_consumer("c").unwrap();
    assert!(bound.cached_info().is_none());
    soon(bound.next()).await.unwrap().unwrap().double_ack().await.unwrap();
    let mut messages = bound.consume().stop_after(2).await.unwrap();
    for number in ["2", "3"] {
        let message = soon(messages.next()).await.unwrap().unwrap();
        assert_eq!(message.text(), Ok(number));
        message.double_ack().await.unwrap();
    }
    assert_eq!(consumer_info(&admin, "S", "c").await["ack_floor"]["stream_seq"], 3);
}
