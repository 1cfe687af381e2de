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
        nc.flush().await.unwrap();
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
}
