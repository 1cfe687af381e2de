//! User JWTs in operator mode: in memory, in files, bearer.

use std::io;
use std::time::Duration;

use nuncio::auth::{AuthError, Creds};
use nuncio::nkey::{KeyPair, Role};
use nuncio::{Auth, ConnectError, Event, ServerError};
use nuncio_proto::auth::creds::{CredsError, MAX_CREDS};

use crate::operator::{Operator, text, write};
use crate::support::*;

fn seed(creds: &Creds) -> String {
    creds.key().unwrap().seed().expose().to_owned()
}

#[tokio::test]
async fn credentials_let_in_however_their_text_is_laid_out() {
    let op = Operator::start().await;
    let creds = op.user(|_| ());
    let text = text(&creds);
    for text in [
        text.clone(),
        text.replace('\n', "\r\n"),
        text.replace('\n', "\n        "),
        format!("\t{}", text.replace('\n', "\r\n\t")),
        text.replace("-----", "---"),
        text.replace("-----", "-------"),
    ] {
        let nc = nuncio::connect(op.server.url()).auth(Auth::creds(&text)).await.unwrap();
        assert_eq!(nc.user_info().await.unwrap().user, creds.claims().subject, "{text}");
        let path = op.path("user.creds");
        write(&path, &text);
        nuncio::connect(op.server.url()).auth(Auth::creds_file(&path)).await.unwrap();
    }
}

#[tokio::test]
async fn a_jwt_and_its_seed_let_in() {
    let op = Operator::start().await;
    let creds = op.user(|_| ());
    let auth = Auth::jwt(creds.jwt().expose(), seed(&creds));
    nuncio::connect(op.server.url()).auth(auth).await.unwrap();
}

#[tokio::test]
async fn a_bearer_jwt_lets_in_alone_and_in_a_file() {
    let op = Operator::start().await;
    let creds = op.user(|claims| claims.bearer = true);
    let jwt = creds.jwt().expose();
    nuncio::connect(op.server.url()).auth(Auth::bearer(jwt)).await.unwrap();
    let alone = Creds::new(jwt, None).unwrap();
    nuncio::connect(op.server.url()).auth(Auth::creds(text(&alone))).await.unwrap();
    nuncio::connect(op.server.url()).auth(Auth::creds(text(&creds))).await.unwrap();
}

#[tokio::test]
async fn a_jwt_that_is_no_bearer_s_does_not_let_in_alone() {
    let op = Operator::start().await;
    let creds = op.user(|_| ());
    let error = nuncio::connect(op.server.url()).auth(Auth::bearer(creds.jwt().expose())).await.unwrap_err();
    assert!(error.is_auth(), "{error}");
}

#[tokio::test]
async fn the_seed_of_somebody_else_is_refused() {
    let op = Operator::start().await;
    let (creds, other) = (op.user(|_| ()), op.user(|_| ()));
    let auth = Auth::jwt(creds.jwt().expose(), seed(&other));
    let error = nuncio::connect(op.server.url()).auth(auth).await.unwrap_err();
    let server = op.server.addr();
    assert_eq!(error, ConnectError::Refused { server, error: ServerError::AuthorizationViolation });
}

#[tokio::test]
async fn the_server_tells_who_the_user_is_and_what_it_may_do() {
    let op = Operator::start().await;
    let creds = op.user(|claims| {
        claims.publish.allow = vec!["a.>".into(), "$SYS.REQ.USER.INFO".into()];
        claims.subscribe.deny = vec!["secret".into()];
        claims.expires = Some(in_secs(100));
    });
    let nc = nuncio::connect(op.server.url()).auth(Auth::creds(text(&creds))).await.unwrap();
    let info = nc.user_info().await.unwrap();
    assert_eq!((&info.user, &info.account), (&creds.claims().subject, &op.account.public_key()));
    let permissions = info.permissions.unwrap();
    assert!(permissions.publish.unwrap().allow.contains(&"a.>".to_owned()));
    assert_eq!(permissions.subscribe.unwrap().deny, ["secret"]);
    assert!(info.expires.is_some_and(|left| left > secs(60) && left <= secs(101)), "{:?}", info.expires);
}

#[tokio::test]
async fn what_is_wrong_with_given_credentials_is_told_before_anything_is_dialled() {
    let connect = |auth| async move { nuncio::connect("127.0.0.1:1").auth(auth).await.unwrap_err() };
    let creds = |error| ConnectError::Auth(AuthError::Creds(error));
    assert_eq!(connect(Auth::creds("hello")).await, creds(CredsError::NoJwt));
    let key = KeyPair::generate(Role::User).unwrap();
    let error = connect(Auth::jwt("a.b.c", key.seed().expose())).await;
    assert!(matches!(error, ConnectError::Auth(AuthError::Creds(CredsError::Jwt(_)))), "{error:?}");
}

#[tokio::test]
async fn what_is_wrong_with_a_file_is_told_with_its_name() {
    let op = Operator::start().await;
    let path = op.path("user.creds");
    let connect =
        || async { nuncio::connect(op.server.url()).auth(Auth::creds_file(&path)).await.unwrap_err() };
    let error = connect().await;
    assert!(
        matches!(&error, ConnectError::Auth(AuthError::File { path: p, kind: io::ErrorKind::NotFound, .. }) if *p == path),
        "{error:?}"
    );
    assert!(error.to_string().contains("user.creds") && error.is_retryable());
    for (content, expected) in
        [("".to_owned(), CredsError::NoJwt), ("x".repeat(MAX_CREDS + 1), CredsError::TooLarge)]
    {
        write(&path, &content);
        let error = connect().await;
        let content = AuthError::FileContent { path: path.clone(), error: expected };
        assert_eq!(error, ConnectError::Auth(content));
        assert!(error.to_string().contains("user.creds"));
    }
}

#[tokio::test]
async fn a_file_that_is_not_there_yet_is_awaited_when_the_first_connect_is_retried() {
    let op = Operator::start().await;
    let path = op.path("late.creds");
    let nc = eager(&op.server).auth(Auth::creds_file(&path)).retry_on_initial_connect(true).await.unwrap();
    let mut events = nc.events();
    for _ in 0..3 {
        let error = event(&mut events, |e| match e {
            Event::ConnectFailed { error, .. } => Some(error),
            _ => None,
        });
        assert!(matches!(error.await, ConnectError::Auth(AuthError::File { .. })));
    }
    write(&path, &text(&op.user(|_| ())));
    event(&mut events, |e| matches!(e, Event::Connected { .. }).then_some(())).await;
}

#[tokio::test]
async fn a_file_is_read_again_at_each_connect() {
    let op = Operator::start().await;
    let path = op.path("user.creds");
    let (first, second) = (op.user(|_| ()), op.user(|_| ()));
    write(&path, &text(&first));
    let nc = nuncio::connect(op.server.url()).auth(Auth::creds_file(&path)).await.unwrap();
    let mut events = nc.events();
    assert_eq!(nc.user_info().await.unwrap().user, first.claims().subject);
    write(&path, &text(&second));
    nc.force_reconnect();
    reconnected(&mut events).await;
    let info = nc.request("$SYS.REQ.USER.INFO", "").timeout(Duration::from_secs(10)).await.unwrap();
    assert!(info.text().unwrap().contains(&second.claims().subject));
}
