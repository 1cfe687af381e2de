//! What a client tells of its own TLS.

use nuncio::rustls::pki_types::CertificateDer;
use nuncio::rustls::pki_types::pem::PemObject;
use nuncio::{Client, Tls};
use nuncio_testkit::NatsServer;

use crate::certificates::tls_1_2;
use crate::support::*;
use crate::wss::Secure;

/// The client tells what the server sees.
async fn assert_as_seen(server: &NatsServer, client: &Client, version: &str) {
    let info = client.tls_info().expect("there is TLS");
    let seen = connection(server, client).await;
    assert_eq!(info.version(), version);
    assert_eq!(Some(info.version()), seen["tls_version"].as_str());
    assert_eq!(Some(info.cipher_suite()), seen["tls_cipher_suite"].as_str());
}

#[tokio::test]
async fn version_and_cipher_suite_are_those_that_the_server_sees() {
    let rig = Rig::new().await;
    assert_as_seen(&rig.server, &rig.client().await, "1.3").await;
    let old = rig.connect(Tls::required().rustls_config(tls_1_2(&rig))).await.unwrap();
    assert_as_seen(&rig.server, &old, "1.2").await;
}

#[tokio::test]
async fn the_certificates_are_those_that_the_server_shows() {
    let authority = authority();
    let identity = authority.server(["127.0.0.1"]).unwrap();
    let rig = Rig::identified(authority, &identity).await;
    let info = rig.client().await.tls_info().unwrap();
    let own = CertificateDer::from_pem_slice(identity.certificate().as_bytes()).unwrap();
    assert_eq!(info.peer_certificates(), [own.to_vec()]);
    let shown = format!("{info:?}");
    assert!(shown.contains("1.3") && shown.contains("peer_certificates: 1") && shown.len() < 200, "{shown}");
}

#[tokio::test]
async fn it_is_that_of_the_present_connection() {
    let mut rig = Rig::new().await;
    let nc = rig.client().await;
    let first = nc.tls_info().unwrap();
    let mut events = nc.events();
    let renewed = rig.authority.server(["127.0.0.1"]).unwrap();
    renewed.write(rig.dir.path(), "server").unwrap();
    rig.server.restart().await.unwrap();
    reconnected(&mut events).await;
    let second = nc.tls_info().unwrap();
    assert_ne!(first.peer_certificates(), second.peer_certificates());
    let own = CertificateDer::from_pem_slice(renewed.certificate().as_bytes()).unwrap();
    assert_eq!(second.peer_certificates(), [own.to_vec()]);
}

#[tokio::test]
async fn it_is_known_beneath_websocket() {
    let secure = Secure::start().await;
    let url = format!("wss://localhost:{}", secure.port.number());
    let nc = nuncio::connect(url).tls(secure.tls()).await.unwrap();
    let info = nc.tls_info().unwrap();
    assert_eq!((info.version(), info.peer_certificates().len()), ("1.3", 1));
}

#[tokio::test]
async fn without_tls_there_is_none() {
    let server = NatsServer::start().await.unwrap();
    assert_eq!(nuncio::connect(server.url()).await.unwrap().tls_info(), None);
    let rig = Rig::optional().await;
    assert_eq!(rig.connect(Tls::forbidden()).await.unwrap().tls_info(), None);
}
