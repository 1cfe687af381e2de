//! Drains, of subscriptions and of connections.

use std::time::Duration;

use nuncio::{
    CloseReason, ConnectionState, DrainError, PublishError, RequestError, SubscribeError, SubscriptionEnd,
};

use crate::request::silence;
use crate::support::*;
use crate::target::{Setup, Target};

rules! {
    async fn draining_a_connection_delivers_what_was_published_before(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).await.unwrap();
        nc.publish(sub.subject(), "world").await.unwrap();
        nc.publish(sub.subject(), "again").await.unwrap();
        let reading = tokio::spawn(async move { rest(&mut sub).await });
        let report = nc.drain().await.unwrap();
        assert_eq!(reading.await.unwrap(), (vec!["world".into(), "again".into()], SubscriptionEnd::Drained));
        assert!(report.flushed, "{report:?}");
        assert_eq!((report.undelivered, report.unanswered, report.lost, report.maybe_lost), (0, 0, 0, 0));
        assert_eq!(nc.closed().await, CloseReason::Drained);
        assert!(nc.closed().await.is_wanted());
    }

    async fn draining_a_connection_sends_what_is_buffered(t: Target) {
        let (a, b) = t.clients().await;
        let mut sub = b.subscribe(unique()).await.unwrap();
        b.flush().await.unwrap();
        for i in 0..10_000 {
            a.publish(sub.subject(), i.to_string()).await.unwrap();
        }
        let report = a.drain().await.unwrap();
        assert!(report.flushed);
        assert_eq!(texts(&mut sub, 10_000).await.len(), 10_000);
        let figures = a.statistics();
        assert_eq!((figures.written, figures.buffered, figures.lost), (10_000, 0, 0));
    }

    async fn everything_is_delivered_by_a_connection_drain_under_load(t: Target) {
        let (a, b) = t.clients().await;
        let mut subs = Vec::new();
        for _ in 0..5 {
            subs.push(a.subscribe(unique()).await.unwrap());
        }
        a.flush().await.unwrap();
        for i in 0..1000 {
            for sub in &subs {
                b.publish(sub.subject(), i.to_string()).await.unwrap();
            }
        }
        b.flush().await.unwrap();
        let readers: Vec<_> =
            subs.into_iter().map(|mut sub| tokio::spawn(async move { rest(&mut sub).await.0.len() })).collect();
        a.drain().await.unwrap();
        for reader in readers {
            assert_eq!(reader.await.unwrap(), 1000);
        }
    }

    async fn handlers_may_respond_while_the_connection_drains(t: Target) {
        let (service, nc) = t.clients().await;
        let mut requests = silence(&service).await;
        let subject = requests.subject().into_owned();
        let asking: Vec<_> = (0..50)
            .map(|i| {
                let (nc, subject) = (nc.clone(), subject.clone());
                tokio::spawn(async move { nc.request(subject, i.to_string()).timeout(SOON).await })
            })
            .collect();
        let first = next(&mut requests).await;
        until("all requests", || requests.stats().received == 50).await;
        let handling = tokio::spawn(async move {
            first.respond(first.payload()).await.unwrap();
            while let Some(request) = requests.next().await {
                tokio::task::yield_now().await;
                request.respond(request.payload()).await.unwrap();
            }
            requests.ended()
        });
        service.drain().await.unwrap();
        assert_eq!(handling.await.unwrap(), Some(SubscriptionEnd::Drained));
        for (i, task) in asking.into_iter().enumerate() {
            assert_eq!(text(&task.await.unwrap().unwrap()), i.to_string());
        }
    }

    async fn a_drain_waits_for_a_handler_that_took_over_a_subscription(t: Target) {
        let nc = t.client().await;
        let mut inbox = nc.subscribe(nc.new_inbox()).await.unwrap();
        let other = t.client().await;
        let mut replies = other.subscribe(inbox.subject()).await.unwrap();
        inbox.unsubscribe();
        let mut requests = silence(&nc).await;
        other.flush().await.unwrap();
        for _ in 0..3 {
            nc.publish(requests.subject(), "").reply(&*replies.subject()).await.unwrap();
        }
        settle(&[&nc]).await;
        // The one who drains has taken all three, and has given two of them away with the subscription.
        next(&mut requests).await.respond("0").await.unwrap();
        let (go_on, mut turn) = tokio::sync::mpsc::channel::<()>(1);
        let handling = tokio::spawn(async move {
            while let Some(request) = requests.next().await {
                turn.recv().await.unwrap();
                request.respond("handled").await.unwrap();
            }
        });
        let mut draining = Box::pin(nc.drain());
        let mut pause = other.subscribe(unique()).first_message_timeout(Duration::from_millis(500)).await.unwrap();
        // Longer than a drain waits for a subscription that nobody reads.
        tokio::select! {
            report = &mut draining => panic!("{report:?} while a message is being handled"),
            _ = rest(&mut pause) => {}
        }
        let (report, ()) = tokio::join!(draining, async {
            for _ in 0..2 {
                go_on.send(()).await.unwrap();
            }
        });
        assert_eq!(report.unwrap().undelivered, 0);
        handling.await.unwrap();
        assert_eq!(texts(&mut replies, 3).await, ["0", "handled", "handled"]);
    }

    async fn a_handler_may_drain_the_connection_itself(t: Target) {
        let (service, nc) = t.clients().await;
        let mut requests = silence(&service).await;
        let subject = requests.subject().into_owned();
        let service = tokio::spawn(async move {
            let mut last = None;
            while let Some(request) = requests.next().await {
                request.respond("stopping").await.unwrap();
                last = Some(service.drain().await.unwrap());
            }
            (last, requests.ended(), service.closed().await)
        });
        assert_eq!(text(&nc.request(&subject, "stop").timeout(SOON).await.unwrap()), "stopping");
        let (report, end, closed) = tokio::time::timeout(SOON, service).await.unwrap().unwrap();
        assert!(report.unwrap().flushed);
        assert_eq!((end, closed), (Some(SubscriptionEnd::Drained), CloseReason::Drained));
    }

    async fn a_draining_connection_takes_no_new_subscriptions_and_requests(t: Target) {
        let nc = t.client().await;
        let mut sub = silence(&nc).await;
        nc.publish(sub.subject(), "hold").reply("r").await.unwrap();
        let held = next(&mut sub).await;
        let subject = sub.subject().into_owned();
        nc.publish(&subject, "queued").await.unwrap();
        settle(&[&nc]).await;
        let draining = tokio::spawn({
            let nc = nc.clone();
            async move { nc.drain().await }
        });
        until("the drain", || nc.state() == ConnectionState::Draining).await;
        assert_eq!(nc.subscribe("a").await.unwrap_err(), SubscribeError::Draining);
        assert_eq!(nc.request("a", "").await.unwrap_err(), RequestError::Draining);
        assert_eq!(nc.request("a", "").many().await.unwrap_err(), RequestError::Draining);
        held.respond("publishing still works").await.unwrap();
        nc.publish("a", "").await.unwrap();
        assert_eq!(rest(&mut sub).await.0, ["queued"]);
        draining.await.unwrap().unwrap();
        assert!(matches!(nc.publish("a", "").await, Err(PublishError::Closed(_))));
    }

    async fn a_drain_waits_for_the_replies_to_open_requests(t: Target) {
        let (service, nc) = t.clients().await;
        let mut requests = silence(&service).await;
        let (asker, subject) = (nc.clone(), requests.subject().into_owned());
        let asking = tokio::spawn(async move { asker.request(subject, "").timeout(SOON).await });
        let request = next(&mut requests).await;
        let draining = tokio::spawn({
            let nc = nc.clone();
            async move { nc.drain().await }
        });
        until("the drain", || nc.state() == ConnectionState::Draining).await;
        request.respond("in time").await.unwrap();
        assert_eq!(text(&asking.await.unwrap().unwrap()), "in time");
        assert_eq!(draining.await.unwrap().unwrap().unanswered, 0);
    }

    on Setup::new().own() =>
    async fn once_the_subscriptions_are_drained_nothing_more_is_published(mut t: Target) {
        let nc = t
            .connect()
            .drain_timeout(Duration::from_millis(50))
            .close_timeout(Duration::from_secs(1))
            .await
            .unwrap();
        t.pause().await;
        let draining = tokio::spawn({
            let nc = nc.clone();
            async move { nc.drain().await }
        });
        until("the last phase", || nc.try_publish("a", "") == Err(PublishError::Draining)).await;
        assert_eq!(nc.publish("a", "").await, Err(PublishError::Draining));
        assert!(!draining.await.unwrap().unwrap().flushed, "the server did not confirm");
    }

    async fn a_second_drain_waits_for_the_first(t: Target) {
        let (nc, other) = t.clients().await;
        let mut requests = other.subscribe(unique()).confirmed().await.unwrap();
        let subject = requests.subject().to_string();
        let asking = tokio::spawn({
            let nc = nc.clone();
            async move { nc.request(subject, "").timeout(SOON).await }
        });
        let open = next(&mut requests).await;
        // The open request keeps the first drain from ending before the second has begun.
        let (a, b, answered) = tokio::join!(nc.drain(), nc.drain(), open.respond(""));
        answered.unwrap();
        assert_eq!(a.unwrap(), b.unwrap());
        asking.await.unwrap().unwrap();
    }

    async fn draining_a_closed_connection_is_an_error(t: Target) {
        let nc = t.client().await;
        nc.close().await;
        match nc.drain().await.unwrap_err() {
            DrainError::Closed(closed) => assert_eq!(closed.reason, CloseReason::Closed),
            other => panic!("{other:?}"),
        }
    }

    async fn closing_ends_a_drain(t: Target) {
        let nc = t.client().await;
        let mut sub = silence(&nc).await;
        nc.publish(sub.subject(), "").await.unwrap();
        next(&mut sub).await;
        let draining = tokio::spawn({
            let nc = nc.clone();
            async move { nc.drain().await }
        });
        until("the drain", || nc.state() != ConnectionState::Connected).await;
        nc.close().await;
        let _ = draining.await.unwrap();
        assert!(nc.closed().await.is_wanted());
    }

    async fn a_drain_that_runs_out_of_time_reports_what_is_left(t: Target) {
        let nc = t.connect().drain_timeout(Duration::from_millis(100)).await.unwrap();
        let sub = silence(&nc).await;
        for _ in 0..10 {
            nc.publish(sub.subject(), "unread").await.unwrap();
        }
        settle(&[&nc]).await;
        let report = nc.drain().await.unwrap();
        assert_eq!(report.undelivered, 10);
        let mut sub = sub;
        assert_eq!(rest(&mut sub).await.0.len(), 10, "and can still be read");
    }

    async fn a_drain_is_not_held_up_by_a_subscription_that_nobody_reads(t: Target) {
        let nc = t.client().await;
        let sub = silence(&nc).await;
        nc.publish(sub.subject(), "unread").await.unwrap();
        settle(&[&nc]).await;
        let report = tokio::time::timeout(SOON, nc.drain()).await.unwrap().unwrap();
        assert_eq!(report.undelivered, 1);
    }

    async fn a_connection_drain_goes_on_when_it_is_no_longer_awaited(t: Target) {
        let nc = t.client().await;
        {
            let mut draining = Box::pin(nc.drain());
            let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
            let _ = draining.as_mut().poll(&mut cx);
        }
        assert_eq!(nc.closed().await, CloseReason::Drained);
    }

    on Setup::new().own() =>
    async fn a_drain_without_a_server_ends(mut t: Target) {
        let nc = t.connect().max_reconnects(None).drain_timeout(Duration::from_millis(200)).close_timeout(Duration::from_millis(200)).await.unwrap();
        let mut sub = silence(&nc).await;
        t.stop().await;
        until("the loss", || nc.state() == ConnectionState::Connecting).await;
        nc.publish("a", "kept").await.unwrap();
        let report = nc.drain().await.unwrap();
        assert!(!report.flushed);
        assert_eq!(report.lost, 1);
        assert_eq!(rest(&mut sub).await, (vec![], SubscriptionEnd::Drained));
        assert_eq!(nc.closed().await, CloseReason::Drained);
    }

    on Setup::new().own() =>
    async fn a_drain_that_meets_a_lost_connection_ends_and_is_not_sent_again(mut t: Target) {
        let nc = t.connect().max_reconnects(None).await.unwrap();
        let mut events = nc.events();
        let mut sub = silence(&nc).await;
        t.pause().await;
        let draining = tokio::spawn(async move { (sub.drain().await, rest(&mut sub).await.1) });
        tokio::task::yield_now().await;
        t.stop().await;
        let (drained, end) = draining.await.unwrap();
        assert_eq!((drained, end), (Ok(()), SubscriptionEnd::Drained));
        t.start().await;
        reconnected(&mut events).await;
        nc.flush().await.unwrap();
        assert!(t.held(&nc).await.is_empty());
    }
}
