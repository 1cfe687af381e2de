//! Messages that are sent on at later times.

use std::time::Duration;

use nuncio::Client;
use nuncio::jetstream::{
    ErrorCode, Feature, JetStream, OptionError, PubAck, PublishError, Schedule, Timestamp, When,
};

use crate::support::*;

async fn scheduled() -> (nuncio_testkit::NatsServer, Client, JetStream) {
    let (server, nc, js) = start().await;
    stream(&nc, "S", r#""allow_msg_schedules":true,"allow_msg_ttl":true,"allow_rollup_hdrs":true"#).await;
    (server, nc, js)
}

fn soon() -> When {
    When::At(Timestamp::now().saturating_add(Duration::from_millis(200)))
}

fn never() -> When {
    When::At(Timestamp::now().saturating_add(Duration::from_secs(3600)))
}

/// Whether the server knows only schedules that fire once, so that another one is not sent.
fn too_old(outcome: &Result<PubAck, PublishError>) -> bool {
    if level() >= Feature::RepeatedSchedules.level() {
        assert!(outcome.is_ok(), "{outcome:?}");
        return false;
    }
    not_sent_for(outcome.clone(), Feature::RepeatedSchedules, level());
    true
}

#[tokio::test]
async fn a_message_is_sent_on_at_its_time() {
    needs!(MessageSchedules);
    let (_server, nc, js) = scheduled().await;
    let schedule = Schedule::new(soon(), "S.target");
    js.publish("S.plan", "later").header("a", "b").schedule(&schedule).await.unwrap();
    let message = last(&nc, "S", "S.target").await;
    assert_eq!(text_of(message["data"].as_str().unwrap()), "later");
    let headers = text_of(message["hdrs"].as_str().unwrap());
    assert!(headers.contains("a: b\r\n") && headers.contains("Nats-Scheduler: S.plan\r\n"), "{headers}");
    assert!(headers.contains("Nats-Schedule-Next: purge\r\n"), "{headers}");
}

#[tokio::test]
async fn a_schedule_may_repeat_with_all_its_options() {
    needs!(MessageSchedules);
    let (_server, nc, js) = scheduled().await;
    let schedule = Schedule::new(When::Every(Duration::from_secs(1)), "S.target")
        .source("S.source")
        .ttl(Duration::from_secs(60))
        .rollup();
    js.publish("S.source", "news").await.unwrap();
    let outcome = js.publish("S.plan", "").schedule(&schedule).await;
    if too_old(&outcome) {
        return;
    }
    let message = last(&nc, "S", "S.target").await;
    assert_eq!(text_of(message["data"].as_str().unwrap()), "news", "what the source has");
    assert!(
        text_of(message["hdrs"].as_str().unwrap()).contains("Nats-TTL: 1m0s\r\nNats-Rollup: sub"),
        "{message}"
    );
}

#[tokio::test]
async fn a_cron_expression_has_a_time_zone() {
    needs!(MessageSchedules);
    let (_server, _nc, js) = scheduled().await;
    let daily = Schedule::new(When::Cron("0 0 9 * * *".into()), "S.target").time_zone("Europe/Berlin");
    let outcome = js.publish("S.plan", "").schedule(&daily).await;
    if too_old(&outcome) {
        return;
    }
    js.publish("S.plan", "").schedule(&Schedule::new(When::Daily, "S.target")).await.unwrap();
    let nowhere = Schedule::new(When::Cron("0 0 9 * * *".into()), "S.target").time_zone("Nowhere/At all");
    let error = js.publish("S.plan", "").schedule(&nowhere).await.unwrap_err();
    assert_eq!(error.api_error().unwrap().err_code, ErrorCode(10223));
}

#[tokio::test]
async fn a_schedule_is_cancelled_by_another_message() {
    needs!(MessageSchedules);
    let (_server, nc, js) = scheduled().await;
    js.publish("S.plan", "").schedule(&Schedule::new(never(), "S.target")).await.unwrap();
    js.publish("S.done", "instead").cancel_schedule("S.plan").await.unwrap();
    let info = raw(&nc, "STREAM.INFO.S", r#"{"subjects_filter":">"}"#).await;
    assert_eq!(info["state"]["subjects"].to_string(), r#"{"S.done":1}"#);
}

#[tokio::test]
async fn a_schedule_that_cannot_be_sends_nothing() {
    needs!(MessageSchedules);
    let (_server, nc, js) = scheduled().await;
    let published = nc.statistics().published;
    let itself = Schedule::new(never(), "S.plan");
    let error = js.publish("S.plan", "").schedule(&itself).await.unwrap_err();
    assert!(matches!(&error, PublishError::Option { error: OptionError::Schedule(_), .. }), "{error:?}");
    assert_eq!(nc.statistics().published, published);
}

#[tokio::test]
async fn a_stream_without_schedules_refuses() {
    let (_server, nc, js) = start().await;
    stream(&nc, "T", "").await;
    let schedule = Schedule::new(never(), "T.target");
    let outcome = js.publish("T.plan", "").schedule(&schedule).await;
    if level() < 2 {
        return not_sent_for(outcome, Feature::MessageSchedules, level());
    }
    let error = outcome.unwrap_err();
    assert_eq!(error.api_error().unwrap().err_code, ErrorCode(10188));
}
