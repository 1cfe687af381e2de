//! Consuming from a cluster of which the leaders change.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nuncio::Client;
use nuncio::jetstream::{JetStream, JsMessage, Messages, OrderedMessages};
use nuncio_testkit::{Cluster, eventually, eventually_async};

use crate::support::*;

const LONGEST_STALL: Duration = Duration::from_secs(5);

async fn cluster() -> (Cluster, Client, JetStream) {
    let cluster = Cluster::of(3).jetstream().start().await.unwrap();
    let nc = nuncio::connect(cluster.urls().join(",")).max_reconnects(None).await.unwrap();
    let js = nc.jetstream().timeout(SOON);
    let body = r#"{"name":"S","subjects":["S.>"],"storage":"file","num_replicas":3}"#;
    let made = async || {
        let answer = nc.request("$JS.API.STREAM.CREATE.S", body).timeout(SOON).await.ok()?;
        answer.json::<serde_json::Value>().ok()?.get("error").is_none().then_some(())
    };
    eventually_async("the stream to be made", SOON, made).await.unwrap();
    (cluster, nc, js)
}

/// Whether the server has a new leader elected; there is nobody to answer for a moment, perhaps.
async fn step_down(nc: &Client, what: &str) {
    let done = async || {
        let answer = nc.request(format!("$JS.API.{what}"), "").timeout(Duration::from_secs(2)).await.ok()?;
        (answer.json::<serde_json::Value>().ok()?["success"] == true).then_some(())
    };
    eventually_async("the leader to step down", SOON, done).await.unwrap();
}

/// Stores the number under `S.a`, once, whoever leads the stream.
///
/// Not by a request of its own: the reply of a nats-server 2.11 that has just stopped leading the stream is an error with a
/// sequence, `{"error":{"code":503,"description":"raft: not leader"},"stream":"S","seq":0}`, and nothing is stored.
async fn store(js: &JetStream, number: u64) {
    let message = js.publish("S.a", number.to_string()).message_id(&number.to_string());
    message.timeout(SOON).retries(60).await.unwrap();
}

/// The next message, or a failure with what the server says of the consumer meanwhile.
async fn next_of(messages: &mut Messages, nc: &Client) -> JsMessage {
    let Ok(message) = tokio::time::timeout(SOON, messages.next()).await else {
        let (stats, consumer) = (messages.stats(), consumer_info(nc, "S", "C").await);
        panic!("nothing comes to {stats:?}; {} messages are stored; {consumer}", count(nc, "S").await);
    };
    message.unwrap().unwrap()
}

