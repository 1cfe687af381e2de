//! Consuming while the server goes away and comes back.

use std::time::Duration;

use nuncio::Client;
use nuncio::jetstream::{ConsumeEvent, ConsumerConfig};
use nuncio_testkit::NatsServer;

use crate::support::*;

/// A stream and its consumer that outlive a restart.
async fn lasting(nc: &Client) {
    let body = r#"{"name":"S","subjects":["S.>"],"storage":"file"}"#;
    raw(nc, "STREAM.CREATE.S", body).await;
    consumer(nc, "S", "C", r#""ack_wait":500000000"#).await;
}

async fn restart(server: &mut NatsServer, nc: &Client, how: How) {
    match how {
        How::Kill => server.kill(),
        How::Stop => server.stop().await.unwrap(),
    }
    server.restart().await.unwrap();
    while nc.flush().await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[derive(Clone, Copy)]
enum How {
    Kill,
    Stop,
}

async fn consuming_goes_on(how: How) {
    let (mut server, nc, js) = start().await;
    lasting(&nc).await;
    fill(&nc, "S", 10).await;
    let consumer = js.bind_stream("S").unwrap().consumer("C").await.unwrap();
    let mut messages = consumer.consume().max_messages(4).await.unwrap();
    let mut events = messages.events();
    for _ in 0..5 {
        soon(messages.next()).await.unwrap().unwrap().double_ack().await.unwrap();
    }
    restart(&mut server, &nc, how).await;
    fill_from(&nc, "S", 11, 5).await;
    let mut seen = std::collections::BTreeSet::new();
    // What a server that was killed had been told of acknowledgements may be lost.
    while !(6..=15).all(|number| seen.contains(&number)) {
        let message = soon(messages.next()).await.unwrap().unwrap();
        // Not confirmed: what a server that was killed had delivered it may not know.
        message.ack().await.unwrap();
        seen.insert(message.text().unwrap().parse::<u64>().unwrap());
    }
    // What came last was asked for over the new connection, so all of it has been told.
    let told: Vec<ConsumeEvent> = std::iter::from_fn(|| events.try_next()).collect();
    assert!(told.contains(&ConsumeEvent::Disconnected), "{told:?}");
    assert!(told.contains(&ConsumeEvent::Reconnected), "{told:?}");
}

#[tokio::test]
async fn consuming_goes_on_after_the_server_was_killed() {
    consuming_goes_on(How::Kill).await;
}

#[tokio::test]
async fn consuming_goes_on_after_the_server_was_stopped_in_good_order() {
    consuming_goes_on(How::Stop).await;
}

#[tokio::test]
async fn a_fetch_asks_again_for_what_is_left_after_a_restart() {
    let (mut server, nc, js) = start().await;
    lasting(&nc).await;
    fill(&nc, "S", 2).await;
    let consumer = js.bind_stream("S").unwrap().consumer("C").await.unwrap();
    let mut batch = consumer.fetch(5).expires(Duration::from_secs(60)).await.unwrap();
    for _ in 0..2 {
        soon(batch.next()).await.unwrap().unwrap().double_ack().await.unwrap();
    }
    let rest = async {
        let mut count = 2;
        while let Some(message) = batch.next().await {
            message.unwrap().ack().await.unwrap();
            count += 1;
        }
        count
    };
    let again = async {
        restart(&mut server, &nc, How::Kill).await;
        fill_from(&nc, "S", 3, 3).await;
    };
    let (count, ()) = soon(async { tokio::join!(rest, again) }).await;
    assert_eq!(count, 5);
}

#[tokio::test]
async fn an_ordered_consumer_that_is_idle_misses_nothing_over_a_restart() {
    let (mut server, nc, js) = start().await;
    lasting(&nc).await;
    fill(&nc, "S", 5).await;
    let new = nuncio::jetstream::DeliverPolicy::New;
    let mut messages = js.ordered_consumer("S").deliver_policy(new).await.unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(50), messages.next()).await.is_err());
    restart(&mut server, &nc, How::Kill).await;
    // Its consumer was in memory, and is gone.
    fill_from(&nc, "S", 6, 4).await;
    for number in 6..=9u64 {
        let message = soon(messages.next()).await.unwrap().unwrap();
        assert_eq!(message.text().unwrap(), number.to_string());
    }
}

#[tokio::test]
async fn an_ordered_consumer_goes_on_behind_its_last_message_over_restarts() {
    let (mut server, nc, js) = start().await;
    lasting(&nc).await;
    fill(&nc, "S", 60).await;
    let mut messages = js.ordered_consumer("S").max_messages(10).await.unwrap();
    for number in 1..=60u64 {
        if number % 20 == 0 {
            restart(&mut server, &nc, How::Kill).await;
        }
        let message = soon(messages.next()).await.unwrap().unwrap();
        assert_eq!(message.text().unwrap(), number.to_string());
    }
}

#[tokio::test]
async fn a_push_consumer_goes_on_after_a_restart() {
    let (mut server, nc, js) = start().await;
    lasting(&nc).await;
    fill(&nc, "S", 3).await;
    let config = ConsumerConfig::durable("P").idle_heartbeat(Duration::from_millis(500));
    let mut messages = js.push_consumer("S", config).await.unwrap();
    for _ in 0..3 {
        soon(messages.next()).await.unwrap().unwrap().double_ack().await.unwrap();
    }
    restart(&mut server, &nc, How::Kill).await;
    fill_from(&nc, "S", 4, 2).await;
    // What a server that was killed had been told of acknowledgements may be lost.
    let mut seen = std::collections::BTreeSet::new();
    while !(4..=5).all(|number| seen.contains(&number)) {
        let message = soon(messages.next()).await.unwrap().unwrap();
        seen.insert(message.text().unwrap().parse::<u64>().unwrap());
    }
}

#[tokio::test]
async fn a_consumer_that_was_deleted_while_away_is_the_end_all_the_same() {
    let (mut server, nc, js) = start().await;
    // In memory: a restart takes both along.
    stream(&nc, "S", "").await;
    consumer(&nc, "S", "C", "").await;
    let consumer = js.bind_stream("S").unwrap().consumer("C").await.unwrap();
    let mut messages = consumer.consume().await.unwrap();
    restart(&mut server, &nc, How::Kill).await;
    let error = soon(messages.next()).await.unwrap().unwrap_err();
    assert!(error.is_stream_deleted() || error.is_consumer_deleted(), "{error:?}");
}
