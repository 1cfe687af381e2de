//! Only the connection itself needs tokio: everything else works on any thread.

use std::future::{Future, IntoFuture};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Waker};
use std::time::Duration;

use nuncio::{Client, CloseReason, ConnectError, Event, SubscriptionEnd};
use tokio::runtime::Handle;

use crate::bare::*;
use crate::support::*;
use crate::target::{Setup, Target};

/// Drops a value while its thread unwinds.
fn drop_while_unwinding<T>(value: T) {
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        let _held = value;
        std::panic::resume_unwind(Box::new("on purpose"));
    }));
    assert!(unwound.is_err());
}

/// A client that was made on a bare thread.
async fn client(t: &Target) -> Client {
    let connect = t.connect().runtime(Handle::current());
    bare(move || block_on(connect.into_future())).await.unwrap()
}

rules! {
    async fn connecting_needs_only_the_handle_of_a_runtime(t: Target) {
        let nc = client(&t).await;
        nc.flush().await.unwrap();
    }

    async fn connecting_without_a_runtime_says_what_is_missing(t: Target) {
        let connect = t.connect();
        let error = bare(move || block_on(connect.into_future())).await.unwrap_err();
        assert_eq!(error, ConnectError::NoRuntime);
        assert!(error.to_string().contains("`runtime`"), "{error}");
    }

    on Setup::new().own() =>
    async fn a_connect_that_fails_does_so_on_a_bare_thread(mut t: Target) {
        t.stop().await;
        let connect = t.connect().runtime(Handle::current());
        let error = bare(move || block_on(connect.into_future())).await.unwrap_err();
        assert!(matches!(error, ConnectError::Io { .. }), "{error:?}");
    }

    async fn publishing_and_receiving_work_on_a_bare_thread(t: Target) {
        let nc = client(&t).await;
        let received = bare(move || {
            block_on(async {
                let mut sub = nc.subscribe(unique()).await.unwrap();
                nc.publish(sub.subject(), "next").header("k", "v").await.unwrap();
                nc.publish(sub.subject(), "next_timeout").await.unwrap();
                let first = text(&sub.next().await.unwrap());
                let second = text(&sub.next_timeout(SOON).await.unwrap());
                assert!(sub.next_timeout(Duration::from_millis(5)).await.is_none());
                [first, second]
            })
        })
        .await;
        assert_eq!(received, ["next", "next_timeout"]);
    }

    async fn callbacks_are_made_and_awaited_on_a_bare_thread(t: Target) {
        let nc = client(&t).await;
        let end = bare(move || {
            block_on(async {
                let subject = unique();
                let mut sub = nc.subscribe(&subject).max(2).confirmed().callback(drop).await.unwrap();
                let called = nc.subscribe(&subject).callback(drop).await.unwrap();
                drop(called);
                nc.publish(&subject, "").confirmed().await.unwrap();
                nc.publish(&subject, "").await.unwrap();
                sub.ended().await
            })
        })
        .await;
        assert_eq!(end, SubscriptionEnd::Max);
    }

    async fn requests_work_on_a_bare_thread(t: Target) {
        let nc = client(&t).await;
        let service = crate::request::echo(&nc).await;
        let silent = crate::request::silence(&nc).await;
        bare(move || {
            block_on(async {
                assert_eq!(text(&nc.request(&service, "one").timeout(SOON).await.unwrap()), "one");
                let after = Duration::from_millis(10);
                let error = nc.request(silent.subject(), "").timeout(after).await.unwrap_err();
                assert!(error.is_timeout());
                assert!(nc.request(unique(), "").await.unwrap_err().is_no_responders());
            });
        })
        .await;
    }

    async fn requests_for_many_replies_work_on_a_bare_thread(t: Target) {
        let nc = client(&t).await;
        let service = crate::request::echo(&nc).await;
        let silent = crate::request::silence(&nc).await;
        bare(move || {
            block_on(async {
                let stall = Duration::from_millis(20);
                let mut replies = nc.request(&service, "a").many().timeout(SOON).stall(stall).await.unwrap();
                assert_eq!(text(&replies.next().await.unwrap().unwrap()), "a");
                assert!(replies.next().await.is_none(), "the stall ends it");
                let mut replies = nc.request(silent.subject(), "").many().timeout(stall).await.unwrap();
                assert!(replies.next().await.is_none(), "the time ends it");
            });
        })
        .await;
    }

    async fn flushes_and_drains_work_on_a_bare_thread(t: Target) {
        let nc = client(&t).await;
        let reason = bare(move || {
            block_on(async {
                nc.flush().await.unwrap();
                nc.rtt().await.unwrap();
                nc.flush_timeout(SOON).await.unwrap();
                let mut sub = nc.subscribe(unique()).await.unwrap();
                sub.drain().await.unwrap();
                assert!(sub.next().await.is_none());
                let mut sub = nc.subscribe(unique()).callback(drop).await.unwrap();
                sub.drain().await.unwrap();
                assert_eq!(sub.ended().await, SubscriptionEnd::Drained);
                nc.drain().await.unwrap();
                nc.closed().await
            })
        })
        .await;
        assert_eq!(reason, CloseReason::Drained);
    }

    async fn closing_and_events_work_on_a_bare_thread(t: Target) {
        let nc = client(&t).await;
        let events = bare(move || {
            block_on(async {
                let mut events = nc.events();
                nc.close().await;
                assert_eq!(nc.closed().await, CloseReason::Closed);
                let mut seen = Vec::new();
                while let Some(event) = events.next().await {
                    seen.push(event);
                }
                seen
            })
        })
        .await;
        assert_eq!(events, [Event::Closed { reason: CloseReason::Closed }]);
    }

    on Setup::new().own() =>
    async fn waiting_for_room_works_on_a_bare_thread(mut t: Target) {
        let connect = t
            .connect()
            .runtime(Handle::current())
            .outbox_limit(100)
            .max_reconnects(None)
            .when_full(nuncio::WhenFull::Wait(Duration::from_millis(50)));
        let nc = bare(move || block_on(connect.into_future())).await.unwrap();
        t.stop().await;
        until("the loss", || nc.state() == nuncio::ConnectionState::Connecting).await;
        let error = bare(move || {
            block_on(async {
                loop {
                    if let Err(error) = nc.publish("a", [0; 30].as_slice()).await {
                        return error;
                    }
                }
            })
        })
        .await;
        assert!(error.is_timeout(), "{error:?}");
    }

    async fn many_bare_threads_share_a_client(t: Target) {
        let nc = client(&t).await;
        let service = crate::request::echo(&nc).await;
        let threads: Vec<_> = (0..4)
            .map(|thread| {
                let (nc, service) = (nc.clone(), service.clone());
                tokio::spawn(bare(move || {
                    block_on(async {
                        let mut sub = nc.subscribe(unique()).await.unwrap();
                        for i in 0..50 {
                            let id = format!("{thread} {i}");
                            assert_eq!(text(&nc.request(&service, &id).timeout(SOON).await.unwrap()), id);
                            nc.publish(sub.subject(), &id).await.unwrap();
                            assert_eq!(text(&sub.next().await.unwrap()), id);
                        }
                    });
                }))
            })
            .collect();
        for thread in threads {
            thread.await.unwrap();
        }
        assert_eq!(nc.statistics().requests, 0);
    }

    async fn everything_can_be_dropped_on_a_bare_thread(t: Target) {
        drop_all(&t, drop).await;
    }

    async fn everything_can_be_dropped_while_unwinding(t: Target) {
        drop_all(&t, drop_while_unwinding).await;
    }

    async fn everything_can_be_dropped_after_its_runtime(t: Target) {
        let url = t.url();
        // The server's own runtime must go on, the client's ends first.
        bare(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
            let nc = block_on(nuncio::connect(url).runtime(runtime.handle().clone()).into_future()).unwrap();
            let (mut sub, mut callback, mut events) = block_on(async {
                (
                    nc.subscribe(unique()).await.unwrap(),
                    nc.subscribe(unique()).callback(drop).await.unwrap(),
                    nc.events(),
                )
            });
            block_on(nc.flush()).unwrap();
            runtime.shutdown_background();
            assert_eq!(block_on(nc.closed()), CloseReason::RuntimeEnded);
            assert!(block_on(sub.next()).is_none());
            assert_eq!(sub.ended(), Some(SubscriptionEnd::Closed(CloseReason::RuntimeEnded)));
            assert_eq!(block_on(callback.ended()), SubscriptionEnd::Closed(CloseReason::RuntimeEnded));
            assert_eq!(block_on(events.next()), Some(Event::Closed { reason: CloseReason::RuntimeEnded }));
            assert!(block_on(nc.publish("a", "").into_future()).is_err());
            assert!(block_on(nc.request("a", "").into_future()).is_err());
            assert!(block_on(nc.flush()).is_err());
            assert!(block_on(nc.drain()).is_err());
            block_on(nc.close());
            drop((sub, callback, events, nc));
        })
        .await;
    }

    async fn a_runtime_that_ends_wakes_whoever_waits(t: Target) {
        let url = t.url();
        bare(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
            let nc = block_on(nuncio::connect(url).runtime(runtime.handle().clone()).into_future()).unwrap();
            let mut sub = block_on(nc.subscribe(unique()).into_future()).unwrap();
            block_on(nc.flush()).unwrap();
            let subject = sub.subject().into_owned();
            let waiting = [
                std::thread::spawn({
                    let nc = nc.clone();
                    move || drop(block_on(nc.closed()))
                }),
                std::thread::spawn({
                    let nc = nc.clone();
                    let minute = Duration::from_secs(60);
                    move || drop(block_on(nc.request(subject, "").timeout(minute).into_future()).unwrap_err())
                }),
                std::thread::spawn(move || while block_on(sub.next()).is_some() {}),
            ];
            while nc.statistics().requests == 0 {
                std::thread::yield_now();
            }
            runtime.shutdown_background();
            for thread in waiting {
                thread.join().unwrap();
            }
        })
        .await;
    }

}

