//! What a user may not do: told to whom it concerns, with no harm to the rest.

use std::time::Duration;

use nuncio::{Client, Connect, ConnectionState, Event, RequestError, ServerError, SubscriptionEnd};

use crate::support::*;
use crate::target::{Rules, Setup, Target};

fn setup() -> Setup {
    let rules = Rules::new()
        .allow_publish("ok.>")
        .allow_publish("_INBOX.>")
        .deny_publish("ok.not")
        .allow_subscribe("ok.>")
        .allow_subscribe("_INBOX.>")
        .allow_subscribe("group q1")
        .deny_subscribe("ok.not");
    let no_inbox = Rules::new().deny_subscribe("_INBOX.>");
    Setup::new().user("admin", "pw").user_with("limited", "pw", rules).user_with("no_inbox", "pw", no_inbox)
}

fn as_user(t: &Target, name: &str) -> Connect {
    t.connect().user_and_password(name, "pw")
}

async fn limited(t: &Target) -> Client {
    as_user(t, "limited").await.unwrap()
}

async fn nothing_else_was_harmed(nc: &Client) {
    let mut sub = nc.subscribe("ok.control").await.unwrap();
    nc.publish("ok.control", "fine").await.unwrap();
    assert_eq!(texts(&mut sub, 1).await, ["fine"]);
    assert_eq!((nc.state(), nc.statistics().connects), (ConnectionState::Connected, 1));
}

