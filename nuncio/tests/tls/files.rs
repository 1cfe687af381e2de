//! Certificates and keys in files.

use std::fs;

use nuncio::{ConnectError, Tls, TlsProblem};

use crate::support::*;

#[tokio::test]
async fn a_file_that_cannot_be_read_is_named_before_anything_is_dialled() {
    let missing = std::path::PathBuf::from("/no/such/file.pem");
    for tls in [
        Tls::required().ca_file(&missing),
        Tls::required().ca_pem(authority().certificate()).client_cert_files(&missing, &missing),
    ] {
        let error = nuncio::connect("127.0.0.1:1").tls(tls).await.unwrap_err();
        assert!(error.to_string().contains("/no/such/file.pem"), "{error}");
        assert!(error.to_string().contains("127.0.0.1:1"), "{error}");
        match error {
            ConnectError::Tls { problem: TlsProblem::File { path, .. }, .. } => assert_eq!(path, missing),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_file_without_what_it_should_hold_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let client = authority().client("me").unwrap();
    let (certificate, key) = client.write(dir.path(), "client").unwrap();
    let (_, other_key) = authority().client("other").unwrap().write(dir.path(), "other").unwrap();
    let base = || Tls::required().ca_pem(authority().certificate());
    for (tls, named) in [
        (Tls::required().ca_file(&key), &key),
        (base().client_cert_files(&key, &key), &key),
        (base().client_cert_files(&certificate, &certificate), &certificate),
        (base().client_cert_files(&certificate, &other_key), &other_key),
    ] {
        match problem(nuncio::connect("127.0.0.1:1").tls(tls)).await {
            TlsProblem::Pem { origin, .. } => assert_eq!(origin, named.display().to_string()),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_renewed_client_certificate_is_used_from_the_next_connection_on() {
    let mut rig = Rig::with("verify: true").await;
    let dir = rig.dir.path().to_owned();
    let (certificate, key) = rig.authority.client("me").unwrap().write(&dir, "client").unwrap();
    let nc = rig.connect(rig.tls().client_cert_files(certificate, key)).await.unwrap();
    let mut events = nc.events();
    // From now on the server trusts the clients of another authority.
    let renewed = authority();
    renewed.write(&dir, "ca").unwrap();
    rig.server.restart().await.unwrap();
    let refused = tls_failure(&mut events).await;
    assert!(matches!(refused, TlsProblem::ClientCertificate { .. }), "{refused:?}");
    renewed.client("me").unwrap().write(&dir, "client").unwrap();
    reconnected(&mut events).await;
    round_trip(&nc).await;
}

#[tokio::test]
async fn a_renewed_authority_is_trusted_from_the_next_connection_on() {
    let mut rig = Rig::new().await;
    let dir = rig.dir.path().to_owned();
    // The server reads `ca.pem` for its clients, this one for the server.
    let trusted = dir.join("trusted.pem");
    fs::copy(dir.join("ca.pem"), &trusted).unwrap();
    let nc = rig.connect(Tls::required().ca_file(&trusted)).await.unwrap();
    let mut events = nc.events();
    let renewed = authority();
    renewed.server(["127.0.0.1"]).unwrap().write(&dir, "server").unwrap();
    rig.server.restart().await.unwrap();
    assert_eq!(tls_failure(&mut events).await, TlsProblem::UnknownAuthority);
    renewed.write(&dir, "trusted").unwrap();
    reconnected(&mut events).await;
    round_trip(&nc).await;
}

#[tokio::test]
async fn a_context_names_the_files_of_tls() {
    for (settings, first) in [("verify: true", false), ("verify: true, handshake_first: true", true)] {
        let rig = Rig::with(settings).await;
        let identity = rig.authority.client("me").unwrap();
        let (cert, key) = identity.write(rig.dir.path(), "client").unwrap();
        let contexts = tempfile::tempdir().unwrap();
        std::fs::create_dir(contexts.path().join("context")).unwrap();
        let connect = async |json: serde_json::Value| {
            std::fs::write(contexts.path().join("context/it.json"), json.to_string()).unwrap();
            nuncio::context::Contexts::at(contexts.path()).load("it").unwrap().connect().unwrap().await
        };
        let (url, ca) = (rig.server.url(), rig.dir.path().join("ca.pem"));
        let all = serde_json::json!({"url": url, "ca": ca, "cert": cert, "key": key, "tls_first": first});
        let nc = connect(all).await.unwrap();
        assert!(nc.tls_info().is_some());
        round_trip(&nc).await;
        let without = connect(serde_json::json!({"url": url, "ca": ca, "tls_first": first})).await;
        assert!(without.is_err_and(|error| error.is_tls()));
    }
}
