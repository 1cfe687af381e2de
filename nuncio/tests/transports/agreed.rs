//! Compression and frames without masks: what a server may agree to.

use std::future::IntoFuture;
use std::io::ErrorKind;

use nuncio::{Connect, ConnectError, DisconnectCause};
use nuncio_proto::websocket::DEFLATE;
use nuncio_testkit::{Cut, Proxy};
use tokio::time::timeout;

use crate::gate::*;
use crate::support::*;
use crate::websocket::Real;

const NO_MASKING: &str = "Nats-No-Masking: true\r\n";

fn deflate() -> String {
    format!("Sec-WebSocket-Extensions: {DEFLATE}\r\n")
}

/// Both options.
fn asking(url: impl Into<nuncio::Servers>) -> Connect {
    connect(url).websocket_compression(true).websocket_no_masking(true)
}

/// A message in its compressed form.
fn compress(message: &[u8]) -> Vec<u8> {
    use miniz_oxide::deflate::core::{CompressorOxide, create_comp_flags_from_zip_params};
    let mut state = CompressorOxide::new(create_comp_flags_from_zip_params(6, -15, 0));
    let mut out = vec![0; message.len() + 1024];
    let flush = miniz_oxide::MZFlush::Sync;
    let result = miniz_oxide::deflate::stream::deflate(&mut state, message, &mut out, flush);
    out.truncate(result.bytes_written);
    assert_eq!(result.bytes_consumed, message.len());
    out.truncate(out.strip_suffix(&[0, 0, 0xff, 0xff]).unwrap().len());
    out
}

/// Text that can be compressed well, and of which each part is another.
fn text(bytes: usize) -> String {
    (0..)
        .map(|i| format!("line {i} of many; "))
        .flat_map(|line| line.into_bytes())
        .take(bytes)
        .map(char::from)
        .collect()
}

/// A client that asks for both, and a peer that agrees to what is in `lines`.
async fn pair(gate: &Gate, lines: &str, masked: bool) -> (nuncio::Client, Peer) {
    let (nc, peer) = tokio::join!(asking(gate.url()).into_future(), welcome(gate, lines, masked));
    (nc.unwrap(), peer)
}

async fn welcome(gate: &Gate, lines: &str, masked: bool) -> Peer {
    let mut peer = gate.accept().await;
    assert_eq!(peer.header("Sec-WebSocket-Extensions"), Some(DEFLATE));
    assert_eq!(peer.header("Nats-No-Masking"), Some("true"));
    peer.masked = masked;
    peer.upgrade_with(lines).await;
    peer.greet(INFO).await;
    peer
}

#[tokio::test]
async fn nothing_is_asked_for_by_default() {
    let gate = Gate::new().await;
    let (_nc, peer) = gate.pair().await;
    assert_eq!(peer.header("Sec-WebSocket-Extensions"), None);
    assert_eq!(peer.header("Nats-No-Masking"), None);
}

#[tokio::test]
async fn what_is_agreed_to_holds_and_the_rest_does_not() {
    let gate = Gate::new().await;
    for (lines, masked, compressed) in [
        (String::new(), true, false),
        (NO_MASKING.to_owned(), false, false),
        (deflate(), true, true),
        (format!("{NO_MASKING}{}", deflate()), false, true),
    ] {
        let (nc, mut peer) = pair(&gate, &lines, masked).await;
        let mut sub = nc.subscribe("a").await.unwrap();
        let sid = peer.until("SUB a").await.split(' ').nth(2).unwrap().to_owned();
        // What is sent.
        nc.publish("out", text(300)).await.unwrap();
        let (first, _) = peer.read_frame().await.unwrap();
        assert_eq!(first, if compressed { COMPRESSED } else { FIN | BINARY }, "{lines}");
        // What is received; uncompressed messages are legal all the same.
        let message = format!("MSG a {sid} 300\r\n{}\r\n", text(300));
        peer.frame(FIN | BINARY, &message).await;
        assert_eq!(next(&mut sub).await.payload(), text(300).as_bytes());
        if compressed {
            for part in [message.as_str(), "PING\r\n", ""] {
                peer.frame(COMPRESSED, compress(part.as_bytes())).await;
            }
            assert_eq!(next(&mut sub).await.payload(), text(300).as_bytes());
            peer.until("PONG").await;
        }
        // Control frames are never compressed.
        peer.frame(FIN | PING, "p").await;
        assert_eq!(peer.read_frame().await, Some((FIN | PONG, b"p".to_vec())));
    }
}

