//! Hard situations that only a server played by the test brings about.

use nuncio::{CloseReason, ConnectError, Event, SubscriptionEnd};

use crate::evil::{Stage, event, limited, lost, script, works};

#[tokio::test(start_paused = true)]
async fn after_an_info_without_addresses_the_known_servers_stay() {
    let stage = Stage::subscribed(|mut peer| async move {
        peer.say("INFO {\"headers\":true,\"connect_urls\":[\"a:1\",\"b:2\"]}\r\n").await;
        for silent in ["{}", "{\"connect_urls\":null}", "{\"connect_urls\":[]}", "{\"ldm\":true}"] {
            peer.say(format!("INFO {silent}\r\n")).await;
        }
        peer.say("MSG s 2 4\r\nDONE\r\n").await;
        peer.answer().await;
    })
    .await;
    let (nc, mut events, mut s) = stage.subscriber().await;
    assert_eq!(limited("the end", s.next()).await.unwrap().payload(), b"DONE");
    let known: Vec<_> = nc.servers().iter().map(|server| server.addr().port()).collect();
    assert_eq!(known, [4222, 1, 2]);
    let changed =
        |e| if let Event::ServersChanged { added, removed } = e { Some((added, removed)) } else { None };
    let (added, removed) = event(&mut events, "the change", changed).await;
    assert_eq!((added.len(), removed.len()), (2, 0));
    nc.force_reconnect();
    works(&nc, &mut events, &mut s, "afterwards").await;
}

#[tokio::test(start_paused = true)]
async fn after_a_header_block_of_no_bytes_the_connection_stands() {
    let stage = Stage::subscribed(|mut peer| async move {
        peer.say("HMSG s 2 0 5\r\nhello\r\nHMSG s 2 0 0\r\n\r\nMSG s 2 4\r\nDONE\r\n").await;
        peer.answer().await;
    })
    .await;
    let (nc, _, mut s) = stage.subscriber().await;
    for expected in ["hello", "", "DONE"] {
        let message = limited(expected, s.next()).await.unwrap();
        assert_eq!(message.payload(), expected.as_bytes());
        let _ = (message.headers().map(|h| h.len()), message.header("k"), message.status().map(|s| s.code()));
    }
    nc.flush().await.unwrap();
    assert_eq!(nc.statistics().connects, 1);
}

#[tokio::test(start_paused = true)]
async fn after_its_unsub_a_drained_subscription_takes_messages_until_the_server_has_answered() {
    let stage = Stage::subscribed(|mut peer| async move {
        peer.say("MSG s 2 1\r\n1\r\n").await;
        assert_eq!(peer.hear(b"UNSUB 2\r\n").await.unwrap(), b"UNSUB 2\r\n");
        peer.say("MSG s 2 1\r\n2\r\n").await;
        assert_eq!(peer.hear(b"PING\r\n").await.unwrap(), b"PING\r\n", "right behind it");
        peer.say("MSG s 2 1\r\n3\r\nPONG\r\n").await;
        peer.answer().await;
    })
    .await;
    let (nc, _, mut s) = stage.subscriber().await;
    assert_eq!(limited("the first", s.next()).await.unwrap().payload(), b"1");
    limited("the drain", s.drain()).await.unwrap();
    let mut read = Vec::new();
    while let Some(message) = limited("the rest", s.next()).await {
        read.push(message.text().unwrap().to_owned());
    }
    assert_eq!((read, s.ended()), (vec!["2".into(), "3".into()], Some(SubscriptionEnd::Drained)));
    nc.flush().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn after_a_server_that_lacks_what_an_option_needs_was_met_it_is_not_dialled_again() {
    let stage = Stage::new([
        script(|mut peer| async move { peer.shake_hands().await }),
        script(|mut peer| async move {
            peer.say("INFO {\"server_id\":\"old\",\"proto\":0,\"headers\":true}\r\n").await;
            peer.listen().await;
        }),
    ])
    .await;
    let connect = stage.connect().echo(false).max_reconnects(None);
    let nc = limited("connecting", connect.into_future()).await.unwrap();
    match limited("the end", nc.closed()).await {
        CloseReason::Exhausted { last } => {
            assert!(matches!(*last, ConnectError::Unsupported { .. }), "{last:?}")
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_loss_a_listener_hears_all_of_it_in_order_with_its_cause() {
    let stage = Stage::new([script(|mut peer| async move {
        peer.shake_hands().await;
        peer.hear(b"PUB p 0\r\n").await;
        peer.say("-ERR 'Stale Connection'\r\n").await;
    })])
    .await;
    let nc = stage.client().await;
    let (mut events, mut others) = (nc.events(), nc.events());
    nc.publish("p", "").await.unwrap();
    let cause = lost(&mut events, "the loss").await;
    assert_eq!(cause.to_string(), lost(&mut others, "the loss").await.to_string());
    assert!(cause.to_string().to_lowercase().contains("stale"), "{cause}");
    event(&mut others, "the return", |e| matches!(e, Event::Reconnected { .. }).then_some(())).await;
}
