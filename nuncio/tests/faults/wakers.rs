//! Who waits sleeps until there is a reason to wake, and leaves no waker behind.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use nuncio::{Event, WhenFull};

use crate::evil::{Stage, event, limited, script};

#[derive(Default)]
struct Counting(AtomicUsize);

impl Wake for Counting {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test(start_paused = true)]
async fn a_publish_that_is_dropped_while_it_waits_leaves_no_waker() {
    let stage = Stage::new([script(|mut peer| async move {
        peer.shake_hands().await;
        peer.listen().await;
    })])
    .await;
    let connect = stage.connect().outbox_limit(100);
    let nc = limited("connecting", connect.into_future()).await.unwrap();
    // The connection has no turn from here on.
    nc.try_publish("p", vec![0; 100]).unwrap();
    let counting = Arc::new(Counting::default());
    for _ in 0..10 {
        let another = Arc::new(Counting::default());
        for waker in [Waker::from(Arc::clone(&counting)), Waker::from(another)] {
            let mut publish = pin!(nc.publish("p", vec![0; 100]));
            assert!(publish.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            assert!(publish.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            assert!(publish.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        }
    }
    assert_eq!(Arc::strong_count(&counting), 1);
    assert_eq!(counting.0.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_waits_for_the_next_server_sleeps() {
    let stage = Stage::new([script(|mut peer| async move {
        peer.shake_hands().await;
        peer.hear(b"PUB first ").await;
        peer.say("INFO {\"headers\":true,\"ldm\":true,\"connect_urls\":[\"b:2\"]}\r\n").await;
        peer.answer().await;
    })])
    .await;
    let connect = stage.connect().move_on_lame_duck(true).when_full(WhenFull::Fail);
    let nc = limited("connecting", connect.into_future()).await.unwrap();
    let mut events = nc.events();
    let first = nc.clone();
    tokio::spawn(async move { first.request("first", "").timeout(Duration::from_secs(20)).await });
    event(&mut events, "lame duck", |e| matches!(e, Event::LameDuck { .. }).then_some(())).await;
    let counting = Arc::new(Counting::default());
    let waker = Waker::from(Arc::clone(&counting));
    let mut second = pin!(nc.request("second", "").timeout(Duration::from_secs(20)).into_future());
    assert!(second.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    assert_eq!(counting.0.load(Ordering::SeqCst), 0);
}