#[tokio::test]
async fn a_compressed_message_may_come_in_fragments_with_control_frames_between() {
    let gate = Gate::new().await;
    let (nc, mut peer) = pair(&gate, &deflate(), true).await;
    let mut sub = nc.subscribe("a").await.unwrap();
    let sid = peer.until("SUB a").await.split(' ').nth(2).unwrap().to_owned();
    let message = compress(format!("MSG a {sid} 200\r\n{}\r\n", text(200)).as_bytes());
    for cut in 0..=message.len() {
        let (one, two) = message.split_at(cut);
        peer.frame(0x40 | BINARY, one).await;
        peer.frame(FIN | PONG, "unasked").await;
        peer.frame(0, "").await;
        peer.frame(FIN, two).await;
        assert_eq!(next(&mut sub).await.payload(), text(200).as_bytes(), "{cut}");
    }
}

#[tokio::test]
async fn compression_that_was_not_agreed_to_ends_the_connection() {
    let gate = Gate::new().await;
    let (nc, mut peer) = pair(&gate, NO_MASKING, false).await;
    let mut events = nc.events();
    peer.frame(COMPRESSED, compress(b"PING\r\n")).await;
    let cause = disconnected(&mut events).await;
    assert!(matches!(&cause, DisconnectCause::Io { kind: ErrorKind::InvalidData, .. }), "{cause:?}");
    assert_eq!(peer.close_code().await, 1002);
}

