//! Calls of the API.

use std::time::Duration;

use nuncio::jetstream::Error;
use nuncio_testkit::NatsServer;

use crate::support::*;

#[tokio::test]
async fn the_level_of_the_api_is_asked_once_a_connection() {
    let (mut server, nc, js) = start().await;
    assert_eq!(js.level().await.unwrap(), level());
    let before = calls(&nc).await;
    assert_eq!(js.clone().level().await.unwrap(), level());
    // Only the question itself is counted.
    assert_eq!(calls(&nc).await, before + 1);
    server.restart().await.unwrap();
    let mut events = nc.events();
    while nc.flush().await.is_err() {
        let _ = tokio::time::timeout(Duration::from_millis(200), events.next()).await;
    }
    let before = calls(&nc).await;
    assert_eq!(js.level().await.unwrap(), level());
    assert_eq!(calls(&nc).await, before + 2);
}

async fn calls(nc: &nuncio::Client) -> u64 {
    raw(nc, "INFO", "").await["api"]["total"].as_u64().unwrap()
}

#[tokio::test]
async fn a_domain_or_prefix_changes_where_the_api_is() {
    let server = NatsServer::builder().jetstream_with("domain: hub").start().await.unwrap();
    let nc = client(server.url()).await;
    assert_eq!(nc.jetstream().domain("hub").level().await.unwrap(), level());
    assert_eq!(nc.jetstream().prefix("$JS.hub.API").level().await.unwrap(), level());
    let error = nc.jetstream().domain("leaf").level().await.unwrap_err();
    assert_eq!(error, Error::NoJetStream { operation: "$JS.leaf.API.INFO".into() });
    assert!(error.is_no_jetstream() && error.is_retryable());
}

#[tokio::test]
async fn a_prefix_that_cannot_be_is_reported_by_the_call() {
    let (_server, nc, _) = start().await;
    assert!(matches!(nc.jetstream().prefix("a.*").level().await, Err(Error::Prefix(_))));
    assert!(matches!(nc.jetstream().domain("a.b").level().await, Err(Error::Prefix(_))));
}

#[tokio::test]
async fn without_jetstream_a_call_fails_typed() {
    let server = NatsServer::start().await.unwrap();
    let nc = client(server.url()).await;
    let error = nc.jetstream().level().await.unwrap_err();
    assert!(error.is_no_jetstream(), "{error:?}");
}

#[tokio::test]
async fn a_call_that_nobody_answers_ends_in_time() {
    let (_server, nc, _) = start().await;
    let _silent = nc.subscribe("silent.>").confirmed().await.unwrap();
    let timeout = Duration::from_millis(50);
    let error = nc.jetstream().prefix("silent").timeout(timeout).level().await.unwrap_err();
    assert_eq!(error, Error::Timeout { operation: "silent.INFO".into(), after: timeout });
    assert!(error.is_timeout());
}

#[tokio::test]
async fn calls_work_on_a_bare_thread() {
    let (_server, _nc, js) = start().await;
    assert_eq!(bare(move || block_on(js.level())).await.unwrap(), level());
}

#[tokio::test]
async fn a_call_is_made_again_while_the_error_may_pass() {
    let (_server, nc, _) = start().await;
    let mut asked = nc.subscribe("fake.>").confirmed().await.unwrap();
    let js = nc.jetstream().prefix("fake").timeout(SOON);
    let answering = async {
        let busy = r#"{"error":{"code":429,"err_code":10167,"description":"too many requests"}}"#;
        for answer in [busy, busy, r#"{"api":{"level":7}}"#] {
            asked.next().await.unwrap().respond(answer).await.unwrap();
        }
    };
    let (level, ()) = tokio::join!(js.level(), answering);
    assert_eq!(level, Ok(7));
}

#[tokio::test]
async fn an_error_that_stays_is_reported_at_once() {
    let (_server, nc, _) = start().await;
    let mut asked = nc.subscribe("fake.>").confirmed().await.unwrap();
    let js = nc.jetstream().prefix("fake").timeout(SOON);
    let answering = async {
        let off = r#"{"error":{"code":503,"err_code":10039,"description":"off"}}"#;
        asked.next().await.unwrap().respond(off).await.unwrap();
    };
    let (level, ()) = tokio::join!(js.level(), answering);
    let error = level.unwrap_err();
    assert!(error.is_no_jetstream(), "{error:?}");
    let hint = "enable JetStream in the server's configuration, for the account too if it has several";
    assert_eq!(error.to_string(), format!("fake.INFO was refused: off (10039); {hint}"));
}

#[tokio::test]
async fn what_is_no_answer_of_the_api_is_told() {
    let (_server, nc, _) = start().await;
    let mut asked = nc.subscribe("fake.>").confirmed().await.unwrap();
    let js = nc.jetstream().prefix("fake");
    let answering = async { asked.next().await.unwrap().respond("what?").await.unwrap() };
    let (level, ()) = tokio::join!(js.level(), answering);
    assert!(matches!(level, Err(Error::Answer { .. })), "{level:?}");
}
