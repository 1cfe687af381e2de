//! Queue groups.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use nuncio::Subscription;

use crate::support::*;
use crate::target::{Setup, Target};

fn counts(subs: &mut [Subscription]) -> Vec<usize> {
    subs.iter_mut().map(|sub| present(sub).len()).collect()
}

rules! {
    async fn each_message_goes_to_one_member(t: Target) {
        let nc = t.client().await;
        let subject = unique();
        let mut members = Vec::new();
        for _ in 0..4 {
            members.push(nc.subscribe(&subject).queue("workers").await.unwrap());
        }
        for _ in 0..400 {
            nc.publish(&subject, "job").await.unwrap();
        }
        settle(&[&nc]).await;
        let counts = counts(&mut members);
        assert_eq!(counts.iter().sum::<usize>(), 400);
        assert!(counts.iter().all(|n| *n > 0), "everyone gets a share: {counts:?}");
    }

    async fn members_may_be_different_connections(t: Target) {
        let (a, b) = t.clients().await;
        let subject = unique();
        let mut members = [
            a.subscribe(&subject).queue("workers").await.unwrap(),
            b.subscribe(&subject).queue("workers").await.unwrap(),
        ];
        settle(&[&a, &b]).await;
        for _ in 0..200 {
            a.publish(&subject, "job").await.unwrap();
        }
        settle(&[&a, &b]).await;
        assert_eq!(counts(&mut members).iter().sum::<usize>(), 200);
    }

    async fn each_group_gets_a_copy(t: Target) {
        let nc = t.client().await;
        let subject = unique();
        let mut all = Vec::new();
        for group in ["a", "b", "c"] {
            for _ in 0..2 {
                all.push(nc.subscribe(&subject).queue(group).await.unwrap());
            }
        }
        for _ in 0..50 {
            nc.publish(&subject, "job").await.unwrap();
        }
        settle(&[&nc]).await;
        let counts = counts(&mut all);
        assert!(counts.chunks(2).all(|group| group.iter().sum::<usize>() == 50), "{counts:?}");
    }

    async fn plain_subscriptions_get_everything_besides(t: Target) {
        let nc = t.client().await;
        let subject = unique();
        let mut plain = nc.subscribe(&subject).await.unwrap();
        let mut members =
            [nc.subscribe(&subject).queue("q").await.unwrap(), nc.subscribe(&subject).queue("q").await.unwrap()];
        for _ in 0..50 {
            nc.publish(&subject, "job").await.unwrap();
        }
        settle(&[&nc]).await;
        assert_eq!(present(&mut plain).len(), 50);
        assert_eq!(counts(&mut members).iter().sum::<usize>(), 50);
    }

    async fn an_empty_group_name_means_no_group(t: Target) {
        let nc = t.client().await;
        let subject = unique();
        let mut subs = [nc.subscribe(&subject).queue("").await.unwrap(), nc.subscribe(&subject).queue("").await.unwrap()];
        assert_eq!(subs[0].queue_group(), None);
        nc.publish(&subject, "all").await.unwrap();
        settle(&[&nc]).await;
        assert_eq!(counts(&mut subs), [1, 1]);
    }

    async fn the_same_group_on_other_subjects_is_another_group(t: Target) {
        let nc = t.client().await;
        let root = unique();
        let mut subs = [
            nc.subscribe(format!("{root}.*")).queue("q").await.unwrap(),
            nc.subscribe(format!("{root}.a")).queue("q").await.unwrap(),
        ];
        for _ in 0..20 {
            nc.publish(format!("{root}.b"), "").await.unwrap();
        }
        settle(&[&nc]).await;
        assert_eq!(counts(&mut subs), [20, 0]);
    }

    async fn a_member_that_leaves_gets_nothing_more(t: Target) {
        let nc = t.client().await;
        let subject = unique();
        let leaver = nc.subscribe(&subject).queue("q").await.unwrap();
        let mut stayer = nc.subscribe(&subject).queue("q").await.unwrap();
        drop(leaver);
        for _ in 0..50 {
            nc.publish(&subject, "job").await.unwrap();
        }
        settle(&[&nc]).await;
        assert_eq!(present(&mut stayer).len(), 50);
    }

    async fn requests_are_answered_once_a_group_and_the_first_reply_wins(t: Target) {
        let subject = unique();
        let handled = Arc::new(AtomicUsize::new(0));
        let mut services = Vec::new();
        for (group, count) in [("echo", 3), ("other-echo", 2), ("", 1)] {
            for _ in 0..count {
                let nc = t.connect().name(group).await.unwrap();
                let mut requests = nc.subscribe(&subject).queue(group).await.unwrap();
                nc.flush().await.unwrap();
                let handled = Arc::clone(&handled);
                tokio::spawn(async move {
                    while let Some(request) = requests.next().await {
                        handled.fetch_add(1, Ordering::Relaxed);
                        request.respond(request.payload()).await.unwrap();
                    }
                });
                services.push(nc);
            }
        }
        let nc = t.client().await;
        for i in 1..=10 {
            let reply = nc.request(&subject, i.to_string()).timeout(SOON).await.unwrap();
            assert_eq!(text(&reply), i.to_string());
            until("three handlers a request", || handled.load(Ordering::Relaxed) == 3 * i).await;
        }
        for service in &services {
            service.close().await;
            assert_eq!(service.closed().await, nuncio::CloseReason::Closed);
        }
    }

    on Setup::new().own() =>
    async fn members_are_members_again_after_a_reconnect(mut t: Target) {
        let nc = t.client().await;
        let mut events = nc.events();
        let mut members = [nc.subscribe("s").queue("q").await.unwrap(), nc.subscribe("s").queue("q").await.unwrap()];
        nc.flush().await.unwrap();
        t.restart().await;
        reconnected(&mut events).await;
        for _ in 0..100 {
            nc.publish("s", "job").await.unwrap();
        }
        settle(&[&nc]).await;
        assert_eq!(counts(&mut members).iter().sum::<usize>(), 100);
    }
}
