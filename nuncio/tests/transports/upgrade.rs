//! The HTTP request that opens a WebSocket connection, and answers to it.

use std::future::IntoFuture;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use nuncio::{ConnectError, Event};

use crate::gate::*;
use crate::support::*;

/// What becomes of an attempt that is answered so.
async fn answered(answer: impl AsRef<[u8]>) -> ConnectError {
    let gate = Gate::new().await;
    let serve = async {
        let mut peer = gate.accept().await;
        peer.raw_if_there(answer).await;
        peer
    };
    let (error, _peer) = tokio::join!(connect(gate.url()).reconnect(false).into_future(), serve);
    error.expect_err("that is no upgrade")
}

fn status(error: &ConnectError) -> Option<u16> {
    match error {
        ConnectError::Upgrade { status, .. } => *status,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_request_has_path_query_and_host_of_the_address() {
    let gate = Gate::new().await;
    let url = format!("ws://me:canary@{}/a/b?c=d", gate.addr());
    let (nc, peer) = tokio::join!(connect(url).into_future(), gate.welcome_with(INFO));
    nc.unwrap();
    assert!(peer.request.starts_with("GET /a/b?c=d HTTP/1.1\r\n"), "{}", peer.request);
    assert_eq!(peer.header("Host"), Some(gate.addr().as_str()));
    assert_eq!(peer.header("Upgrade"), Some("websocket"));
    assert_eq!(peer.header("Connection"), Some("Upgrade"));
    assert_eq!(peer.header("Sec-WebSocket-Version"), Some("13"));
    assert_eq!(peer.header("Sec-WebSocket-Extensions"), None);
    assert!(!peer.request.contains("canary"), "credentials belong into CONNECT");
}

#[tokio::test]
async fn headers_are_made_anew_for_each_attempt() {
    let gate = Gate::new().await;
    let calls = Arc::new(AtomicU32::new(0));
    let connecting = connect(gate.url()).websocket_headers({
        let calls = Arc::clone(&calls);
        move |server| {
            assert_eq!(server.host(), "127.0.0.1");
            [("Cookie", format!("ticket={}", calls.fetch_add(1, Ordering::Relaxed))), ("X-More", "1".into())]
        }
    });
    let (nc, peer) = tokio::join!(connecting.into_future(), gate.welcome_with(INFO));
    assert_eq!((peer.header("Cookie"), peer.header("X-More")), (Some("ticket=0"), Some("1")));
    let mut events = nc.as_ref().unwrap().events();
    drop(peer);
    // The gate closes to the second ticket, and opens to the third.
    let mut peer = gate.accept().await;
    assert_eq!(peer.header("Cookie"), Some("ticket=1"));
    peer.raw("HTTP/1.1 403 Forbidden\r\n\r\n").await;
    let failed = |e| if let Event::ConnectFailed { error, .. } = e { Some(error) } else { None };
    let error = event(&mut events, failed).await;
    assert_eq!(status(&error), Some(403));
    assert!(error.to_string().contains("websocket_headers"), "{error}");
    let peer = gate.welcome_with(INFO).await;
    assert_eq!(peer.header("Cookie"), Some("ticket=2"));
    reconnected(&mut events).await;
}

#[tokio::test]
async fn a_header_that_would_break_the_request_is_an_error_without_its_value() {
    let gate = Gate::new().await;
    for (name, value) in [("Cookie", "canary\r\nEvil: 1"), ("Sec-WebSocket-Key", "canary"), ("a b", "canary")]
    {
        let error = connect(gate.url()).websocket_headers(move |_| [(name, value)]).await.unwrap_err();
        assert!(matches!(error, ConnectError::Option { option: "websocket_headers", .. }), "{error:?}");
        assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
    }
}

#[tokio::test]
async fn an_answer_other_than_101_is_an_error_with_its_status() {
    for (answer, code) in [("200 OK", 200), ("404 Not Found", 404), ("502 Bad Gateway", 502), ("401 No", 401)]
    {
        let error = answered(format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n")).await;
        assert_eq!(status(&error), Some(code), "{error}");
        assert!(error.is_retryable());
    }
}

#[tokio::test]
async fn a_redirect_is_named_and_not_followed() {
    let elsewhere = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = elsewhere.local_addr().unwrap();
    let error = answered(format!("HTTP/1.1 301 Moved\r\nLocation: ws://{to}/\r\n\r\n")).await;
    assert_eq!(status(&error), Some(301));
    assert!(error.to_string().contains(&to.to_string()), "{error}");
    // Whoever had connected would be found here.
    let accepted =
        std::future::poll_fn(|cx| std::task::Poll::Ready(elsewhere.poll_accept(cx).is_ready())).await;
    assert!(!accepted);
}

#[tokio::test]
async fn an_answer_that_does_not_fit_the_request_is_an_error() {
    let long = "A".repeat(400);
    for accept in ["", "dGhlIHNhbXBsZSBub25jZQ==", "=", long.as_str()] {
        let error = answered(format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n\r\n"
        ))
        .await;
        assert_eq!(status(&error), None);
        assert!(error.to_string().contains("Sec-WebSocket-Accept"), "{error}");
    }
}

#[tokio::test]
async fn an_answer_without_end_is_given_up() {
    let error = answered(format!("HTTP/1.1 101 Switching Protocols\r\nX: {}", "x".repeat(17 * 1024))).await;
    assert_eq!(status(&error), None);
    assert!(error.to_string().contains("16384"), "{error}");
    let many = "X: y\r\n".repeat(1000);
    assert_eq!(status(&answered(format!("HTTP/1.1 101 Switching Protocols\r\n{many}\r\n")).await), None);
}

#[tokio::test]
async fn a_gate_that_closes_without_an_answer_is_an_error() {
    let gate = Gate::new().await;
    let slam = async { drop(gate.accept().await) };
    let (error, ()) = tokio::join!(connect(gate.url()).reconnect(false).into_future(), slam);
    assert!(matches!(error, Err(ConnectError::Upgrade { .. } | ConnectError::Io { .. })), "{error:?}");
}

#[tokio::test]
async fn a_port_without_websocket_is_told_from_one_with_it() {
    let error = answered(format!("{INFO}\r\n")).await;
    assert!(error.to_string().contains("without WebSocket"), "{error}");
}

#[tokio::test]
async fn an_upgrade_that_takes_too_long_is_a_timeout() {
    let gate = Gate::new().await;
    let timeout = std::time::Duration::from_millis(50);
    let connecting = connect(gate.url()).connect_timeout(timeout);
    let (error, _peer) = tokio::join!(connecting.into_future(), gate.accept());
    let error = error.unwrap_err();
    assert!(error.is_timeout() && error.to_string().contains("WebSocket upgrade"), "{error}");
}

#[tokio::test]
async fn what_follows_the_answer_at_once_is_not_lost() {
    let gate = Gate::new().await;
    let serve = async {
        let mut peer = gate.accept().await;
        let mut all = peer.switching().into_bytes();
        all.extend_from_slice(&frame(FIN | BINARY, format!("{INFO}\r\n")));
        peer.raw(all).await;
        peer.answer_hello().await;
        peer
    };
    let (nc, _peer) = tokio::join!(connect(gate.url()).into_future(), serve);
    nc.unwrap();
}

#[tokio::test]
async fn an_info_that_asks_for_tls_does_not_matter_behind_a_gate() {
    let gate = Gate::new().await;
    let info = r#"INFO {"server_id":"F","proto":1,"headers":true,"max_payload":1024,"tls_required":true}"#;
    let (nc, _peer) = tokio::join!(connect(gate.url()).into_future(), gate.welcome_with(info));
    nc.unwrap();
}

#[tokio::test]
async fn websocket_and_other_addresses_do_not_mix() {
    for list in ["ws://a,nats://b", "b,ws://a", "tls://a,wss://b", "ws://a,unix:///b"] {
        let error = nuncio::connect(list).await.unwrap_err();
        assert!(matches!(error, ConnectError::Option { option: "servers", .. }), "{error:?}");
        assert!(error.to_string().contains("WebSocket for all or for none"), "{error}");
    }
}

#[tokio::test]
async fn discovered_servers_are_spoken_to_by_websocket_and_with_the_same_path() {
    let (first, second) = (Gate::new().await, Gate::new().await);
    let info = INFO.replace('}', &format!(r#","connect_urls":["{}"]}}"#, second.addr()));
    let url = format!("{}/nats?k=v", first.url());
    let connecting = connect(url).keep_server_order(true);
    let (nc, peer) = tokio::join!(connecting.into_future(), first.welcome_with(&info));
    let nc = nc.unwrap();
    let mut events = nc.events();
    drop((peer, first));
    let peer = second.welcome_with(INFO).await;
    assert!(peer.request.starts_with("GET /nats?k=v HTTP/1.1\r\n"), "{}", peer.request);
    assert_eq!(reconnected(&mut events).await, second.addr());
}

/// A way to another machine, as far as anybody can tell.
struct Public(String);

impl nuncio::Connector for Public {
    fn connect(&self, _server: nuncio::ServerAddr) -> nuncio::ConnectorFuture {
        let addr = self.0.clone();
        Box::pin(async move {
            Ok(Box::new(tokio::net::TcpStream::connect(addr).await?) as Box<dyn nuncio::Connection>)
        })
    }

    fn is_private(&self, _server: &nuncio::ServerAddr) -> bool {
        false
    }
}

#[tokio::test]
async fn headers_that_log_in_do_not_go_to_another_machine_in_clear_text() {
    let afar = |gate: &Gate, name: &'static str| {
        let connect = connect("ws://nats.example").connector(Public(gate.addr())).reconnect(false);
        connect.websocket_headers(move |_| [(name, "canary")])
    };
    let deaf = Gate::new().await;
    for name in ["Cookie", "authorization"] {
        let error = afar(&deaf, name).await.unwrap_err();
        assert!(matches!(error, ConnectError::PlaintextAuth { .. }), "{error:?}");
    }
    let gate = Gate::new().await;
    for allowed in [afar(&gate, "User-Agent"), afar(&gate, "Cookie").allow_plaintext_auth(true)] {
        let (nc, peer) = tokio::join!(allowed.into_future(), gate.welcome_with(INFO));
        assert!(nc.is_ok() && peer.request.contains("canary"), "{nc:?}");
    }
}
