//! The client with nuncio-server's TLS.

use nuncio::{Tls, TlsProblem};
use nuncio_server::{Server, ServerBuilder, Tls as ServerTls};
use nuncio_testkit::Authority;

use crate::support::*;

fn of_server(authority: &Authority) -> ServerTls {
    let identity = authority.server(["localhost", "127.0.0.1"]).unwrap();
    ServerTls::pem(identity.certificate(), identity.key())
}

fn trusting(authority: &Authority) -> Tls {
    Tls::required().ca_pem(authority.certificate())
}

async fn start(builder: ServerBuilder, tls: ServerTls) -> Server {
    builder.tls(tls).start().await.unwrap()
}

#[tokio::test]
async fn it_comes_behind_the_info_or_before_it_and_again_after_a_restart() {
    let authority = authority();
    for first in [false, true] {
        let (theirs, ours) = (of_server(&authority), trusting(&authority));
        let (theirs, ours) =
            if first { (theirs.handshake_first(), ours.handshake_first(true)) } else { (theirs, ours) };
        let server = start(Server::builder().user("u", "p"), theirs).await;
        let nc =
            quick(nuncio::connect(server.url()).tls(ours).auth(nuncio::Auth::user_and_password("u", "p")))
                .await
                .unwrap();
        let mut events = nc.events();
        round_trip(&nc).await;
        assert!(nc.tls_info().is_some() && nc.server_info().tls_required);
        server.restart().await.unwrap();
        reconnected(&mut events).await;
        round_trip(&nc).await;
    }
}

#[tokio::test]
async fn it_is_spoken_through_memory_too() {
    let authority = authority();
    let server = std::sync::Arc::new(start(Server::builder().in_memory(), of_server(&authority)).await);
    let connector = {
        let server = std::sync::Arc::clone(&server);
        move |_| {
            let pipe = server.pipe();
            async move { Ok(Box::new(pipe) as Box<dyn nuncio::Connection>) }
        }
    };
    let nc = nuncio::connect("localhost").connector(connector).tls(trusting(&authority)).await.unwrap();
    round_trip(&nc).await;
}

#[tokio::test]
async fn a_certificate_of_the_client_is_asked_for_and_checked() {
    let (authority, other) = (authority(), Authority::new("another authority").unwrap());
    let theirs = of_server(&authority).verify(authority.certificate());
    let server = start(Server::builder(), theirs).await;
    let connect = |tls| quick(nuncio::connect(server.url()).tls(tls)).reconnect(false);
    let with = |authority: &Authority, tls: Tls| {
        let identity = authority.client("me").unwrap();
        tls.client_cert_pem(identity.certificate(), identity.key())
    };
    let nc = connect(with(&authority, trusting(&authority))).await.unwrap();
    assert!(nc.server_info().tls_verify);
    round_trip(&nc).await;
    let missing = problem(connect(trusting(&authority))).await;
    assert!(matches!(missing, TlsProblem::ClientCertificate { .. }), "{missing:?}");
    let unknown = problem(connect(with(&other, trusting(&authority)))).await;
    assert!(matches!(unknown, TlsProblem::ClientCertificate { .. }), "{unknown:?}");
    assert_eq!(problem(connect(trusting(&other))).await, TlsProblem::UnknownAuthority);
    server.wait_for_connections(1).await;
}

#[cfg(feature = "websocket")]
#[tokio::test]
async fn websocket_has_tls_of_its_own() {
    let authority = authority();
    let server = Server::builder().websocket_tls(of_server(&authority)).start().await.unwrap();
    assert!(server.websocket_url().starts_with("wss://"));
    let secure = quick(nuncio::connect(server.websocket_url()).tls(trusting(&authority))).await.unwrap();
    let plain = quick(nuncio::connect(server.url())).await.unwrap();
    assert_eq!(secure.server_info().port, server.websocket_addr().unwrap().port());
    assert!(secure.server_info().tls_required && !plain.server_info().tls_required);
    for nc in [secure, plain] {
        round_trip(&nc).await;
    }
}

#[tokio::test]
async fn what_is_no_certificate_or_key_is_an_error_without_it() {
    let authority = authority();
    let identity = authority.server(["localhost"]).unwrap();
    for tls in [
        ServerTls::pem("canary", identity.key()),
        ServerTls::pem(identity.certificate(), "-----BEGIN PRIVATE KEY-----\ncanary"),
        ServerTls::pem(identity.certificate(), authority.server(["b"]).unwrap().key()),
        of_server(&authority).verify("canary"),
    ] {
        assert!(!format!("{tls:?}").contains("canary"));
        let error = Server::builder().tls(tls).start().await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
        assert!(error.to_string().starts_with("TLS: ") && !error.to_string().contains("canary"), "{error}");
    }
}
