//! Secrets on a way that anybody can read.

use nuncio::nkey::{KeyPair, Role};
use nuncio::{Auth, Connect, ConnectError, Connection, Connector, ConnectorFuture, Event, ServerAddr};
use nuncio_server::Server;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::*;
use crate::target::{Setup, Target};

/// A way to the server that is as public as TCP to another machine.
struct Public(String);

impl Connector for Public {
    fn connect(&self, _server: ServerAddr) -> ConnectorFuture {
        let addr = self.0.clone();
        Box::pin(async move { Ok(Box::new(TcpStream::connect(addr).await?) as Box<dyn Connection>) })
    }

    fn is_private(&self, server: &ServerAddr) -> bool {
        server.is_loopback()
    }
}

fn afar(t: &Target, server: &str) -> Connect {
    nuncio::connect(server).connector(Public(t.addr()))
}

#[track_caller]
fn assert_exposed(connected: Result<nuncio::Client, ConnectError>, what: &str) {
    let error = connected.expect_err("a secret was sent");
    let ConnectError::PlaintextAuth { server, secret } = &error else { panic!("{error:?}") };
    assert_eq!((server.as_str(), *secret), ("nats.example:4222", what));
    let text = error.to_string();
    assert!(
        text.contains(server) && text.contains("allow_plaintext_auth") && text.contains("tls://"),
        "{text}"
    );
    assert!(!error.is_auth() && !error.is_retryable() && !format!("{error:?} {text}").contains("s3cr3t"));
}

rules! {
    on Setup::new().user("joe", "s3cr3t") =>
    async fn a_password_does_not_go_to_another_machine_in_clear_text(t: Target) {
        assert_exposed(afar(&t, "nats.example").user_and_password("joe", "s3cr3t").await, "a password");
        assert_exposed(afar(&t, "joe:s3cr3t@nats.example").await, "a password");
    }

    on Setup::new().token("s3cr3t") =>
    async fn a_token_does_not_go_to_another_machine_in_clear_text(t: Target) {
        assert_exposed(afar(&t, "nats.example").token("s3cr3t").await, "a token");
        assert_exposed(afar(&t, "s3cr3t@nats.example").await, "a token");
    }

    on Setup::new().user("joe", "s3cr3t") =>
    async fn where_it_is_allowed_the_password_goes_there_all_the_same(t: Target) {
        let nc = afar(&t, "joe:s3cr3t@nats.example").allow_plaintext_auth(true).await.unwrap();
        nc.flush().await.unwrap();
    }

    on Setup::new().user("joe", "s3cr3t") =>
    async fn a_password_goes_to_this_machine(t: Target) {
        for here in ["joe:s3cr3t@localhost", "joe:s3cr3t@127.8.8.8", "joe:s3cr3t@[::1]"] {
            afar(&t, here).await.unwrap();
        }
    }

    on Setup::new().user("joe", "s3cr3t") =>
    async fn a_connector_is_trusted_unless_it_says_otherwise(t: Target) {
        let addr = t.addr();
        let connector = move |_| {
            let addr = addr.clone();
            async move { Ok(Box::new(TcpStream::connect(addr).await?) as Box<dyn Connection>) }
        };
        nuncio::connect("joe:s3cr3t@nats.example").connector(connector).await.unwrap();
    }

    on Setup::new().user("joe", "s3cr3t") =>
    async fn who_has_no_secret_to_tell_is_refused_by_the_server_alone(t: Target) {
        let error = afar(&t, "nats.example").await.unwrap_err();
        assert!(error.is_auth(), "{error:?}");
    }

    on Setup::new().user("joe", "s3cr3t") =>
    async fn of_several_servers_the_one_that_would_expose_the_secret_is_told_of(t: Target) {
        let both = || afar(&t, "nats.example,127.0.0.1").keep_server_order(true);
        let nc = both().user_and_password("joe", "s3cr3t").await.unwrap();
        assert_eq!(nc.server().as_deref(), Some("127.0.0.1:4222"));
        assert_exposed(both().user_and_password("joe", "wrong").await, "a password");
    }
}

#[tokio::test]
async fn a_signature_may_go_anywhere() {
    let key = KeyPair::generate(Role::User).unwrap();
    let server = Server::builder().nkey(key.public_key()).start().await.unwrap();
    let connector = Public(format!("127.0.0.1:{}", server.port()));
    let auth = Auth::nkey(key.seed().expose());
    nuncio::connect("nats.example").connector(connector).auth(auth).await.unwrap();
}

#[tokio::test]
async fn a_secret_is_held_back_at_each_attempt() {
    let server = Server::builder().user("joe", "s3cr3t").start().await.unwrap();
    let connector = Public(format!("127.0.0.1:{}", server.port()));
    let nc = nuncio::connect("nats.example")
        .connector(connector)
        .user_and_password("joe", "s3cr3t")
        .retry_on_initial_connect(true)
        .max_reconnects(3)
        .backoff(nuncio::Backoff::fixed(std::time::Duration::from_millis(2), std::time::Duration::ZERO))
        .await
        .unwrap();
    let reason = timeout(SOON, nc.closed()).await.expect("it goes on");
    assert!(
        matches!(&reason, nuncio::CloseReason::Exhausted { last } if matches!(**last, ConnectError::PlaintextAuth { .. })),
        "{reason:?}"
    );
}

#[tokio::test]
async fn servers_that_are_set_later_are_held_to_the_same() {
    let server = Server::builder().user("joe", "s3cr3t").start().await.unwrap();
    let connector = Public(format!("127.0.0.1:{}", server.port()));
    let nc = nuncio::connect("joe:s3cr3t@localhost")
        .connector(connector)
        .user_and_password("joe", "s3cr3t")
        .backoff(nuncio::Backoff::fixed(std::time::Duration::from_millis(2), std::time::Duration::ZERO))
        .await
        .unwrap();
    let mut events = nc.events();
    nc.set_servers("nats.example").unwrap();
    nc.force_reconnect();
    let error = event(&mut events, |e| match e {
        Event::ConnectFailed { error, .. } => Some(error),
        _ => None,
    })
    .await;
    assert!(matches!(error, ConnectError::PlaintextAuth { .. }), "{error:?}");
    nc.close().await;
}
