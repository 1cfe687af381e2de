//! Secrets where TLS is missing, or taken away on the way.

use nuncio::{Connect, ConnectError, Connection, Connector, ConnectorFuture, ServerAddr, Tls, TlsProblem};
use tokio::net::TcpStream;

use crate::fake::*;
use crate::support::*;

/// A way to another machine, as far as anybody can tell.
struct Public(String);

impl Connector for Public {
    fn connect(&self, _server: ServerAddr) -> ConnectorFuture {
        let addr = self.0.clone();
        Box::pin(async move { Ok(Box::new(TcpStream::connect(addr).await?) as Box<dyn Connection>) })
    }

    fn is_private(&self, _server: &ServerAddr) -> bool {
        false
    }
}

fn afar(addr: String) -> Connect {
    connect("nats.example").connector(Public(addr)).reconnect(false)
}

#[tokio::test]
async fn where_somebody_takes_the_word_of_tls_out_nothing_is_sent() {
    let (_authority, _, fake) = pair(["nats.example"]).await;
    let (connected, sent) = tokio::join!(std::future::IntoFuture::into_future(afar(fake.addr())), async {
        fake.greet(",\"auth_required\":true").await.rest().await
    });
    assert!(matches!(connected, Err(ConnectError::PlaintextAuth { .. })), "{connected:?}");
    assert_eq!(String::from_utf8_lossy(&sent), "");
}

#[tokio::test]
async fn a_server_that_requires_tls_is_given_the_password_inside_it() {
    let (_authority, tls, fake) = pair(["nats.example"]).await;
    let connecting = std::future::IntoFuture::into_future(afar(fake.addr()).tls(tls));
    let (connected, (_peer, line)) = tokio::join!(connecting, fake.welcome(REQUIRED));
    assert!(connected.unwrap().tls_info().is_some());
    assert!(line.contains(SECRET), "{line}");
    // Not asked for, TLS is tried all the same before anything is said of the password.
    let (problem, handshake) = tokio::join!(problem(afar(fake.addr())), fake.try_encrypted(REQUIRED));
    assert!(
        matches!(problem, TlsProblem::UnknownAuthority | TlsProblem::NoAuthorities { .. }),
        "{problem:?}"
    );
    assert!(handshake.is_err());
}

#[tokio::test]
async fn a_server_that_offers_tls_is_given_no_password_without_it() {
    const OFFERED: &str = ",\"tls_available\":true";
    let (_authority, _, fake) = pair(["nats.example"]).await;
    let (problem, handshake) = tokio::join!(problem(afar(fake.addr())), fake.try_encrypted(OFFERED));
    assert!(
        matches!(problem, TlsProblem::UnknownAuthority | TlsProblem::NoAuthorities { .. }),
        "{problem:?}"
    );
    assert!(handshake.is_err());
    // Who has none goes on without.
    let nobody = nuncio::connect("nats.example").connector(Public(fake.addr()));
    let (nc, _peer) = tokio::join!(std::future::IntoFuture::into_future(nobody), async {
        let mut peer = fake.greet(OFFERED).await;
        peer.line().await;
        peer.send("PONG\r\n").await;
        peer
    });
    assert_eq!(nc.unwrap().tls_info(), None);
}

#[tokio::test]
async fn tls_that_is_forbidden_allows_no_secret_in_clear_text() {
    let (_authority, _, fake) = pair(["nats.example"]).await;
    let connecting = std::future::IntoFuture::into_future(afar(fake.addr()).tls(Tls::forbidden()));
    let (connected, mut peer) = tokio::join!(connecting, fake.greet(""));
    assert!(matches!(connected, Err(ConnectError::PlaintextAuth { .. })), "{connected:?}");
    assert_eq!(peer.rest().await, b"");
}
