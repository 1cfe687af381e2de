//! Closing.

use std::time::{Duration, Instant};

use nuncio::{CloseReason, ConnectionState, Event};

use crate::support::*;
use crate::target::{Setup, Target};

rules! {
    async fn closing_ends_the_connection_at_the_server(t: Target) {
        let nc = t.client().await;
        let id = nc.server_info().client_id;
        nc.close().await;
        t.until_gone(id).await;
        assert_eq!(nc.state(), ConnectionState::Closed(CloseReason::Closed));
    }

    async fn closing_again_is_harmless(t: Target) {
        let nc = t.client().await;
        tokio::join!(nc.close(), nc.close());
        nc.close().await;
        assert_eq!(nc.closed().await, CloseReason::Closed);
    }

    async fn closed_awaits_the_end_and_tells_the_reason(t: Target) {
        let nc = t.client().await;
        let mut waiting = Vec::new();
        for _ in 0..3 {
            let nc = nc.clone();
            waiting.push(tokio::spawn(async move { nc.closed().await }));
        }
        nc.flush().await.unwrap();
        assert!(waiting.iter().all(|task| !task.is_finished()));
        nc.close().await;
        for task in waiting {
            let reason = task.await.unwrap();
            assert!(reason.is_wanted());
            assert_eq!(reason, CloseReason::Closed);
        }
    }

    async fn closing_writes_what_is_buffered(t: Target) {
        let (a, b) = t.clients().await;
        let mut sub = b.subscribe(unique()).await.unwrap();
        b.flush().await.unwrap();
        for i in 0..5_000 {
            a.publish(sub.subject(), i.to_string()).await.unwrap();
        }
        a.close().await;
        assert_eq!(texts(&mut sub, 5_000).await.len(), 5_000);
        let figures = a.statistics();
        assert_eq!((figures.written, figures.lost, figures.maybe_lost), (5_000, 0, 0));
    }

    async fn closing_is_not_held_up_by_what_nobody_reads(t: Target) {
        let nc = t.client().await;
        let sub = nc.subscribe(unique()).await.unwrap();
        for _ in 0..100 {
            nc.publish(sub.subject(), "").await.unwrap();
        }
        settle(&[&nc]).await;
        tokio::time::timeout(SOON, nc.close()).await.unwrap();
    }

    async fn a_close_goes_on_when_it_is_no_longer_awaited(t: Target) {
        let nc = t.client().await;
        {
            let mut closing = Box::pin(nc.close());
            let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
            let _ = closing.as_mut().poll(&mut cx);
        }
        assert_eq!(nc.closed().await, CloseReason::Closed);
    }

    async fn many_connections_close(t: Target) {
        let mut all = Vec::new();
        for _ in 0..30 {
            all.push(t.client().await);
        }
        for nc in &all {
            nc.close().await;
        }
        for nc in &all {
            assert_eq!(nc.closed().await, CloseReason::Closed);
        }
    }

    on Setup::new().own() =>
    async fn a_closed_connection_never_comes_back(mut t: Target) {
        let nc = t.client().await;
        let mut events = nc.events();
        nc.close().await;
        t.restart().await;
        let probe = t.client().await;
        probe.flush().await.unwrap();
        let seen: Vec<_> = so_far(&mut events);
        assert_eq!(seen, [Event::Closed { reason: CloseReason::Closed }]);
        assert!(t.connection(probe.server_info().client_id).await.is_some());
        assert_eq!(nc.statistics().connects, 1);
    }

    on Setup::new().own() =>
    async fn closing_stops_reconnecting_at_once(mut t: Target) {
        let backoff = nuncio::Backoff::fixed(Duration::from_secs(100), Duration::ZERO);
        let nc = t.connect().max_reconnects(None).backoff(backoff).await.unwrap();
        let mut events = nc.events();
        t.stop().await;
        event(&mut events, |e| matches!(e, Event::ConnectFailed { .. }).then_some(())).await;
        nc.publish("a", "lost").await.unwrap();
        let begin = Instant::now();
        nc.close().await;
        assert!(begin.elapsed() < Duration::from_secs(50));
        assert_eq!(nc.closed().await, CloseReason::Closed);
        assert_eq!(nc.statistics().lost, 1);
    }

    on Setup::new().own() =>
    async fn dropping_a_client_without_a_server_ends_its_attempts(mut t: Target) {
        let backoff = nuncio::Backoff::fixed(Duration::from_secs(100), Duration::ZERO);
        let nc = t.connect().max_reconnects(None).backoff(backoff).await.unwrap();
        let mut events = nc.events();
        t.stop().await;
        event(&mut events, |e| matches!(e, Event::ConnectFailed { .. }).then_some(())).await;
        drop(nc);
        let reason = event(&mut events, |e| match e {
            Event::Closed { reason } => Some(reason),
            _ => None,
        })
        .await;
        assert_eq!(reason, CloseReason::Dropped);
    }

    on Setup::new().own() =>
    async fn closing_does_not_wait_for_a_server_that_does_not_read(mut t: Target) {
        let nc = t.connect().close_timeout(Duration::from_millis(100)).await.unwrap();
        t.pause().await;
        nc.publish("a", "").await.unwrap();
        tokio::time::timeout(SOON, nc.close()).await.unwrap();
        let figures = nc.statistics();
        assert_eq!(figures.published, figures.written + figures.buffered + figures.lost + figures.maybe_lost);
        assert_eq!(figures.maybe_lost, 1, "{figures:?}");
    }
}
