//! Requests with a subscription of their own.

use std::time::Duration;

use nuncio::{PublishError, RequestError};

use crate::request::{echo, silence};
use crate::support::*;
use crate::target::{Rules, Setup, Target};

const SHORT: Duration = Duration::from_millis(40);

fn limited() -> Setup {
    let rules = Rules::new().allow_publish("ok").allow_subscribe("ok").allow_subscribe("mine");
    Setup::new().user("admin", "pw").user_with("limited", "pw", rules)
}

rules! {
    async fn a_request_without_the_shared_inbox_gets_its_reply(t: Target) {
        let (a, b) = t.clients().await;
        let subject = echo(&b).await;
        for i in 0..10 {
            let reply = a.request(&subject, i.to_string()).no_mux().timeout(SOON).await.unwrap();
            assert_eq!(text(&reply), i.to_string());
        }
        t.until_held(&a, 0).await;
        until("nothing left", || (a.statistics().subscriptions, a.statistics().requests) == (0, 0)).await;
    }

    async fn its_subscription_is_there_while_it_waits_and_ends_with_the_one_reply(t: Target) {
        let (a, b) = t.clients().await;
        let mut sub = silence(&b).await;
        let subject = sub.subject().into_owned();
        let (reply, ()) = tokio::join!(a.request(&subject, "").no_mux().timeout(SOON), async {
            let request = next(&mut sub).await;
            let held = t.held(&a).await;
            assert_eq!(held.len(), 1);
            assert_eq!(Some(held[0].subject.as_str()), request.reply().as_deref());
            assert!(held[0].subject.starts_with("_INBOX."));
            request.respond("first").await.unwrap();
            request.respond("second").await.unwrap();
        });
        assert_eq!(text(&reply.unwrap()), "first");
        settle(&[&b, &a]).await;
        assert_eq!(a.statistics().unclaimed, 0, "the server sent no second reply");
    }

    async fn nothing_is_left_of_it_after_a_timeout(t: Target) {
        let (a, b) = t.clients().await;
        let sub = silence(&b).await;
        let error = a.request(sub.subject(), "").no_mux().timeout(SHORT).await.unwrap_err();
        assert_eq!(error, RequestError::Timeout { subject: sub.subject().into(), after: SHORT });
        t.until_held(&a, 0).await;
        until("the end of the subscription", || a.statistics().subscriptions == 0).await;
    }

    async fn nothing_is_left_of_it_without_responders(t: Target) {
        let nc = t.client().await;
        let subject = unique();
        let error = nc.request(&subject, "").no_mux().timeout(SOON).await.unwrap_err();
        assert_eq!(error, RequestError::NoResponders { subject });
        t.until_held(&nc, 0).await;
        until("the end of the subscription", || nc.statistics().subscriptions == 0).await;
    }

    async fn nothing_is_left_of_it_when_it_is_cancelled(t: Target) {
        let (a, b) = t.clients().await;
        let mut sub = silence(&b).await;
        let asking = tokio::spawn({
            let (nc, subject) = (a.clone(), sub.subject().into_owned());
            async move { nc.request(subject, "").no_mux().timeout(SOON).await }
        });
        next(&mut sub).await;
        assert_eq!(t.held(&a).await.len(), 1);
        asking.abort();
        assert!(asking.await.unwrap_err().is_cancelled());
        t.until_held(&a, 0).await;
        until("the end of the subscription", || a.statistics().subscriptions == 0).await;
    }

    on limited() =>
    async fn nothing_is_left_of_it_when_publishing_is_denied(t: Target) {
        let nc = t.connect().user_and_password("limited", "pw").await.unwrap();
        let error = nc.request("no", "").no_mux().reply("mine").timeout(SOON).await.unwrap_err();
        assert_eq!(error, RequestError::Denied { subject: "no".into() });
        t.until_held(&nc, 0).await;
        until("the end of the subscription", || nc.statistics().subscriptions == 0).await;
    }

    on limited() =>
    async fn a_denied_inbox_fails_it_at_once_and_no_other_request(t: Target) {
        let nc = t.connect().user_and_password("limited", "pw").await.unwrap();
        let admin = t.connect().user_and_password("admin", "pw").await.unwrap();
        let mut sub = nc.subscribe("ok").await.unwrap();
        let (denied, fine, ()) = tokio::join!(
            nc.request("ok", "bad").no_mux().timeout(SOON),
            nc.request("ok", "good").no_mux().reply("mine").timeout(SOON),
            async {
                while text(&next(&mut sub).await) != "good" {}
                admin.publish("mine", "fine").await.unwrap();
            }
        );
        assert!(
            matches!(&denied, Err(RequestError::InboxDenied { inbox }) if inbox.starts_with("_INBOX.")),
            "{denied:?}"
        );
        assert_eq!(text(&fine.unwrap()), "fine");
        assert_eq!(nc.statistics().requests, 0);
    }

    async fn the_reply_may_be_expected_on_a_subject_of_ones_own(t: Target) {
        let nc = t.client().await;
        let mut sub = silence(&nc).await;
        let (subject, inbox) = (sub.subject().into_owned(), unique());
        let (reply, ()) = tokio::join!(nc.request(&subject, "q").no_mux().reply(&inbox).timeout(SOON), async {
            let request = next(&mut sub).await;
            assert_eq!(request.reply().as_deref(), Some(inbox.as_str()));
            request.respond("bar").await.unwrap();
        });
        let reply = reply.unwrap();
        assert_eq!((reply.subject(), text(&reply)), (inbox.as_str().into(), "bar".into()));
    }

    async fn a_reply_subject_needs_a_subscription_of_its_own(t: Target) {
        let nc = t.client().await;
        let error = nc.request("a", "").reply("b").await.unwrap_err();
        assert!(matches!(error, RequestError::Option { option: "reply", .. }), "{error:?}");
        assert!(error.to_string().contains("no_mux"), "{error}");
        let Err(error) = nc.request("a", "").reply("b").many().await else { panic!("it was sent") };
        assert!(matches!(error, RequestError::Option { option: "reply", .. }), "{error:?}");
        assert_eq!(nc.statistics().requests, 0);
    }

    async fn a_reply_subject_that_cannot_work_is_refused_before_anything_is_sent(t: Target) {
        let nc = t.client().await;
        for reply in ["a.*", ">"] {
            let error = nc.request("a", "").no_mux().reply(reply).await.unwrap_err();
            assert!(matches!(error, RequestError::Option { option: "reply", .. }), "{error:?}");
        }
        for reply in ["", "a b", "a\r\nPUB x 0", "a..b"] {
            let error = nc.request("a", "").no_mux().reply(reply).await.unwrap_err();
            assert!(matches!(error, RequestError::Publish(PublishError::Subject(_))), "{error:?}");
        }
        settle(&[&nc]).await;
        assert_eq!((nc.statistics().published, nc.statistics().subscriptions, nc.statistics().requests), (0, 0, 0));
    }

    async fn a_subject_that_cannot_be_published_to_leaves_no_subscription(t: Target) {
        let nc = t.client().await;
        let error = nc.request("a b", "").no_mux().await.unwrap_err();
        assert!(matches!(error, RequestError::Publish(PublishError::Subject(_))), "{error:?}");
        settle(&[&nc]).await;
        assert!(t.held(&nc).await.is_empty());
        assert_eq!(nc.statistics().subscriptions, 0);
    }

    async fn many_replies_come_without_the_shared_inbox(t: Target) {
        let (a, b) = t.clients().await;
        let mut sub = silence(&b).await;
        let subject = sub.subject().into_owned();
        let mut replies = a.request(&subject, "").no_mux().many().timeout(SOON).max_messages(3).await.unwrap();
        let request = next(&mut sub).await;
        for i in 0..3 {
            request.respond(i.to_string()).await.unwrap();
        }
        for i in 0..3 {
            assert_eq!(text(&replies.next().await.unwrap().unwrap()), i.to_string());
        }
        assert!(replies.next().await.is_none());
        t.until_held(&a, 0).await;
    }

    async fn leaving_many_replies_early_leaves_no_subscription(t: Target) {
        let (a, b) = t.clients().await;
        let mut sub = silence(&b).await;
        let subject = sub.subject().into_owned();
        let mut replies = a.request(&subject, "").no_mux().many().timeout(SOON).await.unwrap();
        next(&mut sub).await.respond("one").await.unwrap();
        replies.next().await.unwrap().unwrap();
        drop(replies);
        t.until_held(&a, 0).await;
    }

    async fn a_drain_waits_for_its_reply(t: Target) {
        let (a, b) = t.clients().await;
        let mut sub = silence(&b).await;
        let subject = sub.subject().into_owned();
        let asking = tokio::spawn({
            let (nc, subject) = (a.clone(), subject.clone());
            async move { nc.request(subject, "").no_mux().timeout(SOON).await }
        });
        let request = next(&mut sub).await;
        let draining = tokio::spawn({
            let nc = a.clone();
            async move { nc.drain().await }
        });
        until("the drain to begin", || a.state() == nuncio::ConnectionState::Draining).await;
        b.flush().await.unwrap();
        request.respond("late").await.unwrap();
        assert_eq!(text(&asking.await.unwrap().unwrap()), "late");
        assert_eq!(draining.await.unwrap().unwrap().unanswered, 0);
    }

    on Setup::new().own() =>
    async fn it_may_outlive_a_lost_connection(t: Target) {
        let mut t = t;
        let nc = t.connect().fail_requests_on_disconnect(false).max_reconnects(None).await.unwrap();
        let mut sub = silence(&nc).await;
        let mut events = nc.events();
        let asking = tokio::spawn({
            let (nc, subject) = (nc.clone(), sub.subject().into_owned());
            async move { nc.request(subject, "").no_mux().timeout(SOON).await }
        });
        let request = next(&mut sub).await;
        t.restart().await;
        reconnected(&mut events).await;
        request.respond("after").await.unwrap();
        assert_eq!(text(&asking.await.unwrap().unwrap()), "after");
        t.until_held(&nc, 1).await;
    }
}
