//! Servers, and people on the way to them, that want what TLS keeps from them.

use std::future::IntoFuture;
use std::time::Duration;

use nuncio::{ConnectError, Event, ServerError, TlsProblem};
use tokio::net::TcpListener;

use crate::fake::*;
use crate::support::*;

#[tokio::test]
async fn no_byte_is_sent_to_a_server_without_tls_where_tls_is_a_must() {
    let (_, tls, fake) = pair(["127.0.0.1"]).await;
    for connect in [connect(fake.addr()).tls(tls), connect(format!("tls://me:{SECRET}@{}", fake.addr()))] {
        let (problem, mut peer) = tokio::join!(problem(connect), fake.greet(""));
        assert_eq!(problem, TlsProblem::NotOffered);
        assert_eq!(peer.rest().await, b"");
    }
}

#[tokio::test]
async fn tls_that_was_used_once_is_not_given_up() {
    let (_, tls, fake) = pair(["127.0.0.1"]).await;
    let (nc, welcomed) = tokio::join!(connect(fake.addr()).tls(tls).into_future(), fake.welcome(REQUIRED));
    let nc = nc.unwrap();
    let mut events = nc.events();
    drop(welcomed);
    for _ in 0..2 {
        let mut peer = fake.greet("").await;
        assert_eq!(peer.rest().await, b"");
        assert_eq!(tls_failure(&mut events).await, TlsProblem::NotOffered);
    }
    let (_, connect) = fake.welcome(REQUIRED).await;
    assert!(connect.contains(SECRET) && connect.contains("\"tls_required\":true"), "{connect}");
    reconnected(&mut events).await;
}

#[tokio::test]
async fn tls_stays_when_the_credentials_are_refused() {
    let (_, tls, fake) = pair(["127.0.0.1"]).await;
    let connecting = connect(fake.addr()).tls(tls).retry_on_initial_connect(true);
    let nc = connecting.await.unwrap();
    let mut events = nc.events();
    let mut peer = fake.encrypted(REQUIRED).await;
    peer.line().await;
    peer.send("-ERR 'Authorization Violation'\r\n").await;
    let error = event(&mut events, |e| match e {
        Event::ConnectFailed { error, .. } => Some(error),
        _ => None,
    })
    .await;
    assert!(
        matches!(error, ConnectError::Refused { error: ServerError::AuthorizationViolation, .. }),
        "{error:?}"
    );
    fake.welcome(REQUIRED).await;
}

#[tokio::test]
async fn an_address_learnt_from_a_server_with_tls_gets_nothing_without_it() {
    let (_, tls, fake) = pair(["127.0.0.1"]).await;
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = plain.local_addr().unwrap();
    let (nc, welcomed) = tokio::join!(
        connect(format!("me:{SECRET}@{}", fake.addr())).tls(tls).into_future(),
        fake.welcome(REQUIRED)
    );
    let (nc, (mut peer, _)) = (nc.unwrap(), welcomed);
    let mut events = nc.events();
    peer.send(info(&format!(",\"connect_urls\":[\"{url}\"]"))).await;
    event(&mut events, |e| matches!(e, Event::ServersChanged { .. }).then_some(())).await;
    drop((peer, fake));
    let (io, _) = tokio::time::timeout(SOON, plain.accept()).await.expect("nobody connects").unwrap();
    let mut peer = Peer { io: tokio::io::BufReader::new(io) };
    peer.send(info("")).await;
    assert_eq!(peer.rest().await, b"");
    assert_eq!(tls_failure(&mut events).await, TlsProblem::NotOffered);
}

#[tokio::test]
async fn bytes_between_info_and_the_handshake_are_refused() {
    let (_, tls, fake) = pair(["127.0.0.1"]).await;
    for injected in
        ["PONG\r\n", "INFO {\"connect_urls\":[\"evil:1\"]}\r\n", "\r\n", "-ERR 'Authorization Violation'\r\n"]
    {
        let (problem, rest) = tokio::join!(problem(connect(fake.addr()).tls(tls.clone())), async {
            let mut peer = fake.accept().await;
            peer.send(format!("{}{injected}", info(REQUIRED))).await;
            peer.rest().await
        });
        assert_eq!(problem, TlsProblem::Injected { bytes: injected.len() });
        assert_eq!(rest, b"");
    }
}

#[tokio::test]
async fn bytes_before_the_answer_to_the_handshake_are_refused() {
    let (_, tls, fake) = pair(["127.0.0.1"]).await;
    let (problem, rest) = tokio::join!(problem(connect(fake.addr()).tls(tls)), async {
        let mut peer = fake.greet(REQUIRED).await;
        tokio::io::AsyncReadExt::read_u8(&mut peer.io).await.unwrap();
        peer.send("-ERR 'Authorization Violation'\r\n").await;
        peer.rest().await
    });
    assert_eq!(problem, TlsProblem::ClearText { said: "-ERR 'Authorization Violation'".into() });
    assert!(!String::from_utf8_lossy(&rest).contains(SECRET));
}

