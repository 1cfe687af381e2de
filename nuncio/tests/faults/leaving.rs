//! Leaving a server that is about to shut down, while the application wants something else.

use std::future::IntoFuture;
use std::time::Duration;

use nuncio::{Client, Connect, Event, Subscription};

use crate::clock::pass;
use crate::evil::{Peer, Stage, event, limited, script};

const LAME: &str = "INFO {\"headers\":true,\"ldm\":true,\"connect_urls\":[\"b:2\"]}\r\n";

/// A server that announces its end once the client has subscribed to `s`, and is told `before` its confirmation.
async fn lame(before: &'static str) -> Stage {
    Stage::subscribed(move |mut peer: Peer| async move {
        peer.say(LAME).await;
        peer.hear(b"PING\r\n").await;
        pass(Duration::from_secs(1)).await;
        peer.say(before).await;
        peer.say("PONG\r\n").await;
        peer.answer().await;
    })
    .await
}

/// A client that has asked the lame server to confirm that nothing more comes.
async fn parting(connect: Connect) -> (Client, Subscription) {
    let nc = limited("connecting", connect.move_on_lame_duck(true).into_future()).await.unwrap();
    let mut events = nc.events();
    let s = nc.subscribe("s").await.unwrap();
    event(&mut events, "ldm", |e| matches!(e, Event::LameDuck { .. }).then_some(())).await;
    pass(Duration::from_millis(100)).await;
    (nc, s)
}

#[tokio::test(start_paused = true)]
async fn closing_while_a_lame_server_is_left_writes_what_is_buffered() {
    let stage = lame("").await;
    let (nc, _s) = parting(stage.connect()).await;
    nc.publish("p", "x").await.unwrap();
    limited("closing", nc.close()).await;
    assert_eq!((nc.statistics().lost, nc.statistics().maybe_lost), (0, 0));
    assert_eq!(nc.statistics().written, 1);
}

#[tokio::test(start_paused = true)]
async fn a_drain_while_a_lame_server_is_left_hands_out_what_it_still_sends() {
    let stage = lame("MSG s 2 4\r\nlast\r\n").await;
    let (nc, mut s) = parting(stage.connect()).await;
    nc.publish("p", "x").await.unwrap();
    let drain = tokio::spawn(async move { nc.drain().await });
    let last = limited("the last message", s.next()).await.unwrap();
    assert_eq!(last.payload(), b"last");
    assert!(limited("the end", s.next()).await.is_none());
    let report = limited("the drain", drain).await.unwrap();
    assert!(report.as_ref().is_ok_and(|r| r.flushed && r.lost == 0 && r.maybe_lost == 0), "{report:?}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_reconnect_stays_with_a_lame_server() {
    let stage = Stage::new([script(|mut peer| async move {
        peer.shake_hands().await;
        peer.hear(b"SUB s 2\r\n").await;
        peer.say(LAME).await;
        pass(Duration::from_secs(20)).await;
        peer.say("MSG s 2 4\r\nlate\r\n").await;
        peer.answer().await;
    })])
    .await;
    let (_nc, mut s) = parting(stage.connect().reconnect(false)).await;
    let late = limited("the message", s.next()).await.expect("a message");
    assert_eq!(late.payload(), b"late");
}
