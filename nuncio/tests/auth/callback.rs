//! Credentials that the application makes itself.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use nuncio::auth::{AuthError, Credentials};
use nuncio::nkey::{KeyPair, Role};
use nuncio::{Auth, CloseReason, ConnectError, Event};

use crate::operator::{Operator, text};
use crate::support::*;

#[tokio::test]
async fn it_is_called_anew_for_each_connection_with_the_server_and_a_new_nonce() {
    let key = KeyPair::generate(Role::User).unwrap();
    let server = server(&format!("authorization {{ users: [{{ nkey: {} }}] }}", key.public_key())).await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (calls, seed) = (Arc::clone(&seen), key.seed());
    let auth = Auth::callback(move |challenge| {
        calls.lock().unwrap().push((challenge.server().to_owned(), challenge.nonce().unwrap().to_owned()));
        let seed = seed.clone();
        async move { Ok(challenge.nkey(seed.expose())?) }
    });
    let nc = nuncio::connect(server.url()).auth(auth).await.unwrap();
    let mut events = nc.events();
    for _ in 0..2 {
        nc.force_reconnect();
        reconnected(&mut events).await;
    }
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 3);
    assert!(seen.iter().all(|(at, _)| *at == server.addr()));
    assert!(seen[0].1 != seen[1].1 && seen[1].1 != seen[2].1);
}

#[tokio::test]
async fn it_may_yield_passwords_tokens_and_whole_credentials() {
    let by_password = server("authorization { user: me, password: pw }").await;
    let auth = Auth::callback(|_| async { Ok(Credentials::new().user_and_password("me", "pw")) });
    nuncio::connect(by_password.url()).auth(auth).await.unwrap();
    let by_token = server("authorization { token: t0k3n }").await;
    let auth = Auth::callback(|_| async { Ok(Credentials::new().token("t0k3n")) });
    nuncio::connect(by_token.url()).auth(auth).await.unwrap();
    let op = Operator::start().await;
    let text = text(&op.user(|_| ()));
    let auth = Auth::callback(move |challenge| {
        let credentials = challenge.creds(&text);
        async move { Ok(credentials?) }
    });
    nuncio::connect(op.server.url()).auth(auth).await.unwrap();
}

#[tokio::test]
async fn a_signature_may_be_made_elsewhere() {
    let op = Operator::start().await;
    let creds = op.user(|_| ());
    let auth = Auth::callback(move |challenge| {
        let key = creds.key().unwrap();
        let sig = key.sign_nonce(challenge.nonce()).unwrap();
        let credentials =
            Credentials::new().jwt(creds.jwt().expose()).nkey(key.public_key()).signature(sig.expose());
        async move { Ok(credentials) }
    });
    nuncio::connect(op.server.url()).auth(auth).await.unwrap();
}

#[tokio::test]
async fn its_error_fails_the_attempt_and_no_more() {
    let server = server("authorization { token: t0k3n }").await;
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let auth = Auth::callback(move |_| {
        let call = count.fetch_add(1, Ordering::SeqCst);
        async move {
            if call < 3 { Err("the vault is sealed".into()) } else { Ok(Credentials::new().token("t0k3n")) }
        }
    });
    let error = nuncio::connect(server.url()).auth(auth.clone()).await.unwrap_err();
    assert_eq!(error, ConnectError::Auth(AuthError::Callback("the vault is sealed".into())));
    let nc = eager(&server).auth(auth).retry_on_initial_connect(true).await.unwrap();
    let mut events = nc.events();
    event(&mut events, |e| matches!(e, Event::Connected { .. }).then_some(())).await;
    assert_eq!(calls.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn its_panic_fails_the_attempt_and_no_more() {
    let server = server("").await;
    let at_once = Auth::callback(|_| -> std::future::Ready<_> { panic!("at once") });
    let later = Auth::callback(|_| async { panic!("later") });
    for auth in [at_once, later] {
        let error = nuncio::connect(server.url()).auth(auth).await.unwrap_err();
        assert_eq!(error, ConnectError::Auth(AuthError::CallbackPanicked));
    }
}

#[tokio::test]
async fn one_that_never_answers_runs_into_the_timeout_of_the_attempt() {
    let server = server("").await;
    let auth = Auth::callback(|_| std::future::pending());
    let timeout = std::time::Duration::from_millis(50);
    let error = nuncio::connect(server.url()).auth(auth).connect_timeout(timeout).await.unwrap_err();
    assert!(error.is_timeout() && error.to_string().contains("credentials"), "{error}");
}

#[tokio::test]
async fn being_too_slow_for_the_server_is_no_refusal_of_the_credentials() {
    let server = server("authorization { token: t0k3n, timeout: 0.1 }").await;
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let auth = Auth::callback(move |_| {
        let call = count.fetch_add(1, Ordering::SeqCst);
        async move {
            if call < 3 {
                tokio::time::sleep(std::time::Duration::from_millis(300)).await;
            }
            Ok(Credentials::new().token("t0k3n"))
        }
    });
    let nc = eager(&server).auth(auth).retry_on_initial_connect(true).await.unwrap();
    let mut events = nc.events();
    event(&mut events, |e| matches!(e, Event::Connected { .. }).then_some(())).await;
    assert!(calls.load(Ordering::SeqCst) >= 4);
    nc.close().await;
    assert_eq!(nc.closed().await, CloseReason::Closed);
}
