//! The authorities of the operating system: nothing but the address is given to the client.
//!
//! The variable that names their file is one of the whole process, so that each of these runs in a process of its own.

use std::env;
use std::fs;
use std::future::IntoFuture;

use nuncio::TlsProblem;
use nuncio_testkit::Authority;

use crate::fake::{Fake, REQUIRED};
use crate::support::*;

/// The variable that rustls-native-certs looks at, as OpenSSL does.
const FILE: &str = "SSL_CERT_FILE";

/// Runs the test of that name in a process of its own, where `FILE` can be written; true in that process.
async fn alone(test: &str) -> bool {
    const ALONE: &str = "NUNCIO_TEST_ALONE";
    if env::var_os(ALONE).is_some() {
        return true;
    }
    let dir = tempfile::tempdir().unwrap();
    let output = tokio::process::Command::new(env::current_exe().unwrap())
        .args(["--exact", &format!("roots::{test}")])
        .env(ALONE, "1")
        .env(FILE, dir.path().join("authorities.pem"))
        .env_remove("SSL_CERT_DIR")
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    false
}

fn trust(authority: &Authority) {
    let bad = "-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n";
    fs::write(env::var(FILE).unwrap(), format!("{bad}{}", authority.certificate())).unwrap();
}

#[tokio::test]
async fn they_are_trusted_by_default_even_if_one_is_bad() {
    if alone("they_are_trusted_by_default_even_if_one_is_bad").await {
        let rig = Rig::new().await;
        trust(&rig.authority);
        for url in [rig.server.url(), format!("tls://{}", rig.server.addr())] {
            let nc = nuncio::connect(url).await.unwrap();
            round_trip(&nc).await;
            assert!(rig.seen(&nc).await.is_some());
        }
    }
}

#[tokio::test]
async fn none_at_all_is_named_as_such() {
    if alone("none_at_all_is_named_as_such").await {
        let rig = Rig::new().await;
        let problem = problem(nuncio::connect(rig.server.url())).await;
        assert!(matches!(problem, TlsProblem::NoAuthorities { .. }), "{problem:?}");
    }
}

#[tokio::test]
async fn tls_that_only_the_server_asked_for_is_not_given_up_either() {
    if alone("tls_that_only_the_server_asked_for_is_not_given_up_either").await {
        let authority = authority();
        trust(&authority);
        let fake = Fake::new(&authority.server(["127.0.0.1"]).unwrap()).await;
        let connecting = quick(nuncio::connect(fake.addr())).token("s3cr3t");
        let (nc, welcomed) = tokio::join!(connecting.into_future(), fake.welcome(REQUIRED));
        let nc = nc.unwrap();
        let mut events = nc.events();
        drop(welcomed);
        let mut peer = fake.greet("").await;
        assert_eq!(peer.rest().await, b"");
        assert_eq!(tls_failure(&mut events).await, TlsProblem::NotOffered);
    }
}
