//! The ends of subscriptions: unsubscribing, limits on their number of messages, dropping.

use nuncio::{CloseReason, SubscriptionEnd};

use crate::support::*;
use crate::target::{Setup, Target};

rules! {
    async fn unsubscribing_ends_a_subscription_at_the_server(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).await.unwrap();
        t.until_held(&nc, 1).await;
        sub.unsubscribe();
        assert_eq!(rest(&mut sub).await, (vec![], SubscriptionEnd::Unsubscribed));
        t.until_held(&nc, 0).await;
        assert_eq!(nc.statistics().subscriptions, 0);
    }

    async fn unsubscribing_discards_what_is_queued(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).await.unwrap();
        for _ in 0..10 {
            nc.publish(sub.subject(), "queued").await.unwrap();
        }
        settle(&[&nc]).await;
        next(&mut sub).await;
        sub.unsubscribe();
        assert_eq!(rest(&mut sub).await, (vec![], SubscriptionEnd::Unsubscribed));
        assert_eq!(sub.stats().pending, 0);
    }

    async fn unsubscribing_stops_what_is_on_its_way(t: Target) {
        let (a, b) = t.clients().await;
        let mut sub = a.subscribe(unique()).await.unwrap();
        a.flush().await.unwrap();
        for _ in 0..1000 {
            b.publish(sub.subject(), "on its way").await.unwrap();
        }
        next(&mut sub).await;
        sub.unsubscribe();
        settle(&[&b, &a]).await;
        assert!(sub.next().await.is_none());
    }

    async fn unsubscribing_twice_is_harmless(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).await.unwrap();
        sub.unsubscribe();
        sub.unsubscribe();
        sub.unsubscribe_after(3);
        nc.flush().await.unwrap();
        assert_eq!(sub.ended(), Some(SubscriptionEnd::Unsubscribed));
        assert_eq!(nc.statistics().connects, 1);
    }

    async fn dropping_a_subscription_unsubscribes(t: Target) {
        let nc = t.client().await;
        let sub = nc.subscribe(unique()).await.unwrap();
        t.until_held(&nc, 1).await;
        drop(sub);
        t.until_held(&nc, 0).await;
    }

    async fn a_subscription_of_n_messages_yields_exactly_n(t: Target) {
        let (a, b) = t.clients().await;
        let mut sub = a.subscribe(unique()).max(3).await.unwrap();
        a.flush().await.unwrap();
        for i in 0..10 {
            b.publish(sub.subject(), i.to_string()).await.unwrap();
        }
        assert_eq!(rest(&mut sub).await, (vec!["0".into(), "1".into(), "2".into()], SubscriptionEnd::Max));
        t.until_held(&a, 0).await;
        assert_eq!(a.statistics().subscriptions, 0);
    }

    async fn a_limit_can_be_set_later(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).await.unwrap();
        nc.publish(sub.subject(), "1").await.unwrap();
        next(&mut sub).await;
        sub.unsubscribe_after(3);
        for i in 2..10 {
            nc.publish(sub.subject(), i.to_string()).await.unwrap();
        }
        assert_eq!(rest(&mut sub).await, (vec!["2".into(), "3".into()], SubscriptionEnd::Max), "past ones count");
        t.until_held(&nc, 0).await;
    }

    async fn a_limit_can_be_raised(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).max(2).await.unwrap();
        nc.publish(sub.subject(), "1").await.unwrap();
        next(&mut sub).await;
        sub.unsubscribe_after(4);
        nc.flush().await.unwrap();
        for i in 2..10 {
            nc.publish(sub.subject(), i.to_string()).await.unwrap();
        }
        assert_eq!(rest(&mut sub).await.0, ["2", "3", "4"]);
    }

    async fn a_limit_can_be_raised_beyond_what_a_server_reads(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).max(2).await.unwrap();
        let mut unlimited = nc.subscribe(sub.subject().into_owned()).await.unwrap();
        sub.unsubscribe_after(u64::MAX);
        unlimited.unsubscribe_after(u64::MAX);
        for i in 0..5 {
            nc.publish(sub.subject(), i.to_string()).await.unwrap();
        }
        assert_eq!(texts(&mut sub, 5).await.len(), 5);
        assert_eq!(texts(&mut unlimited, 5).await.len(), 5);
        assert_eq!((sub.ended(), unlimited.ended()), (None, None));
    }

    async fn a_limit_holds_for_what_the_same_thread_publishes_next(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).await.unwrap();
        nc.publish(sub.subject(), "0").await.unwrap();
        texts(&mut sub, 1).await;
        sub.unsubscribe_after(3);
        for i in 1..10 {
            nc.try_publish(sub.subject(), i.to_string()).unwrap();
        }
        assert_eq!(rest(&mut sub).await.0, ["1", "2"]);
        settle(&[&nc]).await;
        assert_eq!((nc.statistics().received, nc.statistics().unclaimed), (3, 0), "no more was sent");
    }

    on Setup::new().own() =>
    async fn after_a_reconnect_a_limit_holds_for_what_is_published_next(mut t: Target) {
        let nc = t.client().await;
        let mut events = nc.events();
        let mut sub = nc.subscribe("s").await.unwrap();
        nc.publish("s", "0").await.unwrap();
        texts(&mut sub, 1).await;
        t.restart().await;
        reconnected(&mut events).await;
        let seen = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let note = std::sync::Arc::clone(&seen);
        let counting = move |_| _ = note.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let mut called = nc.subscribe("s").callback(counting).await.unwrap();
        sub.unsubscribe_after(3);
        called.unsubscribe_after(4);
        for i in 1..10 {
            nc.try_publish("s", i.to_string()).unwrap();
        }
        assert_eq!(rest(&mut sub).await.0, ["1", "2"]);
        assert_eq!(called.ended().await, SubscriptionEnd::Max);
        settle(&[&nc]).await;
        assert_eq!(seen.load(std::sync::atomic::Ordering::Relaxed), 4);
        assert_eq!((nc.statistics().received, nc.statistics().unclaimed), (7, 0), "no more was sent");
    }

    async fn a_limit_that_is_reached_already_ends_at_once(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).await.unwrap();
        for i in 0..5 {
            nc.publish(sub.subject(), i.to_string()).await.unwrap();
        }
        settle(&[&nc]).await;
        sub.unsubscribe_after(2);
        let (received, end) = rest(&mut sub).await;
        assert_eq!((received.len(), end), (5, SubscriptionEnd::Max), "what has arrived is handed out");
        t.until_held(&nc, 0).await;
    }

    async fn the_last_message_of_a_limit_can_be_responded_to(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).max(1).await.unwrap();
        let subject = sub.subject().into_owned();
        let (reply, ()) = tokio::join!(nc.request(&subject, ""), async {
            next(&mut sub).await.respond("last word").await.unwrap();
        });
        assert_eq!(text(&reply.unwrap()), "last word");
    }

    on Setup::new().own() =>
    async fn a_limit_holds_across_a_reconnect(mut t: Target) {
        let nc = t.client().await;
        let mut events = nc.events();
        let mut sub = nc.subscribe("s").max(5).await.unwrap();
        nc.publish("s", "0").await.unwrap();
        nc.publish("s", "1").await.unwrap();
        assert_eq!(texts(&mut sub, 2).await, ["0", "1"]);
        t.restart().await;
        reconnected(&mut events).await;
        for i in 2..20 {
            nc.publish("s", i.to_string()).await.unwrap();
        }
        assert_eq!(rest(&mut sub).await, (vec!["2".into(), "3".into(), "4".into()], SubscriptionEnd::Max));
        t.until_held(&nc, 0).await;
    }

    on Setup::new().own() =>
    async fn a_limit_raised_after_a_reconnect_counts_past_messages(mut t: Target) {
        let nc = t.client().await;
        let mut events = nc.events();
        let mut sub = nc.subscribe("s").await.unwrap();
        nc.publish("s", "0").await.unwrap();
        texts(&mut sub, 1).await;
        t.restart().await;
        reconnected(&mut events).await;
        sub.unsubscribe_after(3);
        nc.flush().await.unwrap();
        for i in 1..20 {
            nc.publish("s", i.to_string()).await.unwrap();
        }
        assert_eq!(rest(&mut sub).await.0, ["1", "2"]);
        t.until_held(&nc, 0).await;
    }

    on Setup::new().own() =>
    async fn what_was_unsubscribed_while_away_does_not_come_back(mut t: Target) {
        let nc = t.connect().max_reconnects(None).await.unwrap();
        let mut events = nc.events();
        let mut gone = nc.subscribe("gone").await.unwrap();
        let kept = nc.subscribe("kept").await.unwrap();
        nc.flush().await.unwrap();
        t.stop().await;
        until("the loss", || nc.state() == nuncio::ConnectionState::Connecting).await;
        gone.unsubscribe();
        t.start().await;
        reconnected(&mut events).await;
        nc.flush().await.unwrap();
        let held = t.held(&nc).await;
        assert_eq!(held.len(), 1);
        assert_eq!(held[0].sid, kept.sid());
    }

    async fn a_subscription_ends_with_its_connection(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).await.unwrap();
        nc.publish(sub.subject(), "before").await.unwrap();
        settle(&[&nc]).await;
        nc.close().await;
        assert_eq!(rest(&mut sub).await, (vec!["before".into()], SubscriptionEnd::Closed(CloseReason::Closed)));
        assert!(sub.next().await.is_none(), "and stays ended");
    }

    async fn an_end_wakes_whoever_waits(t: Target) {
        let nc = t.client().await;
        let mut a = nc.subscribe(unique()).await.unwrap();
        let waiting = tokio::spawn(async move { rest(&mut a).await });
        nc.flush().await.unwrap();
        nc.close().await;
        assert_eq!(waiting.await.unwrap().1, SubscriptionEnd::Closed(CloseReason::Closed));
    }
}
