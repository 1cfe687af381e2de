//! Push consumers.

use std::time::Duration;

use nuncio::Client;
use nuncio::jetstream::{ConsumeEnd, ConsumeError, ConsumeEvent, ConsumerConfig, PushMessages};
use nuncio_testkit::eventually_async;

use crate::support::*;

async fn take(messages: &mut PushMessages, count: u64) -> Vec<u64> {
    let mut numbers = Vec::new();
    for _ in 0..count {
        let message = soon(messages.next()).await.unwrap().unwrap();
        message.ack().await.unwrap();
        numbers.push(message.text().unwrap().parse().unwrap());
    }
    numbers
}

async fn filled(nc: &Client, count: u64) {
    stream(nc, "S", "").await;
    fill(nc, "S", count).await;
}

#[tokio::test]
async fn a_push_consumer_delivers_to_an_inbox_that_is_subscribed_before() {
    let (_server, nc, js) = start().await;
    filled(&nc, 50).await;
    let mut messages = js.push_consumer("S", ConsumerConfig::durable("C")).await.unwrap();
    assert_eq!(messages.consumer_name(), "C");
    assert_eq!(take(&mut messages, 50).await, (1..=50).collect::<Vec<_>>());
    let acked = async || (consumer_info(&nc, "S", "C").await["ack_floor"]["stream_seq"] == 50).then_some(());
    eventually_async("the acknowledgements to arrive", SOON, acked).await.unwrap();
}

#[tokio::test]
async fn one_that_is_there_can_be_received_from_again() {
    let (_server, nc, js) = start().await;
    filled(&nc, 4).await;
    let config = ConsumerConfig::durable("C").deliver_subject("to.me");
    let mut messages = js.push_consumer("S", config).await.unwrap();
    assert_eq!(take(&mut messages, 2).await, [1, 2]);
    drop(messages);
    let consumer = js.bind_stream("S").unwrap().consumer("C").await.unwrap();
    let mut again = consumer.push().stop_after(2).await.unwrap();
    let mut numbers = take(&mut again, 2).await;
    numbers.sort_unstable();
    assert_eq!(numbers, [3, 4]);
    assert!(soon(again.next()).await.is_none());
    assert_eq!(again.ended(), Some(&ConsumeEnd::StopAfter));
    // It cannot be pulled from.
    let error = soon(consumer.next()).await.unwrap_err();
    assert_eq!(error.end(), Some(&ConsumeEnd::PushBased));
}

#[tokio::test]
async fn members_of_a_queue_group_share_the_messages() {
    let (_server, nc, js) = start().await;
    stream(&nc, "S", "").await;
    let config = ConsumerConfig::durable("C").deliver_subject("to.us").deliver_group("workers");
    let mut first = js.push_consumer("S", config).await.unwrap();
    let consumer = js.bind_stream("S").unwrap().consumer("C").await.unwrap();
    let mut second = consumer.push().await.unwrap();
    nc.flush().await.unwrap();
    fill(&nc, "S", 40).await;
    let (mut ours, mut theirs) = (0, 0);
    while ours + theirs < 40 {
        tokio::select! {
            message = soon(first.next()) => { message.unwrap().unwrap().ack().await.unwrap(); ours += 1 }
            message = soon(second.next()) => { message.unwrap().unwrap().ack().await.unwrap(); theirs += 1 }
        }
    }
    assert!(ours > 0 && theirs > 0, "{ours} and {theirs}");
}

#[tokio::test]
async fn flow_control_lets_a_large_stream_pass() {
    let (_server, nc, js) = start().await;
    stream(&nc, "S", "").await;
    let payload = vec![b'x'; 64 * 1024];
    for _ in 0..200 {
        nc.publish("S.a", &payload).await.unwrap();
    }
    nc.flush().await.unwrap();
    let config = ConsumerConfig::named("C").flow_control(true).idle_heartbeat(Duration::from_secs(1));
    let mut messages = js.push_consumer("S", config).await.unwrap();
    for _ in 0..200 {
        soon(messages.next()).await.unwrap().unwrap().ack().await.unwrap();
    }
}

