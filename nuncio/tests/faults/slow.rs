//! Subscribers that do not read.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use nuncio::{Client, Event, Events, OnFull, Subscription, SubscriptionStats};
use nuncio_server::Server;
use tokio::sync::Notify;

use crate::clock::pass;
use crate::evil::{Stage, limited};
use crate::session::through;

struct Room {
    nc: Client,
    publisher: Client,
    events: Events,
    other: Subscription,
}

impl Room {
    async fn new() -> Self {
        let server = Arc::new(Server::builder().in_memory().seed(1).start().await.unwrap());
        let connect = || {
            let server = Arc::clone(&server);
            through(move || Box::new(server.pipe()))
        };
        let (nc, publisher) = (connect().await.unwrap(), connect().await.unwrap());
        let events = nc.events();
        let other = nc.subscribe("s").await.unwrap();
        Self { nc, publisher, events, other }
    }

    /// Publishes numbers of eight digits, in bursts of changing sizes.
    async fn publish(&self, numbers: std::ops::Range<u32>) {
        for n in numbers {
            self.publisher.publish("s", format!("{n:08}")).await.unwrap();
            if n % 37 == 0 {
                self.settle().await;
            }
        }
        self.settle().await;
    }

    /// Everything that was published has arrived.
    async fn settle(&self) {
        self.publisher.flush().await.unwrap();
        self.nc.flush().await.unwrap();
    }

    fn slow_events(&mut self) -> Vec<Event> {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let mut seen = Vec::new();
        while let std::task::Poll::Ready(Some(event)) = std::pin::pin!(self.events.next()).poll(&mut context)
        {
            seen.push(event);
        }
        seen.retain(|event| {
            matches!(event, Event::SlowConsumer { .. } | Event::SlowConsumerRecovered { .. })
        });
        seen
    }
}

fn numbers(s: &mut Subscription) -> Vec<u32> {
    std::iter::from_fn(|| s.try_next()).map(|m| m.text().unwrap().parse().unwrap()).collect()
}

fn adds_up(stats: SubscriptionStats) {
    assert_eq!(stats.received, stats.delivered + stats.dropped + stats.pending as u64, "{stats:?}");
}

#[tokio::test(start_paused = true)]
async fn a_queue_full_of_messages_drops_the_newest_and_tells_once_an_episode() {
    let mut room = Room::new().await;
    let mut s = room.nc.subscribe("s").limits(100, usize::MAX).await.unwrap();
    room.nc.flush().await.unwrap();
    room.publish(0..1000).await;
    let stats = s.stats();
    assert_eq!((stats.received, stats.dropped, stats.pending, stats.delivered), (1000, 900, 100, 0));
    assert_eq!(room.nc.statistics().dropped, 900);
    let slow = Event::SlowConsumer { subject: "s".into(), sid: s.sid() };
    assert_eq!(room.slow_events(), std::slice::from_ref(&slow));
    assert_eq!(numbers(&mut s), (0..100).collect::<Vec<_>>());
    let recovered = Event::SlowConsumerRecovered { subject: "s".into(), sid: s.sid(), dropped: 900 };
    assert_eq!(room.slow_events(), [recovered]);
    adds_up(s.stats());
    // The next episode is told of again.
    room.publish(1000..1150).await;
    assert_eq!(room.slow_events(), [slow]);
    assert_eq!(numbers(&mut s), (1000..1100).collect::<Vec<_>>());
    assert_eq!(numbers(&mut room.other), (0..1150).collect::<Vec<_>>(), "another subscription is unaffected");
    assert_eq!(room.other.stats().dropped, 0);
}