#[tokio::test]
async fn throttling_is_understood_wherever_it_comes() {
    const THROTTLED: &str = "-ERR 'Connection throttling is active. Please try again later.'\r\n";
    let (_, tls, fake) = pair(["127.0.0.1"]).await;
    for together in [true, false] {
        let (error, _) = tokio::join!(connect(fake.addr()).tls(tls.clone()).into_future(), async {
            let mut peer = fake.accept().await;
            if together {
                peer.send(format!("{}{THROTTLED}", info(REQUIRED))).await;
            } else {
                peer.send(info(REQUIRED)).await;
                tokio::io::AsyncReadExt::read_u8(&mut peer.io).await.unwrap();
                peer.send(THROTTLED).await;
            }
            peer.rest().await
        });
        let error = error.unwrap_err();
        assert!(matches!(&error, ConnectError::Refused { error: ServerError::Throttled, .. }), "{error:?}");
        assert!(error.is_retryable());
    }
}

#[tokio::test]
async fn a_handshake_that_stalls_is_given_up_in_time() {
    let (_, tls, fake) = pair(["127.0.0.1"]).await;
    let after = Duration::from_millis(300);
    let connecting = connect(fake.addr()).tls(tls).connect_timeout(after);
    let (error, _peer) = tokio::join!(connecting.into_future(), fake.greet(REQUIRED));
    let server = fake.addr();
    assert_eq!(error.unwrap_err(), ConnectError::Timeout { server, after, stage: "TLS handshake" });
}

#[tokio::test]
async fn an_end_right_behind_the_handshake_is_told_as_one_of_tls() {
    let (_, tls, fake) = pair(["127.0.0.1"]).await;
    for reset in [false, true] {
        let (problem, ()) = tokio::join!(problem(connect(fake.addr()).tls(tls.clone())), async {
            let peer = fake.encrypted(REQUIRED).await;
            if reset {
                peer.io.get_ref().get_ref().0.set_zero_linger().unwrap();
            }
        });
        assert!(matches!(problem, TlsProblem::Ended { .. }), "{problem:?}");
        assert!(problem.is_retryable() && problem.to_string().contains("client_cert_files"), "{problem}");
    }
}

#[tokio::test]
async fn the_name_in_info_is_not_the_one_for_the_certificate() {
    let (_, tls, fake) = pair(["evil.example"]).await;
    let fields = format!("{REQUIRED},\"host\":\"evil.example\",\"connect_urls\":[\"evil.example:4222\"]");
    let (problem, refused) =
        tokio::join!(problem(connect(fake.addr()).tls(tls)), fake.try_encrypted(&fields));
    assert!(matches!(problem, TlsProblem::WrongName { .. }), "{problem:?}");
    assert!(refused.is_err());
}

#[tokio::test]
async fn an_ip_address_learnt_from_a_named_server_may_show_that_name() {
    let authority = authority();
    let identity = authority.server(["hub.example"]).unwrap();
    let (hub, other) = (Fake::new(&identity).await, Fake::new(&identity).await);
    let tls = nuncio::Tls::required().ca_pem(authority.certificate());
    let ways = vec![("hub.example", hub.addr()), ("10.1.2.3", other.addr())];
    let connecting = connect("hub.example").tls(tls).connector(detour(ways));
    let (nc, (mut peer, _)) = tokio::join!(connecting.into_future(), hub.welcome(REQUIRED));
    let nc = nc.unwrap();
    let mut events = nc.events();
    peer.send(info(",\"connect_urls\":[\"10.1.2.3:4222\"]")).await;
    event(&mut events, |e| matches!(e, Event::ServersChanged { .. }).then_some(())).await;
    drop((peer, hub));
    let (peer, _) = other.welcome(REQUIRED).await;
    assert_eq!(peer.io.get_ref().get_ref().1.server_name(), Some("hub.example"));
    reconnected(&mut events).await;
    assert_eq!(nc.server().as_deref(), Some("10.1.2.3:4222"));
}

#[tokio::test]
async fn what_info_says_in_clear_text_is_not_believed_until_it_is_repeated_inside_tls() {
    let (_, tls, fake) = pair(["127.0.0.1"]).await;
    let evil = format!("{REQUIRED},\"max_payload\":1,\"ldm\":true,\"connect_urls\":[\"10.6.6.6:1\"]");
    let (nc, (mut peer, _)) = tokio::join!(connect(fake.addr()).tls(tls).into_future(), fake.welcome(&evil));
    let nc = nc.unwrap();
    let mut events = nc.events();
    assert_eq!(nc.max_payload(), 1024 * 1024);
    assert!(nc.server_info().connect_urls.is_empty());
    peer.send(info(",\"max_payload\":10,\"connect_urls\":[\"10.0.0.1:4222\"]")).await;
    let added = event(&mut events, |e| match e {
        Event::ServersChanged { added, .. } => Some(added),
        Event::LameDuck { .. } => panic!("believed in clear text"),
        _ => None,
    })
    .await;
    assert_eq!(added, ["tls://10.0.0.1:4222"]);
    assert_eq!(nc.max_payload(), 10);
}
