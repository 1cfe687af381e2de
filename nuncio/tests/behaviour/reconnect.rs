//! Coming back after a loss.

use std::time::Duration;

use nuncio::{Backoff, CloseReason, ConnectionState, DisconnectCause, Event};

use crate::support::*;
use crate::target::{Setup, Target};

rules! {
    on Setup::new().own() =>
    async fn a_lost_connection_is_made_again_by_default(mut t: Target) {
        let nc = t.client().await;
        let mut events = nc.events();
        t.restart().await;
        reconnected(&mut events).await;
        nc.flush().await.unwrap();
        assert_eq!((nc.state(), nc.statistics().connects), (ConnectionState::Connected, 2));
    }

    on Setup::new().own() =>
    async fn subscriptions_live_on(mut t: Target) {
        let nc = quick(t.connect()).await.unwrap();
        let mut events = nc.events();
        let mut plain = nc.subscribe("a.b").await.unwrap();
        let mut wild = nc.subscribe("a.*").await.unwrap();
        let mut group = nc.subscribe("a.>").queue("q").await.unwrap();
        nc.flush().await.unwrap();
        for round in 0..3 {
            t.restart().await;
            reconnected(&mut events).await;
            nc.publish("a.b", round.to_string()).await.unwrap();
            for sub in [&mut plain, &mut wild, &mut group] {
                assert_eq!(texts(sub, 1).await, [round.to_string()]);
            }
        }
    }

    on Setup::new().own() =>
    async fn subscriptions_are_not_doubled(mut t: Target) {
        let nc = quick(t.connect()).await.unwrap();
        let mut events = nc.events();
        let mut subs = Vec::new();
        for i in 0..20 {
            subs.push(nc.subscribe(format!("s.{i}")).await.unwrap());
        }
        let subject = crate::request::echo(&nc).await;
        nc.request(&subject, "").await.unwrap();
        for _ in 0..3 {
            t.restart().await;
            reconnected(&mut events).await;
            nc.flush().await.unwrap();
            let held = t.held(&nc).await;
            assert_eq!(held.len(), 22, "{held:?}");
        }
        nc.publish("s.3", "once").await.unwrap();
        settle(&[&nc]).await;
        assert_eq!(present(&mut subs[3]), ["once"]);
    }

    on Setup::new().own() =>
    async fn ids_of_subscriptions_stay(mut t: Target) {
        let nc = t.client().await;
        let mut events = nc.events();
        let (a, b) = (nc.subscribe("a").await.unwrap(), nc.subscribe("b").await.unwrap());
        t.restart().await;
        reconnected(&mut events).await;
        nc.flush().await.unwrap();
        let sids: Vec<_> = t.held(&nc).await.into_iter().map(|held| held.sid).collect();
        assert_eq!(sids, [a.sid(), b.sid()]);
    }

    on Setup::new().own() =>
    async fn what_is_published_meanwhile_is_sent_afterwards_in_order(mut t: Target) {
        let nc = t.connect().max_reconnects(None).await.unwrap();
        let mut sub = nc.subscribe("s").await.unwrap();
        nc.flush().await.unwrap();
        t.stop().await;
        until("the loss", || nc.state() == ConnectionState::Connecting).await;
        for i in 0..1000 {
            nc.publish("s", i.to_string()).await.unwrap();
        }
        assert_eq!(nc.statistics().buffered, 1000);
        t.start().await;
        let received = texts(&mut sub, 1000).await;
        assert!(received.iter().enumerate().all(|(i, text)| *text == i.to_string()));
        nc.publish("s", "new").await.unwrap();
        assert_eq!(texts(&mut sub, 1).await, ["new"]);
    }

    on Setup::new().own() =>
    async fn what_was_confirmed_is_not_in_doubt(mut t: Target) {
        let nc = t.connect().max_reconnects(None).await.unwrap();
        let mut events = nc.events();
        for _ in 0..10 {
            nc.publish("a", "").await.unwrap();
        }
        nc.flush().await.unwrap();
        t.stop().await;
        let figures = event(&mut events, |e| match e {
            Event::Disconnected { lost, maybe_lost, kept, .. } => Some((lost, maybe_lost, kept)),
            _ => None,
        })
        .await;
        assert_eq!(figures, (0, 0, 0));
        assert_eq!(nc.statistics().written, 10);
    }

    on Setup::new().own() =>
    async fn what_was_not_confirmed_is_reported_as_in_doubt(mut t: Target) {
        let nc = t.connect().max_reconnects(None).await.unwrap();
        let mut events = nc.events();
        t.pause().await;
        for _ in 0..10 {
            nc.publish("a", "").await.unwrap();
        }
        until("the write", || nc.statistics().buffered == 0).await;
        t.stop().await;
        let figures = event(&mut events, |e| match e {
            Event::Disconnected { lost, maybe_lost, kept, .. } => Some((lost, maybe_lost, kept)),
            _ => None,
        })
        .await;
        assert_eq!(figures, (0, 10, 0));
        let figures = nc.statistics();
        assert_eq!((figures.maybe_lost, figures.written), (10, 0));
    }

    on Setup::new().own() =>
    async fn without_reconnecting_a_loss_closes(mut t: Target) {
        let nc = t.connect().reconnect(false).await.unwrap();
        let mut sub = nc.subscribe("s").await.unwrap();
        nc.flush().await.unwrap();
        t.stop().await;
        let reason = nc.closed().await;
        assert!(matches!(reason, CloseReason::ReconnectOff(DisconnectCause::Eof | DisconnectCause::Io { .. })), "{reason:?}");
        assert!(!reason.is_wanted());
        assert_eq!(rest(&mut sub).await.1, nuncio::SubscriptionEnd::Closed(reason));
    }

    on Setup::new().own() =>
    async fn after_all_attempts_the_connection_closes_with_the_last_error(mut t: Target) {
        let backoff = Backoff::fixed(Duration::from_millis(2), Duration::ZERO);
        let nc = t.connect().max_reconnects(4).backoff(backoff).await.unwrap();
        let mut events = nc.events();
        t.stop().await;
        let reason = nc.closed().await;
        match &reason {
            CloseReason::Exhausted { last } => assert!(last.to_string().contains(&t.addr()), "{last}"),
            other => panic!("{other:?}"),
        }
        let attempts = so_far(&mut events).iter().filter(|e| matches!(e, Event::Reconnecting { .. })).count();
        assert_eq!(attempts, 4);
        t.start().await;
        assert_eq!(nc.state(), ConnectionState::Closed(reason), "for good");
    }

    on Setup::new().own() =>
    async fn a_server_is_tried_on_and_on_by_default(mut t: Target) {
        let nc = t.connect().backoff(Backoff::fixed(Duration::from_millis(2), Duration::ZERO)).await.unwrap();
        let mut events = nc.events();
        t.stop().await;
        event(&mut events, |e| matches!(e, Event::Reconnecting { attempt: 50.., .. }).then_some(())).await;
        t.start().await;
        reconnected(&mut events).await;
    }

    on Setup::new().own() =>
    async fn subscriptions_are_in_force_again_without_anything_being_published(mut t: Target) {
        let nc = t.client().await;
        let mut events = nc.events();
        let mut sub = nc.subscribe("s").await.unwrap();
        t.restart().await;
        reconnected(&mut events).await;
        t.until_held(&nc, 1).await;
        t.client().await.publish("s", "from another").await.unwrap();
        assert_eq!(texts(&mut sub, 1).await, ["from another"]);
    }

    on Setup::new().own() =>
    async fn a_dead_link_is_found_while_much_is_published(mut t: Target) {
        let nc = t
            .connect()
            .ping_interval(Duration::from_millis(20))
            .max_pings_out(2)
            .connect_timeout(Duration::from_millis(200))
            .when_full(nuncio::WhenFull::DropOldest)
            .max_reconnects(None)
            .await
            .unwrap();
        let mut events = nc.events();
        t.pause().await;
        let publisher = tokio::spawn({
            let nc = nc.clone();
            async move {
                while nc.publish("s", [0; 1000].as_slice()).await.is_ok() {
                    tokio::task::yield_now().await;
                }
            }
        });
        let cause = event(&mut events, |e| match e {
            Event::Disconnected { cause, .. } => Some(cause),
            _ => None,
        })
        .await;
        assert_eq!(cause, DisconnectCause::Stale);
        t.resume().await;
        reconnected(&mut events).await;
        nc.close().await;
        publisher.await.unwrap();
    }

    on Setup::new().own() =>
    async fn the_first_attempt_is_made_at_once(mut t: Target) {
        let backoff = Backoff::fixed(Duration::from_secs(1000), Duration::ZERO);
        let nc = t.connect().backoff(backoff).await.unwrap();
        let mut events = nc.events();
        nc.force_reconnect();
        reconnected(&mut events).await;
        t.restart().await;
    }

    on Setup::new().own() =>
    async fn the_application_may_choose_the_waits(mut t: Target) {
        let asked = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let note = asked.clone();
        let backoff = Backoff::custom(move |round| {
            note.lock().unwrap().push(round);
            Duration::from_millis(1)
        });
        let nc = t.connect().max_reconnects(6).backoff(backoff).await.unwrap();
        t.stop().await;
        nc.closed().await;
        let asked = asked.lock().unwrap();
        assert!(asked.len() >= 5 && asked.is_sorted(), "{asked:?}");
    }

    on Setup::new().own() =>
    async fn a_server_that_does_not_answer_pings_is_left(mut t: Target) {
        let nc = t
            .connect()
            .ping_interval(Duration::from_millis(20))
            .max_pings_out(2)
            .connect_timeout(Duration::from_millis(200))
            .max_reconnects(None)
            .await
            .unwrap();
        let mut events = nc.events();
        t.pause().await;
        let cause = event(&mut events, |e| match e {
            Event::Disconnected { cause, .. } => Some(cause),
            Event::Closed { reason } => panic!("{reason}"),
            _ => None,
        })
        .await;
        assert_eq!(cause, DisconnectCause::Stale);
        t.resume().await;
        reconnected(&mut events).await;
    }

    async fn pings_are_answered_and_keep_a_connection(t: Target) {
        let nc = t.connect().ping_interval(Duration::from_millis(25)).max_pings_out(20).await.unwrap();
        let mut sub = nc.subscribe(unique()).first_message_timeout(Duration::from_millis(1100)).await.unwrap();
        rest(&mut sub).await;
        assert_eq!(nc.statistics().connects, 1, "unanswered ones would have ended it twice by now");
    }

    on Setup::new().ping_interval(Duration::from_millis(150)) =>
    async fn the_pings_of_the_server_are_answered(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).first_message_timeout(Duration::from_millis(1000)).await.unwrap();
        rest(&mut sub).await;
        assert_eq!(nc.statistics().connects, 1, "an unanswered one would have ended it");
    }

    async fn a_forced_reconnect_loses_nothing(t: Target) {
        let (nc, other) = (quick(t.connect()).await.unwrap(), t.client().await);
        let mut sub = other.subscribe(unique()).await.unwrap();
        other.flush().await.unwrap();
        let mut events = nc.events();
        for i in 0..10 {
            nc.publish(sub.subject(), format!("a{i}")).await.unwrap();
            nc.flush().await.unwrap();
            nc.force_reconnect();
            nc.publish(sub.subject(), format!("b{i}")).await.unwrap();
            reconnected(&mut events).await;
            assert_eq!(texts(&mut sub, 2).await, [format!("a{i}"), format!("b{i}")]);
        }
    }

    on Setup::new().own() =>
    async fn a_publisher_at_full_speed_survives_restarts(mut t: Target) {
        let nc = quick(t.connect()).await.unwrap();
        let mut events = nc.events();
        let publisher = tokio::spawn({
            let nc = nc.clone();
            async move {
                let mut count = 0u64;
                while nc.publish("s", "0123456789").await.is_ok() {
                    count += 1;
                    if count.is_multiple_of(1000) {
                        tokio::task::yield_now().await;
                    }
                }
                count
            }
        });
        for _ in 0..3 {
            t.restart().await;
            reconnected(&mut events).await;
        }
        nc.close().await;
        let count = publisher.await.unwrap();
        let figures = nc.statistics();
        assert_eq!(figures.published, count);
        assert_eq!(count, figures.written + figures.buffered + figures.lost + figures.maybe_lost, "{figures:?}");
        assert_eq!(figures.buffered, 0);
    }
}
