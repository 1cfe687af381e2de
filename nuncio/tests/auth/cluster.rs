//! Clusters whose one known server has its password in the URL.

use std::time::Duration;

use nuncio::{Backoff, Client, CloseReason, Connect, ConnectError, Event, ServerError};
use nuncio_testkit::{Cluster, eventually};
use tokio::time::timeout;

use crate::secrets::{held, log};
use crate::support::*;

/// Three servers that want a password, and the URL of the first.
async fn cluster() -> (Cluster, String) {
    let cluster =
        Cluster::of(3).config("authorization { user: joe, password: s3cr3t }").start().await.unwrap();
    let url = format!("nats://joe:s3cr3t@{}", cluster.node(0).unwrap().addr());
    (cluster, url)
}

fn quick(connect: Connect) -> Connect {
    connect.max_reconnects(3).backoff(Backoff::fixed(Duration::from_millis(20), Duration::ZERO))
}

async fn knowing_all(connect: Connect) -> Client {
    let nc = quick(connect).await.unwrap();
    eventually("all servers in the pool", SOON, || nc.servers().len() == 3).await.unwrap();
    nc
}

#[tokio::test]
async fn what_stands_in_a_url_is_not_for_servers_that_are_learnt_of_in_clear_text() {
    let log = log();
    let (mut cluster, url) = cluster().await;
    let nc = knowing_all(nuncio::connect(url)).await;
    // Before it is needed.
    assert!(held(log).contains("WARN message=servers of the cluster"), "{}", held(log));
    let mut events = nc.events();
    let others = [cluster.node(1).unwrap().addr(), cluster.node(2).unwrap().addr()];
    cluster.kill(0).unwrap();
    let error = event(&mut events, |e| match e {
        Event::ConnectFailed { error: error @ ConnectError::CredentialsWithheld { .. }, .. } => Some(error),
        _ => None,
    })
    .await;
    let ConnectError::CredentialsWithheld { server, error: refusal } = &error else { panic!("{error:?}") };
    assert!(others.contains(server), "{server}");
    assert_eq!(*refusal, ServerError::AuthorizationViolation);
    let text = error.to_string();
    assert!(text.contains(server) && text.contains("Connect::share_credentials"), "{text}");
    assert!(error.is_auth() && !error.is_retryable() && !text.contains("s3cr3t"));
    // It is told at the end, too, and not that the first server cannot be reached.
    let reason = timeout(SOON, nc.closed()).await.expect("it goes on");
    let CloseReason::Exhausted { last } = &reason else { panic!("{reason:?}") };
    assert!(matches!(**last, ConnectError::CredentialsWithheld { .. }), "{reason:?}");
}

#[tokio::test]
async fn where_they_are_shared_the_client_fails_over() {
    let (mut cluster, url) = cluster().await;
    let nc = knowing_all(nuncio::connect(url).share_credentials(true)).await;
    let mut events = nc.events();
    cluster.kill(0).unwrap();
    reconnected(&mut events).await;
    nc.flush().await.unwrap();
    assert!(nc.servers().iter().all(|s| s.addr().has_credentials()));
    assert!(!format!("{:?} {nc:?}", nc.servers()).contains("s3cr3t"));
}

#[tokio::test]
async fn what_is_given_as_an_option_is_for_every_server() {
    let (mut cluster, _) = cluster().await;
    let first = cluster.node(0).unwrap().url();
    let nc = knowing_all(nuncio::connect(first).user_and_password("joe", "s3cr3t")).await;
    let mut events = nc.events();
    cluster.kill(0).unwrap();
    reconnected(&mut events).await;
    nc.flush().await.unwrap();
}

#[tokio::test]
async fn a_refusal_of_wrong_credentials_is_told_as_such() {
    let (_cluster, url) = cluster().await;
    let error = nuncio::connect(url.replace("s3cr3t", "wrong")).await.unwrap_err();
    assert!(matches!(error, ConnectError::Refused { .. }), "{error:?}");
}
