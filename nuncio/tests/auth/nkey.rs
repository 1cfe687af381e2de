//! NKEYs in the server's configuration.

use nuncio::auth::AuthError;
use nuncio::nkey::{KeyPair, NkeyError, NonceError, Role};
use nuncio::{Auth, ConnectError, ServerError};
use nuncio_testkit::NatsServer;

use crate::support::*;

fn key() -> KeyPair {
    KeyPair::generate(Role::User).unwrap()
}

fn seed(key: &KeyPair) -> String {
    key.seed().expose().to_owned()
}

async fn server_of(key: &KeyPair) -> NatsServer {
    server(&format!("authorization {{ users: [{{ nkey: {} }}] }}", key.public_key())).await
}

#[tokio::test]
async fn a_seed_lets_in() {
    let key = key();
    let server = server_of(&key).await;
    let nc = nuncio::connect(server.url()).auth(Auth::nkey(seed(&key))).await.unwrap();
    let info = nc.user_info().await.unwrap();
    assert_eq!((info.user, info.account.as_str()), (key.public_key(), "$G"));
    assert_eq!((info.permissions, info.expires), (None, None));
}

#[tokio::test]
async fn a_seed_file_lets_in_bare_or_not() {
    let key = key();
    let server = server_of(&key).await;
    let path = server.dir().join("user.nk");
    for text in [
        seed(&key),
        format!("  {}\r\n", seed(&key)),
        format!("-----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n", seed(&key)),
    ] {
        std::fs::write(&path, text).unwrap();
        nuncio::connect(server.url()).auth(Auth::nkey_file(&path)).await.unwrap();
    }
}

#[tokio::test]
async fn the_wrong_seed_is_refused() {
    let server = server_of(&key()).await;
    let error = nuncio::connect(server.url()).auth(Auth::nkey(seed(&key()))).await.unwrap_err();
    let expected =
        ConnectError::Refused { server: server.addr(), error: ServerError::AuthorizationViolation };
    assert_eq!(error, expected);
}

#[tokio::test]
async fn a_malformed_seed_is_told_before_anything_is_dialled() {
    let error = nuncio::connect("127.0.0.1:1").auth(Auth::nkey("SUABC")).await.unwrap_err();
    let length = NkeyError::Length { expected: 58, found: 5 };
    assert_eq!(error, ConnectError::Auth(AuthError::Creds(length.into())));
    let account = KeyPair::generate(Role::Account).unwrap();
    let error = nuncio::connect("127.0.0.1:1").auth(Auth::nkey(seed(&account))).await.unwrap_err();
    let role = NkeyError::Role { expected: Role::User, found: Role::Account };
    assert_eq!(error, ConnectError::Auth(AuthError::Creds(role.into())));
}

#[tokio::test]
async fn nothing_is_signed_for_a_server_without_a_nonce() {
    let server = server("authorization { user: me, password: pw }").await;
    let auth = Auth::nkey(seed(&key()));
    let error = nuncio::connect(server.url()).auth(auth.clone()).await.unwrap_err();
    assert_eq!(error, ConnectError::Auth(AuthError::Nonce(NonceError::Missing)));
    // But something else may be what that server wants, however it is given.
    let auth_and = || nuncio::connect(server.url()).auth(auth.clone());
    auth_and().auth(Auth::user_and_password("me", "pw")).await.unwrap();
    auth_and().user_and_password("me", "pw").await.unwrap();
    nuncio::connect(format!("nats://me:pw@{}", server.addr())).auth(auth.clone()).await.unwrap();
}

#[tokio::test]
async fn keys_and_passwords_are_merged_for_a_server_that_takes_either() {
    let key = key();
    let (by_key, by_password) =
        (server_of(&key).await, server("authorization { user: me, password: pw }").await);
    let (password, seed) = (Auth::user_and_password("me", "pw"), Auth::nkey(seed(&key)));
    // Neither is left out for being the first or the last.
    for [first, second] in [[&password, &seed], [&seed, &password]] {
        let connect =
            |server: &NatsServer| nuncio::connect(server.url()).auth(first.clone()).auth(second.clone());
        let nc = connect(&by_key).await.unwrap();
        assert_eq!(nc.user_info().await.unwrap().user, key.public_key());
        let nc = connect(&by_password).await.unwrap();
        assert_eq!(nc.user_info().await.unwrap().user, "me");
    }
}

#[tokio::test]
async fn of_two_of_a_kind_the_later_one_counts() {
    let key = key();
    let server = server_of(&key).await;
    let (right, wrong) = (Auth::nkey(seed(&key)), Auth::nkey(seed(&self::key())));
    nuncio::connect(server.url()).auth(wrong.clone()).auth(right.clone()).await.unwrap();
    assert!(nuncio::connect(server.url()).auth(right).auth(wrong).await.unwrap_err().is_auth());
}

#[tokio::test]
async fn the_embedded_server_verifies_keys_as_well() {
    let key = key();
    let server = nuncio_server::Server::builder().nkey(key.public_key()).start().await.unwrap();
    let connect = |auth| nuncio::connect(server.url()).auth(auth);
    connect(Auth::nkey(seed(&key))).await.unwrap();
    assert!(connect(Auth::nkey(seed(&self::key()))).await.unwrap_err().is_auth());
    let unsigned = nuncio::auth::Credentials::new().nkey(key.public_key());
    let unsigned = Auth::callback(move |_| std::future::ready(Ok(unsigned.clone())));
    assert!(connect(unsigned).await.unwrap_err().is_auth());
    assert!(nuncio::connect(server.url()).await.unwrap_err().is_auth());
    assert!(nuncio_server::Server::builder().nkey("UABC").start().await.is_err());
}
