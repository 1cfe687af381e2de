//! Draining one subscription.

use nuncio::{CloseReason, ConnectionState, DrainError, SubscriptionEnd};

use crate::request::silence;
use crate::support::*;
use crate::target::{Setup, Target};

rules! {
    async fn draining_a_subscription_delivers_everything_in_flight(t: Target) {
        let (a, b) = t.clients().await;
        for _ in 0..10 {
            let mut sub = a.subscribe(unique()).await.unwrap();
            a.flush().await.unwrap();
            for i in 0..500 {
                b.publish(sub.subject(), i.to_string()).await.unwrap();
            }
            b.flush().await.unwrap();
            sub.drain().await.unwrap();
            let (received, end) = rest(&mut sub).await;
            assert_eq!((received.len(), end), (500, SubscriptionEnd::Drained));
        }
    }

    async fn a_drained_subscription_is_gone_at_the_server(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).await.unwrap();
        t.until_held(&nc, 1).await;
        sub.drain().await.unwrap();
        assert!(t.held(&nc).await.is_empty());
        assert_eq!(nc.statistics().subscriptions, 0);
        nc.publish(sub.subject(), "too late").await.unwrap();
        settle(&[&nc]).await;
        assert_eq!(rest(&mut sub).await, (vec![], SubscriptionEnd::Drained));
    }

    async fn a_subscription_drains_without_any_other_traffic(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).await.unwrap();
        let draining = tokio::time::timeout(SOON, sub.drain());
        draining.await.unwrap().unwrap();
        assert!(sub.next().await.is_none());
    }

    async fn draining_a_subscription_leaves_the_connection_as_it_was(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).await.unwrap();
        let other = nc.subscribe(unique()).await.unwrap();
        sub.drain().await.unwrap();
        assert_eq!((nc.state(), other.ended()), (ConnectionState::Connected, None));
        let mut new = nc.subscribe(unique()).await.unwrap();
        nc.publish(new.subject(), "goes on").await.unwrap();
        assert_eq!(texts(&mut new, 1).await, ["goes on"]);
        assert!(nc.request(unique(), "").await.unwrap_err().is_no_responders());
    }

    async fn draining_an_ended_subscription_is_an_error(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).await.unwrap();
        sub.unsubscribe();
        assert_eq!(sub.drain().await, Err(DrainError::Ended(SubscriptionEnd::Unsubscribed)));
        let mut sub = nc.subscribe(unique()).await.unwrap();
        sub.drain().await.unwrap();
        assert_eq!(sub.drain().await, Err(DrainError::Ended(SubscriptionEnd::Drained)));
        let mut sub = nc.subscribe(unique()).await.unwrap();
        nc.close().await;
        assert_eq!(sub.drain().await, Err(DrainError::Ended(SubscriptionEnd::Closed(CloseReason::Closed))));
    }

    async fn a_drain_and_a_limit_may_meet(t: Target) {
        let nc = t.client().await;
        for published in [1, 3, 5] {
            let mut sub = nc.subscribe(unique()).max(3).await.unwrap();
            for _ in 0..published {
                nc.publish(sub.subject(), "").await.unwrap();
            }
            let _ = sub.drain().await;
            assert_eq!(rest(&mut sub).await.0.len(), published.min(3));
        }
        assert_eq!(nc.state(), ConnectionState::Connected);
    }

    async fn a_subscription_drain_goes_on_when_it_is_no_longer_awaited(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).await.unwrap();
        nc.publish(sub.subject(), "one").await.unwrap();
        {
            let mut draining = Box::pin(sub.drain());
            let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
            let _ = draining.as_mut().poll(&mut cx);
        }
        assert_eq!(rest(&mut sub).await, (vec!["one".into()], SubscriptionEnd::Drained));
    }

    async fn a_member_of_a_group_drains_without_losing_a_job(t: Target) {
        let (a, b) = t.clients().await;
        let subject = unique();
        let mut leaving = a.subscribe(&subject).queue("q").await.unwrap();
        let mut staying = a.subscribe(&subject).queue("q").await.unwrap();
        a.flush().await.unwrap();
        let publisher = tokio::spawn(async move {
            for _ in 0..2_000 {
                b.publish(&subject, "job").await.unwrap();
            }
            b.flush().await.unwrap();
        });
        next(&mut leaving).await;
        leaving.drain().await.unwrap();
        let first = 1 + rest(&mut leaving).await.0.len();
        publisher.await.unwrap();
        settle(&[&a]).await;
        assert_eq!(first + present(&mut staying).len(), 2_000);
    }

    on Setup::new().own() =>
    async fn draining_a_subscription_without_a_server_ends_at_once(mut t: Target) {
        let nc = t.connect().max_reconnects(None).await.unwrap();
        let mut sub = silence(&nc).await;
        nc.publish(sub.subject(), "arrived").await.unwrap();
        settle(&[&nc]).await;
        t.stop().await;
        until("the loss", || nc.state() == ConnectionState::Connecting).await;
        sub.drain().await.unwrap();
        assert_eq!(rest(&mut sub).await, (vec!["arrived".into()], SubscriptionEnd::Drained));
    }
}
