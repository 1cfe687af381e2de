//! What the two sides show each other.

use std::sync::Arc;

use nuncio::rustls::{ClientConfig, RootCertStore, version};
use nuncio::{Tls, TlsProblem, rustls};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::support::*;

const MUTUAL: &str = "verify: true";

#[tokio::test]
async fn a_client_shows_its_certificate_where_the_server_wants_one() {
    let rig = Rig::with(MUTUAL).await;
    let client = rig.authority.client("me").unwrap();
    let nc = rig.connect(rig.tls().client_cert_pem(client.certificate(), client.key())).await.unwrap();
    round_trip(&nc).await;
    let (certificate, key) = client.write(rig.dir.path(), "client").unwrap();
    let nc = rig.connect(rig.tls().client_cert_files(certificate, key)).await.unwrap();
    round_trip(&nc).await;
}

#[tokio::test]
async fn a_missing_client_certificate_is_named_as_such() {
    let rig = Rig::with(MUTUAL).await;
    let problem = problem(rig.connect(rig.tls())).await;
    assert_eq!(problem, TlsProblem::ClientCertificate { message: "CertificateRequired".into() });
    assert!(problem.to_string().contains("client_cert_files"), "{problem}");
}

#[tokio::test]
async fn a_missing_client_certificate_is_named_as_such_with_tls_first() {
    let rig = Rig::with("verify: true, handshake_first: true").await;
    let problem = problem(rig.connect(rig.tls().handshake_first(true))).await;
    assert_eq!(problem, TlsProblem::ClientCertificate { message: "CertificateRequired".into() });
}

#[tokio::test]
async fn a_missing_client_certificate_is_named_as_such_by_tls_1_2() {
    let rig = Rig::with(MUTUAL).await;
    let problem = problem(rig.connect(Tls::required().rustls_config(tls_1_2(&rig)))).await;
    assert!(matches!(problem, TlsProblem::ClientCertificate { .. }), "{problem:?}");
}

#[tokio::test]
async fn a_client_certificate_that_the_server_does_not_trust_is_named_as_such() {
    let rig = Rig::with(MUTUAL).await;
    let stranger = authority().client("stranger").unwrap();
    let problem =
        problem(rig.connect(rig.tls().client_cert_pem(stranger.certificate(), stranger.key()))).await;
    assert!(matches!(problem, TlsProblem::ClientCertificate { .. }), "{problem:?}");
}

#[tokio::test]
async fn an_unknown_authority_is_named_as_such() {
    let rig = Rig::new().await;
    for tls in [Tls::required().ca_pem(authority().certificate()), Tls::required().webpki_roots()] {
        assert_eq!(problem(rig.connect(tls)).await, TlsProblem::UnknownAuthority);
    }
}

#[tokio::test]
async fn several_authorities_add_up() {
    let rig = Rig::new().await;
    let ca = rig.authority.certificate();
    let both = format!("{}{ca}", authority().certificate());
    for tls in [
        Tls::required().ca_pem(both),
        Tls::required().ca_pem(authority().certificate()).ca_file(rig.dir.path().join("ca.pem")),
        Tls::required().webpki_roots().ca_pem(ca),
    ] {
        rig.connect(tls).await.unwrap();
    }
}

#[tokio::test]
async fn a_certificate_for_another_host_is_refused() {
    let authority = authority();
    let identity = authority.server(["nats.example"]).unwrap();
    let rig = Rig::identified(authority, &identity).await;
    let refused = problem(rig.connect(rig.tls())).await;
    match &refused {
        TlsProblem::WrongName { expected, presented } => {
            assert!(expected == "127.0.0.1" && presented.contains("nats.example"), "{refused:?}");
        }
        other => panic!("{other:?}"),
    }
    rig.connect(rig.tls().server_name("nats.example")).await.unwrap();
    let other = problem(rig.connect(rig.tls().server_name("other.example"))).await;
    assert!(matches!(other, TlsProblem::WrongName { .. }), "{other:?}");
    let none = problem(rig.connect(rig.tls().server_name("no name"))).await;
    assert_eq!(none, TlsProblem::Name { name: "no name".into() });
}

#[tokio::test]
async fn a_certificate_may_be_for_an_ip_address() {
    let authority = authority();
    let identity = authority.server(["127.0.0.1"]).unwrap();
    let rig = Rig::identified(authority, &identity).await;
    round_trip(&rig.client().await).await;
    let by_name = nuncio::connect(format!("localhost:{}", rig.server.port())).tls(rig.tls());
    assert!(matches!(problem(by_name).await, TlsProblem::WrongName { .. }));
}

#[tokio::test]
async fn a_certificate_may_be_for_a_host_name() {
    let authority = authority();
    let identity = authority.server(["localhost"]).unwrap();
    let rig = Rig::identified(authority, &identity).await;
    let by_name = nuncio::connect(format!("localhost:{}", rig.server.port())).tls(rig.tls());
    round_trip(&by_name.await.unwrap()).await;
    assert!(matches!(problem(rig.connect(rig.tls())).await, TlsProblem::WrongName { .. }));
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    let authority = authority();
    let identity = authority.expired_server(["127.0.0.1"]).unwrap();
    let rig = Rig::identified(authority, &identity).await;
    assert_eq!(problem(rig.connect(rig.tls())).await, TlsProblem::Expired);
}

#[tokio::test]
async fn a_configuration_of_rustls_is_taken_as_it_is() {
    let rig = Rig::new().await;
    let nc = rig.connect(Tls::required().rustls_config(tls_1_2(&rig))).await.unwrap();
    round_trip(&nc).await;
    assert_eq!(rig.seen(&nc).await.as_deref(), Some("1.2"));
}

pub(crate) fn tls_1_2(rig: &Rig) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(rig.authority.certificate().as_bytes()).unwrap()).unwrap();
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[&version::TLS12])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}
