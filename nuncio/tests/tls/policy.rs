//! When TLS is used and when it is not.

use nuncio::{ConnectError, ServerError, Tls, TlsProblem};
use nuncio_testkit::{NatsServer, PINNED_VERSIONS};

use crate::support::*;

#[tokio::test]
async fn a_server_that_requires_tls_gets_it_without_being_asked_for() {
    let rig = Rig::new().await;
    // The authority of the test is not among those of the operating system, so that it ends at the certificate.
    let problem = problem(nuncio::connect(rig.server.url())).await;
    assert!(
        matches!(problem, TlsProblem::UnknownAuthority | TlsProblem::NoAuthorities { .. }),
        "{problem:?}"
    );
}

#[tokio::test]
async fn tls_that_is_asked_for_encrypts() {
    let rig = Rig::new().await;
    let nc = rig.client().await;
    round_trip(&nc).await;
    assert_eq!(rig.seen(&nc).await.as_deref(), Some("1.3"));
    nc.drain().await.unwrap();
}

#[tokio::test]
async fn the_scheme_tls_asks_for_tls() {
    let rig = Rig::optional().await;
    let nc = nuncio::connect(format!("tls://{}", rig.server.addr())).tls(rig.tls()).await.unwrap();
    assert!(rig.seen(&nc).await.is_some());
    let plain = NatsServer::start().await.unwrap();
    let plain = format!("tls://me:s3cr3t@{}", plain.addr());
    assert_eq!(problem(nuncio::connect(plain)).await, TlsProblem::NotOffered);
}

#[tokio::test]
async fn one_tls_address_makes_tls_a_must_for_all() {
    let plain = NatsServer::start().await.unwrap();
    let servers = format!("{},tls://127.0.0.1:1", plain.addr());
    let error = nuncio::connect(servers).keep_server_order(true).await.unwrap_err();
    assert!(matches!(error, ConnectError::Io { .. }), "{error:?}");
    let servers = format!("tls://127.0.0.1:1,{}", plain.addr());
    assert_eq!(problem(nuncio::connect(servers).keep_server_order(true)).await, TlsProblem::NotOffered);
}

#[tokio::test]
async fn where_tls_is_only_offered_it_is_used_when_asked_for() {
    let rig = Rig::optional().await;
    let silent = nuncio::connect(rig.server.url()).await.unwrap();
    assert_eq!(rig.seen(&silent).await, None);
    let forbidden = rig.connect(Tls::forbidden()).await.unwrap();
    assert_eq!(rig.seen(&forbidden).await, None);
    let asked = rig.client().await;
    assert_eq!(rig.seen(&asked).await.as_deref(), Some("1.3"));
}

#[tokio::test]
async fn forbidden_tls_fails_where_the_server_requires_it() {
    let rig = Rig::new().await;
    let error = rig.connect(Tls::forbidden()).await.unwrap_err();
    let server = rig.server.addr();
    assert_eq!(error, ConnectError::Tls { server, problem: TlsProblem::Forbidden });
    assert!(error.is_tls() && !error.is_retryable() && error.to_string().contains(&rig.server.addr()));
}

#[tokio::test]
async fn tls_that_is_asked_for_fails_where_the_server_has_none() {
    let server = NatsServer::start().await.unwrap();
    let problem = problem(nuncio::connect(server.url()).tls(Tls::required())).await;
    assert_eq!(problem, TlsProblem::NotOffered);
    assert_eq!(nuncio::connect(server.url()).tls(Tls::forbidden()).await.unwrap().statistics().connects, 1);
}

#[tokio::test]
async fn contradicting_options_are_refused() {
    for connect in [
        nuncio::connect("localhost").tls(Tls::forbidden().handshake_first(true)),
        nuncio::connect("tls://localhost").tls(Tls::forbidden()),
    ] {
        assert!(matches!(connect.await, Err(ConnectError::Option { option: "tls", .. })));
    }
}

#[tokio::test]
async fn the_handshake_may_come_first() {
    for settings in ["handshake_first: true", "handshake_first: auto", "handshake_first: \"500ms\""] {
        let rig = Rig::with(settings).await;
        let nc = rig.connect(rig.tls().handshake_first(true)).await.unwrap();
        round_trip(&nc).await;
        assert!(rig.seen(&nc).await.is_some(), "{settings}");
    }
}

#[tokio::test]
async fn a_server_that_speaks_first_when_not_greeted_by_tls_is_upgraded_all_the_same() {
    let rig = Rig::with("handshake_first: auto").await;
    let nc = rig.client().await;
    assert!(rig.seen(&nc).await.is_some());
}

#[tokio::test]
async fn a_handshake_that_comes_too_early_is_named_as_such() {
    let (rig, plain) = (Rig::new().await, NatsServer::start().await.unwrap());
    for addr in [rig.server.addr(), plain.addr()] {
        let problem = problem(nuncio::connect(addr).tls(rig.tls().handshake_first(true))).await;
        assert!(
            matches!(&problem, TlsProblem::ClearText { said } if said.starts_with("INFO {")),
            "{problem:?}"
        );
        assert!(problem.to_string().contains("handshake_first"), "{problem}");
    }
}

#[tokio::test]
async fn a_throttled_handshake_is_worth_another_attempt() {
    let rig = Rig::with("connection_rate_limit: 2").await;
    let mut attempts = tokio::task::JoinSet::new();
    for _ in 0..10 {
        attempts.spawn(std::future::IntoFuture::into_future(rig.connect(rig.tls())));
    }
    let all = attempts.join_all().await;
    let throttled =
        |e: &ConnectError| matches!(e, ConnectError::Refused { error: ServerError::Throttled, .. });
    let errors: Vec<_> = all.into_iter().filter_map(Result::err).collect();
    assert!(!errors.is_empty() && errors.iter().all(|e| throttled(e) && e.is_retryable()), "{errors:?}");
    let patient = rig.connect(rig.tls()).retry_on_initial_connect(true).await.unwrap();
    nuncio_testkit::eventually("a connection", SOON, || patient.statistics().connects == 1).await.unwrap();
}

#[tokio::test]
async fn each_supported_version_is_spoken_to_over_tls() {
    for version in PINNED_VERSIONS {
        let rig = Rig::version(version).await;
        let nc = rig.client().await;
        round_trip(&nc).await;
        assert_eq!(nc.max_payload(), 1024 * 1024, "{version}");
        assert!(nc.server_info().headers, "{version}");
    }
}

#[tokio::test]
async fn much_and_large_goes_through_unharmed() {
    let rig = Rig::new().await;
    let nc = rig.client().await;
    let mut sub = nc.subscribe("bulk").await.unwrap();
    let payload = |i: usize| {
        let length = if i.is_multiple_of(100) { 300_000 } else { i % 5000 };
        format!("{i}:").repeat(length / 4 + 1)
    };
    for i in 0..2000 {
        nc.publish("bulk", payload(i)).await.unwrap();
    }
    for i in 0..2000 {
        assert!(next(&mut sub).await == payload(i), "message {i} is not what was sent");
    }
}
