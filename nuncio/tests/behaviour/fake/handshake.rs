//! The beginning of a connection to a server that is played by hand.

use std::future::IntoFuture;
use std::time::Duration;

use nuncio::{CloseReason, ConnectError, ServerError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Fake, INFO};
use crate::support::*;

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up_in_time() {
    let fake = Fake::new().await;
    let after = Duration::from_millis(50);
    let (error, _peer) = tokio::join!(fake.connect().connect_timeout(after).into_future(), fake.accept());
    assert_eq!(error.unwrap_err(), ConnectError::Timeout { server: fake.addr(), after, stage: "INFO" });
}

#[tokio::test]
async fn a_server_that_does_not_answer_the_first_ping_is_given_up_in_time() {
    let fake = Fake::new().await;
    let after = Duration::from_millis(100);
    let (error, _peer) = tokio::join!(fake.connect().connect_timeout(after).into_future(), async {
        let mut peer = fake.accept().await;
        peer.send(format!("{INFO}\r\n")).await;
        peer
    });
    let error = error.unwrap_err();
    assert_eq!(error, ConnectError::Timeout { server: fake.addr(), after, stage: "PONG" });
    assert!(error.is_timeout() && error.to_string().contains(&fake.addr()), "{error}");
}

#[tokio::test]
async fn an_info_may_come_in_pieces() {
    let fake = Fake::new().await;
    let info = format!("{INFO}\r\n");
    for cut in [1, 4, 5, 20, info.len() - 2, info.len() - 1] {
        let nc = tokio::join!(fake.connect().into_future(), async {
            let mut peer = fake.accept().await;
            peer.send(&info[..cut]).await;
            tokio::task::yield_now().await;
            peer.send(&info[cut..]).await;
            peer.until("PING").await;
            peer.send("PO").await;
            tokio::task::yield_now().await;
            peer.send("NG\r\n").await;
            peer
        });
        drop(nc.0.unwrap());
    }
}

#[tokio::test]
async fn what_comes_in_one_read_with_the_first_pong_is_not_lost() {
    let fake = Fake::new().await;
    let (nc, mut peer) =
        tokio::join!(fake.connect().retry_on_initial_connect(true).into_future(), fake.accept());
    let nc = nc.unwrap();
    let mut sub = nc.subscribe("s").await.unwrap();
    peer.send(format!("{INFO}\r\n")).await;
    peer.until("PING").await;
    let second = r#"INFO {"server_id":"F2","max_payload":77,"headers":true}"#;
    peer.send(format!("PONG\r\n{second}\r\nMSG s {} 2\r\nhi\r\n", sub.sid())).await;
    assert_eq!(texts(&mut sub, 1).await, ["hi"]);
    assert_eq!((nc.server_info().server_id.as_str(), nc.max_payload()), ("F2", 77));
}

#[tokio::test]
async fn what_a_server_may_say_before_the_first_pong_is_understood() {
    let fake = Fake::new().await;
    let nc = tokio::join!(fake.connect().into_future(), async {
        let mut peer = fake.accept().await;
        peer.send(format!("{INFO}\r\n")).await;
        peer.until("PING").await;
        peer.send(format!("+OK\r\nPING\r\n{INFO}\r\n")).await;
        assert_eq!(peer.line().await, "PONG\r\n");
        peer.send("pong \r\n").await;
        peer
    });
    drop(nc.0.unwrap());
}