rules! {
    on setup() =>
    async fn what_is_allowed_works(t: Target) {
        let nc = limited(&t).await;
        nothing_else_was_harmed(&nc).await;
        let admin = as_user(&t, "admin").await.unwrap();
        let mut sub = nc.subscribe("ok.a").await.unwrap();
        nc.flush().await.unwrap();
        admin.publish("ok.a", "from admin").await.unwrap();
        assert_eq!(texts(&mut sub, 1).await, ["from admin"]);
    }

    on setup() =>
    async fn a_denied_publish_is_told_as_an_event_and_not_delivered(t: Target) {
        let (nc, admin) = (limited(&t).await, as_user(&t, "admin").await.unwrap());
        let mut events = nc.events();
        let mut all = admin.subscribe(">").await.unwrap();
        admin.flush().await.unwrap();
        for subject in ["no", "ok.not", "we\"ird\\s"] {
            nc.publish(subject, "").await.unwrap();
            let error = event(&mut events, |e| match e {
                Event::ServerError(error) => Some(error),
                _ => None,
            })
            .await;
            assert_eq!(error, ServerError::PublishViolation { subject: subject.as_bytes().to_vec().into() });
            assert!(error.to_string().contains("refuses publishing"), "{error}");
        }
        settle(&[&nc, &admin]).await;
        assert!(present(&mut all).is_empty());
        nothing_else_was_harmed(&nc).await;
    }

    on setup() =>
    async fn a_denied_request_fails_at_once(t: Target) {
        let nc = limited(&t).await;
        let mut events = nc.events();
        let begin = std::time::Instant::now();
        for subject in ["no", "ok.not", "\"quoted\""] {
            let error = nc.request(subject, "").timeout(SOON).await.unwrap_err();
            assert_eq!(error, RequestError::Denied { subject: subject.into() });
            assert!(error.to_string().contains(subject), "{error}");
            // And it is told to whoever listens.
            let told = event(&mut events, |e| match e {
                Event::ServerError(error) => Some(error),
                _ => None,
            })
            .await;
            assert_eq!(told, ServerError::PublishViolation { subject: subject.as_bytes().to_vec().into() });
        }
        assert!(begin.elapsed() < SOON);
        assert_eq!(nc.statistics().requests, 0);
        nothing_else_was_harmed(&nc).await;
    }

    on setup() =>
    async fn a_denied_request_for_many_replies_fails_at_once(t: Target) {
        let nc = limited(&t).await;
        let mut replies = nc.request("no", "").many().timeout(SOON).await.unwrap();
        assert_eq!(replies.next().await.unwrap().unwrap_err(), RequestError::Denied { subject: "no".into() });
        assert!(replies.next().await.is_none());
    }

    on setup() =>
    async fn several_denied_requests_each_fail(t: Target) {
        let nc = limited(&t).await;
        let (a, b, c) = tokio::join!(
            nc.request("no", "").timeout(SOON),
            nc.request("no", "").timeout(SOON),
            nc.request("ok.not", "").timeout(SOON),
        );
        assert_eq!(a.unwrap_err(), RequestError::Denied { subject: "no".into() });
        assert_eq!(b.unwrap_err(), RequestError::Denied { subject: "no".into() });
        assert_eq!(c.unwrap_err(), RequestError::Denied { subject: "ok.not".into() });
    }

    on setup() =>
    async fn a_denied_request_does_not_touch_those_to_other_subjects(t: Target) {
        let nc = limited(&t).await;
        let mut requests = nc.subscribe("ok.service").await.unwrap();
        let (good, bad, ()) = tokio::join!(
            nc.request("ok.service", "").timeout(SOON),
            nc.request("no", "").timeout(SOON),
            async { next(&mut requests).await.respond("ok").await.unwrap() }
        );
        assert_eq!(text(&good.unwrap()), "ok");
        assert_eq!(bad.unwrap_err(), RequestError::Denied { subject: "no".into() });
    }

    on setup() =>
    async fn a_denied_subscription_ends_and_others_do_not(t: Target) {
        let nc = limited(&t).await;
        let mut events = nc.events();
        let mut good = nc.subscribe("ok.a").await.unwrap();
        let mut denied = nc.subscribe("no.sub").await.unwrap();
        let mut not = nc.subscribe("ok.not").await.unwrap();
        let end = SubscriptionEnd::Denied { subject: "no.sub".into() };
        assert_eq!(rest(&mut denied).await, (vec![], end.clone()));
        assert!(end.to_string().contains("no.sub"), "{end}");
        assert_eq!(rest(&mut not).await.1, SubscriptionEnd::Denied { subject: "ok.not".into() });
        let error = event(&mut events, |e| match e {
            Event::ServerError(error) => Some(error),
            _ => None,
        })
        .await;
        assert_eq!(error, ServerError::SubscribeViolation { subject: "no.sub".into(), queue: None, sid: None });
        nc.publish("ok.a", "lives").await.unwrap();
        assert_eq!(texts(&mut good, 1).await, ["lives"]);
        assert_eq!(nc.statistics().subscriptions, 1, "a denied one is reaped");
        nothing_else_was_harmed(&nc).await;
    }

    on setup() =>
    async fn a_denied_callback_subscription_ends(t: Target) {
        let nc = limited(&t).await;
        let mut denied = nc.subscribe("no.sub").callback(drop).await.unwrap();
        assert_eq!(denied.ended().await, SubscriptionEnd::Denied { subject: "no.sub".into() });
    }

    on setup() =>
    async fn a_queue_permission_is_matched_with_its_queue(t: Target) {
        let nc = limited(&t).await;
        let mut right = nc.subscribe("group").queue("q1").await.unwrap();
        let mut wrong = nc.subscribe("group").queue("q2").await.unwrap();
        let mut none = nc.subscribe("group").await.unwrap();
        let denied = SubscriptionEnd::Denied { subject: "group".into() };
        assert_eq!(rest(&mut wrong).await.1, denied);
        assert_eq!(rest(&mut none).await.1, denied);
        nc.flush().await.unwrap();
        assert_eq!(right.ended(), None);
        as_user(&t, "admin").await.unwrap().publish("group", "job").await.unwrap();
        assert_eq!(texts(&mut right, 1).await, ["job"]);
    }

    on setup() =>
    async fn of_equal_subscriptions_each_denial_ends_one(t: Target) {
        let nc = limited(&t).await;
        let mut subs = [nc.subscribe("no").await.unwrap(), nc.subscribe("no").await.unwrap(), nc.subscribe("no").await.unwrap()];
        for sub in &mut subs {
            assert_eq!(rest(sub).await.1, SubscriptionEnd::Denied { subject: "no".into() });
        }
        assert_eq!(nc.statistics().subscriptions, 0);
    }

    on setup() =>
    async fn a_denied_inbox_fails_requests_at_once(t: Target) {
        let nc = as_user(&t, "no_inbox").await.unwrap();
        let mut service = nc.subscribe("service").await.unwrap();
        for _ in 0..3 {
            let error = nc.request("service", "").timeout(SOON).await.unwrap_err();
            assert!(matches!(&error, RequestError::InboxDenied { inbox } if inbox.starts_with("_INBOX.")), "{error:?}");
            assert!(error.to_string().contains("inbox_prefix"), "{error}");
            next(&mut service).await;
        }
        let mut replies = nc.request("service", "").many().timeout(SOON).await.unwrap();
        let error = replies.next().await.unwrap().unwrap_err();
        assert!(matches!(error, RequestError::InboxDenied { .. }), "{error:?}");
        assert_eq!(nc.statistics().requests, 0);
    }

    on setup() =>
    async fn another_inbox_prefix_helps_where_the_inbox_is_denied(t: Target) {
        let nc = as_user(&t, "no_inbox").inbox_prefix("my.inbox").await.unwrap();
        let mut service = nc.subscribe("service").await.unwrap();
        let (reply, ()) = tokio::join!(nc.request("service", "").timeout(SOON), async {
            next(&mut service).await.respond("ok").await.unwrap();
        });
        assert_eq!(text(&reply.unwrap()), "ok");
    }

    on setup() =>
    async fn a_wildcard_over_a_denied_subject_receives_the_rest(t: Target) {
        let (nc, admin) = (limited(&t).await, as_user(&t, "admin").await.unwrap());
        let mut sub = nc.subscribe("ok.*").await.unwrap();
        nc.flush().await.unwrap();
        for subject in ["ok.a", "ok.not", "ok.b"] {
            admin.publish(subject, subject).await.unwrap();
        }
        settle(&[&admin, &nc]).await;
        assert_eq!((present(&mut sub), sub.ended()), (vec!["ok.a".into(), "ok.b".into()], None));
    }

    on setup() =>
    async fn a_violation_is_not_remembered_as_the_reason_of_a_later_loss(t: Target) {
        let nc = limited(&t).await;
        nc.publish("no", "").await.unwrap();
        nc.flush().await.unwrap();
        let mut events = nc.events();
        nc.force_reconnect();
        let cause = event(&mut events, |e| match e {
            Event::Disconnected { cause, .. } => Some(cause),
            _ => None,
        })
        .await;
        assert_eq!(cause, nuncio::DisconnectCause::Forced);
    }

    on Setup::new()
        .user("admin", "pw")
        .user_with("service", "pw", Rules::new().allow_subscribe("service").allow_responses(1, Duration::from_secs(60))) =>
    async fn a_responder_may_respond_as_often_as_allowed(t: Target) {
        let (service, admin) = (as_user(&t, "service").await.unwrap(), as_user(&t, "admin").await.unwrap());
        let mut events = service.events();
        let mut requests = service.subscribe("service").await.unwrap();
        service.flush().await.unwrap();
        let (reply, request) = tokio::join!(admin.request("service", "").timeout(SOON), async {
            let request = next(&mut requests).await;
            request.respond("once").await.unwrap();
            request
        });
        assert_eq!(text(&reply.unwrap()), "once");
        request.respond("twice").await.unwrap();
        let error = event(&mut events, |e| match e {
            Event::ServerError(error) => Some(error),
            _ => None,
        })
        .await;
        assert!(matches!(error, ServerError::PublishViolation { .. }), "{error:?}");
    }
}
