//! WebSocket over TLS.

use nuncio::{ConnectError, Connection, ServerAddr, Tls, TlsProblem};
use nuncio_testkit::{Authority, NatsServer, Port};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::*;

pub(crate) struct Secure {
    pub(crate) server: NatsServer,
    pub(crate) port: Port,
    pub(crate) authority: Authority,
    _dir: TempDir,
}

impl Secure {
    pub(crate) async fn start() -> Secure {
        let (dir, authority) = (tempfile::tempdir().unwrap(), authority());
        let identity = authority.server(["localhost"]).unwrap();
        let (certificate, key) = identity.write(dir.path(), "server").unwrap();
        let port = Port::lease().unwrap();
        let config = format!(
            "websocket {{ host: \"127.0.0.1\", port: {}, compression: true, tls {{ cert_file: {certificate:?}, key_file: {key:?} }} }}",
            port.number(),
        );
        let server = NatsServer::builder().config(config).start().await.unwrap();
        Secure { server, port, authority, _dir: dir }
    }

    pub(crate) fn tls(&self) -> Tls {
        Tls::required().ca_pem(self.authority.certificate())
    }
}

#[tokio::test]
async fn websocket_runs_over_tls_and_returns_after_a_restart() {
    let mut secure = Secure::start().await;
    let url = format!("wss://localhost:{}", secure.port.number());
    let nc = quick(nuncio::connect(url).tls(secure.tls())).await.unwrap();
    round_trip(&nc).await;
    let mut events = nc.events();
    secure.server.restart().await.unwrap();
    reconnected(&mut events).await;
    round_trip(&nc).await;
}

#[cfg(feature = "websocket-deflate")]
#[tokio::test]
async fn compressed_and_unmasked_frames_run_over_tls_too() {
    let mut secure = Secure::start().await;
    let url = format!("wss://localhost:{}", secure.port.number());
    let asking =
        nuncio::connect(url).tls(secure.tls()).websocket_compression(true).websocket_no_masking(true);
    let nc = quick(asking).await.unwrap();
    let mut events = nc.events();
    let mut sub = nc.subscribe("large").await.unwrap();
    let payload: Vec<u8> = (0..500_000_u32).map(|i| (i / 9 % 251) as u8).collect();
    for restart in [true, false] {
        nc.publish("large", payload.as_slice()).await.unwrap();
        assert!(timeout(SOON, sub.next()).await.unwrap().unwrap().payload() == payload);
        if restart {
            secure.server.restart().await.unwrap();
            reconnected(&mut events).await;
        }
    }
}

#[tokio::test]
async fn tls_that_is_asked_for_makes_wss_of_ws() {
    let secure = Secure::start().await;
    let url = format!("ws://localhost:{}", secure.port.number());
    round_trip(&quick(nuncio::connect(url).tls(secure.tls())).await.unwrap()).await;
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_refused_before_the_upgrade() {
    let secure = Secure::start().await;
    let url = format!("wss://localhost:{}", secure.port.number());
    let tls = Tls::required().ca_pem(authority().certificate());
    let error = quick(nuncio::connect(url).tls(tls)).await.unwrap_err();
    assert!(matches!(&error, ConnectError::Tls { problem: TlsProblem::UnknownAuthority, .. }), "{error:?}");
}

#[tokio::test]
async fn wss_runs_over_a_connector_as_well() {
    let secure = Secure::start().await;
    let port = secure.port.number();
    let connect = nuncio::connect(format!("wss://localhost:{port}")).tls(secure.tls());
    let nc = connect
        .connector(move |_: ServerAddr| async move {
            Ok(Box::new(TcpStream::connect(("127.0.0.1", port)).await?) as Box<dyn Connection>)
        })
        .await
        .unwrap();
    round_trip(&nc).await;
}
