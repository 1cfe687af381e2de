//! Subscriptions that are read too slowly.

use nuncio::{Event, OnFull};

use crate::support::*;
use crate::target::Target;

fn slow(event: Event) -> Option<u64> {
    match event {
        Event::SlowConsumer { sid, .. } => Some(sid),
        _ => None,
    }
}

rules! {
    async fn a_full_queue_drops_what_arrives(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).limits(10, usize::MAX).await.unwrap();
        for i in 0..30 {
            nc.publish(sub.subject(), i.to_string()).await.unwrap();
        }
        settle(&[&nc]).await;
        let stats = sub.stats();
        assert_eq!((stats.received, stats.pending, stats.dropped), (30, 10, 20));
        assert_eq!(nc.statistics().dropped, 20);
        assert_eq!(present(&mut sub), (0..10).map(|i| i.to_string()).collect::<Vec<_>>());
        assert_eq!(sub.stats().delivered, 10);
    }

    async fn a_full_queue_drops_the_oldest_when_told_to(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).limits(10, usize::MAX).on_full(OnFull::DropOldest).await.unwrap();
        for i in 0..30 {
            nc.publish(sub.subject(), i.to_string()).await.unwrap();
        }
        settle(&[&nc]).await;
        assert_eq!((sub.stats().pending, sub.stats().dropped), (10, 20));
        assert_eq!(present(&mut sub), (20..30).map(|i| i.to_string()).collect::<Vec<_>>());
    }

    async fn bytes_are_limited_as_well(t: Target) {
        let nc = t.client().await;
        let subject = unique();
        let each = subject.len() + 100;
        let mut sub = nc.subscribe(&subject).limits(usize::MAX, 5 * each + each / 2).await.unwrap();
        for _ in 0..20 {
            nc.publish(&subject, [b'x'; 100].as_slice()).await.unwrap();
        }
        settle(&[&nc]).await;
        let stats = sub.stats();
        assert_eq!((stats.pending, stats.pending_bytes, stats.dropped), (5, 5 * each, 15));
        assert_eq!(present(&mut sub).len(), 5);
    }

    async fn what_is_read_makes_room(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).limits(10, usize::MAX).await.unwrap();
        for _ in 0..20 {
            for i in 0..10 {
                nc.publish(sub.subject(), i.to_string()).await.unwrap();
            }
            settle(&[&nc]).await;
            assert_eq!(present(&mut sub).len(), 10);
        }
        assert_eq!(sub.stats().dropped, 0);
    }

    async fn what_is_taken_but_not_handed_out_counts(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).limits(10, usize::MAX).await.unwrap();
        let publish = async |count| {
            for _ in 0..count {
                nc.publish(sub.subject(), "x").await.unwrap();
            }
            settle(&[&nc]).await;
        };
        publish(10).await;
        next(&mut sub).await;
        for _ in 0..10 {
            nc.publish(sub.subject(), "x").await.unwrap();
        }
        settle(&[&nc]).await;
        assert_eq!((sub.stats().pending, sub.stats().dropped), (10, 9));
    }

    async fn an_episode_is_told_once_with_its_end(t: Target) {
        let nc = t.client().await;
        let mut events = nc.events();
        let mut sub = nc.subscribe(unique()).limits(5, usize::MAX).await.unwrap();
        for episode in 1..=3u64 {
            for _ in 0..4 {
                for _ in 0..10 {
                    nc.publish(sub.subject(), "").await.unwrap();
                }
                settle(&[&nc]).await;
            }
            assert_eq!(event(&mut events, slow).await, sub.sid());
            assert!(!so_far(&mut events).into_iter().any(|e| slow(e).is_some()), "one event an episode");
            present(&mut sub);
            let (sid, dropped) = event(&mut events, |e| match e {
                Event::SlowConsumerRecovered { sid, dropped, .. } => Some((sid, dropped)),
                _ => None,
            })
            .await;
            assert_eq!((sid, dropped), (sub.sid(), episode * 35));
        }
    }

    async fn a_slow_subscription_does_not_hold_up_others(t: Target) {
        let nc = t.client().await;
        let slow = nc.subscribe(unique()).limits(1, usize::MAX).await.unwrap();
        let mut fast = nc.subscribe(unique()).await.unwrap();
        for i in 0..500 {
            nc.publish(slow.subject(), "").await.unwrap();
            nc.publish(fast.subject(), i.to_string()).await.unwrap();
        }
        assert_eq!(texts(&mut fast, 500).await.len(), 500);
        // Of one read, either subscription may be served first.
        settle(&[&nc]).await;
        assert_eq!((slow.stats().dropped + slow.stats().pending as u64, fast.stats().dropped), (500, 0));
    }

    async fn publishing_does_not_fail_for_ones_own_slow_subscription(t: Target) {
        let nc = t.connect().subscription_limits(1, 1).await.unwrap();
        let sub = nc.subscribe(unique()).await.unwrap();
        for _ in 0..100 {
            nc.publish(sub.subject(), "").await.unwrap();
        }
        settle(&[&nc]).await;
        assert_eq!(sub.stats().dropped, 100);
        assert_eq!(nc.statistics().connects, 1);
    }

    async fn dropped_messages_count_against_a_maximum(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).limits(2, usize::MAX).max(5).await.unwrap();
        for i in 0..10 {
            nc.publish(sub.subject(), i.to_string()).await.unwrap();
        }
        settle(&[&nc]).await;
        assert_eq!(rest(&mut sub).await, (vec!["0".into(), "1".into()], nuncio::SubscriptionEnd::Max));
        assert_eq!(sub.stats().dropped, 3);
    }

    async fn the_connection_may_set_the_limits_of_all_subscriptions(t: Target) {
        let nc = t.connect().subscription_limits(3, usize::MAX).on_full(OnFull::DropOldest).await.unwrap();
        let mut sub = nc.subscribe(unique()).await.unwrap();
        for i in 0..5 {
            nc.publish(sub.subject(), i.to_string()).await.unwrap();
        }
        settle(&[&nc]).await;
        assert_eq!(present(&mut sub), ["2", "3", "4"]);
    }

    async fn the_figures_of_a_subscription_add_up(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).limits(7, usize::MAX).await.unwrap();
        for round in 0..20 {
            for _ in 0..round {
                nc.publish(sub.subject(), "").await.unwrap();
            }
            settle(&[&nc]).await;
            for _ in 0..round / 3 {
                sub.try_next();
            }
            let stats = sub.stats();
            assert_eq!(stats.received, stats.delivered + stats.dropped + stats.pending as u64, "{stats:?}");
        }
    }

    async fn a_subscription_may_end_when_its_queue_is_full(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).limits(10, usize::MAX).on_full(OnFull::Close).await.unwrap();
        let mut other = nc.subscribe(unique()).await.unwrap();
        for i in 0..30 {
            nc.publish(sub.subject(), i.to_string()).await.unwrap();
        }
        settle(&[&nc]).await;
        let (got, end) = rest(&mut sub).await;
        assert_eq!(got, (0..10).map(|i| i.to_string()).collect::<Vec<_>>(), "no gap before the end");
        assert_eq!(end, nuncio::SubscriptionEnd::QueueFull);
        t.until_held(&nc, 1).await;
        nc.publish(other.subject(), "lives").await.unwrap();
        assert_eq!(texts(&mut other, 1).await, ["lives"]);
    }

    async fn backpressure_drops_nothing(t: Target) {
        let (a, b) = t.clients().await;
        let mut sub =
            a.subscribe(unique()).limits(20, usize::MAX).on_full(OnFull::Backpressure).confirmed().await.unwrap();
        for i in 0..5000 {
            b.publish(sub.subject(), i.to_string()).await.unwrap();
        }
        b.flush().await.unwrap();
        assert_eq!(texts(&mut sub, 5000).await, (0..5000).map(|i| i.to_string()).collect::<Vec<_>>());
        let stats = sub.stats();
        assert_eq!((stats.delivered, stats.dropped, stats.pending), (5000, 0, 0));
        assert_eq!(a.statistics().connects, 1);
    }

    async fn backpressure_bounds_what_is_queued(t: Target) {
        const EACH: usize = 10_000;
        const ALL: usize = 2000;
        let (a, b) = t.clients().await;
        let mut events = a.events();
        let mut sub =
            a.subscribe(unique()).limits(50, usize::MAX).on_full(OnFull::Backpressure).confirmed().await.unwrap();
        for _ in 0..ALL {
            b.publish(sub.subject(), vec![b'x'; EACH]).await.unwrap();
        }
        b.flush().await.unwrap();
        assert_eq!(event(&mut events, slow).await, sub.sid());
        // The limit, and what one read may bring.
        let bound = 50 + 128 * 1024 / EACH + 2;
        let mut highest = 0;
        for _ in 0..ALL {
            highest = highest.max(sub.stats().pending);
            assert_eq!(next(&mut sub).await.payload().len(), EACH);
        }
        assert!((50..=bound).contains(&highest), "{highest} of at most {bound}");
        assert_eq!(a.statistics().connects, 1);
    }

    async fn a_connection_held_up_by_backpressure_is_not_stale(t: Target) {
        // Slow enough for a busy machine; stale would be the fourth unanswered ping.
        let beat = std::time::Duration::from_millis(100);
        let (a, b) = (t.connect().ping_interval(beat).max_pings_out(3).await.unwrap(), t.client().await);
        let mut events = a.events();
        let mut sub =
            a.subscribe(unique()).limits(1, usize::MAX).on_full(OnFull::Backpressure).confirmed().await.unwrap();
        for i in 0..3 {
            b.publish(sub.subject(), i.to_string()).await.unwrap();
        }
        event(&mut events, slow).await;
        let written = a.statistics().out_bytes;
        // Eight beats have passed when that many pings are written.
        until("eight pings", || a.statistics().out_bytes >= written + 8 * 6).await;
        assert_eq!((texts(&mut sub, 3).await, a.statistics().connects), (vec!["0".into(), "1".into(), "2".into()], 1));
    }

    async fn dropping_a_full_subscription_lets_the_connection_go_on(t: Target) {
        let (a, b) = t.clients().await;
        let mut events = a.events();
        let full =
            a.subscribe(unique()).limits(1, usize::MAX).on_full(OnFull::Backpressure).confirmed().await.unwrap();
        for _ in 0..100 {
            b.publish(full.subject(), "").await.unwrap();
        }
        event(&mut events, slow).await;
        drop(full);
        a.flush().await.unwrap();
    }

    async fn a_drain_reads_on_whatever_the_backpressure(t: Target) {
        let (a, b) = t.clients().await;
        let mut events = a.events();
        let mut full =
            a.subscribe(unique()).limits(1, usize::MAX).on_full(OnFull::Backpressure).confirmed().await.unwrap();
        for i in 0..100 {
            b.publish(full.subject(), i.to_string()).await.unwrap();
        }
        b.flush().await.unwrap();
        event(&mut events, slow).await;
        assert!(a.drain().await.unwrap().flushed);
        assert_eq!(rest(&mut full).await.0.len(), 100);
    }
}
