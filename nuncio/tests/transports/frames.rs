//! Frames that no good server sends, or sends rarely.

use nuncio::{DisconnectCause, ServerError};
use std::io::ErrorKind;

use crate::gate::*;
use crate::support::*;

/// Sends these bytes on a new connection. Why the client leaves, and the code it leaves with if it says one.
async fn offended(bytes: &[u8]) -> (DisconnectCause, Peer) {
    let gate = Gate::new().await;
    let (nc, mut peer) = gate.pair().await;
    let mut events = nc.events();
    peer.raw(bytes).await;
    let cause = disconnected(&mut events).await;
    // It comes back.
    let _next = gate.welcome_with(INFO).await;
    reconnected(&mut events).await;
    (cause, peer)
}

#[tokio::test]
async fn messages_in_fragments_and_in_text_frames_arrive_wherever_they_are_cut() {
    let gate = Gate::new().await;
    let (nc, mut peer) = gate.pair().await;
    let mut sub = nc.subscribe("a").await.unwrap();
    let sid = peer.until("SUB a").await.split(' ').nth(2).unwrap().to_owned();
    let bytes = format!("MSG a {sid} 5\r\nhello\r\nMSG a {sid} 0\r\n\r\n");
    for kind in [BINARY, TEXT] {
        for cut in 0..=bytes.len() {
            let (one, two) = bytes.split_at(cut);
            // Two messages of one fragment, and one message of two with a ping and nothing between them.
            peer.frame(FIN | kind, one).await;
            peer.frame(FIN | kind, two).await;
            peer.frame(kind, one).await;
            peer.frame(FIN | PING, "p").await;
            peer.frame(0, "").await;
            peer.frame(FIN, two).await;
            for expected in ["hello", "", "hello", ""] {
                assert_eq!(next(&mut sub).await.payload(), expected.as_bytes(), "{kind} {cut}");
            }
        }
    }
}

#[tokio::test]
async fn a_ping_is_answered_with_its_payload() {
    let gate = Gate::new().await;
    let (_nc, mut peer) = gate.pair().await;
    for payload in ["", "are you there?", &"x".repeat(125)] {
        peer.frame(FIN | PING, payload).await;
        assert_eq!(peer.read_frame().await, Some((FIN | PONG, payload.as_bytes().to_vec())));
    }
}

#[tokio::test]
async fn an_error_is_not_hidden_by_the_close_frame_behind_it() {
    let mut bytes = frame(FIN | BINARY, "-ERR 'Authorization Violation'\r\n");
    bytes.extend_from_slice(&frame(FIN | CLOSE, [0x03, 0xf0]));
    let (cause, mut peer) = offended(&bytes).await;
    assert_eq!(cause, DisconnectCause::Server(ServerError::AuthorizationViolation));
    assert_eq!(peer.close_code().await, 1008, "the close frame is answered");
}

#[tokio::test]
async fn an_error_while_connecting_is_not_hidden_by_the_close_frame_behind_it() {
    use std::future::IntoFuture;
    let gate = Gate::new().await;
    let serve = async {
        let mut peer = gate.accept().await;
        peer.upgrade().await;
        peer.frame(FIN | BINARY, format!("{INFO}\r\n")).await;
        peer.until("PING").await;
        let mut bytes = frame(FIN | BINARY, "-ERR 'Authorization Violation'\r\n");
        bytes.extend_from_slice(&frame(FIN | CLOSE, [0x03, 0xf0]));
        peer.raw(bytes).await;
        peer
    };
    let (error, _peer) = tokio::join!(connect(gate.url()).reconnect(false).into_future(), serve);
    assert!(error.unwrap_err().is_auth());
}

#[tokio::test]
async fn a_close_that_gives_a_reason_passes_it_on() {
    let (cause, _) = offended(&frame(FIN | CLOSE, b"\x03\xf0too slow")).await;
    assert!(cause.to_string().contains("1008") && cause.to_string().contains("too slow"), "{cause}");
    for plain in [b"".as_slice(), b"\x03\xe8", b"\x03\xe9bye"] {
        assert_eq!(offended(&frame(FIN | CLOSE, plain)).await.0, DisconnectCause::Eof);
    }
}

#[tokio::test]
async fn what_breaks_the_rules_of_frames_ends_the_connection_and_not_the_client() {
    for bad in [
        &[FIN | CLOSE, 1, 3] as &[u8],
        &[FIN | CLOSE, 2, 0, 0],
        &[FIN | CLOSE, 3, 3, 0xe8, 0xff],
        &[FIN | CLOSE, 126, 0, 126],
        &[FIN | PING, 126, 0, 126],
        &[PING, 0],
        &[FIN | 3, 0],
        &[FIN | 0x40 | BINARY, 0],
        &[FIN, 1, b'x'],
        &[BINARY, 0, FIN | BINARY, 0],
        &[FIN | BINARY, 0x80 | 1, 0, 0, 0, 0, b'x'],
        &[FIN | TEXT, 1, 0xff],
        &[FIN | BINARY, 126, 0, 1, b'x'],
    ] {
        let (cause, _) = offended(bad).await;
        assert!(
            matches!(&cause, DisconnectCause::Io { kind: ErrorKind::InvalidData, .. }),
            "{bad:?}: {cause:?}"
        );
    }
}

#[tokio::test]
async fn a_frame_that_is_announced_too_large_is_refused_before_it_comes() {
    for len in [64 * 1024 * 1024 + 1_u64, 1 << 40, u64::MAX] {
        let mut bytes = vec![FIN | BINARY, 127];
        bytes.extend_from_slice(&len.to_be_bytes());
        let (cause, mut peer) = offended(&bytes).await;
        assert!(cause.to_string().contains("67108864"), "{cause}");
        assert_eq!(peer.close_code().await, 1009);
    }
}

#[tokio::test]
async fn a_client_that_closes_says_so() {
    let gate = Gate::new().await;
    let (nc, mut peer) = gate.pair().await;
    nc.publish("last", "words").await.unwrap();
    let serve = async {
        assert_eq!(peer.until("PUB").await, "PUB last 5");
        peer.until("PING").await;
        peer.frame(FIN | BINARY, "PONG\r\n").await;
        let code = peer.close_code().await;
        peer.frame(FIN | CLOSE, [0x03, 0xe8]).await;
        assert_eq!(peer.read_frame().await, None, "nothing comes after a close frame");
        code
    };
    let (_, code) = tokio::join!(nc.close(), serve);
    assert_eq!(code, 1000);
}

#[tokio::test]
async fn large_writes_are_cut_into_frames() {
    let gate = Gate::new().await;
    let (nc, mut peer) = gate.pair().await;
    let payload = vec![b'x'; 300_000];
    nc.publish("a", payload.as_slice()).await.unwrap();
    let (mut bytes, mut frames) = (Vec::new(), 0);
    while !bytes.ends_with(b"x\r\n") {
        let (first, payload) = peer.read_frame().await.unwrap();
        assert_eq!(first, FIN | BINARY);
        assert!(payload.len() <= 64 * 1024);
        bytes.extend_from_slice(&payload);
        frames += 1;
    }
    assert_eq!(bytes.len(), "PUB a 300000\r\n".len() + 300_000 + 2);
    assert!(frames >= 5);
}
