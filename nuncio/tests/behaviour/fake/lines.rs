//! The lines that go to and fro, one by one.

use nuncio::DisconnectCause;
use tokio::io::AsyncWriteExt;

use super::{Fake, lost};
use crate::support::*;

#[tokio::test]
async fn announced_lengths_beyond_reason_end_the_connection_and_not_the_client() {
    let monsters = [
        "MSG s 2 18446744073709551615\r\n",
        "MSG s 2 99999999999999999999999999\r\n",
        "HMSG s 2 10 18446744073709551615\r\n",
        "MSG s 2 1000000000\r\n",
        "HMSG s 2 20 10\r\n",
        "MSG s 2 -1\r\n",
        "MSG s 2\r\n",
        "MSG\r\n",
        "MSG s x 1\r\n",
        "MSG s 2 2\r\nabc\r\n",
        "PINGxyz\r\n",
        "WHAT\r\n",
        "\0\0\0\0\r\n",
    ];
    let fake = Fake::new().await;
    let (nc, mut peer) = fake.pair().await;
    let mut sub = nc.subscribe("s").await.unwrap();
    let mut events = nc.events();
    for monster in monsters {
        peer.until("SUB s ").await;
        peer.send(format!("MSG s {} 4\r\nfine\r\n{monster}", sub.sid())).await;
        assert!(matches!(lost(&mut events).await, DisconnectCause::Protocol(_)), "{monster:?}");
        assert_eq!(texts(&mut sub, 1).await, ["fine"], "{monster:?}");
        peer = fake.welcome().await;
    }
    peer.until("SUB s ").await;
    peer.send(format!("MSG s {} 2\r\nok\r\n", sub.sid())).await;
    assert_eq!(texts(&mut sub, 1).await, ["ok"]);
}

#[tokio::test]
async fn a_line_without_an_end_is_cut_off() {
    let fake = Fake::new().await;
    let (nc, mut peer) = fake.pair().await;
    let mut events = nc.events();
    let endless = vec![b'x'; 256 * 1024];
    tokio::spawn(async move {
        let _ = peer.io.get_mut().write_all(b"MSG ").await;
        while peer.io.get_mut().write_all(&endless).await.is_ok() {}
    });
    assert!(matches!(lost(&mut events).await, DisconnectCause::Protocol(_)));
}

#[tokio::test]
async fn lines_are_read_as_tolerantly_as_the_server_reads() {
    let fake = Fake::new().await;
    let (nc, mut peer) = fake.pair().await;
    let mut sub = nc.subscribe("s").await.unwrap();
    let sid = sub.sid();
    peer.send(format!(
        "+OK\r\nmsg s {sid} 1\r\na\r\nMSG  s \t {sid}   r   1  \r\nb\r\nMsg\ts\t{sid}\t1\r\nc\r\nping\r\n"
    ))
    .await;
    assert_eq!(texts(&mut sub, 3).await, ["a", "b", "c"]);
    peer.until("PONG").await;
}

#[tokio::test]
async fn after_a_loss_subscriptions_come_first_then_what_was_buffered() {
    let fake = Fake::new().await;
    let (nc, peer) = fake.pair().await;
    let a = nc.subscribe("a").await.unwrap();
    let b = nc.subscribe("b").queue("q").max(5).await.unwrap();
    drop(peer);
    until("the loss", || nc.state() == nuncio::ConnectionState::Connecting).await;
    nc.publish("p", "x").await.unwrap();
    let c = nc.subscribe("c").await.unwrap();
    let mut peer = fake.welcome().await;
    let mut lines = Vec::new();
    while lines.len() < 6 {
        lines.push(peer.line().await);
    }
    let expected = [
        format!("SUB a {}\r\n", a.sid()),
        format!("SUB b q {}\r\n", b.sid()),
        format!("UNSUB {} 5\r\n", b.sid()),
        format!("SUB c {}\r\n", c.sid()),
        "PUB p 1\r\n".to_owned(),
        "x\r\n".to_owned(),
    ];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn many_pings_of_a_server_are_answered() {
    let fake = Fake::new().await;
    let (nc, mut peer) = fake.pair().await;
    for _ in 0..100 {
        peer.send("PING\r\n").await;
        assert_eq!(peer.line().await, "PONG\r\n");
    }
    // More than were asked for answer nobody.
    peer.send("PONG\r\nPONG\r\n").await;
    let (flushed, ()) = tokio::join!(nc.flush(), async {
        peer.until("PING").await;
        peer.send("PONG\r\n").await;
    });
    flushed.unwrap();
}

#[tokio::test]
async fn a_message_to_an_unknown_id_is_dropped() {
    let fake = Fake::new().await;
    let (nc, mut peer) = fake.pair().await;
    peer.send("MSG s 0 1\r\nx\r\nMSG s 999 1\r\nx\r\nMSG s 18446744073709551615 1\r\nx\r\nPING\r\n").await;
    peer.until("PONG").await;
    assert_eq!((nc.statistics().received, nc.statistics().unclaimed), (3, 3));
}

#[tokio::test]
async fn more_messages_than_asked_for_are_not_handed_out() {
    let fake = Fake::new().await;
    let (nc, mut peer) = fake.pair().await;
    let mut sub = nc.subscribe("s").max(2).await.unwrap();
    peer.until("UNSUB").await;
    for i in 0..5 {
        peer.send(format!("MSG s {} 1\r\n{i}\r\n", sub.sid())).await;
    }
    assert_eq!(rest(&mut sub).await, (vec!["0".into(), "1".into()], nuncio::SubscriptionEnd::Max));
}

#[tokio::test]
async fn the_server_is_told_of_subscriptions_before_anybody_waits() {
    let fake = Fake::new().await;
    let (nc, mut peer) = fake.pair().await;
    let sub = nc.subscribe("s").await.unwrap();
    assert_eq!(peer.line().await, format!("SUB s {}\r\n", sub.sid()));
    drop(sub);
    assert!(peer.line().await.starts_with("UNSUB "));
}