#[tokio::test]
async fn an_agreement_to_something_else_is_refused() {
    let gate = Gate::new().await;
    for value in [
        "permessage-deflate",
        "permessage-deflate; server_no_context_takeover; client_max_window_bits=9",
        "other",
    ] {
        let refuse = async {
            let mut peer = gate.accept().await;
            peer.upgrade_with(&format!("Sec-WebSocket-Extensions: {value}\r\n")).await;
            peer
        };
        let (error, _peer) = tokio::join!(asking(gate.url()).reconnect(false).into_future(), refuse);
        let error = error.unwrap_err();
        assert!(
            matches!(error, ConnectError::Upgrade { .. }) && error.to_string().contains(value),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_message_that_inflates_without_end_is_given_up_and_the_connection_made_anew() {
    let gate = Gate::new().await;
    let (nc, mut peer) = pair(&gate, &deflate(), true).await;
    let mut events = nc.events();
    // Good NATS, so that nothing but its size is wrong with it.
    let message = format!("MSG nobody 999 1048576\r\n{}\r\n", "x".repeat(1 << 20));
    let bomb = compress(message.repeat(64).as_bytes());
    assert!(bomb.len() < 512 * 1024, "{}", bomb.len());
    let before = resident();
    peer.frame(COMPRESSED, &bomb).await;
    let cause = disconnected(&mut events).await;
    assert!(matches!(&cause, DisconnectCause::Io { kind: ErrorKind::InvalidData, .. }), "{cause:?}");
    assert!(cause.to_string().contains("inflates to more than 67108864"), "{cause}");
    assert!(resident() < before + 32 * 1024 * 1024, "it is never in memory as a whole");
    assert_eq!(peer.close_code().await, 1009);
    let mut peer = welcome(&gate, &deflate(), true).await;
    reconnected(&mut events).await;
    nc.publish("still", "here").await.unwrap();
    assert_eq!(peer.until("PUB").await, "PUB still 4");
}

/// The memory that this program has in use; none is known elsewhere than on Linux.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4096
}

#[tokio::test]
async fn what_cannot_be_inflated_ends_the_connection() {
    for bad in [&b"\xff\xff\xff\xff"[..], b"\x05\xff\xff"] {
        let gate = Gate::new().await;
        let (nc, mut peer) = pair(&gate, &deflate(), true).await;
        let mut events = nc.events();
        peer.frame(COMPRESSED, bad).await;
        let cause = disconnected(&mut events).await;
        assert!(matches!(&cause, DisconnectCause::Io { kind: ErrorKind::InvalidData, .. }), "{cause:?}");
        assert_eq!(peer.close_code().await, 1007);
    }
}

/// Sends 200 messages of some kilobytes to itself by way of the server, through a proxy: how many bytes passed there and
/// back.
async fn traffic(real: &Real, connect: impl FnOnce(String) -> Connect) -> (u64, u64) {
    let proxy = Proxy::start(real.url().replace("ws://", "")).await.unwrap();
    let nc = connect(format!("ws://{}", proxy.addr())).await.unwrap();
    let mut sub = nc.subscribe("t").await.unwrap();
    for i in 0..200 {
        nc.publish("t", text(i * 30)).await.unwrap();
    }
    for i in 0..200 {
        assert_eq!(next(&mut sub).await.payload(), text(i * 30).as_bytes());
    }
    (proxy.to_server().forwarded(), proxy.to_client().forwarded())
}

#[tokio::test]
async fn a_server_that_compresses_is_spoken_to_compressed_both_ways() {
    let real = Real::with("compression: true", "").await;
    let payloads = (0..200).map(|i| i * 30).sum::<u64>();
    for no_masking in [false, true] {
        let (there, back) =
            traffic(&real, |url| connect(url).websocket_compression(true).websocket_no_masking(no_masking))
                .await;
        assert!(there < payloads / 3 && back < payloads / 3, "{there} {back} of {payloads}");
    }
    let (there, back) = traffic(&real, connect).await;
    assert!(there > payloads && back > payloads, "{there} {back} of {payloads}");
}

#[tokio::test]
async fn a_server_that_does_not_compress_is_spoken_to_without() {
    let real = Real::with("compression: false", "").await;
    let payloads = (0..200).map(|i| i * 30).sum::<u64>();
    let (there, back) = traffic(&real, asking).await;
    assert!(there > payloads && back > payloads, "{there} {back} of {payloads}");
}

#[tokio::test]
async fn what_is_compressed_at_once_fits_into_the_servers_limit_of_the_payload() {
    let real = Real::with("compression: true", "max_payload: 512").await;
    let nc = asking(real.url()).await.unwrap();
    let mut sub = nc.subscribe("small").await.unwrap();
    nc.flush().await.unwrap();
    for _ in 0..1000 {
        nc.publish("small", text(500)).await.unwrap();
    }
    for i in 0..1000 {
        assert_eq!(next(&mut sub).await.payload(), text(500).as_bytes(), "{i}");
    }
    assert_eq!(nc.statistics().connects, 1);
}

#[tokio::test]
async fn what_was_agreed_to_is_agreed_to_again_after_a_restart() {
    let mut real = Real::with("compression: true", "").await;
    let nc = asking(real.url()).await.unwrap();
    let mut events = nc.events();
    let mut sub = nc.subscribe("s").await.unwrap();
    nc.flush().await.unwrap();
    real.server.restart().await.unwrap();
    reconnected(&mut events).await;
    for _ in 0..100 {
        nc.publish("s", text(5_000)).await.unwrap();
    }
    for _ in 0..100 {
        assert_eq!(next(&mut sub).await.payload(), text(5_000).as_bytes());
    }
}

#[tokio::test]
async fn a_cut_within_a_frame_is_the_end_of_that_connection_only() {
    let real = Real::with("compression: true", "").await;
    let proxy = Proxy::start(real.url().replace("ws://", "")).await.unwrap();
    let nc = asking(format!("ws://{}", proxy.addr())).await.unwrap();
    let mut events = nc.events();
    let mut sub = nc.subscribe("s").await.unwrap();
    let other = connect(real.server.url()).await.unwrap();
    let mut before = 0;
    for bytes in [1, 2, 3, 5, 50, 500] {
        nc.flush().await.unwrap();
        let on_this = proxy.to_client().forwarded() - before + bytes;
        before += on_this;
        proxy.to_client().cut_once_after(on_this, Cut::Fin);
        other.publish("s", text(100_000)).await.unwrap();
        other.flush().await.unwrap();
        disconnected(&mut events).await;
        reconnected(&mut events).await;
        nc.flush().await.unwrap();
        other.publish("s", "whole").await.unwrap();
        assert_eq!(next(&mut sub).await.payload(), b"whole".as_slice(), "{bytes}");
    }
    assert!(timeout(std::time::Duration::ZERO, sub.next()).await.is_err(), "no half message arrives");
}
