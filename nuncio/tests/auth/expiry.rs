//! Credentials that expire or are taken away.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use nuncio::{Auth, CloseReason, ConnectError, DisconnectCause, Event, ServerError};

use crate::operator::{Operator, text, write};
use crate::support::*;

fn lost(event: Event) -> Option<DisconnectCause> {
    match event {
        Event::Disconnected { cause, .. } => Some(cause),
        _ => None,
    }
}

#[tokio::test]
async fn a_connection_whose_credentials_expired_recovers_when_there_are_new_ones() {
    let op = Operator::start().await;
    let path = op.path("user.creds");
    write(&path, &text(&op.expiring(in_secs(2))));
    let nc =
        nuncio::connect(op.server.url()).auth(Auth::creds_file(&path)).max_reconnects(None).await.unwrap();
    let mut events = nc.events();
    let told = event(&mut events, |e| match e {
        Event::ServerError(error) => Some(error),
        _ => None,
    });
    assert_eq!(told.await, ServerError::AuthenticationExpired);
    let expired = DisconnectCause::Server(ServerError::AuthenticationExpired);
    assert_eq!(event(&mut events, lost).await, expired);
    // The old ones are refused again and again, which is no reason to give up: they can be replaced.
    for _ in 0..3 {
        let refused = event(&mut events, |e| match e {
            Event::ConnectFailed { error, .. } => Some(error),
            _ => None,
        });
        assert!(refused.await.is_auth());
    }
    write(&path, &text(&op.expiring(in_secs(1000))));
    let began = std::time::Instant::now();
    reconnected(&mut events).await;
    assert!(began.elapsed() < secs(2), "{:?}", began.elapsed());
    nc.flush().await.unwrap();
}

#[tokio::test]
async fn fixed_credentials_that_expired_end_the_connection_with_the_refusal() {
    let op = Operator::start().await;
    let auth = Auth::creds(text(&op.expiring(in_secs(2))));
    let nc = eager(&op.server).auth(auth).await.unwrap();
    let mut events = nc.events();
    let expired = DisconnectCause::Server(ServerError::AuthenticationExpired);
    assert_eq!(event(&mut events, lost).await, expired);
    let reason = nc.closed().await;
    assert!(matches!(&reason, CloseReason::Rejected { error, .. } if error.is_auth()), "{reason:?}");
    let refusals: Vec<_> = so_far(&mut events)
        .into_iter()
        .filter_map(|e| match e {
            Event::ConnectFailed { error: ConnectError::Refused { error, .. }, .. } => Some(error),
            _ => None,
        })
        .collect();
    // For up to a second the server lets them in and throws them out again before it refuses them.
    let [.., last, again] = &refusals[..] else { panic!("{refusals:?}") };
    assert_eq!(last, again, "{refusals:?}");
    let violations = refusals.iter().filter(|e| **e == ServerError::AuthorizationViolation).count();
    assert!(violations <= 2, "{refusals:?}");
}

#[tokio::test]
async fn the_same_refusal_of_a_file_twice_ends_the_connection_unless_that_is_ignored() {
    let op = Operator::start().await;
    let path = op.path("user.creds");
    write(&path, &text(&op.user(|_| ())));
    let stranger = Operator::start().await;
    let connect = || eager(&op.server).auth(Auth::creds_file(&path));
    let (nc, stubborn) = (connect().await.unwrap(), connect().ignore_auth_error_abort(true).await.unwrap());
    let mut events = stubborn.events();
    let good = std::fs::read_to_string(&path).unwrap();
    write(&path, &text(&stranger.user(|_| ())));
    nc.force_reconnect();
    let reason =
        CloseReason::Rejected { server: op.server.addr(), error: ServerError::AuthorizationViolation };
    assert_eq!(nc.closed().await, reason);
    stubborn.force_reconnect();
    for _ in 0..4 {
        event(&mut events, |e| matches!(e, Event::ConnectFailed { .. }).then_some(())).await;
    }
    write(&path, &good);
    reconnected(&mut events).await;
}

#[tokio::test]
async fn a_first_connect_with_expired_credentials_is_refused() {
    let op = Operator::start().await;
    let path = op.path("user.creds");
    write(&path, &text(&op.expiring(std::time::SystemTime::now() - secs(100))));
    let error = nuncio::connect(op.server.url()).auth(Auth::creds_file(&path)).await.unwrap_err();
    assert!(matches!(&error, ConnectError::Refused { error, .. } if error.is_auth()), "{error:?}");
}

#[tokio::test]
async fn a_callback_is_asked_for_newer_credentials_before_the_old_ones_expire() {
    let op = Operator::start().await;
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let texts = [text(&op.expiring(in_secs(3))), text(&op.expiring(in_secs(1000)))];
    let auth = Auth::callback(move |challenge| {
        let call = count.fetch_add(1, Ordering::SeqCst);
        let credentials = challenge.creds(&texts[call.min(1)]);
        async move { Ok(credentials?) }
    });
    let nc = nuncio::connect(op.server.url()).auth(auth).await.unwrap();
    let mut events = nc.events();
    assert_eq!(event(&mut events, lost).await, DisconnectCause::CredentialsRenewed);
    reconnected(&mut events).await;
    assert_eq!(calls.load(Ordering::SeqCst), 2);
    assert!(so_far(&mut events).is_empty());
}

#[tokio::test]
async fn a_callback_that_has_nothing_newer_is_asked_once() {
    let op = Operator::start().await;
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let text = text(&op.expiring(in_secs(3)));
    let auth = Auth::callback(move |challenge| {
        count.fetch_add(1, Ordering::SeqCst);
        let credentials = challenge.creds(&text);
        async move { Ok(credentials?) }
    });
    let nc = nuncio::connect(op.server.url()).auth(auth).await.unwrap();
    let mut events = nc.events();
    assert_eq!(event(&mut events, lost).await, DisconnectCause::CredentialsRenewed);
    let expired = DisconnectCause::Server(ServerError::AuthenticationExpired);
    assert_eq!(event(&mut events, lost).await, expired);
    nc.close().await;
}

#[tokio::test]
async fn without_reconnecting_nothing_is_renewed() {
    let op = Operator::start().await;
    let path = op.path("user.creds");
    write(&path, &text(&op.expiring(in_secs(2))));
    let nc = nuncio::connect(op.server.url()).auth(Auth::creds_file(&path)).reconnect(false).await.unwrap();
    write(&path, &text(&op.expiring(in_secs(1000))));
    let expired = DisconnectCause::Server(ServerError::AuthenticationExpired);
    assert_eq!(nc.closed().await, CloseReason::ReconnectOff(expired));
}

#[tokio::test]
async fn closing_and_draining_are_not_held_up_by_a_renewal() {
    let op = Operator::start().await;
    let path = op.path("user.creds");
    write(&path, &text(&op.expiring(in_secs(2))));
    let nc = nuncio::connect(op.server.url()).auth(Auth::creds_file(&path)).await.unwrap();
    let mut events = nc.events();
    write(&path, &text(&op.expiring(in_secs(1000))));
    assert_eq!(event(&mut events, lost).await, DisconnectCause::CredentialsRenewed);
    nc.publish("a", "b").await.unwrap();
    let report = nc.drain().await.unwrap();
    assert!(report.flushed && report.lost == 0 && report.maybe_lost == 0, "{report:?}");
}
