//! Subscribing and receiving.

use std::time::Duration;

use nuncio::{SubscribeError, SubscriptionEnd};

use crate::support::*;
use crate::target::{Setup, Target};

rules! {
    async fn a_message_tells_all_about_itself(t: Target) {
        let nc = t.client().await;
        let root = unique();
        let mut sub = nc.subscribe(format!("{root}.*")).await.unwrap();
        nc.publish(format!("{root}.a"), "payload").reply("r").header("k", "v").await.unwrap();
        let message = next(&mut sub).await;
        assert_eq!(message.subject(), format!("{root}.a"), "the literal subject");
        assert_eq!(sub.subject(), format!("{root}.*"), "the pattern");
        assert_eq!(message.sid(), sub.sid());
        assert_eq!(message.reply().as_deref(), Some("r"));
        assert_eq!(message.reply_bytes(), Some(&b"r"[..]));
        assert_eq!(message.payload(), b"payload");
        assert_eq!(message.text(), Ok("payload"));
        assert_eq!(message.payload_bytes(), "payload");
        assert_eq!(message.header("k"), Some("v"));
        let bytes = root.len() + ".a".len() + "r".len() + "NATS/1.0\r\nk: v\r\n\r\n".len() + "payload".len();
        assert_eq!(message.len(), bytes);
        assert!(message.pinned() >= bytes);
    }

    async fn each_subscription_has_an_id_of_its_own(t: Target) {
        let nc = t.client().await;
        let (a, b) = (nc.subscribe("a").await.unwrap(), nc.subscribe("a").await.unwrap());
        assert_ne!(a.sid(), b.sid());
        assert!(a.sid() > 0 && b.sid() > 0);
    }

    async fn a_message_goes_to_every_subscription_that_matches(t: Target) {
        let nc = t.client().await;
        let subject = unique();
        let mut subs = Vec::new();
        for _ in 0..3 {
            subs.push(nc.subscribe(&subject).await.unwrap());
        }
        nc.publish(&subject, "all").await.unwrap();
        for sub in &mut subs {
            assert_eq!(texts(sub, 1).await, ["all"]);
        }
        settle(&[&nc]).await;
        assert!(subs.iter_mut().all(|sub| sub.try_next().is_none()), "once each");
    }

    async fn only_the_interested_receive(t: Target) {
        let (a, b) = t.clients().await;
        let (mut mine, mut other) = (a.subscribe(unique()).await.unwrap(), b.subscribe(unique()).await.unwrap());
        settle(&[&a, &b]).await;
        a.publish(mine.subject(), "mine").await.unwrap();
        settle(&[&a, &b]).await;
        assert_eq!(present(&mut mine), ["mine"]);
        assert!(present(&mut other).is_empty());
    }

    async fn a_subscription_is_in_force_for_what_the_same_thread_publishes_next(t: Target) {
        let nc = t.client().await;
        for _ in 0..200 {
            let mut sub = nc.subscribe(unique()).await.unwrap();
            nc.publish(sub.subject(), "next").await.unwrap();
            assert_eq!(texts(&mut sub, 1).await, ["next"]);
        }
    }

    async fn after_a_flush_a_subscription_is_in_force_for_everybody(t: Target) {
        let (a, b) = t.clients().await;
        for _ in 0..50 {
            let mut sub = a.subscribe(unique()).await.unwrap();
            a.flush().await.unwrap();
            b.publish(sub.subject(), "other").await.unwrap();
            assert_eq!(texts(&mut sub, 1).await, ["other"]);
        }
    }

    async fn the_server_has_what_was_subscribed_to(t: Target) {
        let nc = t.client().await;
        let subject = unique();
        let a = nc.subscribe(&subject).await.unwrap();
        let b = nc.subscribe(format!("{subject}.*")).queue("q").await.unwrap();
        nc.flush().await.unwrap();
        let held = t.held(&nc).await;
        assert_eq!(held.len(), 2);
        assert_eq!((held[0].subject.as_str(), held[0].queue.as_deref(), held[0].sid), (&*subject, None, a.sid()));
        assert_eq!((held[1].queue.as_deref(), held[1].sid), (Some("q"), b.sid()));
        assert_eq!(b.queue_group().as_deref(), Some("q"));
        assert_eq!(nc.statistics().subscriptions, 2);
    }

    async fn a_subject_that_is_not_utf8_can_be_subscribed_to(t: Target) {
        let nc = t.client().await;
        let subject = [unique().as_bytes(), b".\xfe"].concat();
        let mut sub = nc.subscribe(&subject[..]).await.unwrap();
        nc.publish(&subject[..], "odd").await.unwrap();
        assert_eq!(next(&mut sub).await.subject_bytes(), subject);
    }

    async fn messages_wait_until_they_are_read(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).await.unwrap();
        for i in 0..100 {
            nc.publish(sub.subject(), format!("{i:03}")).await.unwrap();
        }
        settle(&[&nc]).await;
        let each = sub.subject().len() + 3;
        assert_eq!((sub.stats().pending, sub.stats().pending_bytes), (100, 100 * each));
        texts(&mut sub, 40).await;
        assert_eq!((sub.stats().pending, sub.stats().pending_bytes), (60, 60 * each));
        texts(&mut sub, 60).await;
        assert_eq!((sub.stats().pending, sub.stats().pending_bytes), (0, 0));
    }

    async fn header_bytes_count_once_as_pending(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).await.unwrap();
        nc.publish(sub.subject(), "x").header("k", "v").await.unwrap();
        settle(&[&nc]).await;
        assert_eq!(sub.stats().pending_bytes, sub.subject().len() + "NATS/1.0\r\nk: v\r\n\r\n".len() + 1);
        next(&mut sub).await;
        assert_eq!(sub.stats().pending_bytes, 0);
    }

    async fn a_subscription_counts_what_it_hands_out(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).await.unwrap();
        for _ in 0..3 {
            nc.publish(sub.subject(), "").await.unwrap();
        }
        settle(&[&nc]).await;
        for i in 1..=3 {
            next(&mut sub).await;
            assert_eq!(sub.stats().delivered, i);
        }
        assert_eq!((sub.stats().received, sub.stats().dropped), (3, 0));
    }

    async fn waiting_for_a_message_may_have_an_end(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).await.unwrap();
        assert!(sub.next_timeout(Duration::from_millis(20)).await.is_none());
        assert_eq!(sub.ended(), None, "the subscription lives on");
        nc.publish(sub.subject(), "late").await.unwrap();
        assert_eq!(text(&sub.next_timeout(SOON).await.unwrap()), "late");
    }

    async fn a_wait_that_is_cancelled_loses_no_message(t: Target) {
        let (a, b) = t.clients().await;
        let mut sub = a.subscribe(unique()).await.unwrap();
        a.flush().await.unwrap();
        let subject = sub.subject().into_owned();
        let publisher = tokio::spawn(async move {
            for i in 0..200 {
                b.publish(&subject, i.to_string()).await.unwrap();
                b.flush().await.unwrap();
            }
        });
        let mut received = Vec::new();
        while received.len() < 200 {
            tokio::select! {
                biased;
                message = sub.next() => received.push(text(&message.unwrap())),
                () = tokio::task::yield_now() => {}
            }
        }
        publisher.await.unwrap();
        assert!(received.iter().enumerate().all(|(i, text)| *text == i.to_string()));
    }

    async fn a_subscription_is_a_stream(t: Target) {
        use futures_core::Stream;
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).max(2).await.unwrap();
        nc.publish(sub.subject(), "a").await.unwrap();
        nc.publish(sub.subject(), "b").await.unwrap();
        let mut all = Vec::new();
        while let Some(message) = std::future::poll_fn(|cx| std::pin::Pin::new(&mut sub).poll_next(cx)).await {
            all.push(text(&message));
        }
        assert_eq!(all, ["a", "b"]);
    }

    async fn without_a_first_message_in_time_a_subscription_ends(t: Target) {
        let nc = t.client().await;
        let after = Duration::from_millis(30);
        let mut sub = nc.subscribe(unique()).first_message_timeout(after).await.unwrap();
        assert_eq!(rest(&mut sub).await, (vec![], SubscriptionEnd::FirstMessageTimeout { after }));
        t.until_held(&nc, 0).await;
    }

    async fn the_first_message_ends_the_wait_for_it(t: Target) {
        let nc = t.client().await;
        let after = Duration::from_millis(400);
        let begin = std::time::Instant::now();
        let mut sub = nc.subscribe(unique()).first_message_timeout(after).await.unwrap();
        nc.publish(sub.subject(), "in time").await.unwrap();
        assert_eq!(texts(&mut sub, 1).await, ["in time"]);
        // Past the deadline, by another subscription's.
        let mut other = nc.subscribe(unique()).first_message_timeout(after).await.unwrap();
        rest(&mut other).await;
        assert!(begin.elapsed() >= after);
        nc.publish(sub.subject(), "much later").await.unwrap();
        assert_eq!(texts(&mut sub, 1).await, ["much later"]);
    }

    async fn subscribing_on_a_closed_connection_fails(t: Target) {
        let nc = t.client().await;
        nc.close().await;
        let error = nc.subscribe("a").await.unwrap_err();
        assert!(matches!(error, SubscribeError::Closed(_)), "{error:?}");
    }

    async fn a_subscription_keeps_its_connection_open(t: Target) {
        let (nc, other) = t.clients().await;
        let id = nc.server_info().client_id;
        let mut sub = nc.subscribe(unique()).await.unwrap();
        nc.flush().await.unwrap();
        drop(nc);
        other.publish(sub.subject(), "still here").reply("r").await.unwrap();
        let message = next(&mut sub).await;
        message.respond("me too").await.unwrap();
        drop(sub);
        t.until_gone(id).await;
    }

    async fn dropping_everything_closes_the_connection_and_writes_what_is_buffered(t: Target) {
        let (nc, other) = t.clients().await;
        let id = nc.server_info().client_id;
        let mut sub = other.subscribe(unique()).await.unwrap();
        other.flush().await.unwrap();
        let mut events = nc.events();
        for i in 0..100 {
            nc.publish(sub.subject(), i.to_string()).await.unwrap();
        }
        drop(nc);
        assert_eq!(texts(&mut sub, 100).await.len(), 100);
        t.until_gone(id).await;
        let reason = event(&mut events, |e| match e {
            nuncio::Event::Closed { reason } => Some(reason),
            _ => None,
        })
        .await;
        assert_eq!(reason, nuncio::CloseReason::Dropped);
    }

    async fn a_kept_message_can_respond_after_its_subscription_is_gone(t: Target) {
        let nc = t.client().await;
        let mut inbox = nc.subscribe(nc.new_inbox()).await.unwrap();
        let mut sub = nc.subscribe(unique()).max(1).await.unwrap();
        nc.publish(sub.subject(), "").reply(&*inbox.subject()).await.unwrap();
        let message = next(&mut sub).await;
        assert_eq!(rest(&mut sub).await.1, SubscriptionEnd::Max);
        drop(sub);
        message.respond("still").await.unwrap();
        assert_eq!(texts(&mut inbox, 1).await, ["still"]);
    }

    async fn inboxes_are_unique_and_below_the_prefix(t: Target) {
        let nc = t.client().await;
        let inboxes: std::collections::HashSet<_> = (0..1000).map(|_| nc.new_inbox()).collect();
        assert_eq!(inboxes.len(), 1000);
        assert!(inboxes.iter().all(|inbox| inbox.starts_with("_INBOX.") && inbox.len() == "_INBOX.".len() + 22));
        assert_eq!(nuncio::nuid().len(), 22);
    }

    async fn thousands_of_subscriptions_are_no_burden(t: Target) {
        let nc = t.client().await;
        let root = unique();
        let mut subs = Vec::new();
        for i in 0..3_000 {
            subs.push(nc.subscribe(format!("{root}.{i}")).await.unwrap());
        }
        for i in 0..3_000 {
            nc.publish(format!("{root}.{i}"), i.to_string()).await.unwrap();
        }
        for (i, sub) in subs.iter_mut().enumerate() {
            assert_eq!(texts(sub, 1).await, [i.to_string()]);
        }
        assert_eq!(nc.statistics().subscriptions, 3_000);
        drop(subs);
        nc.flush().await.unwrap();
        assert_eq!(nc.statistics().subscriptions, 0);
        assert!(t.held(&nc).await.is_empty());
    }

    async fn a_second_subscription_does_not_share_the_fate_of_the_first(t: Target) {
        let nc = t.client().await;
        let subject = unique();
        let first = nc.subscribe(&subject).await.unwrap();
        let mut second = nc.subscribe(&subject).await.unwrap();
        drop(first);
        nc.publish(&subject, "second").await.unwrap();
        assert_eq!(texts(&mut second, 1).await, ["second"]);
    }

    on Setup::new().own() =>
    async fn subscriptions_may_be_made_while_there_is_no_server(mut t: Target) {
        let nc = t.connect().max_reconnects(None).await.unwrap();
        t.stop().await;
        until("the loss", || nc.state() == nuncio::ConnectionState::Connecting).await;
        let mut kept = nc.subscribe("kept").await.unwrap();
        let dropped = nc.subscribe("dropped").await.unwrap();
        let mut once = nc.subscribe("once").max(1).await.unwrap();
        drop(dropped);
        nc.publish("kept", "a").await.unwrap();
        nc.publish("once", "b").await.unwrap();
        nc.publish("once", "c").await.unwrap();
        t.start().await;
        assert_eq!(texts(&mut kept, 1).await, ["a"]);
        assert_eq!(rest(&mut once).await, (vec!["b".to_owned()], SubscriptionEnd::Max));
        nc.flush().await.unwrap();
        assert_eq!(t.held(&nc).await.len(), 1);
    }
}