#[tokio::test]
async fn an_application_that_does_not_take_messages_holds_the_server_back() {
    let (_server, nc, js) = start().await;
    stream(&nc, "S", "").await;
    let payload = vec![b'x'; 64 * 1024];
    for _ in 0..300 {
        nc.publish("S.a", &payload).await.unwrap();
    }
    nc.flush().await.unwrap();
    let mut config = ConsumerConfig::named("C").flow_control(true).idle_heartbeat(Duration::from_millis(200));
    config.max_ack_pending = Some(-1);
    let mut messages = js.push_consumer("S", config).await.unwrap();
    soon(messages.next()).await.unwrap().unwrap();
    // Heartbeats only come when there is nothing that may be sent.
    let stalled = async || {
        let buffered = messages.stats().buffered as u64;
        let info = consumer_info(&nc, "S", "C").await;
        let delivered = info["delivered"]["consumer_seq"].as_u64().unwrap();
        (info["num_pending"].as_u64().unwrap() > 0 && buffered > delivered + 2).then_some(delivered)
    };
    let buffered = eventually_async("the server to wait", SOON, stalled).await.unwrap();
    assert!(buffered < 200, "{buffered} messages came without being taken");
    for _ in 1..300 {
        soon(messages.next()).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_consumer_that_is_deleted_is_found_out_by_its_heartbeats() {
    let (_server, nc, js) = start().await;
    filled(&nc, 2).await;
    let config = ConsumerConfig::durable("C").idle_heartbeat(Duration::from_millis(100));
    let mut messages = js.push_consumer("S", config).await.unwrap();
    let mut events = messages.events();
    assert_eq!(take(&mut messages, 2).await, [1, 2]);
    raw(&nc, "CONSUMER.DELETE.S.C", "").await;
    let error = soon(messages.next()).await.unwrap().unwrap_err();
    assert!(error.is_consumer_deleted(), "{error:?}");
    assert!(matches!(events.next().await, Some(ConsumeEvent::MissedHeartbeat { .. })));
}

#[tokio::test]
async fn draining_and_stopping_end_it() {
    let (_server, nc, js) = start().await;
    filled(&nc, 6).await;
    let mut messages = js.push_consumer("S", ConsumerConfig::durable("C")).await.unwrap();
    let arrived = async || (messages.stats().buffered == 6).then_some(());
    eventually_async("all to arrive", SOON, arrived).await.unwrap();
    messages.drain();
    assert_eq!(take(&mut messages, 6).await, [1, 2, 3, 4, 5, 6]);
    assert!(soon(messages.next()).await.is_none());
    assert_eq!(messages.ended(), Some(&ConsumeEnd::Drained));
    let mut messages = js.push_consumer("S", ConsumerConfig::durable("D")).await.unwrap();
    messages.stop();
    assert!(messages.next().await.is_none());
}

#[tokio::test]
async fn a_consumer_that_does_not_push_is_refused() {
    let (_server, nc, js) = start().await;
    filled(&nc, 0).await;
    consumer(&nc, "S", "C", "").await;
    let consumer = js.bind_stream("S").unwrap().consumer("C").await.unwrap();
    assert!(matches!(consumer.push().await, Err(ConsumeError::Option { .. })));
}

#[tokio::test]
async fn it_works_on_a_bare_thread() {
    let (_server, nc, js) = start().await;
    filled(&nc, 10).await;
    let count = bare(move || {
        block_on(async {
            let mut messages = js.push_consumer("S", ConsumerConfig::durable("C")).await.unwrap();
            for _ in 0..10 {
                messages.next().await.unwrap().unwrap().ack().await.unwrap();
            }
            messages.stats().delivered
        })
    });
    assert_eq!(count.await, 10);
}
