//! Real servers that refuse a client, at first or for good.

use nuncio::{CloseReason, ConnectError, Event, ServerError};
use nuncio_testkit::NatsServer;

use crate::real::*;

const PASSWORDS: [&str; 2] = ["before", "after"];

fn users(password: &str) -> String {
    format!("authorization {{ user: u, password: {password} }}\n")
}

#[tokio::test]
async fn credentials_refused_twice_end_the_connection() {
    let mut server = NatsServer::builder().config(users(PASSWORDS[0])).start().await.unwrap();
    let nc = connect(&server).user_and_password("u", PASSWORDS[0]).await.unwrap();
    let mut s = nc.subscribe("s").await.unwrap();
    let mut events = nc.events();
    nc.flush().await.unwrap();
    server.set_config(users(PASSWORDS[1]));
    server.reload().await.unwrap();
    let reason = within("the end", nc.closed()).await;
    let CloseReason::Rejected { server: at, error } = &reason else { panic!("{reason:?}") };
    assert_eq!((at, error), (&server.addr(), &ServerError::AuthorizationViolation));
    assert!(s.next().await.is_none());
    let mut refused = 0;
    while let Some(event) = events.next().await {
        refused += u32::from(matches!(event, Event::ConnectFailed { error, .. } if error.is_auth()));
    }
    assert_eq!(refused, 2);
    assert!(server.is_running());
}

#[tokio::test]
async fn credentials_that_become_right_again_are_tried_where_asked_for() {
    let mut server = NatsServer::builder().config(users(PASSWORDS[0])).start().await.unwrap();
    let connect = connect(&server).user_and_password("u", PASSWORDS[0]).ignore_auth_error_abort(true);
    let nc = connect.await.unwrap();
    let mut events = nc.events();
    nc.flush().await.unwrap();
    server.set_config(users(PASSWORDS[1]));
    server.reload().await.unwrap();
    let refusal = |event: &Event| matches!(event, Event::ConnectFailed { .. }).then_some(());
    for _ in 0..4 {
        event(&mut events, "a refusal", refusal).await;
    }
    server.set_config(users(PASSWORDS[0]));
    server.reload().await.unwrap();
    event(&mut events, "the return", reconnected).await;
    nc.flush().await.unwrap();
}

#[tokio::test]
async fn wrong_credentials_are_a_typed_error_at_once() {
    let server = NatsServer::builder().config(users(PASSWORDS[0])).start().await.unwrap();
    for connect in
        [connect(&server), connect(&server).user_and_password("u", "wrong"), connect(&server).token("t")]
    {
        let error = within("a refusal", connect.into_future()).await.unwrap_err();
        assert!(error.is_auth() && !error.is_retryable(), "{error:?}");
        assert!(!error.to_string().contains("wrong"), "{error}");
    }
}

#[tokio::test]
async fn a_full_server_refuses_and_is_tried_again() {
    let server = NatsServer::builder().config("max_connections: 1").start().await.unwrap();
    let first = connect(&server).await.unwrap();
    let error = within("a refusal", connect(&server).into_future()).await.unwrap_err();
    assert!(matches!(&error, ConnectError::Refused { error: ServerError::MaxConnections, .. }), "{error:?}");
    assert!(error.is_retryable());
    let second = connect(&server).retry_on_initial_connect(true).await.unwrap();
    let mut events = second.events();
    first.close().await;
    event(&mut events, "room", |event| matches!(event, Event::Connected { .. }).then_some(())).await;
    second.flush().await.unwrap();
}
