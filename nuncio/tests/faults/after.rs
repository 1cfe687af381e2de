//! Hard situations that only a server played by the test brings about.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use nuncio::{CloseReason, ConnectError, Connection, Event, RequestError, SubscriptionEnd};
use tokio::sync::Notify;

use crate::clock::pass;
use crate::evil::{Stage, event, limited, lost, script, settle, works};

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

#[tokio::test(start_paused = true)]
async fn after_a_new_connection_was_asked_for_while_there_was_none_the_next_one_stays() {
    let (cut, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (cut2, go2) = (Arc::clone(&cut), Arc::clone(&go));
    let stage = Stage::new([
        script(move |mut peer| async move {
            peer.shake_hands().await;
            cut2.notified().await;
        }),
        script(move |mut peer| async move {
            go2.notified().await;
            peer.shake_hands().await;
            peer.answer().await;
        }),
    ])
    .await;
    let nc = stage.client().await;
    let mut events = nc.events();
    cut.notify_one();
    lost(&mut events, "the cut").await;
    settle().await;
    nc.force_reconnect();
    go.notify_one();
    event(&mut events, "back", |e| matches!(e, Event::Reconnected { .. }).then_some(())).await;
    settle().await;
    pass(Duration::from_secs(5)).await;
    assert_eq!(nc.statistics().connects, 2);
}

#[tokio::test(start_paused = true)]
async fn after_a_connector_has_panicked_another_attempt_is_made() {
    let server = Arc::new(nuncio_server::Server::builder().in_memory().seed(1).start().await.unwrap());
    let calls = Arc::new(AtomicUsize::new(0));
    let connector = move |_| {
        let call = calls.fetch_add(1, Ordering::SeqCst);
        assert!(call != 1, "on purpose");
        let io: Box<dyn Connection> = Box::new(server.pipe());
        async { std::io::Result::Ok(io) }
    };
    let nc = nuncio::connect("x").connector(connector).await.unwrap();
    let mut events = nc.events();
    nc.force_reconnect();
    let back = event(&mut events, "back", |e| match e {
        Event::Reconnected { .. } => Some(Ok(())),
        Event::Closed { reason } => Some(Err(reason)),
        _ => None,
    })
    .await;
    assert_eq!(back, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn after_a_complaint_that_changed_nothing_a_loss_has_its_own_cause() {
    let cut = Arc::new(Notify::new());
    let cut2 = Arc::clone(&cut);
    let stage = Stage::new([script(move |mut peer| async move {
        peer.shake_hands().await;
        peer.say("-ERR 'something odd'\r\n").await;
        for _ in 0..3 {
            peer.hear(b"PING\r\n").await;
            peer.say("PONG\r\n").await;
        }
        cut2.notified().await;
    })])
    .await;
    let nc = stage.client().await;
    let mut events = nc.events();
    for _ in 0..3 {
        nc.flush().await.unwrap();
        pass(Duration::from_secs(30)).await;
    }
    cut.notify_one();
    let cause = lost(&mut events, "the loss").await;
    assert_eq!(cause, nuncio::DisconnectCause::Eof);
}

#[tokio::test(start_paused = true)]
async fn after_the_inbox_of_all_was_denied_a_request_with_its_own_gets_its_reply() {
    let stage = Stage::new([script(|mut peer| async move {
        peer.shake_hands().await;
        peer.hear(b"PUB own mine 0\r\n\r\n").await;
        let seen = peer.hear(b".* 1\r\n").await.unwrap();
        let at = seen.windows(4).rposition(|w| w == b"SUB ").unwrap() + 4;
        let subject = String::from_utf8(seen[at..seen.len() - 4].to_vec()).unwrap();
        peer.say(format!("-ERR 'Permissions Violation for Subscription to \"{subject}\"'\r\n")).await;
        peer.hear(b"\r\n").await;
        tokio::task::yield_now().await;
        peer.say("MSG mine 2 2\r\nok\r\n").await;
        peer.answer().await;
    })])
    .await;
    let nc = stage.client().await;
    let own = nc.clone();
    let own = tokio::spawn(async move { own.request("own", "").no_mux().reply("mine").await });
    settle().await;
    let muxed = limited("the other", nc.request("muxed", "").into_future()).await;
    assert!(matches!(muxed, Err(RequestError::InboxDenied { .. })), "{muxed:?}");
    let own = limited("own", own).await.unwrap();
    assert_eq!(own.unwrap().payload(), b"ok");
}

#[tokio::test(start_paused = true)]
async fn after_a_cut_a_request_of_which_nothing_was_written_goes_out_whatever_its_inbox() {
    let cut = Arc::new(Notify::new());
    let cut2 = Arc::clone(&cut);
    let stage = Stage::new([script(move |mut peer| async move {
        peer.shake_hands().await;
        cut2.notified().await;
    })])
    .await;
    let nc = stage.client().await;
    nc.try_publish("p", vec![0; 100_000]).unwrap();
    settle().await;
    let (a, b) = (nc.clone(), nc.clone());
    let muxed = tokio::spawn(async move { a.request("nobody", "").await });
    let own = tokio::spawn(async move { b.request("nobody", "").no_mux().await });
    settle().await;
    cut.notify_one();
    let muxed = limited("muxed", muxed).await.unwrap();
    assert!(muxed.as_ref().is_err_and(|e| e.is_no_responders()), "{muxed:?}");
    let own = limited("own", own).await.unwrap();
    assert!(own.as_ref().is_err_and(|e| e.is_no_responders()), "{own:?}");
}
