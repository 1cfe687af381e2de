//! Subscriptions that call a function.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use nuncio::{CallbackSubscription, Client, Event, SubscriptionEnd};

use crate::support::*;
use crate::target::{Setup, Target};

type Seen = Arc<Mutex<Vec<String>>>;

async fn collect(nc: &Client, subject: &str) -> (CallbackSubscription, Seen) {
    let seen = Seen::default();
    let note = Arc::clone(&seen);
    let sub = nc.subscribe(subject).callback(move |m| note.lock().unwrap().push(text(&m))).await.unwrap();
    (sub, seen)
}

rules! {
    async fn a_callback_is_called_for_each_message_in_order(t: Target) {
        let (a, b) = t.clients().await;
        let subject = unique();
        let (sub, seen) = collect(&a, &subject).await;
        a.flush().await.unwrap();
        for i in 0..1000 {
            b.publish(&subject, i.to_string()).await.unwrap();
        }
        settle(&[&b, &a]).await;
        assert_eq!(*seen.lock().unwrap(), (0..1000).map(|i| i.to_string()).collect::<Vec<_>>());
        assert_eq!((sub.stats().received, sub.stats().delivered, sub.stats().pending), (1000, 1000, 0));
        assert_eq!((sub.subject(), sub.sid() > 0), (subject.into(), true));
    }

    async fn a_flush_comes_back_after_the_callbacks_for_all_before_it(t: Target) {
        let nc = t.client().await;
        let subject = unique();
        let (_sub, seen) = collect(&nc, &subject).await;
        for i in 1..=50 {
            nc.publish(&subject, "").await.unwrap();
            nc.flush().await.unwrap();
            assert_eq!(seen.lock().unwrap().len(), i);
        }
    }

    async fn a_callback_may_publish_and_respond(t: Target) {
        let nc = t.client().await;
        let subject = unique();
        let publisher = nc.clone();
        let mut echoes = nc.subscribe(format!("{subject}.echo")).await.unwrap();
        let echo = format!("{subject}.echo");
        let _sub = nc
            .subscribe(&subject)
            .callback(move |m| {
                publisher.try_publish(&echo, m.payload()).unwrap();
                m.respond("ok").try_send().unwrap();
            })
            .await
            .unwrap();
        assert_eq!(text(&nc.request(&subject, "ask").timeout(SOON).await.unwrap()), "ok");
        assert_eq!(texts(&mut echoes, 1).await, ["ask"]);
    }

    async fn unsubscribing_ends_the_calls(t: Target) {
        let nc = t.client().await;
        let subject = unique();
        let (mut sub, seen) = collect(&nc, &subject).await;
        nc.publish(&subject, "").await.unwrap();
        nc.flush().await.unwrap();
        sub.unsubscribe();
        nc.publish(&subject, "").await.unwrap();
        settle(&[&nc]).await;
        assert_eq!(seen.lock().unwrap().len(), 1);
        assert_eq!(sub.ended().await, SubscriptionEnd::Unsubscribed);
        assert!(t.held(&nc).await.is_empty());
    }

    async fn dropping_the_handle_unsubscribes(t: Target) {
        let nc = t.client().await;
        let (sub, _) = collect(&nc, &unique()).await;
        t.until_held(&nc, 1).await;
        drop(sub);
        t.until_held(&nc, 0).await;
    }

    async fn a_maximum_is_exact(t: Target) {
        let nc = t.client().await;
        let subject = unique();
        let count = Arc::new(AtomicUsize::new(0));
        let note = Arc::clone(&count);
        let counting = move |_| _ = note.fetch_add(1, Ordering::Relaxed);
        let mut sub = nc.subscribe(&subject).max(3).callback(counting).await.unwrap();
        for _ in 0..10 {
            nc.publish(&subject, "").await.unwrap();
        }
        assert_eq!(sub.ended().await, SubscriptionEnd::Max);
        settle(&[&nc]).await;
        assert_eq!(count.load(Ordering::Relaxed), 3);
    }

    async fn a_maximum_can_be_set_later(t: Target) {
        let nc = t.client().await;
        let subject = unique();
        let (mut sub, seen) = collect(&nc, &subject).await;
        sub.unsubscribe_after(2);
        nc.flush().await.unwrap();
        for _ in 0..5 {
            nc.publish(&subject, "").await.unwrap();
        }
        assert_eq!(sub.ended().await, SubscriptionEnd::Max);
        assert_eq!(seen.lock().unwrap().len(), 2);
    }

    async fn without_a_first_message_in_time_it_ends(t: Target) {
        let nc = t.client().await;
        let after = std::time::Duration::from_millis(30);
        let waiting = nc.subscribe(unique()).first_message_timeout(after).callback(drop);
        let mut sub = waiting.await.unwrap();
        assert_eq!(sub.ended().await, SubscriptionEnd::FirstMessageTimeout { after });
        t.until_held(&nc, 0).await;
    }

    async fn draining_calls_for_everything_in_flight(t: Target) {
        let (a, b) = t.clients().await;
        let subject = unique();
        let (mut sub, seen) = collect(&a, &subject).await;
        a.flush().await.unwrap();
        for _ in 0..500 {
            b.publish(&subject, "").await.unwrap();
        }
        b.flush().await.unwrap();
        sub.drain().await.unwrap();
        assert_eq!(seen.lock().unwrap().len(), 500);
        assert_eq!(sub.ended().await, SubscriptionEnd::Drained);
    }

    async fn a_connection_drain_calls_for_everything_and_sends_the_responses(t: Target) {
        let (a, b) = t.clients().await;
        let subject = unique();
        let mut inbox = b.subscribe(b.new_inbox()).await.unwrap();
        let mut sub = a.subscribe(&subject).callback(|m| m.respond("ok").try_send().unwrap()).await.unwrap();
        settle(&[&a, &b]).await;
        for _ in 0..300 {
            b.publish(&subject, "").reply(&*inbox.subject()).await.unwrap();
        }
        b.flush().await.unwrap();
        a.drain().await.unwrap();
        assert_eq!(texts(&mut inbox, 300).await.len(), 300);
        assert_eq!(sub.ended().await, SubscriptionEnd::Drained);
    }

    async fn a_panic_in_a_callback_ends_its_subscription_alone(t: Target) {
        let nc = t.client().await;
        let mut events = nc.events();
        let subject = unique();
        let (_other, seen) = collect(&nc, &subject).await;
        let mut sub = nc.subscribe(&subject).callback(|_| std::panic::panic_any("on purpose")).await.unwrap();
        nc.publish(&subject, "").await.unwrap();
        assert_eq!(sub.ended().await, SubscriptionEnd::CallbackPanicked);
        let sid = event(&mut events, |e| match e {
            Event::CallbackPanicked { sid, .. } => Some(sid),
            _ => None,
        })
        .await;
        assert_eq!(sid, sub.sid());
        nc.publish(&subject, "").await.unwrap();
        settle(&[&nc]).await;
        assert_eq!(seen.lock().unwrap().len(), 2);
        assert_eq!(nc.statistics().connects, 1);
        assert_eq!(t.held(&nc).await.len(), 1);
    }

    async fn members_of_a_queue_group_may_be_callbacks(t: Target) {
        let nc = t.client().await;
        let subject = unique();
        let count = Arc::new(AtomicUsize::new(0));
        let mut subs = Vec::new();
        for _ in 0..3 {
            let note = Arc::clone(&count);
            let counting = move |_| _ = note.fetch_add(1, Ordering::Relaxed);
            subs.push(nc.subscribe(&subject).queue("q").callback(counting).await.unwrap());
        }
        for _ in 0..100 {
            nc.publish(&subject, "").await.unwrap();
        }
        settle(&[&nc]).await;
        assert_eq!(count.load(Ordering::Relaxed), 100);
    }

    async fn a_callback_ends_with_its_connection(t: Target) {
        let nc = t.client().await;
        let (mut sub, _) = collect(&nc, &unique()).await;
        nc.close().await;
        assert_eq!(sub.ended().await, SubscriptionEnd::Closed(nuncio::CloseReason::Closed));
    }

    async fn what_a_callback_holds_is_dropped_with_its_subscription(t: Target) {
        let nc = t.client().await;
        let held = Arc::new(());
        let holding = Arc::clone(&held);
        let sub = nc.subscribe(unique()).callback(move |_| drop(Arc::clone(&holding))).await.unwrap();
        nc.flush().await.unwrap();
        assert_eq!(Arc::strong_count(&held), 2);
        drop(sub);
        until("the drop of the callback", || Arc::strong_count(&held) == 1).await;
    }

    on Setup::new().own() =>
    async fn callbacks_live_on_over_a_reconnect(mut t: Target) {
        let nc = t.client().await;
        let mut events = nc.events();
        let (_sub, seen) = collect(&nc, "s").await;
        nc.flush().await.unwrap();
        t.restart().await;
        reconnected(&mut events).await;
        nc.publish("s", "again").await.unwrap();
        settle(&[&nc]).await;
        assert_eq!(*seen.lock().unwrap(), ["again"]);
    }
}
