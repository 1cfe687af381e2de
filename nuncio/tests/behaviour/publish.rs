//! Publishing.

use std::time::Duration;

use bytes::Bytes;
use nuncio::{Client, CloseReason, HeaderMap, PublishError, WhenFull};

use crate::support::*;
use crate::target::{Setup, Target};

/// Tries each way to publish a message that nearly always needs no second look: one of no bytes.
async fn empty_messages(nc: &Client) -> Vec<Result<(), PublishError>> {
    vec![
        nc.publish("a", "").await,
        nc.publish("a", ()).reply("b").await,
        nc.publish("a", "").header("k", "v").await,
        nc.try_publish("a", ""),
        nc.publish("a", "").reply("b").try_send(),
        nc.publish("a", "").header("k", "v").try_send(),
    ]
}

rules! {
    async fn publishing_to_nobody_succeeds(t: Target) {
        let nc = t.client().await;
        nc.publish(unique(), "to nobody").await.unwrap();
        nc.flush().await.unwrap();
    }

    async fn messages_arrive_in_the_order_of_publishing(t: Target) {
        let (a, b) = t.clients().await;
        let mut sub = b.subscribe(unique()).await.unwrap();
        b.flush().await.unwrap();
        let subject = sub.subject().into_owned();
        for i in 0..5_000 {
            a.publish(&subject, i.to_string()).await.unwrap();
        }
        for i in 0..5_000 {
            assert_eq!(text(&next(&mut sub).await), i.to_string());
        }
    }

    async fn what_is_published_is_received_as_it_was(t: Target) {
        let (a, b) = t.clients().await;
        let mut sub = b.subscribe(unique()).await.unwrap();
        b.flush().await.unwrap();
        a.publish(sub.subject(), "world").await.unwrap();
        a.publish(sub.subject(), "again").await.unwrap();
        assert_eq!(texts(&mut sub, 2).await, ["world", "again"]);
    }

    async fn an_empty_payload_is_a_message(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).await.unwrap();
        nc.publish(sub.subject(), "").await.unwrap();
        nc.publish(sub.subject(), ()).await.unwrap();
        nc.publish(sub.subject(), "").header("k", "v").await.unwrap();
        for _ in 0..3 {
            assert!(next(&mut sub).await.payload().is_empty());
        }
    }

    async fn any_octets_round_trip(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).await.unwrap();
        let all: Vec<u8> = (0..=255).collect();
        let nasty: [&[u8]; 5] = [&all, b"\0", b"\r\n", b"\xff\xfe", b"PING\r\nMSG a 1 3\r\n"];
        for payload in nasty {
            nc.publish(sub.subject(), payload).await.unwrap();
            nc.publish(sub.subject(), payload).header("k", "v").await.unwrap();
        }
        for payload in nasty {
            assert_eq!(next(&mut sub).await.payload(), payload);
            assert_eq!(next(&mut sub).await.payload(), payload);
        }
    }

    async fn every_kind_of_payload_is_taken(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).await.unwrap();
        let subject = sub.subject().into_owned();
        nc.publish(&subject, "str").await.unwrap();
        nc.publish(&subject, String::from("string")).await.unwrap();
        let owned = String::from("string ref");
        nc.publish(&subject, &owned).await.unwrap();
        nc.publish(&subject, b"array").await.unwrap();
        nc.publish(&subject, &b"slice"[..]).await.unwrap();
        nc.publish(&subject, b"vec".to_vec()).await.unwrap();
        nc.publish(&subject, Bytes::from_static(b"bytes")).await.unwrap();
        let expected = ["str", "string", "string ref", "array", "slice", "vec", "bytes"];
        assert_eq!(texts(&mut sub, 7).await, expected);
    }

    async fn payloads_of_every_size_arrive_whole(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).await.unwrap();
        let sizes = [1, 100, 4095, 4096, 4097, 65_535, 65_536, 131_072, 500_000, 1_048_576];
        let payload = |size: usize| -> Vec<u8> { (0..size).map(|i| (i * 31 % 251) as u8).collect() };
        for size in sizes {
            nc.publish(sub.subject(), payload(size)).await.unwrap();
            nc.publish(sub.subject(), payload(size).as_slice()).await.unwrap();
        }
        for size in sizes {
            assert!(next(&mut sub).await.payload() == payload(size), "shared, {size}");
            assert!(next(&mut sub).await.payload() == payload(size), "borrowed, {size}");
        }
    }

    async fn a_message_that_is_kept_is_not_overwritten_by_later_ones(t: Target) {
        let (a, b) = t.clients().await;
        let mut sub = b.subscribe(unique()).await.unwrap();
        b.flush().await.unwrap();
        let payload = |i: usize| format!("{i}:{}", "x".repeat(i % 700));
        let mut kept = Vec::new();
        for i in 0..3_000 {
            a.publish(sub.subject(), payload(i)).header("i", &i.to_string()).await.unwrap();
            if i % 100 == 99 {
                a.flush().await.unwrap();
                while let Some(message) = sub.try_next() {
                    kept.push(message);
                }
            }
        }
        while kept.len() < 3_000 {
            kept.push(next(&mut sub).await);
        }
        for (i, message) in kept.iter_mut().enumerate() {
            assert_eq!(text(message), payload(i));
            message.detach();
            assert_eq!(text(message), payload(i));
            assert_eq!(message.header("i"), Some(&*i.to_string()));
        }
    }

    async fn the_reply_subject_is_passed_on(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).await.unwrap();
        nc.publish(sub.subject(), "").reply("answer.here").await.unwrap();
        nc.publish(sub.subject(), "").await.unwrap();
        assert_eq!(next(&mut sub).await.reply().as_deref(), Some("answer.here"));
        assert_eq!(next(&mut sub).await.reply(), None);
    }

    async fn options_may_come_in_any_number(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).await.unwrap();
        let mut more = HeaderMap::new();
        more.append("c", "3").unwrap();
        nc.publish(sub.subject(), "p").header("a", "1").reply("r").headers(more).header("a", "2").await.unwrap();
        let message = next(&mut sub).await;
        let headers: Vec<_> = message.headers().unwrap().iter().collect();
        assert_eq!(headers, [("a", "1"), ("c", "3"), ("a", "2")]);
        assert_eq!((message.reply().as_deref(), message.payload()), (Some("r"), &b"p"[..]));
    }

    async fn subjects_in_utf8_arrive_as_they_are(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(format!("{}.>", unique())).await.unwrap();
        let root = sub.subject().trim_end_matches('>').to_owned();
        for token in ["ünïcödé", "日本", "🦀", "a$b", "quote\"back\\slash"] {
            nc.publish(format!("{root}{token}"), "").await.unwrap();
            assert_eq!(next(&mut sub).await.subject(), format!("{root}{token}"));
        }
    }

    async fn subjects_that_are_not_utf8_arrive_byte_by_byte(t: Target) {
        let nc = t.client().await;
        let root = unique();
        let mut sub = nc.subscribe(format!("{root}.*")).await.unwrap();
        let subject = [root.as_bytes(), b".\xff\xfe\x01"].concat();
        nc.publish(&subject[..], "odd").await.unwrap();
        let message = next(&mut sub).await;
        assert_eq!(message.subject_bytes(), subject);
        assert_eq!(message.subject(), format!("{root}.\u{fffd}\u{fffd}\u{1}"));
        assert_eq!(text(&message), "odd");
    }

    async fn wildcards_in_a_publish_subject_are_literal(t: Target) {
        let nc = t.client().await;
        let root = unique();
        let mut all = nc.subscribe(format!("{root}.>")).await.unwrap();
        let mut one = nc.subscribe(format!("{root}.a")).await.unwrap();
        nc.publish(format!("{root}.*"), "star").await.unwrap();
        settle(&[&nc]).await;
        assert_eq!(present(&mut all), ["star"]);
        assert!(present(&mut one).is_empty());
    }

    async fn a_publish_that_is_never_awaited_is_not_sent(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).await.unwrap();
        let subject = sub.subject().into_owned();
        drop(nc.publish(&subject, "never"));
        nc.publish(&subject, "sent").await.unwrap();
        settle(&[&nc]).await;
        assert_eq!(present(&mut sub), ["sent"]);
    }

    async fn publishing_needs_no_await(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).await.unwrap();
        nc.try_publish(sub.subject(), "one").unwrap();
        nc.publish(sub.subject(), "two").header("k", "v").try_send().unwrap();
        assert_eq!(texts(&mut sub, 2).await, ["one", "two"]);
    }

    async fn many_tasks_publish_at_once(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).await.unwrap();
        let subject = sub.subject().into_owned();
        let tasks: Vec<_> = (0..20)
            .map(|task| {
                let (nc, subject) = (nc.clone(), subject.clone());
                tokio::spawn(async move {
                    for i in 0..100 {
                        nc.publish(&subject, format!("{task} {i}")).await.unwrap();
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let mut seen = [0; 20];
        for text in texts(&mut sub, 2_000).await {
            let (task, i) = text.split_once(' ').unwrap();
            let expected = &mut seen[task.parse::<usize>().unwrap()];
            assert_eq!(i, expected.to_string(), "each task's messages are in order");
            *expected += 1;
        }
    }

    async fn publishing_on_a_closed_connection_fails(t: Target) {
        let nc = t.client().await;
        nc.close().await;
        let error = nc.publish("a", "").await.unwrap_err();
        assert!(matches!(error, PublishError::Closed(_)), "{error:?}");
    }

    async fn an_empty_message_on_a_closed_connection_is_refused(t: Target) {
        let nc = t.client().await;
        nc.publish("a", "").await.unwrap();
        nc.close().await;
        for refused in empty_messages(&nc).await {
            assert!(matches!(&refused, Err(PublishError::Closed(e)) if e.reason == CloseReason::Closed), "{refused:?}");
        }
        assert_eq!(nc.statistics().published, 1);
    }

    async fn an_empty_message_on_a_drained_connection_is_refused(t: Target) {
        let nc = t.client().await;
        nc.publish("a", "").await.unwrap();
        nc.drain().await.unwrap();
        for refused in empty_messages(&nc).await {
            assert!(matches!(&refused, Err(PublishError::Closed(e)) if e.reason == CloseReason::Drained), "{refused:?}");
        }
        assert_eq!(nc.statistics().published, 1);
    }

    async fn responding_without_a_reply_subject_fails(t: Target) {
        let nc = t.client().await;
        let mut sub = nc.subscribe(unique()).await.unwrap();
        nc.publish(sub.subject(), "").await.unwrap();
        let message = next(&mut sub).await;
        let error = message.respond("?").await.unwrap_err();
        assert_eq!(error, PublishError::NoReply { subject: message.subject().into_owned() });
    }

    on Setup::new().own() =>
    async fn a_full_buffer_refuses_when_told_to(mut t: Target) {
        let nc = t.connect().outbox_limit(1000).when_full(WhenFull::Fail).max_reconnects(None).await.unwrap();
        t.stop().await;
        until("the loss", || nc.state() == nuncio::ConnectionState::Connecting).await;
        let mut taken = 0;
        let error = loop {
            match nc.publish("a", [b'x'; 100].as_slice()).await {
                Ok(()) => taken += 1,
                Err(error) => break error,
            }
        };
        assert!(matches!(error, PublishError::Full { limit: 1000, .. }), "{error:?}");
        assert!((5..10).contains(&taken), "{taken}");
        assert_eq!(nc.statistics().buffered, taken);
    }

    on Setup::new().own() =>
    async fn a_full_buffer_makes_a_publish_wait_for_room(mut t: Target) {
        let nc = t
            .connect()
            .outbox_limit(1000)
            .when_full(WhenFull::Wait(SOON))
            .max_reconnects(None)
            .await
            .unwrap();
        let mut sub = nc.subscribe("a").await.unwrap();
        nc.flush().await.unwrap();
        t.stop().await;
        until("the loss", || nc.state() == nuncio::ConnectionState::Connecting).await;
        let publisher = tokio::spawn({
            let nc = nc.clone();
            async move {
                for _ in 0..50 {
                    nc.publish("a", [b'x'; 100].as_slice()).await.unwrap();
                }
            }
        });
        until("a full buffer", || nc.statistics().buffered >= 5).await;
        assert!(!publisher.is_finished());
        t.start().await;
        publisher.await.unwrap();
        assert_eq!(texts(&mut sub, 50).await.len(), 50);
    }

    on Setup::new().own() =>
    async fn waiting_for_room_ends_in_time(mut t: Target) {
        let after = Duration::from_millis(50);
        let nc = t
            .connect()
            .outbox_limit(1000)
            .when_full(WhenFull::Wait(after))
            .max_reconnects(None)
            .await
            .unwrap();
        t.stop().await;
        until("the loss", || nc.state() == nuncio::ConnectionState::Connecting).await;
        let error = loop {
            if let Err(error) = nc.publish("a.b", [b'x'; 100].as_slice()).await {
                break error;
            }
        };
        assert_eq!(error, PublishError::Timeout { subject: "a.b".into(), after });
        assert!(error.is_timeout());
    }

    on Setup::new().own() =>
    async fn a_full_buffer_drops_the_oldest_when_told_to(mut t: Target) {
        let nc = t
            .connect()
            .outbox_limit(1000)
            .when_full(WhenFull::DropOldest)
            .max_reconnects(None)
            .await
            .unwrap();
        let mut sub = nc.subscribe("a").await.unwrap();
        nc.flush().await.unwrap();
        t.stop().await;
        until("the loss", || nc.state() == nuncio::ConnectionState::Connecting).await;
        for i in 0..100 {
            nc.publish("a", format!("{i:0100}")).await.unwrap();
        }
        let figures = nc.statistics();
        assert!(figures.lost >= 90, "{figures:?}");
        assert_eq!(figures.published, figures.written + figures.buffered + figures.lost + figures.maybe_lost);
        t.start().await;
        let kept = texts(&mut sub, usize::try_from(figures.buffered).unwrap()).await;
        assert_eq!(kept.last().unwrap(), &format!("{:0100}", 99));
    }
}
