//! Saying who one is.

use std::time::Duration;

use nuncio::{Backoff, CloseReason, ConnectError, Event, ServerError};

use crate::support::*;
use crate::target::{Setup, Target};

fn user() -> Setup {
    Setup::new().user("me", "s3cr3t")
}

fn refused(error: &ConnectError, t: &Target) {
    let expected = ConnectError::Refused { server: t.addr(), error: ServerError::AuthorizationViolation };
    assert_eq!(*error, expected);
    assert!(error.is_auth() && !error.is_retryable());
    assert!(error.to_string().contains(&t.addr()), "{error}");
}

rules! {
    on user() =>
    async fn a_user_and_password_let_in(t: Target) {
        let nc = t.connect().user_and_password("me", "s3cr3t").await.unwrap();
        nc.flush().await.unwrap();
        let seen = t.connection(nc.server_info().client_id).await.unwrap();
        assert_eq!(seen["authorized_user"], "me");
        assert!(nc.server_info().auth_required);
    }

    on user() =>
    async fn a_url_may_carry_user_and_password(t: Target) {
        nuncio::connect(format!("nats://me:s3cr3t@{}", t.addr())).await.unwrap();
    }

    on user() =>
    async fn those_of_a_url_go_before_those_of_the_options(t: Target) {
        let url = format!("nats://me:s3cr3t@{}", t.addr());
        nuncio::connect(url).user_and_password("other", "wrong").await.unwrap();
    }

    on user() =>
    async fn a_wrong_password_is_refused(t: Target) {
        refused(&t.connect().user_and_password("me", "wrong").await.unwrap_err(), &t);
    }

    on user() =>
    async fn an_unknown_user_is_refused(t: Target) {
        refused(&t.connect().user_and_password("you", "s3cr3t").await.unwrap_err(), &t);
    }

    on user() =>
    async fn without_credentials_there_is_a_refusal_and_no_success(t: Target) {
        for _ in 0..20 {
            refused(&t.connect().await.unwrap_err(), &t);
        }
    }

    on Setup::new().token("t0k3n") =>
    async fn a_token_lets_in(t: Target) {
        t.connect().token("t0k3n").await.unwrap().flush().await.unwrap();
        nuncio::connect(format!("nats://t0k3n@{}", t.addr())).await.unwrap();
        refused(&t.connect().token("wrong").await.unwrap_err(), &t);
        refused(&t.connect().await.unwrap_err(), &t);
    }

    on Setup::new().user("a/b@c", "p:%w/d@x") =>
    async fn credentials_in_a_url_may_be_encoded(t: Target) {
        nuncio::connect(format!("nats://a%2Fb%40c:p%3A%25w%2Fd%40x@{}", t.addr())).await.unwrap();
    }

    async fn credentials_that_nobody_asks_for_do_no_harm(t: Target) {
        t.connect().user_and_password("me", "pw").await.unwrap().flush().await.unwrap();
        t.connect().token("t").await.unwrap().flush().await.unwrap();
    }

    on user() =>
    async fn of_several_servers_a_refusal_is_reported_before_a_failure(t: Target) {
        let list = format!("{},127.0.0.1:1", t.addr());
        let error = nuncio::connect(list).keep_server_order(true).await.unwrap_err();
        refused(&error, &t);
    }

    on user().own() =>
    async fn credentials_are_sent_again_on_a_reconnect(mut t: Target) {
        let nc = t.connect().user_and_password("me", "s3cr3t").await.unwrap();
        let mut events = nc.events();
        t.restart().await;
        reconnected(&mut events).await;
        nc.flush().await.unwrap();
    }

    on user() =>
    async fn the_same_refusal_twice_ends_a_connection_that_retries(t: Target) {
        let nc = t
            .connect()
            .user_and_password("me", "wrong")
            .retry_on_initial_connect(true)
            .backoff(Backoff::fixed(Duration::from_millis(2), Duration::ZERO))
            .max_reconnects(None)
            .await
            .unwrap();
        let mut events = nc.events();
        let expected = CloseReason::Rejected { server: t.addr(), error: ServerError::AuthorizationViolation };
        assert_eq!(nc.closed().await, expected);
        let failures = so_far(&mut events).into_iter().filter(|e| matches!(e, Event::ConnectFailed { .. })).count();
        assert!(failures <= 2);
        // Before anybody listened there may have been one.
        assert_eq!(nc.servers()[0].attempts(), 2, "neither once nor more often");
        assert!(!nc.closed().await.is_wanted());
    }

    on user() =>
    async fn refusals_may_be_ignored(t: Target) {
        let nc = t
            .connect()
            .user_and_password("me", "wrong")
            .retry_on_initial_connect(true)
            .ignore_auth_error_abort(true)
            .backoff(Backoff::fixed(Duration::from_millis(2), Duration::ZERO))
            .max_reconnects(None)
            .await
            .unwrap();
        let mut events = nc.events();
        for _ in 0..5 {
            event(&mut events, |e| matches!(e, Event::ConnectFailed { .. }).then_some(())).await;
        }
        nc.close().await;
        assert_eq!(nc.closed().await, CloseReason::Closed);
    }

    on user() =>
    async fn secrets_do_not_show(t: Target) {
        let builder = t.connect().user_and_password("me", "s3cr3t").token("t0k3n");
        let mut shown = format!("{builder:?}");
        let url = format!("nats://me:s3cr3t@{}", t.addr());
        let builder = nuncio::connect(&url);
        shown += &format!("{builder:?}");
        let nc = builder.await.unwrap();
        shown += &format!("{nc:?} {:?} {:?}", nc.server(), nc.state());
        assert!(!shown.contains("s3cr3t") && !shown.contains("t0k3n"), "{shown}");
    }

    on user().auth_timeout(Duration::from_millis(100)) =>
    async fn a_client_that_says_nothing_is_turned_away(t: Target) {
        let mut io = tokio::net::TcpStream::connect(t.addr()).await.unwrap();
        let mut said = Vec::new();
        tokio::io::AsyncReadExt::read_to_end(&mut io, &mut said).await.unwrap();
        let said = String::from_utf8(said).unwrap();
        assert!(said.ends_with("-ERR 'Authentication Timeout'\r\n"), "{said}");
    }
}