/// Makes one of each public type and has it dropped on a bare thread.
async fn drop_all(t: &Target, dispose: fn(Box<dyn std::any::Any>)) {
    let nc = client(t).await;
    let silent = crate::request::silence(&nc).await;
    let subject: &'static str = Box::leak(silent.subject().into_owned().into_boxed_str());
    let connect = t.connect().runtime(Handle::current());
    let url = t.url();
    bare(move || {
        // Futures that borrow a client get one that lives for ever.
        let leaked: &'static Client = Box::leak(Box::new(nc.clone()));
        let mut cx = Context::from_waker(Waker::noop());
        dispose(Box::new(connect.clone()));
        dispose(Box::new(nuncio::Servers::from(url.as_str())));
        let mut connecting = connect.into_future();
        let _ = std::pin::Pin::new(&mut connecting).poll(&mut cx);
        dispose(Box::new(connecting));
        dispose(Box::new(leaked.publish(subject, "")));
        dispose(Box::new(leaked.subscribe(subject)));
        dispose(Box::new(leaked.subscribe(subject).callback(drop)));
        for polled in [false, true] {
            let mut published = leaked.publish(subject, "").confirmed();
            let mut confirmed = leaked.subscribe(subject).confirmed();
            let mut called = leaked.subscribe(subject).confirmed().callback(drop);
            if polled {
                let _ = std::pin::Pin::new(&mut published).poll(&mut cx);
                let _ = (
                    std::pin::Pin::new(&mut confirmed).poll(&mut cx),
                    std::pin::Pin::new(&mut called).poll(&mut cx),
                );
            }
            dispose(Box::new(published));
            dispose(Box::new(confirmed));
            dispose(Box::new(called));
        }
        dispose(Box::new(leaked.request(subject, "")));
        dispose(Box::new(leaked.request(subject, "").many()));
        let mut request = leaked.request(subject, "").timeout(SOON);
        assert!(std::pin::Pin::new(&mut request).poll(&mut cx).is_pending());
        dispose(Box::new(request));
        dispose(Box::new(block_on(leaked.request(subject, "").many().timeout(SOON).into_future()).unwrap()));
        for polled in [false, true] {
            let mut flush = Box::pin(leaked.flush());
            let mut closed = Box::pin(leaked.closed());
            if polled {
                let _ = (flush.as_mut().poll(&mut cx), closed.as_mut().poll(&mut cx));
            }
            dispose(Box::new(flush));
            dispose(Box::new(closed));
        }
        let events: &'static mut nuncio::Events = Box::leak(Box::new(leaked.events()));
        let mut next = Box::pin(events.next());
        let _ = next.as_mut().poll(&mut cx);
        dispose(Box::new(next));
        dispose(Box::new(leaked.events()));
        let sub = block_on(leaked.subscribe(unique()).into_future()).unwrap();
        let sub: &'static mut nuncio::Subscription = Box::leak(Box::new(sub));
        let name = sub.subject().into_owned();
        block_on(leaked.publish(&name, "kept").into_future()).unwrap();
        let message = block_on(sub.next()).unwrap();
        dispose(Box::new(message.clone()));
        dispose(Box::new(message.payload_bytes()));
        dispose(Box::new(message));
        let mut next = Box::pin(sub.next_timeout(SOON));
        let _ = next.as_mut().poll(&mut cx);
        dispose(Box::new(next));
        dispose(Box::new(block_on(leaked.subscribe(unique()).into_future()).unwrap()));
        dispose(Box::new(block_on(leaked.subscribe(unique()).callback(drop).into_future()).unwrap()));
        let draining = block_on(leaked.subscribe(unique()).into_future()).unwrap();
        let draining: &'static mut nuncio::Subscription = Box::leak(Box::new(draining));
        let mut drain = Box::pin(draining.drain());
        let _ = drain.as_mut().poll(&mut cx);
        dispose(Box::new(drain));
        block_on(leaked.flush()).unwrap();
        assert_eq!(leaked.statistics().requests, 0);
        let mut drain = Box::pin(leaked.drain());
        let _ = drain.as_mut().poll(&mut cx);
        dispose(Box::new(drain));
        let mut close = Box::pin(leaked.close());
        let _ = close.as_mut().poll(&mut cx);
        dispose(Box::new(close));
        assert!(block_on(leaked.closed()).is_wanted());
        dispose(Box::new(nc));
        dispose(Box::new(silent));
    })
    .await;
    // The last handle of an open connection as well.
    for _ in 0..5 {
        let nc = client(t).await;
        bare(move || dispose(Box::new(nc))).await;
    }
}