#[tokio::test(start_paused = true)]
async fn a_queue_full_of_messages_may_drop_the_oldest_instead() {
    let mut room = Room::new().await;
    let mut s = room.nc.subscribe("s").limits(100, usize::MAX).on_full(OnFull::DropOldest).await.unwrap();
    room.nc.flush().await.unwrap();
    room.publish(0..1000).await;
    adds_up(s.stats());
    assert_eq!((s.stats().received, s.stats().dropped), (1000, 900));
    assert_eq!(room.slow_events().len(), 1);
    assert_eq!(numbers(&mut s), (900..1000).collect::<Vec<_>>());
    assert_eq!(room.slow_events().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_queue_is_bounded_by_bytes_too() {
    for on_full in [OnFull::DropNewest, OnFull::DropOldest] {
        let mut room = Room::new().await;
        let mut s = room.nc.subscribe("s").limits(usize::MAX, 1000).on_full(on_full).await.unwrap();
        room.nc.flush().await.unwrap();
        room.publish(0..1000).await;
        let stats = s.stats();
        adds_up(stats);
        assert!(stats.pending_bytes <= 1000 && stats.pending > 100, "{stats:?}");
        assert_eq!(stats.received, 1000);
        let kept = numbers(&mut s);
        assert_eq!(kept.len(), stats.pending);
        let (first, last) = (kept[0], kept[kept.len() - 1]);
        assert_eq!(
            (first, last),
            match on_full {
                OnFull::DropNewest => (0, kept.len() as u32 - 1),
                _ => (1000 - kept.len() as u32, 999),
            }
        );
        assert_eq!(room.slow_events().len(), 2, "one when it turned slow, one when it recovered");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_taken_over_and_not_handed_out_counts_as_queued() {
    let mut room = Room::new().await;
    let mut s = room.nc.subscribe("s").limits(100, usize::MAX).await.unwrap();
    room.nc.flush().await.unwrap();
    room.publish(0..100).await;
    assert!(s.try_next().is_some());
    assert_eq!(s.stats().pending, 99);
    room.publish(100..200).await;
    assert_eq!((s.stats().pending, s.stats().dropped), (100, 99));
    adds_up(s.stats());
    assert_eq!(room.slow_events().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_slow_subscription_can_be_drained_dropped_and_closed() {
    let mut room = Room::new().await;
    let mut s = room.nc.subscribe("s").limits(10, usize::MAX).await.unwrap();
    room.nc.flush().await.unwrap();
    room.publish(0..100).await;
    limited("the drain", s.drain()).await.unwrap();
    assert_eq!(numbers(&mut s).len(), 10);
    assert!(s.next().await.is_none());
    let s = room.nc.subscribe("s").limits(10, usize::MAX).await.unwrap();
    room.nc.flush().await.unwrap();
    room.publish(0..100).await;
    drop(s);
    room.publish(0..100).await;
    assert_eq!(numbers(&mut room.other).len(), 300);
    let _unread = room.nc.subscribe("s").limits(10, usize::MAX).await.unwrap();
    room.nc.flush().await.unwrap();
    room.publish(0..100).await;
    assert_eq!(numbers(&mut room.other).len(), 100);
    let report = limited("the end", room.nc.drain()).await.unwrap();
    assert_eq!(report.undelivered, 10);
}

#[tokio::test(start_paused = true)]
async fn what_waits_in_a_queue_does_not_keep_the_bytes_of_others() {
    let room = Room::new().await;
    let mut rare = room.nc.subscribe("rare").await.unwrap();
    let mut often = room.nc.subscribe("often").await.unwrap();
    room.nc.flush().await.unwrap();
    for _ in 0..200 {
        room.publisher.publish("rare", "12345678").await.unwrap();
        for _ in 0..30 {
            room.publisher.publish("often", vec![0; 1000]).await.unwrap();
        }
        room.settle().await;
        while often.try_next().is_some() {}
    }
    let waiting: Vec<nuncio::Message> = std::iter::from_fn(|| rare.try_next()).collect();
    assert_eq!(waiting.len(), 200);
    let pinned: usize = waiting.iter().map(nuncio::Message::pinned).sum();
    // One burst as a whole, and what belongs to the messages themselves.
    assert!(pinned < 256 * 1024, "{} bytes of messages keep {pinned} bytes", 200 * 12);
}

fn frames(from: usize, to: usize) -> String {
    (from..to).map(|n| format!("MSG s 2 3\r\n{n:03}\r\n")).collect()
}

#[tokio::test(start_paused = true)]
async fn what_a_slow_reader_has_not_been_handed_yet_is_dropped_if_it_is_the_oldest() {
    let go = Arc::new(Notify::new());
    let go2 = Arc::clone(&go);
    let stage = Stage::subscribed(move |mut peer| async move {
        peer.say(frames(0, 10)).await;
        go2.notified().await;
        peer.say(frames(10, 40)).await;
        peer.answer().await;
    })
    .await;
    let nc = stage.client().await;
    let mut s = nc.subscribe("s").limits(10, usize::MAX).on_full(OnFull::DropOldest).await.unwrap();
    while s.stats().received < 10 {
        pass(Duration::from_millis(1)).await;
    }
    assert_eq!(s.next().await.unwrap().payload(), b"000");
    go.notify_one();
    while s.stats().received < 40 {
        pass(Duration::from_millis(1)).await;
    }
    let mut read = Vec::new();
    while let Some(m) = s.try_next() {
        read.push(m.text().unwrap().to_owned());
    }
    let wanted: Vec<_> = (30..40).map(|n| format!("{n:03}")).collect();
    assert_eq!(read, wanted);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_never_catches_up_is_told_of_once() {
    let go = Arc::new(Notify::new());
    let go2 = Arc::clone(&go);
    let stage = Stage::subscribed(move |mut peer| async move {
        loop {
            go2.notified().await;
            peer.say(frames(0, 20)).await;
        }
    })
    .await;
    let nc = stage.client().await;
    let mut events = nc.events();
    let mut s = nc.subscribe("s").limits(10, usize::MAX).await.unwrap();
    for round in 1..=50 {
        go.notify_one();
        while s.stats().received < round * 20 {
            pass(Duration::from_millis(1)).await;
        }
        for _ in 0..5 {
            s.try_next().unwrap();
        }
    }
    let mut told = 0;
    let mut cx = Context::from_waker(Waker::noop());
    while let Poll::Ready(Some(event)) = pin!(events.next()).poll(&mut cx) {
        told += usize::from(matches!(event, Event::SlowConsumer { .. }));
    }
    assert_eq!(told, 1);
}