#[tokio::test]
async fn consuming_does_not_stall_when_leaders_step_down() {
    let (_cluster, nc, js) = cluster().await;
    consumer(&nc, "S", "C", r#""ack_wait":2000000000"#).await;
    let consumer = js.bind_stream("S").unwrap().consumer("C").await.unwrap();
    let mut messages = consumer.consume().max_messages(20).await.unwrap();
    let (stop, mut stopped) = tokio::sync::oneshot::channel();
    // A message each few milliseconds, each stored.
    let mut publishing = tokio::spawn(async move {
        let mut number = 0u64;
        while stopped.try_recv().is_err() {
            number += 1;
            store(&js, number).await;
        }
        number
    });
    let counter = Arc::new(AtomicU64::new(0));
    let came = Arc::clone(&counter);
    let leaders = nc.clone();
    let stepping = tokio::spawn(async move {
        for what in
            ["CONSUMER.LEADER.STEPDOWN.S.C", "STREAM.LEADER.STEPDOWN.S", "CONSUMER.LEADER.STEPDOWN.S.C"]
        {
            let before = came.load(Ordering::Relaxed);
            step_down(&leaders, what).await;
            // So that messages flow again between two of them.
            let flows = || came.load(Ordering::Relaxed) > before + 200;
            eventually("messages to flow again", SOON, flows).await.unwrap();
        }
        let _ = stop.send(());
    });
    let mut seen = BTreeSet::new();
    let mut longest = Duration::ZERO;
    let mut last = Instant::now();
    let mut published = None;
    while published.is_none_or(|published| (seen.len() as u64) < published) {
        tokio::select! {
            message = next_of(&mut messages, &nc) => {
                longest = longest.max(last.elapsed());
                last = Instant::now();
                seen.insert(message.text().unwrap().parse::<u64>().unwrap());
                counter.store(seen.len() as u64, Ordering::Relaxed);
                message.ack().await.unwrap();
            }
            count = &mut publishing, if published.is_none() => published = Some(count.unwrap()),
        }
    }
    stepping.await.unwrap();
    // Each was stored once and came.
    assert_eq!(Some(count(&nc, "S").await), published);
    assert_eq!(seen, (1..=seen.len() as u64).collect());
    assert!(seen.len() > 600, "only {} messages", seen.len());
    assert!(longest < LONGEST_STALL, "nothing came for {longest:?}");
}

#[tokio::test]
async fn consuming_goes_on_when_the_server_of_the_leader_is_stopped() {
    let (mut cluster, nc, js) = cluster().await;
    consumer(&nc, "S", "C", r#""ack_wait":1000000000"#).await;
    let consumer = js.bind_stream("S").unwrap().consumer("C").await.unwrap();
    let mut messages = consumer.consume().max_messages(20).await.unwrap();
    for number in 1..=5 {
        store(&js, number).await;
    }
    for _ in 1..=5 {
        soon(messages.next()).await.unwrap().unwrap().double_ack().await.unwrap();
    }
    let info = consumer_info(&nc, "S", "C").await;
    let leader = info["cluster"]["leader"].as_str().unwrap().to_owned();
    let index = cluster.nodes().iter().position(|node| node.name() == leader).unwrap();
    cluster.stop(index).await.unwrap();
    for number in 6..=10 {
        store(&js, number).await;
    }
    let mut seen = BTreeSet::new();
    while seen.len() < 5 {
        let message = next_of(&mut messages, &nc).await;
        let number = message.text().unwrap().parse::<u64>().unwrap();
        if number > 5 {
            seen.insert(number);
        }
        message.ack().await.unwrap();
    }
    assert_eq!(seen, (6..=10).collect());
}

#[tokio::test]
async fn an_ordered_consumer_goes_on_when_the_server_of_its_part_is_killed() {
    let (mut cluster, nc, js) = cluster().await;
    for number in 1..=50u64 {
        let payload = number.to_string();
        nc.request("S.a", &payload).timeout(SOON).await.unwrap();
    }
    let mut messages = js.ordered_consumer("S").max_messages(10).await.unwrap();
    for number in 1..=50u64 {
        if number == 25 {
            let info = consumer_info(&nc, "S", messages.consumer_name()).await;
            let leader = info["cluster"]["leader"].as_str().unwrap().to_owned();
            let index = cluster.nodes().iter().position(|node| node.name() == leader).unwrap();
            cluster.kill(index).unwrap();
        }
        // Two heartbeats of silence, and an election.
        let message = tokio::time::timeout(SOON * 2, messages.next()).await;
        let message = message.unwrap().unwrap().unwrap();
        assert_eq!(message.text().unwrap(), number.to_string());
    }
}

/// An ordered consumer whose part is on another server than that of the connection, with heartbeats that would tell of its end
/// after half a minute; and the number of that server.
async fn with_rare_heartbeats(cluster: &Cluster, nc: &Client, js: &JetStream) -> (OrderedMessages, usize) {
    let elsewhere = async || {
        let messages = js.ordered_consumer("S").heartbeat(Duration::from_secs(15)).await.ok()?;
        let info = consumer_info(nc, "S", messages.consumer_name()).await;
        let leader = info["cluster"]["leader"].as_str()?.to_owned();
        let index = cluster.nodes().iter().position(|node| node.name() == leader)?;
        (nc.server() != Some(cluster.nodes()[index].addr())).then_some((messages, index))
    };
    eventually_async("a part on another server", SOON, elsewhere).await.unwrap()
}

#[tokio::test]
async fn a_server_that_is_killed_is_noticed_long_before_rare_heartbeats_would_tell() {
    let (mut cluster, nc, js) = cluster().await;
    let (mut messages, index) = with_rare_heartbeats(&cluster, &nc, &js).await;
    let come = async {
        let message = messages.next().await.unwrap().unwrap();
        (message.text().unwrap().to_owned(), Instant::now())
    };
    let publish = async {
        // It waits by now, since it is polled first.
        cluster.kill(index).unwrap();
        let stored = js.publish("S.a", "1").message_id("1").timeout(SOON * 3).retries(200);
        stored.await.unwrap();
        Instant::now()
    };
    let ((text, came), stored) = tokio::join!(come, publish);
    assert_eq!(text, "1");
    let took = came.saturating_duration_since(stored);
    assert!(took < LONGEST_STALL * 2, "it came {took:?} after it was stored");
}