#[tokio::test]
async fn what_does_not_speak_nats_is_named() {
    for said in ["SSH-2.0-OpenSSH\r\n", "HTTP/1.1 400 Bad Request\r\n\r\n", "PONG\r\n", "INFO not json\r\n"] {
        let fake = Fake::new().await;
        let (error, ()) = tokio::join!(fake.connect().into_future(), async {
            let mut peer = fake.accept().await;
            peer.send(said).await;
            peer.closed().await;
        });
        let error = error.unwrap_err();
        assert!(
            matches!(error, ConnectError::Protocol { .. } | ConnectError::Info { .. }),
            "{said:?}: {error:?}"
        );
        assert!(error.to_string().contains(&fake.addr()), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_closes_during_the_handshake_is_an_error() {
    let fake = Fake::new().await;
    let (error, ()) = tokio::join!(fake.connect().into_future(), async {
        let mut peer = fake.accept().await;
        peer.send(format!("{INFO}\r\n")).await;
        peer.until("PING").await;
    });
    assert!(matches!(error, Err(ConnectError::Protocol { .. } | ConnectError::Io { .. })), "{error:?}");
}

#[tokio::test]
async fn a_refusal_is_reported_even_when_the_server_closes_right_behind_it() {
    let fake = Fake::new().await;
    let (error, ()) = tokio::join!(fake.connect().into_future(), async {
        let mut peer = fake.accept().await;
        peer.send(format!("{INFO}\r\n")).await;
        peer.until("PING").await;
        peer.send("-ERR 'Authorization Violation'\r\n").await;
    });
    let expected = ConnectError::Refused { server: fake.addr(), error: ServerError::AuthorizationViolation };
    assert_eq!(error.unwrap_err(), expected);
}

#[tokio::test]
async fn a_server_without_echo_support_is_refused_when_echo_is_off() {
    let fake = Fake::new().await;
    let (error, ()) = tokio::join!(fake.connect().echo(false).into_future(), async {
        let mut peer = fake.accept().await;
        peer.send("INFO {\"server_id\":\"old\",\"proto\":0}\r\n").await;
        peer.closed().await;
    });
    assert!(matches!(error, Err(ConnectError::Unsupported { .. })), "{error:?}");
}

#[tokio::test]
async fn a_server_that_demands_tls_is_not_sent_credentials_in_the_clear() {
    let fake = Fake::new().await;
    let (error, said) = tokio::join!(fake.connect().user_and_password("me", "s3cr3t").into_future(), async {
        let mut peer = fake.accept().await;
        peer.send("INFO {\"server_id\":\"T\",\"proto\":1,\"tls_required\":true}\r\n").await;
        // The greeting of TLS, and nothing else: nobody answers it.
        let mut said = vec![0; 4096];
        let n = peer.io.read(&mut said).await.unwrap();
        said.truncate(n);
        peer.io.get_mut().shutdown().await.unwrap();
        let _ = peer.io.read_to_end(&mut said).await;
        said
    });
    assert!(error.unwrap_err().to_string().contains("TLS"));
    assert!(!String::from_utf8_lossy(&said).contains("s3cr3t"), "{said:?}");
}

#[tokio::test]
async fn the_connect_line_has_no_empty_credentials() {
    let fake = Fake::new().await;
    let (nc, line) = tokio::join!(fake.connect().into_future(), async {
        let mut peer = fake.accept().await;
        peer.send(format!("{INFO}\r\n")).await;
        let line = peer.line().await;
        peer.until("PING").await;
        peer.send("PONG\r\n").await;
        line
    });
    drop(nc.unwrap());
    let json: serde_json::Value = serde_json::from_str(line.strip_prefix("CONNECT ").unwrap()).unwrap();
    for key in ["user", "pass", "auth_token", "jwt", "nkey", "sig", "name"] {
        assert!(json.get(key).is_none(), "{json}");
    }
    let mut keys: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    let expected = [
        "echo",
        "headers",
        "lang",
        "no_responders",
        "pedantic",
        "protocol",
        "tls_required",
        "verbose",
        "version",
    ];
    assert_eq!(keys, expected, "and nothing else of this machine or program");
    assert_eq!(
        (&json["headers"], &json["no_responders"], &json["protocol"]),
        (&true.into(), &true.into(), &1.into())
    );
    assert_eq!(
        (&json["verbose"], &json["pedantic"], &json["echo"]),
        (&false.into(), &false.into(), &true.into())
    );
}

#[tokio::test]
async fn a_client_that_is_dropped_while_connecting_stops() {
    let fake = Fake::new().await;
    let connecting = tokio::spawn(fake.connect().into_future());
    let mut peer = fake.accept().await;
    connecting.abort();
    assert!(connecting.await.is_err());
    peer.closed().await;
}

#[tokio::test]
async fn a_server_that_always_breaks_is_given_up() {
    let fake = Fake::new().await;
    let nc = fake.connect().max_reconnects(3).retry_on_initial_connect(true).await.unwrap();
    for _ in 0..3 {
        drop(fake.accept().await);
    }
    assert!(matches!(nc.closed().await, CloseReason::Exhausted { .. }));
}
