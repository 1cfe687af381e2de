//! Arguments that cannot be used: typed errors that name the thing, and nothing else is harmed.

use std::time::Duration;

use nuncio::{Client, ConnectError, HeaderError, PublishError, RequestError, SubscribeError, Subscription};

use crate::support::*;
use crate::target::{Setup, Target};

const BAD_SUBJECTS: [&str; 10] = ["", "a b", "a\tb", "a\rb", "a\nb", " a", ".a", "a.", "a..b", "a\r\nPING"];

/// A client with a subscription to all of one subject's messages, the first of which is published already.
async fn with_one_published(t: &Target) -> (Client, Subscription) {
    let nc = t.client().await;
    let sub = nc.subscribe(unique()).await.unwrap();
    nc.publish(sub.subject(), "before").await.unwrap();
    (nc, sub)
}

/// What was published before and after is there, over the same connection.
async fn nothing_was_harmed(nc: &Client, sub: &mut Subscription) {
    nc.publish(sub.subject(), "after").await.unwrap();
    settle(&[nc]).await;
    assert_eq!(present(sub), ["before", "after"]);
    let figures = nc.statistics();
    assert_eq!((figures.published, figures.written, figures.connects), (2, 2, 1));
}

rules! {
    async fn a_bad_publish_subject_is_refused(t: Target) {
        let (nc, mut sub) = with_one_published(&t).await;
        for bad in BAD_SUBJECTS {
            let error = nc.publish(bad, "").await.unwrap_err();
            assert!(matches!(error, PublishError::Subject(_)), "{bad:?}: {error:?}");
            assert!(error.to_string().contains(&*bad.escape_debug().to_string()), "{bad:?}: {error}");
            assert_eq!(nc.try_publish(bad, ""), Err(error));
        }
        nothing_was_harmed(&nc, &mut sub).await;
    }

    async fn a_bad_reply_subject_is_refused(t: Target) {
        let (nc, mut sub) = with_one_published(&t).await;
        for bad in BAD_SUBJECTS {
            let error = nc.publish("good", "").reply(bad).await.unwrap_err();
            assert!(matches!(error, PublishError::Subject(_)), "{bad:?}: {error:?}");
        }
        nothing_was_harmed(&nc, &mut sub).await;
    }

    async fn a_bad_request_subject_is_refused(t: Target) {
        let (nc, mut sub) = with_one_published(&t).await;
        for bad in BAD_SUBJECTS {
            let error = nc.request(bad, "").await.unwrap_err();
            assert!(matches!(error, RequestError::Publish(PublishError::Subject(_))), "{bad:?}: {error:?}");
            let error = nc.request(bad, "").many().await.unwrap_err();
            assert!(matches!(error, RequestError::Publish(PublishError::Subject(_))), "{bad:?}: {error:?}");
        }
        assert_eq!(nc.statistics().requests, 0);
        nothing_was_harmed(&nc, &mut sub).await;
    }

    async fn a_bad_subscribe_subject_is_refused(t: Target) {
        let (nc, mut sub) = with_one_published(&t).await;
        for bad in BAD_SUBJECTS.into_iter().chain(["a.>.b", ">.a"]) {
            let error = nc.subscribe(bad).await.unwrap_err();
            assert!(matches!(error, SubscribeError::Subject(_)), "{bad:?}: {error:?}");
            assert!(error.to_string().contains(&*bad.escape_debug().to_string()), "{bad:?}: {error}");
            let error = nc.subscribe(bad).callback(drop).await.unwrap_err();
            assert!(matches!(error, SubscribeError::Subject(_)), "{bad:?}: {error:?}");
        }
        nc.flush().await.unwrap();
        assert_eq!(nc.statistics().subscriptions, 1);
        nothing_was_harmed(&nc, &mut sub).await;
    }

    async fn a_wildcard_that_is_not_at_the_end_says_so(t: Target) {
        let nc = t.client().await;
        let error = nc.subscribe("a.>.b").await.unwrap_err().to_string();
        assert!(error.contains("a.>.b") && error.contains("only allowed at the end"), "{error}");
    }

    async fn a_bad_queue_group_is_refused(t: Target) {
        let (nc, mut sub) = with_one_published(&t).await;
        for bad in ["a b", "a\tb", "a\r\nb", " "] {
            let error = nc.subscribe("good").queue(bad).await.unwrap_err();
            assert!(matches!(error, SubscribeError::Subject(_)), "{bad:?}: {error:?}");
            assert!(error.to_string().contains("queue group"), "{error}");
        }
        nothing_was_harmed(&nc, &mut sub).await;
    }

    async fn a_bad_header_is_refused(t: Target) {
        let (nc, mut sub) = with_one_published(&t).await;
        for (name, value) in [("", "v"), ("a b", "v"), ("a:b", "v"), ("a\r\n", "v"), ("ä", "v"), ("k", "v\r\nX: y"), ("k", "\r"), ("k", "\n")] {
            let error = nc.publish("good", "").header(name, value).await.unwrap_err();
            assert!(matches!(error, PublishError::Header(_)), "{name:?}: {value:?}: {error:?}");
            let error = nc.request("good", "").header(name, value).await.unwrap_err();
            assert!(matches!(error, RequestError::Publish(PublishError::Header(_))), "{error:?}");
        }
        nothing_was_harmed(&nc, &mut sub).await;
    }

    async fn a_header_value_with_a_line_break_is_named_by_its_header(t: Target) {
        let nc = t.client().await;
        let error = nc.publish("good", "").header("trace", "a\r\nb").await.unwrap_err();
        assert_eq!(error, PublishError::Header(HeaderError::InvalidValue { name: "trace".into() }));
        assert!(error.to_string().contains("\"trace\""), "{error}");
    }

    async fn of_several_faults_the_first_is_reported(t: Target) {
        let nc = t.client().await;
        let error = nc.publish("good", "").header("a b", "").header("c d", "").await.unwrap_err();
        assert_eq!(error, PublishError::Header(HeaderError::InvalidName { name: "a b".into() }));
    }

    async fn a_payload_over_the_limit_is_refused_with_both_sizes(t: Target) {
        let (nc, mut sub) = with_one_published(&t).await;
        let max = nc.max_payload();
        let error = nc.publish("big", vec![0; max + 1]).await.unwrap_err();
        assert_eq!(error, PublishError::TooLarge { subject: "big".into(), size: max + 1, max });
        let error = error.to_string();
        assert!(error.contains("big") && error.contains("1048577") && error.contains("1048576"), "{error}");
        nothing_was_harmed(&nc, &mut sub).await;
    }

    async fn a_request_over_the_limit_is_refused(t: Target) {
        let nc = t.client().await;
        let error = nc.request("big", vec![0; nc.max_payload() + 1]).await.unwrap_err();
        assert!(matches!(error, RequestError::Publish(PublishError::TooLarge { .. })), "{error:?}");
        assert_eq!(nc.statistics().requests, 0);
    }

    async fn subjects_that_do_not_fit_a_control_line_are_refused(t: Target) {
        let (nc, mut sub) = with_one_published(&t).await;
        let long = "x".repeat(4096);
        let error = nc.publish(&long, "").await.unwrap_err();
        assert!(matches!(error, PublishError::SubjectTooLong { size: 4096, .. }), "{error:?}");
        let half = "x".repeat(2100);
        let error = nc.publish(&half, "").reply(&half).await.unwrap_err();
        assert!(matches!(error, PublishError::SubjectTooLong { size: 4200, .. }), "{error:?}");
        let error = nc.subscribe(&long).await.unwrap_err();
        assert!(matches!(error, SubscribeError::SubjectTooLong { size: 4096, .. }), "{error:?}");
        let error = nc.subscribe(&half).queue(&half).await.unwrap_err();
        assert!(matches!(error, SubscribeError::SubjectTooLong { size: 4200, .. }), "{error:?}");
        nothing_was_harmed(&nc, &mut sub).await;
    }

    async fn an_address_that_cannot_be_is_refused_by_name(_t: Target) {
        for bad in ["nats://", "host:0", "host:99999", "gopher://host", "a b", "nats://host/path"] {
            let error = nuncio::connect(bad).await.unwrap_err();
            assert!(matches!(error, ConnectError::Address(_)), "{bad}: {error:?}");
            assert!(!error.is_retryable());
        }
        let error = nuncio::connect("gopher://host").await.unwrap_err().to_string();
        assert!(error.contains("gopher://host"), "{error}");
    }

    async fn an_error_about_an_address_hides_its_secrets(_t: Target) {
        let error = nuncio::connect("gopher://me:hunter2@host").await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }

    async fn no_server_at_all_is_refused(_t: Target) {
        let error = nuncio::connect(Vec::<String>::new()).await.unwrap_err();
        assert!(matches!(error, ConnectError::Option { option: "servers", .. }), "{error:?}");
    }

    async fn an_unknown_host_is_named(_t: Target) {
        let error = nuncio::connect("no-such-host.invalid").connect_timeout(SOON).await.unwrap_err();
        assert!(matches!(&error, ConnectError::Resolve { server, .. } if server == "no-such-host.invalid:4222"), "{error:?}");
        assert!(error.to_string().contains("no-such-host.invalid"), "{error}");
    }

    on Setup::new().user("me", "right") =>
    async fn a_wrong_password_is_no_reason_to_show_it(t: Target) {
        let error = t.connect().user_and_password("me", "hunter2").await.unwrap_err();
        assert!(error.is_auth(), "{error:?}");
        let shown = format!("{error} {error:?}");
        assert!(shown.contains(&t.addr()) && !shown.contains("hunter2"), "{shown}");
    }

    async fn an_inbox_prefix_with_wildcards_is_refused(t: Target) {
        for bad in ["", "a.*", "a.>", ">", "a b", "a.", "a..b"] {
            let error = t.connect().inbox_prefix(bad).await.unwrap_err();
            assert!(matches!(error, ConnectError::Option { option: "inbox_prefix", .. }), "{bad}: {error:?}");
        }
    }

    async fn a_subscription_that_could_hold_nothing_is_refused(t: Target) {
        let nc = t.client().await;
        for (messages, bytes) in [(0, 1), (1, 0)] {
            let error = nc.subscribe("a").limits(messages, bytes).await.unwrap_err();
            assert!(matches!(error, SubscribeError::Option { option: "limits", .. }), "{error:?}");
            let error = t.connect().subscription_limits(messages, bytes).await.unwrap_err();
            assert!(matches!(error, ConnectError::Option { option: "subscription_limits", .. }), "{error:?}");
        }
        let error = nc.subscribe("a").max(0).await.unwrap_err();
        assert!(matches!(error, SubscribeError::Option { option: "max", .. }), "{error:?}");
    }

    async fn durations_beyond_all_sense_are_no_fault(t: Target) {
        let nc = t
            .connect()
            .connect_timeout(Duration::MAX)
            .request_timeout(Duration::MAX)
            .flush_timeout(Duration::MAX)
            .drain_timeout(Duration::MAX)
            .close_timeout(Duration::MAX)
            .ping_interval(Duration::MAX)
            .await
            .unwrap();
        let mut sub = nc.subscribe(unique()).first_message_timeout(Duration::MAX).await.unwrap();
        let subject = sub.subject().into_owned();
        let (reply, ()) = tokio::join!(nc.request(&subject, ""), async {
            next(&mut sub).await.respond("ok").await.unwrap();
        });
        assert_eq!(text(&reply.unwrap()), "ok");
        nc.flush().await.unwrap();
        nc.drain().await.unwrap();
    }
}
