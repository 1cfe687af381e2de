//! Round trips to the server.

use std::time::Duration;

use nuncio::{CloseReason, FlushError};

use crate::support::*;
use crate::target::{Setup, Target};

rules! {
    async fn after_a_flush_the_server_has_processed_what_was_published(t: Target) {
        let (a, b) = t.clients().await;
        let mut sub = b.subscribe(unique()).await.unwrap();
        b.flush().await.unwrap();
        for round in 1..=20 {
            for _ in 0..50 {
                a.publish(sub.subject(), "x").await.unwrap();
            }
            a.flush().await.unwrap();
            // Its answer to the subscriber comes behind the messages.
            b.flush().await.unwrap();
            assert_eq!(sub.stats().received, 50 * round);
        }
        assert_eq!(present(&mut sub).len(), 1000);
    }

    async fn a_flush_tells_the_round_trip_time(t: Target) {
        let nc = t.client().await;
        for rtt in [nc.flush().await.unwrap(), nc.rtt().await.unwrap(), nc.flush_timeout(SOON).await.unwrap()] {
            assert!(rtt > Duration::ZERO && rtt < SOON, "{rtt:?}");
        }
    }

    async fn many_flushes_at_once_are_all_answered(t: Target) {
        let nc = t.client().await;
        let flushes: Vec<_> = (0..200)
            .map(|_| {
                let nc = nc.clone();
                tokio::spawn(async move { nc.flush().await })
            })
            .collect();
        for flush in flushes {
            flush.await.unwrap().unwrap();
        }
    }

    async fn a_flush_that_is_cancelled_does_not_answer_the_next(t: Target) {
        let (a, b) = t.clients().await;
        let sub = b.subscribe(unique()).await.unwrap();
        b.flush().await.unwrap();
        for round in 1..=50 {
            let mut cancelled = Box::pin(a.flush());
            let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
            let _ = cancelled.as_mut().poll(&mut cx);
            drop(cancelled);
            a.publish(sub.subject(), "").await.unwrap();
            a.flush().await.unwrap();
            b.flush().await.unwrap();
            assert_eq!(sub.stats().received, round);
        }
    }

    async fn flushing_a_closed_connection_fails(t: Target) {
        let nc = t.client().await;
        nc.close().await;
        match nc.flush().await.unwrap_err() {
            FlushError::Closed(closed) => assert_eq!(closed.reason, CloseReason::Closed),
            other => panic!("{other:?}"),
        }
        assert!(matches!(nc.rtt().await, Err(FlushError::Closed(_))));
    }

    on Setup::new().own() =>
    async fn a_flush_fails_when_the_connection_is_lost(mut t: Target) {
        let nc = t.connect().max_reconnects(None).await.unwrap();
        t.pause().await;
        let flush = tokio::spawn({
            let nc = nc.clone();
            async move { nc.flush_timeout(Duration::from_secs(60)).await }
        });
        until("the ping", || nc.statistics().buffered_bytes == 0 && !flush.is_finished()).await;
        t.stop().await;
        assert_eq!(flush.await.unwrap(), Err(FlushError::Disconnected));
        assert_eq!(nc.flush().await, Err(FlushError::Disconnected), "also at once while there is no connection");
    }

    on Setup::new().own() =>
    async fn a_flush_fails_when_the_server_does_not_answer_in_time(mut t: Target) {
        let nc = t.client().await;
        t.pause().await;
        let after = Duration::from_millis(50);
        let error = nc.flush_timeout(after).await.unwrap_err();
        assert_eq!(error, FlushError::Timeout { after });
        assert!(error.is_timeout());
        t.resume().await;
        nc.flush().await.unwrap();
    }

    on Setup::new().own() =>
    async fn an_answer_to_a_flush_that_timed_out_does_not_answer_the_next(mut t: Target) {
        let nc = t.client().await;
        let sub = nc.subscribe("s").await.unwrap();
        nc.flush().await.unwrap();
        t.pause().await;
        for _ in 0..3 {
            nc.flush_timeout(Duration::from_millis(10)).await.unwrap_err();
        }
        nc.publish("s", "").await.unwrap();
        let flush = nc.flush();
        t.resume().await;
        flush.await.unwrap();
        assert_eq!(sub.stats().received, 1);
    }

    async fn the_connection_may_set_the_time_for_all_flushes(t: Target) {
        let after = Duration::from_nanos(1);
        let nc = t.connect().flush_timeout(after).await.unwrap();
        // Nobody answers within a nanosecond, but the answer may be there when it is looked for.
        match nc.flush().await {
            Ok(_) | Err(FlushError::Timeout { after: Duration::ZERO }) => {}
            Err(error) => assert_eq!(error, FlushError::Timeout { after }),
        }
    }
}
