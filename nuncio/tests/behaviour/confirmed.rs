//! Subscriptions and messages that wait for the server's word.

use std::time::Duration;

use nuncio::{
    ConfirmError, ConnectionState, FlushError, PublishError, ServerError, SubscribeError, SubscriptionEnd,
};

use crate::support::*;
use crate::target::{Rules, Setup, Target};

fn limited() -> Setup {
    let rules = Rules::new().allow_subscribe("ok.>").allow_subscribe("group q1");
    Setup::new().user("admin", "pw").user_with("limited", "pw", rules)
}

rules! {
    async fn a_confirmed_subscription_is_at_the_server(t: Target) {
        let (a, b) = t.clients().await;
        let mut sub = a.subscribe(unique()).confirmed().await.unwrap();
        assert_eq!(t.held(&a).await.len(), 1);
        b.publish(sub.subject(), "at once").await.unwrap();
        assert_eq!(texts(&mut sub, 1).await, ["at once"]);
    }

    async fn nothing_published_after_a_confirmed_subscription_is_missed(t: Target) {
        let (a, b) = t.clients().await;
        for n in 0..300 {
            let mut sub = a.subscribe(unique()).confirmed().await.unwrap();
            b.publish(sub.subject(), n.to_string()).await.unwrap();
            assert_eq!(texts(&mut sub, 1).await, [n.to_string()]);
        }
    }

    on limited() =>
    async fn a_denial_is_an_error_that_names_the_subject(t: Target) {
        let nc = t.connect().user_and_password("limited", "pw").await.unwrap();
        let error = nc.subscribe("no").confirmed().await.unwrap_err();
        assert_eq!(error, SubscribeError::Denied { subject: "no".into() });
        assert!(error.to_string().contains("\"no\""), "{error}");
        nc.subscribe("ok.a").confirmed().await.unwrap();
        nc.subscribe("group").queue("q1").confirmed().await.unwrap();
        let error = nc.subscribe("group").queue("q2").confirmed().await.unwrap_err();
        assert_eq!(error, SubscribeError::Denied { subject: "group".into() });
    }

    on limited() =>
    async fn a_denial_is_told_to_the_one_it_concerns(t: Target) {
        let nc = t.connect().user_and_password("limited", "pw").await.unwrap();
        let (a, b, c) = tokio::join!(
            nc.subscribe("ok.a").confirmed(),
            nc.subscribe("no").confirmed(),
            nc.subscribe("ok.b").confirmed(),
        );
        assert!(a.is_ok() && c.is_ok());
        assert_eq!(b.unwrap_err(), SubscribeError::Denied { subject: "no".into() });
    }

    on Setup::new().max_subscriptions(2) =>
    async fn one_subscription_too_many_is_told_to_the_right_one(t: Target) {
        let nc = t.client().await;
        let _first = nc.subscribe("a").confirmed().await.unwrap();
        let mut second = nc.subscribe("b").await.unwrap();
        // Unconfirmed and too many: its refusal comes before the first ping of the next one.
        let mut third = nc.subscribe("c").await.unwrap();
        let error = nc.subscribe("d").confirmed().await.unwrap_err();
        assert_eq!(
            error,
            SubscribeError::Refused { subject: "d".into(), error: ServerError::MaxSubscriptions }
        );
        assert_eq!(second.ended(), None);
        let refused = SubscriptionEnd::Refused { subject: "c".into(), error: ServerError::MaxSubscriptions };
        assert_eq!(rest(&mut third).await.1, refused);
        second.unsubscribe();
        nc.subscribe("e").confirmed().await.unwrap();
    }

    on Setup::new().max_subscriptions(2) =>
    async fn a_refusal_of_another_does_not_harm_a_confirmed_one(t: Target) {
        let nc = t.client().await;
        let first = nc.subscribe("a").await.unwrap();
        let (second, third) = tokio::join!(nc.subscribe("b").confirmed(), nc.subscribe("c"));
        assert!(second.is_ok(), "{second:?}");
        assert_eq!(first.ended(), None);
        drop(third);
    }

    on Setup::new().own() =>
    async fn without_an_answer_it_fails_in_time_and_leaves_nothing(t: Target) {
        let mut t = t;
        let nc = t.connect().flush_timeout(Duration::from_millis(50)).await.unwrap();
        t.pause().await;
        let error = nc.subscribe("a").confirmed().await.unwrap_err();
        let after = Duration::from_millis(50);
        assert_eq!(error, SubscribeError::Unconfirmed(FlushError::Timeout { after }));
        t.resume().await;
        t.until_held(&nc, 0).await;
        until("the end of the subscription", || nc.statistics().subscriptions == 0).await;
    }

    on Setup::new().own() =>
    async fn without_a_connection_it_fails_at_once(t: Target) {
        let mut t = t;
        let nc = t.connect().max_reconnects(None).await.unwrap();
        let mut events = nc.events();
        t.stop().await;
        event(&mut events, |e| matches!(e, nuncio::Event::Disconnected { .. }).then_some(())).await;
        let error = nc.subscribe("a").confirmed().await.unwrap_err();
        assert_eq!(error, SubscribeError::Unconfirmed(FlushError::Disconnected));
        nc.close().await;
        assert!(matches!(nc.subscribe("a").confirmed().await, Err(SubscribeError::Closed(_))));
    }

    on limited() =>
    async fn a_callback_may_wait_for_the_servers_word_too(t: Target) {
        let (nc, admin) = (
            t.connect().user_and_password("limited", "pw").await.unwrap(),
            t.connect().user_and_password("admin", "pw").await.unwrap(),
        );
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
        let confirming = nc.subscribe("ok.a").confirmed().callback(move |m| tell.send(text(&m)).unwrap());
        let mut sub = confirming.await.unwrap();
        admin.publish("ok.a", "at once").await.unwrap();
        assert_eq!(told.recv().await.as_deref(), Some("at once"));
        let denied = nc.subscribe("no").confirmed().callback(drop).await.unwrap_err();
        assert_eq!(denied, SubscribeError::Denied { subject: "no".into() });
        sub.unsubscribe();
        assert_eq!(sub.ended().await, SubscriptionEnd::Unsubscribed);
        t.until_held(&nc, 0).await;
    }

    async fn a_confirmed_message_has_been_taken_by_the_server(t: Target) {
        let (a, b) = t.clients().await;
        let sub = b.subscribe(unique()).confirmed().await.unwrap();
        for round in 1..=20 {
            a.publish(sub.subject(), "x").header("k", "v").confirmed().await.unwrap();
            b.flush().await.unwrap();
            assert_eq!(sub.stats().received, round);
        }
        assert_eq!((a.statistics().written, a.statistics().maybe_lost), (20, 0));
        let large = vec![0; a.max_payload()];
        let all: Vec<_> = (0..20).map(|_| a.publish(sub.subject(), &large).confirmed()).collect();
        for message in all {
            message.await.unwrap();
        }
    }

    on limited().user_with("mute", "pw", Rules::new().allow_publish("ok.>")) =>
    async fn a_denied_message_is_told_to_the_one_it_concerns(t: Target) {
        let nc = t.connect().user_and_password("mute", "pw").await.unwrap();
        let publish = |subject| nc.publish(subject, "").confirmed();
        for _ in 0..5 {
            let (a, b, c, d) = tokio::join!(publish("ok.a"), publish("no"), publish("ok.b"), publish("no.more"));
            assert_eq!((a, c), (Ok(()), Ok(())));
            assert_eq!(b, Err(ConfirmError::Denied { subject: "no".into() }));
            let error = d.unwrap_err();
            assert!(error.to_string().contains("\"no.more\""), "{error}");
        }
        // Denials that nobody waits for are no other's.
        for i in 0..1000 {
            nc.publish(format!("no.{i}"), "").await.unwrap();
        }
        assert_eq!(publish("ok.a").await, Ok(()));
        assert_eq!(publish("no").await, Err(ConfirmError::Denied { subject: "no".into() }));
    }

    on Setup::new().own() =>
    async fn a_message_that_is_not_confirmed_says_so(mut t: Target) {
        let after = Duration::from_millis(50);
        let nc = t.connect().flush_timeout(after).max_reconnects(None).await.unwrap();
        let bad = nc.publish("a b", "").confirmed().await.unwrap_err();
        assert!(matches!(bad, ConfirmError::Publish(PublishError::Subject(_))), "{bad:?}");
        t.pause().await;
        let late = nc.publish("a", "").confirmed().await;
        assert_eq!(late, Err(ConfirmError::Unconfirmed(FlushError::Timeout { after })));
        let waiting = nc.publish("a", "").confirmed();
        let (lost, ()) = tokio::join!(waiting, t.stop());
        assert!(
            matches!(lost, Err(ConfirmError::Unconfirmed(FlushError::Disconnected | FlushError::Timeout { .. }))),
            "{lost:?}"
        );
        until("the loss", || nc.state() == ConnectionState::Connecting).await;
        let buffered = nc.statistics().buffered;
        let down = nc.publish("a", "").confirmed().await;
        assert_eq!(down, Err(ConfirmError::Unconfirmed(FlushError::Disconnected)));
        assert_eq!(nc.statistics().buffered, buffered, "nothing is left to be sent later");
        t.start().await;
        until("the return", || nc.state() == ConnectionState::Connected).await;
        let again = async || nc.publish("a", "").confirmed().await.ok();
        nuncio_testkit::eventually_async("a confirmation", SOON, again).await.unwrap();
        nc.close().await;
        let closed = nc.publish("a", "").confirmed().await.unwrap_err();
        assert!(matches!(closed, ConfirmError::Publish(PublishError::Closed(_))), "{closed:?}");
    }

    async fn a_confirmed_subscription_keeps_its_options(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).queue("q").max(2).confirmed().await.unwrap();
        assert_eq!(sub.queue_group().as_deref(), Some("q"));
        for i in 0..4 {
            nc.publish(sub.subject(), i.to_string()).await.unwrap();
        }
        assert_eq!(rest(&mut sub).await.0, ["0", "1"]);
    }
}
