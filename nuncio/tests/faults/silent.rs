//! Servers that say nothing, read nothing, or never stop saying something.

use std::time::Duration;

use nuncio::DisconnectCause;
use tokio::io::AsyncReadExt;

use crate::clock::pass;
use crate::evil::{INFO, Stage, limited, lost, script, works};
use crate::session::through;
use crate::wire::Babbler;

#[tokio::test(start_paused = true)]
async fn a_server_that_goes_silent_is_found_stale() {
    let stage = Stage::new([script(|mut peer| async move {
        peer.shake_hands().await;
        peer.listen().await;
    })])
    .await;
    let connect = stage.connect().ping_interval(Duration::from_secs(10)).max_pings_out(2);
    let nc = limited("connecting", connect.into_future()).await.unwrap();
    let mut events = nc.events();
    let mut s = nc.subscribe("s").await.unwrap();
    let began = tokio::time::Instant::now();
    // Steady publishing must not make a dead link look alive.
    let publishing = nc.clone();
    let publisher = tokio::spawn(async move {
        loop {
            publishing.publish("s", "x").await.unwrap();
            pass(Duration::from_secs(1)).await;
        }
    });
    assert_eq!(lost(&mut events, "silence").await, DisconnectCause::Stale);
    publisher.abort();
    let took = began.elapsed();
    assert!(took <= Duration::from_secs(31), "found after {took:?}");
    works(&nc, &mut events, &mut s, "silence").await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_reads_is_found_stale_though_writing_is_stuck() {
    let stage = Stage::new([script(|mut peer| async move {
        peer.shake_hands().await;
        std::future::pending::<()>().await;
    })])
    .await
    .capacity(512);
    let connect = stage.connect().ping_interval(Duration::from_secs(10)).max_pings_out(2);
    let nc = limited("connecting", connect.into_future()).await.unwrap();
    let mut events = nc.events();
    let mut s = nc.subscribe("s").await.unwrap();
    nc.publish("x", vec![b'x'; 100_000]).await.unwrap();
    assert_eq!(lost(&mut events, "not reading").await, DisconnectCause::Stale);
    works(&nc, &mut events, &mut s, "not reading").await;
    assert_eq!(nc.statistics().lost, 1, "the half-written message");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_reads_slowly_is_not_stale() {
    let stage = Stage::new([script(move |mut peer| async move {
        peer.shake_hands().await;
        let mut space = [0; 1000];
        loop {
            pass(Duration::from_millis(100)).await;
            if peer.io.read(&mut space).await.unwrap_or(0) == 0 {
                return;
            }
        }
    })])
    .await
    .capacity(1024);
    let connect = stage.connect().ping_interval(Duration::from_secs(5)).max_pings_out(1);
    let nc = limited("connecting", connect.into_future()).await.unwrap();
    let mut events = nc.events();
    nc.try_publish("p", vec![0; 500_000]).unwrap();
    pass(Duration::from_secs(50)).await;
    assert_eq!(nc.statistics().connects, 1, "{:?}", nc.statistics());
    // Once the ping is out it is to be answered like any other.
    let out = tokio::time::Instant::now();
    assert_eq!(lost(&mut events, "no answer").await, DisconnectCause::Stale);
    let took = out.elapsed();
    assert!((5..16).contains(&took.as_secs()), "found after {took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stops_reading_is_found_stale() {
    let stage = Stage::new([script(move |mut peer| async move {
        peer.shake_hands().await;
        let mut space = [0; 1000];
        for _ in 0..20 {
            pass(Duration::from_secs(1)).await;
            assert!(peer.io.read(&mut space).await.unwrap() > 0);
        }
        std::future::pending::<()>().await;
    })])
    .await
    .capacity(1024);
    let connect = stage.connect().ping_interval(Duration::from_secs(5)).max_pings_out(2);
    let nc = limited("connecting", connect.into_future()).await.unwrap();
    let mut events = nc.events();
    nc.try_publish("p", vec![0; 500_000]).unwrap();
    let began = tokio::time::Instant::now();
    assert_eq!(lost(&mut events, "not reading").await, DisconnectCause::Stale);
    let took = began.elapsed();
    assert!((20..41).contains(&took.as_secs()), "found after {took:?}");
}

/// On the ordinary clock: nothing else may be starved by a stream that is always ready.
#[tokio::test]
async fn a_server_that_babbles_without_end_does_not_keep_the_connection_from_its_orders() {
    let start = [INFO, b"PONG\r\n"].concat();
    let dial = move || Box::new(Babbler::new(&start, b"+OK\r\n")) as Box<dyn nuncio::Connection>;
    let nc = through(dial).close_timeout(Duration::from_millis(100)).await.unwrap();
    let error = nc.flush_timeout(Duration::from_millis(50)).await.unwrap_err();
    assert!(error.is_timeout(), "{error}");
    let error = nc.request("x", "").timeout(Duration::from_millis(50)).await.unwrap_err();
    assert!(error.is_timeout(), "{error}");
    nc.close().await;
}

#[tokio::test(start_paused = true)]
async fn where_no_ping_may_be_unanswered_the_server_is_asked_before_it_is_given_up() {
    let stage = Stage::new([]).await;
    let connect = stage.connect().max_pings_out(0).ping_interval(Duration::from_secs(10));
    let nc = limited("c", connect.into_future()).await.unwrap();
    pass(Duration::from_secs(60)).await;
    assert_eq!(nc.statistics().connects, 1);
}
