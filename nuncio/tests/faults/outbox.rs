//! The outbox while nothing, or not enough, is written.

use std::time::Duration;

use nuncio::{Backoff, Client, Event, PublishError, WhenFull};
use tokio::time::Instant;

use crate::clock::pass;
use crate::down::{Away, down};
use crate::evil::{Stage, event, limited, lost, script};

/// 100 bytes on the wire: `PUB s 84\r\n`, the payload, CRLF.
fn hundred(n: u8) -> Vec<u8> {
    vec![n; 88]
}

fn add_up(nc: &Client) {
    let s = nc.statistics();
    assert_eq!(s.published, s.written + s.buffered + s.lost + s.maybe_lost, "{s:?}");
}

#[tokio::test(start_paused = true)]
async fn a_publish_waits_for_room_no_longer_than_its_deadline() {
    let wait = Duration::from_secs(3);
    let (away, nc) = down(|c| c.outbox_limit(1000).when_full(WhenFull::Wait(wait))).await;
    for n in 0..10 {
        nc.publish("s", hundred(n)).await.unwrap();
    }
    let began = Instant::now();
    let error = limited("a publish", nc.publish("s", hundred(10)).into_future()).await.unwrap_err();
    assert!(error.is_timeout(), "{error}");
    assert!((wait..wait + Duration::from_millis(50)).contains(&began.elapsed()), "{:?}", began.elapsed());
    let many = (0..5).map(|n| {
        let nc = nc.clone();
        tokio::spawn(async move { nc.publish("s", hundred(n)).await })
    });
    for publish in many.collect::<Vec<_>>() {
        assert!(limited("one of many", publish).await.unwrap().unwrap_err().is_timeout());
    }
    assert_eq!((nc.statistics().published, nc.statistics().buffered), (10, 10));
    away.come_back(&nc).await;
    nc.flush().await.unwrap();
    assert_eq!((nc.statistics().written, nc.statistics().lost, nc.statistics().maybe_lost), (10, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_publish_that_waits_for_room_goes_on_when_the_server_is_back() {
    let (away, nc) = down(|c| c.outbox_limit(1000).when_full(WhenFull::Wait(Duration::from_secs(60)))).await;
    for n in 0..10 {
        nc.publish("s", hundred(n)).await.unwrap();
    }
    let waiting = nc.clone();
    let publish = tokio::spawn(async move { waiting.publish("s", hundred(10)).await });
    pass(Duration::from_secs(1)).await;
    assert!(!publish.is_finished());
    away.come_back(&nc).await;
    limited("the publish", publish).await.unwrap().unwrap();
    nc.flush().await.unwrap();
    assert_eq!((nc.statistics().written, nc.statistics().published), (11, 11));
}

#[tokio::test(start_paused = true)]
async fn a_full_outbox_fails_at_once_where_that_is_the_policy() {
    let (_away, nc) = down(|c| c.outbox_limit(1000).when_full(WhenFull::Fail)).await;
    for n in 0..10 {
        nc.publish("s", hundred(n)).await.unwrap();
    }
    let began = Instant::now();
    let error = nc.publish("s", hundred(10)).await.unwrap_err();
    assert_eq!(error, PublishError::Full { buffered: 1000, limit: 1000 });
    assert_eq!(nc.try_publish("s", hundred(10)).unwrap_err(), error);
    assert!(began.elapsed().is_zero());
    assert_eq!((nc.statistics().published, nc.statistics().buffered), (10, 10));
    assert_eq!(nc.statistics().buffered_bytes, 1000);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_oldest_counts_each_and_keeps_the_newest() {
    let (away, nc) = down(|c| c.outbox_limit(1000).when_full(WhenFull::DropOldest)).await;
    let mut s = nc.subscribe("s").await.unwrap();
    for n in 0..100 {
        nc.publish("s", hundred(n)).await.unwrap();
        add_up(&nc);
        assert!(nc.statistics().buffered_bytes <= 1000);
    }
    let lost = nc.statistics().lost;
    assert!((90..=93).contains(&lost), "{lost} lost of 100 with room for 10");
    away.come_back(&nc).await;
    nc.flush().await.unwrap();
    let kept: Vec<u8> = std::iter::from_fn(|| s.try_next()).map(|m| m.payload()[0]).collect();
    assert_eq!(kept, (lost as u8..100).collect::<Vec<u8>>());
    assert_eq!((nc.statistics().lost, nc.statistics().maybe_lost), (lost, 0));
    add_up(&nc);
}

#[tokio::test(start_paused = true)]
async fn messages_dropped_before_a_ping_do_not_count_as_confirmed_by_it() {
    let away = Away::new().await;
    let nc = away.connect().outbox_limit(1000).when_full(WhenFull::DropOldest).await.unwrap();
    // All of this happens before the connection gets a turn: ten messages, the PING of a flush, and forty more.
    for n in 0..10 {
        nc.publish("s", hundred(n)).await.unwrap();
    }
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let mut pinging = std::pin::pin!(nc.flush());
    assert!(pinging.as_mut().poll(&mut context).is_pending());
    for n in 0..10 {
        nc.publish("s", hundred(n)).await.unwrap();
    }
    limited("the flush", pinging).await.unwrap();
    let dropped = nc.statistics().lost;
    assert!(dropped > 0);
    // The PONG confirmed nothing of what was written: all that was before its PING has been dropped.
    away.server.faults().mute(true);
    for n in 0..5 {
        nc.publish("t", hundred(n)).await.unwrap();
        pass(Duration::from_millis(1)).await;
    }
    away.server.disconnect_all();
    let mut events = nc.events();
    let in_doubt = event(&mut events, "the loss", |event| match event {
        Event::Disconnected { maybe_lost, .. } => Some(maybe_lost),
        _ => None,
    });
    assert_eq!(in_doubt.await, 25 - dropped);
    add_up(&nc);
}

#[tokio::test(start_paused = true)]
async fn what_was_written_is_confirmed_a_moment_later_and_only_the_last_is_in_doubt() {
    let away = Away::new().await;
    let nc = away.connect().await.unwrap();
    for n in 0..10 {
        nc.publish("s", hundred(n)).await.unwrap();
    }
    pass(Duration::from_millis(1500)).await;
    for n in 0..3 {
        nc.publish("s", hundred(n)).await.unwrap();
    }
    pass(Duration::from_millis(10)).await;
    let mut events = nc.events();
    away.server.disconnect_all();
    let in_doubt = event(&mut events, "the loss", |event| match event {
        Event::Disconnected { maybe_lost, .. } => Some(maybe_lost),
        _ => None,
    });
    assert_eq!(in_doubt.await, 3);
    add_up(&nc);
}

#[tokio::test(start_paused = true)]
async fn a_publish_to_a_server_that_does_not_read_waits_no_longer_than_its_deadline() {
    let away = Away::new().await;
    let nc = away.connect().when_full(WhenFull::Wait(Duration::from_secs(3))).await.unwrap();
    away.server.faults().mute(true);
    let publishing = async {
        loop {
            let began = Instant::now();
            if let Err(error) = nc.publish("s", vec![0; 10_000]).await {
                return (error, began.elapsed());
            }
        }
    };
    let (error, took) = limited("publishing", publishing).await;
    assert!(error.is_timeout(), "{error}");
    assert!((3000..3050).contains(&took.as_millis()), "{took:?}");
    add_up(&nc);
}

#[tokio::test(start_paused = true)]
async fn a_publish_that_waits_for_a_server_that_does_not_read_goes_on_when_the_connection_is_lost() {
    let away = Away::new().await;
    let nc = away.connect().when_full(WhenFull::Wait(Duration::from_secs(30))).await.unwrap();
    away.server.faults().mute(true);
    let publisher = tokio::spawn({
        let nc = nc.clone();
        async move {
            for _ in 0..160 {
                nc.publish("s", vec![0; 10_000]).await.unwrap();
            }
        }
    });
    pass(Duration::from_secs(1)).await;
    assert!(!publisher.is_finished());
    let began = Instant::now();
    away.leave(&nc).await;
    // There is room in the outbox: only the burst was to be written first.
    limited("the publisher", publisher).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(nc.statistics().published, 160);
    add_up(&nc);
}

#[tokio::test(start_paused = true)]
async fn what_is_being_written_counts_against_the_limit_until_it_is_written_or_the_connection_lost() {
    let (cut, told) = tokio::sync::oneshot::channel::<()>();
    let unread = script(|mut peer| async move {
        peer.shake_hands().await;
        let _ = told.await;
    });
    let silent = script(|_peer| std::future::pending());
    let stage = Stage::new([unread, silent]).await.capacity(250);
    let later = Backoff::fixed(Duration::from_secs(24 * 3600), Duration::ZERO);
    let connect = stage.connect().backoff(later).outbox_limit(1000).when_full(WhenFull::Fail);
    let nc = limited("connecting", connect.into_future()).await.unwrap();
    let mut events = nc.events();
    for n in 0..10 {
        nc.publish("s", hundred(n)).await.unwrap();
    }
    pass(Duration::from_millis(10)).await;
    let full = Err(PublishError::Full { buffered: 1000, limit: 1000 });
    assert_eq!(nc.publish("s", hundred(10)).await, full, "the connection has all of it in hand");
    assert_eq!((nc.statistics().buffered, nc.statistics().buffered_bytes), (10, 1000));
    drop(cut);
    lost(&mut events, "the loss").await;
    // Two were written, the third one half.
    assert_eq!((nc.statistics().buffered, nc.statistics().buffered_bytes), (7, 700));
    for n in 0..3 {
        nc.publish("s", hundred(n)).await.unwrap();
    }
    assert_eq!(nc.publish("s", hundred(10)).await, full);
    add_up(&nc);
}
