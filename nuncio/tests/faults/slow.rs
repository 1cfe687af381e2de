//! Subscribers that do not read.

use std::sync::Arc;

use nuncio::{Client, Event, Events, OnFull, Subscription, SubscriptionStats};
use nuncio_server::Server;

use crate::evil::limited;
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
