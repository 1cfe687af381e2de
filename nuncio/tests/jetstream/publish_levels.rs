//! What the options of a message need newer servers for is refused before it is sent.

use std::error::Error as _;
use std::time::Duration;

use nuncio::Client;
use nuncio::jetstream::{Feature, JetStream, PublishError, Schedule, Timestamp, When};

use crate::levels::old;
use crate::support::*;

const HOUR: Duration = Duration::from_secs(3600);

fn once() -> Schedule {
    Schedule::new(When::At(Timestamp::now().saturating_add(HOUR)), "S.b")
}

/// Tries one option after the other that a server of level 0 does not know.
async fn refused_by_level_0(js: &JetStream) {
    let publish = || js.publish("S.a", "x");
    not_sent_for(publish().ttl(HOUR).await, Feature::MessageTtl, 0);
    not_sent_for(publish().expect_last_sequence_of("S.*", 0).await, Feature::ExpectedSubject, 0);
    not_sent_for(publish().schedule(&once()).await, Feature::MessageSchedules, 0);
    not_sent_for(publish().schedule(&once().rollup()).await, Feature::RepeatedSchedules, 0);
    not_sent_for(publish().cancel_schedule("S.b").await, Feature::MessageSchedules, 0);
    // The highest counts, in whatever order they are set.
    not_sent_for(publish().schedule(&once()).ttl(HOUR).await, Feature::MessageSchedules, 0);
    not_sent_for(publish().ttl(HOUR).schedule(&once()).await, Feature::MessageSchedules, 0);
    not_sent_for(js.counter_add("S.a", 1).await, Feature::Counters, 0);
    not_sent_for(js.batch().add("S.a", "x").await, Feature::AtomicPublish, 0);
    not_sent_for(js.batch().commit("S.a", "x").await, Feature::AtomicPublish, 0);
    let publisher = js.publisher().build();
    not_sent_for(publisher.send("S.a", "x").ttl(HOUR).await, Feature::MessageTtl, 0);
    assert_eq!(publisher.in_flight(), 0);
}

#[tokio::test]
async fn what_a_server_of_level_0_would_ignore_is_not_sent_to_it() {
    let (_server, nc, js) = old("2.10.25").await;
    stream(&nc, "S", "").await;
    refused_by_level_0(&js).await;
    assert_eq!(count(&nc, "S").await, 0);
    // What it knows is sent.
    js.publish("S.a", "x").message_id("m").expect_last_sequence(0).await.unwrap();
}

#[tokio::test]
async fn what_a_server_of_level_2_does_not_know_is_not_sent_to_it() {
    let (_server, nc, js) = old("2.12.8").await;
    let server = js.level().await.unwrap();
    stream(&nc, "S", r#""allow_msg_schedules":true,"allow_msg_ttl":true,"allow_atomic":true"#).await;
    js.publish("S.plan", "").schedule(&once()).ttl(HOUR).await.unwrap();
    let every = Schedule::new(When::Every(HOUR), "S.b");
    for more in [every, once().source("S.c"), once().rollup()] {
        not_sent_for(js.publish("S.plan", "").schedule(&more).await, Feature::RepeatedSchedules, server);
    }
    let mut batch = js.batch();
    batch.add("S.a", "x").await.unwrap();
    not_sent_for(batch.finish("S.a").await, Feature::BatchEnd, server);
    not_sent_for(batch.add("S.a", "x").schedule(&once().rollup()).await, Feature::RepeatedSchedules, server);
    assert_eq!(batch.commit("S.a", "x").await.unwrap().count, Some(2));
}

/// How many messages the client sends for it.
async fn sent(nc: &Client, what: impl Future) -> u64 {
    let before = nc.statistics().published;
    what.await;
    nc.statistics().published - before
}

#[tokio::test]
async fn the_level_is_asked_once_a_connection_and_only_where_it_is_needed() {
    let (_server, nc, js) = start().await;
    stream(&nc, "S", r#""allow_rollup_hdrs":true"#).await;
    let publisher = js.publisher().build();
    let plain = async {
        js.publish("S.a", "").message_id("m").await.unwrap();
        publisher.send("S.a", "").header("a", "b").await.unwrap().await.unwrap();
    };
    assert_eq!(sent(&nc, plain).await, 2);
    let first = async { drop(js.publish("S.a", "").ttl(HOUR).await) };
    let alone = u64::from(level() >= Feature::MessageTtl.level());
    assert_eq!(sent(&nc, first).await, 1 + alone);
    let others = async {
        drop(js.publish("S.a", "").ttl(HOUR).await);
        drop(publisher.send("S.a", "").ttl(HOUR).await);
    };
    assert_eq!(sent(&nc, others).await, 2 * alone);
}

#[tokio::test]
async fn where_nobody_tells_the_level_the_message_is_sent() {
    needs!(MessageTtl);
    let (_server, nc, _js) = start().await;
    stream(&nc, "S", r#""allow_msg_ttl":true"#).await;
    let js = nc.jetstream().prefix("elsewhere");
    js.publish("S.a", "").ttl(HOUR).await.unwrap();
    let again = async { drop(js.publish("S.a", "").ttl(HOUR).await.unwrap()) };
    assert_eq!(sent(&nc, again).await, 1, "it is not asked for again");
    js.publisher().build().send("S.a", "").ttl(HOUR).await.unwrap().await.unwrap();
}

#[tokio::test]
async fn where_the_question_is_not_answered_the_message_is_not_sent() {
    let (_server, nc, _js) = start().await;
    stream(&nc, "S", "").await;
    let mut asked = nc.subscribe("silent.INFO").confirmed().await.unwrap();
    let js = nc.jetstream().prefix("silent");
    let timeout = Duration::from_millis(60);
    let error = js.publish("S.a", "").ttl(HOUR).timeout(timeout).await.unwrap_err();
    assert!(
        matches!(&error, PublishError::LevelUnknown { subject, feature: Feature::MessageTtl, .. } if subject == "S.a"),
        "{error:?}"
    );
    assert!(error.is_timeout() && error.is_retryable() && !error.is_stored_unknown());
    assert!(error.source().is_some_and(|cause| cause.to_string().contains("silent.INFO")), "{error:?}");
    let publisher = js.publisher().timeout(timeout).build();
    let error = publisher.send("S.a", "").ttl(HOUR).await.unwrap_err();
    assert!(matches!(error, PublishError::LevelUnknown { .. }), "{error:?}");
    assert!(asked.try_next().is_some());
    assert_eq!(count(&nc, "S").await, 0);
}

#[tokio::test]
async fn who_cannot_wait_is_told_what_is_known() {
    let (_server, nc, js) = old("2.10.25").await;
    stream(&nc, "S", "").await;
    let publisher = js.publisher().build();
    publisher.send("S.a", "").ttl(HOUR).try_send().unwrap().await.unwrap();
    assert_eq!(js.level().await, Ok(0));
    not_sent_for(publisher.send("S.a", "").ttl(HOUR).try_send(), Feature::MessageTtl, 0);
    assert_eq!(count(&nc, "S").await, 1);
}

#[tokio::test]
async fn the_level_is_asked_on_a_bare_thread_too() {
    needs!(MessageTtl);
    let (_server, nc, js) = start().await;
    stream(&nc, "S", r#""allow_msg_ttl":true"#).await;
    let asking = js.clone();
    bare(move || block_on(asking.publish("S.a", "").ttl(HOUR).into_future()).unwrap()).await;
    let ack = js.publisher().build().send("S.a", "").ttl(HOUR).await.unwrap().await.unwrap();
    assert_eq!((ack.sequence, nc.statistics().requests), (2, 0));
}
