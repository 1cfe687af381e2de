//! Hard situations: what came before, however odd, costs the connection nothing.

use std::time::Duration;

use nuncio::{Client, ConnectionState, Event, OnFull, SubscriptionEnd};

use crate::request::{echo, silence};
use crate::support::*;
use crate::target::{Rules, Setup, Target};

const SHORT: Duration = Duration::from_millis(20);

/// All that a connection is for works, and it is still the same one.
async fn all_is_well(nc: &Client) {
    all_is_well_on_connection(nc, 1).await;
}

async fn all_is_well_on_connection(nc: &Client, number: u64) {
    let root = format!("ok.{}", unique());
    let mut sub = nc.subscribe(format!("{root}.*")).queue("q").max(2).await.unwrap();
    nc.publish(format!("{root}.a"), "one").header("k", "v").await.unwrap();
    nc.publish(format!("{root}.b"), "two").await.unwrap();
    let first = next(&mut sub).await;
    assert_eq!((text(&first), first.header("k")), ("one".into(), Some("v")));
    assert_eq!(rest(&mut sub).await, (vec!["two".into()], SubscriptionEnd::Max));
    let mut service = nc.subscribe(format!("{root}.service")).confirmed().await.unwrap();
    let (reply, ()) = tokio::join!(nc.request(format!("{root}.service"), "ask").timeout(SOON), async {
        next(&mut service).await.respond("answer").await.unwrap();
    });
    assert_eq!(text(&reply.unwrap()), "answer");
    service.drain().await.unwrap();
    let error = nc.request(format!("{root}.service"), "").timeout(SOON).await.unwrap_err();
    assert!(error.is_no_responders(), "{error}");
    nc.flush().await.unwrap();
    let figures = nc.statistics();
    assert_eq!((nc.state(), figures.connects), (ConnectionState::Connected, number));
    assert_eq!((figures.requests, figures.buffered), (0, 0));
    assert_eq!(figures.published, figures.written + figures.lost + figures.maybe_lost);
}

fn limited() -> Setup {
    let rules = Rules::new()
        .allow_publish("ok.>")
        .allow_publish("_INBOX.>")
        .allow_subscribe("ok.>")
        .allow_subscribe("_INBOX.>");
    Setup::new().user_with("limited", "pw", rules)
}

rules! {
    async fn after_malformed_headers_everything_works(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).await.unwrap();
        nc.flush().await.unwrap();
        let blocks: [&[u8]; 10] = [
            b"NATS/1.0\r\nk: a\rb\r\n\r\n",
            b"NATS/1.0\r\nk: \xff\xfe\r\n\r\n",
            b"NATS/1.0\r\nno colon\r\n\r\n",
            b"NATS/1.0\r\na b: c\r\n\r\n",
            b"NATS/1.0\r\n: c\r\n\r\n",
            b"NATS/1.1\r\nk: v\r\n\r\n",
            b"NATS/1.0 abc\r\n\r\n",
            b"NATS/1.0 99999999\r\n\r\n",
            b"NATS/1.0\r\n\r\n",
            b"x",
        ];
        let mut raw = t.raw().await;
        for block in blocks {
            raw.hpub(sub.subject().as_bytes(), block, b"payload").await;
        }
        raw.sync().await;
        for block in blocks {
            let message = next(&mut sub).await;
            assert_eq!((message.raw_headers(), message.payload()), (Some(block), &b"payload"[..]));
            // Looked at in every way, by name and as a whole.
            let _ = (message.headers().map(|h| h.to_map()), message.header("k"), message.status());
            let _ = format!("{message:?}");
        }
        all_is_well(&nc).await;
    }

    async fn after_subjects_and_replies_that_are_no_text_everything_works(t: Target) {
        let nc = t.client().await;
        let root = unique();
        let mut sub = nc.subscribe(format!("{root}.>")).await.unwrap();
        let mut called = nc.subscribe(format!("{root}.>")).callback(|m| _ = m.subject().len()).await.unwrap();
        nc.flush().await.unwrap();
        let mut raw = t.raw().await;
        for odd in [&b"\xff\xfe"[..], b"\xc3", b"\x01\x7f", b"\"", b"\\", "🦀".as_bytes()] {
            raw.send([b"PUB ", root.as_bytes(), b".", odd, b" ", odd, b" 1\r\nx\r\n"].concat()).await;
            let message = next(&mut sub).await;
            assert_eq!(message.reply_bytes(), Some(odd));
            message.respond("to whom it may concern").await.unwrap();
        }
        called.drain().await.unwrap();
        assert_eq!(called.stats().received, 6);
        all_is_well(&nc).await;
    }

    on limited() =>
    async fn after_denials_of_every_kind_everything_works(t: Target) {
        let nc = t.connect().user_and_password("limited", "pw").await.unwrap();
        for _ in 0..3 {
            nc.publish("no", "").await.unwrap();
            nc.subscribe("no").confirmed().await.unwrap_err();
            let mut denied = nc.subscribe("no.more").queue("q").await.unwrap();
            assert!(matches!(rest(&mut denied).await.1, SubscriptionEnd::Denied { .. }));
            nc.request("no", "").timeout(SOON).await.unwrap_err();
            nc.request("no", "").no_mux().timeout(SOON).await.unwrap_err();
            let mut many = nc.request("no", "").many().timeout(SOON).await.unwrap();
            many.next().await.unwrap().unwrap_err();
        }
        assert_eq!(nc.statistics().requests, 0);
        all_is_well(&nc).await;
    }

    on Setup::new().max_subscriptions(5) =>
    async fn after_subscriptions_too_many_everything_works(t: Target) {
        let nc = t.client().await;
        let mut subs = Vec::new();
        for i in 0..20 {
            subs.push(nc.subscribe(format!("s.{i}")).await.unwrap());
        }
        for sub in &mut subs[5..] {
            assert!(matches!(rest(sub).await.1, SubscriptionEnd::Refused { .. }));
        }
        subs.clear();
        all_is_well(&nc).await;
    }

    async fn after_arguments_that_cannot_be_used_everything_works(t: Target) {
        let nc = t.client().await;
        for bad in ["", "a b", "a\r\nPUB x 0\r\n\r\n", ".", "a..b", "a\tb"] {
            nc.publish(bad, "").await.unwrap_err();
            nc.publish("a", "").reply(bad).await.unwrap_err();
            nc.publish("a", "").header(bad, "v\r\n").await.unwrap_err();
            nc.subscribe(bad).await.unwrap_err();
            nc.request(bad, "").await.unwrap_err();
        }
        for bad in ["a b", "a\r\nb", "\t"] {
            nc.subscribe("a").queue(bad).await.unwrap_err();
        }
        nc.publish("a", vec![0; nc.max_payload() + 1]).await.unwrap_err();
        assert_eq!(nc.statistics().published, 0);
        all_is_well(&nc).await;
    }

    async fn after_requests_that_nobody_answers_everything_works(t: Target) {
        let (nc, other) = t.clients().await;
        let silent = silence(&other).await;
        for no_mux in [false, true] {
            for _ in 0..20 {
                let request = nc.request(silent.subject(), "").timeout(SHORT);
                assert!(if no_mux { request.no_mux().await } else { request.await }.unwrap_err().is_timeout());
                let mut cancelled = Box::pin(nc.request(silent.subject(), "").into_future());
                let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
                let _ = std::future::Future::poll(cancelled.as_mut(), &mut cx);
            }
        }
        assert_eq!(nc.statistics().requests, 0);
        t.until_held(&nc, 1).await;
        all_is_well(&nc).await;
    }

    on Setup::new().own() =>
    async fn after_flushes_that_were_given_up_everything_works(mut t: Target) {
        let nc = t.client().await;
        t.pause().await;
        for _ in 0..5 {
            assert!(nc.flush_timeout(SHORT).await.unwrap_err().is_timeout());
        }
        // One that is not given up keeps its own answer among the late ones.
        let (flushed, ()) = tokio::join!(nc.flush_timeout(SOON), t.resume());
        flushed.unwrap();
        all_is_well(&nc).await;
    }

    async fn after_slow_consumers_of_every_policy_everything_works(t: Target) {
        let nc = t.client().await;
        for policy in [OnFull::DropNewest, OnFull::DropOldest, OnFull::Close] {
            let mut sub = nc.subscribe(unique()).limits(5, usize::MAX).on_full(policy).await.unwrap();
            if policy != OnFull::Close {
                sub.unsubscribe_after(30);
            }
            for _ in 0..40 {
                nc.publish(sub.subject(), "").await.unwrap();
            }
            settle(&[&nc]).await;
            let (read, end) = rest(&mut sub).await;
            let expected = if policy == OnFull::Close { SubscriptionEnd::QueueFull } else { SubscriptionEnd::Max };
            assert_eq!((read.len(), end), (5, expected), "{policy:?}");
        }
        t.until_held(&nc, 0).await;
        all_is_well(&nc).await;
    }

    async fn after_a_callback_has_panicked_everything_works(t: Target) {
        let nc = t.client().await;
        let subject = unique();
        let mut sub = nc.subscribe(&subject).callback(|_| std::panic::panic_any("on purpose")).await.unwrap();
        for _ in 0..3 {
            nc.publish(&subject, "").await.unwrap();
        }
        assert_eq!(sub.ended().await, SubscriptionEnd::CallbackPanicked);
        all_is_well(&nc).await;
    }

    async fn after_a_complaint_that_the_connection_survives_everything_works(t: Target) {
        let nc = t.connect().pedantic(true).verbose(true).await.unwrap();
        let mut events = nc.events();
        for _ in 0..3 {
            nc.publish("a.*", "").await.unwrap();
            event(&mut events, |e| matches!(e, Event::ServerError(_)).then_some(())).await;
        }
        all_is_well(&nc).await;
    }

    on Setup::new().max_control_line(512) =>
    async fn after_a_complaint_that_ends_the_connection_the_next_one_works(t: Target) {
        let nc = t.client().await;
        let mut events = nc.events();
        nc.publish("x".repeat(600), "").await.unwrap();
        reconnected(&mut events).await;
        all_is_well_on_connection(&nc, 2).await;
    }

    on Setup::new().own() =>
    async fn after_restarts_and_forced_reconnects_everything_works(mut t: Target) {
        let nc = t.connect().max_reconnects(None).await.unwrap();
        let mut events = nc.events();
        let subject = echo(&nc).await;
        for round in 1..=3 {
            t.restart().await;
            reconnected(&mut events).await;
            all_is_well_on_connection(&nc, 2 * round).await;
            nc.force_reconnect();
            reconnected(&mut events).await;
            all_is_well_on_connection(&nc, 2 * round + 1).await;
            assert_eq!(text(&nc.request(&subject, "still").timeout(SOON).await.unwrap()), "still");
        }
        t.until_held(&nc, 2).await;
    }
}
