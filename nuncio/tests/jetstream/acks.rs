//! Acknowledging, and what a message knows of its delivery.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nuncio::Client;
use nuncio::jetstream::{Ack, AckError, Consumer, JsMessage};
use nuncio_testkit::{NatsServer, eventually_async};

use crate::support::*;

async fn none(consumer: &Consumer) -> bool {
    soon(consumer.next().timeout(Duration::from_millis(100)).into_future()).await.unwrap().is_none()
}

async fn floor(nc: &Client, sequence: u64) {
    let acked =
        async || (consumer_info(nc, "S", "C").await["ack_floor"]["stream_seq"] == sequence).then_some(());
    eventually_async("the acknowledgement to arrive", SOON, acked).await.unwrap();
}

#[tokio::test]
async fn an_acknowledged_message_does_not_come_again() {
    let (_server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 2, r#""ack_wait":300000000"#).await;
    one(&consumer).await.ack().await.unwrap();
    floor(&nc, 1).await;
    let second = one(&consumer).await;
    assert_eq!(second.text().unwrap(), "2");
    second.double_ack().await.unwrap();
    assert_eq!(consumer_info(&nc, "S", "C").await["ack_floor"]["stream_seq"], 2);
    assert!(none(&consumer).await);
}

#[tokio::test]
async fn a_refused_message_comes_again_at_once_or_later() {
    let (_server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 1, "").await;
    one(&consumer).await.nak().await.unwrap();
    let again = one(&consumer).await;
    assert_eq!(again.info().unwrap().delivered, 2);
    again.nak_delay(Duration::from_millis(400)).await.unwrap();
    assert!(none(&consumer).await);
    assert_eq!(one(&consumer).await.info().unwrap().delivered, 3);
}

#[tokio::test]
async fn a_terminated_message_never_comes_again_and_the_reason_is_told() {
    let (_server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 2, r#""ack_wait":200000000"#).await;
    let mut told = nc.subscribe("$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.>").confirmed().await.unwrap();
    one(&consumer).await.term().await.unwrap();
    one(&consumer).await.term_reason("no such customer").await.unwrap();
    let reasons = [told.next().await.unwrap(), soon(told.next()).await.unwrap()];
    let last: serde_json::Value = reasons[1].json().unwrap();
    assert_eq!(last["reason"], "no such customer");
    assert!(soon(consumer.next().timeout(Duration::from_millis(500)).into_future()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_second_acknowledgement_is_refused_without_sending_it() {
    let (_server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 1, "").await;
    let message = one(&consumer).await;
    message.in_progress().await.unwrap();
    message.in_progress().await.unwrap();
    assert!(!message.is_settled());
    message.ack().await.unwrap();
    assert!(message.is_settled());
    let before = nc.statistics().published;
    let refused = AckError::AlreadyAcked { subject: "S.a".into() };
    assert_eq!(message.nak().await, Err(refused.clone()));
    assert_eq!(message.double_ack().await, Err(refused.clone()));
    assert_eq!(message.in_progress().await, Err(refused.clone()));
    assert_eq!(message.term().try_send(), Err(refused));
    assert_eq!(nc.statistics().published, before);
}

#[tokio::test]
async fn an_acknowledgement_that_was_not_sent_can_be_made_in_another_way() {
    let (_server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 1, "").await;
    let message = one(&consumer).await;
    drop(message.ack());
    drop(message.double_ack());
    message.nak().try_send().unwrap();
    assert_eq!(one(&consumer).await.info().unwrap().delivered, 2);
}

#[tokio::test]
async fn confirming_fails_when_the_consumer_is_gone() {
    let (_server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 1, "").await;
    let message = one(&consumer).await;
    raw(&nc, "CONSUMER.DELETE.S.C", "").await;
    let gone = AckError::NoConsumer { subject: "S.a".into() };
    assert_eq!(message.double_ack().await, Err(gone.clone()));
    // It is not settled by that.
    assert_eq!(message.double_ack().await, Err(gone));
    message.ack().await.unwrap();
}

#[tokio::test]
async fn confirming_fails_when_nobody_answers_in_time() {
    let (mut server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 1, "").await;
    let message = one(&consumer).await;
    server.pause().await.unwrap();
    let after = Duration::from_millis(100);
    let error = message.double_ack().timeout(after).await.unwrap_err();
    assert_eq!(error, AckError::Timeout { subject: "S.a".into(), after });
    assert!(error.is_timeout());
    server.resume().await.unwrap();
    soon(message.double_ack().timeout(SOON)).await.unwrap();
}

#[tokio::test]
async fn a_message_that_is_none_of_a_consumer_cannot_be_acknowledged() {
    let (_server, nc, _js) = start().await;
    let mut plain = nc.subscribe("plain").confirmed().await.unwrap();
    nc.publish("plain", "").await.unwrap();
    let message = JsMessage::from(soon(plain.next()).await.unwrap());
    assert_eq!(message.info(), None);
    assert_eq!(message.ack().await, Err(AckError::NoReply { subject: "plain".into() }));
    assert_eq!(message.double_ack().await, Err(AckError::NoReply { subject: "plain".into() }));
}

#[tokio::test]
async fn a_consumer_without_acknowledgements_gets_none() {
    let (_server, nc, js) = start().await;
    stream(&nc, "S", "").await;
    let body = r#"{"stream_name":"S","config":{"durable_name":"C","ack_policy":"none"}}"#;
    raw(&nc, "CONSUMER.CREATE.S.C", body).await;
    fill(&nc, "S", 1).await;
    let consumer = js.bind_stream("S").unwrap().consumer("C").await.unwrap();
    let message = one(&consumer).await;
    let before = nc.statistics().published;
    message.ack().await.unwrap();
    message.double_ack().await.unwrap();
    assert_eq!(nc.statistics().published, before);
}

#[tokio::test]
async fn the_delivery_is_read_from_the_short_form_of_the_reply_subject() {
    let (_server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 3, "").await;
    let message = one(&consumer).await;
    assert_eq!(message.reply().unwrap().split('.').count(), 9);
    let info = message.info().unwrap();
    assert_eq!((info.stream, info.consumer), (&b"S"[..], &b"C"[..]));
    assert_eq!((info.delivered, info.stream_sequence, info.consumer_sequence, info.pending), (1, 1, 1, 2));
    assert_eq!((info.domain, info.account), (None, None));
    assert_eq!(info.published().as_nanos(), info.timestamp);
}

#[tokio::test]
async fn the_delivery_is_read_from_the_long_form_too_which_acknowledges_as_well() {
    let server = NatsServer::builder()
        .jetstream_with("domain: hub")
        .config("feature_flags { js_ack_fc_v2: true }")
        .start()
        .await;
    if level() < 4 {
        assert!(server.is_err(), "a server that is older than the flag refuses it");
        return;
    }
    let server = server.unwrap();
    let nc = client(server.url()).await;
    let js = nc.jetstream().domain("hub");
    let consumer = bound(&nc, &js, 3, "").await;
    let message = one(&consumer).await;
    assert_eq!(message.reply().unwrap().split('.').count(), 11);
    let info = message.info().unwrap();
    assert_eq!((info.domain, info.stream, info.consumer), (Some(&b"hub"[..]), &b"S"[..], &b"C"[..]));
    assert_eq!((info.delivered, info.stream_sequence, info.pending), (1, 1, 2));
    message.double_ack().await.unwrap();
    floor(&nc, 1).await;
    let mut messages = consumer.consume().await.unwrap();
    for number in 2..=3 {
        let message = soon(messages.next()).await.unwrap().unwrap();
        assert_eq!(message.info().unwrap().stream_sequence, number);
        message.ack().await.unwrap();
    }
    floor(&nc, 3).await;
    let mut ordered = js.ordered_consumer("S").await.unwrap();
    assert_eq!(soon(ordered.next()).await.unwrap().unwrap().text().unwrap(), "1");
}

#[tokio::test]
async fn a_slow_handler_keeps_its_message() {
    let (_server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 4, r#""ack_wait":1000000000"#).await;
    let mut messages = consumer.consume().await.unwrap();
    let mut handled = Vec::new();
    while handled.len() < 4 {
        let message = soon(messages.next()).await.unwrap().unwrap();
        assert_eq!(message.info().unwrap().delivered, 1, "it came again");
        // The others wait for their turn meanwhile, within their time.
        let busy = Duration::from_millis(if handled.is_empty() { 2500 } else { 0 });
        let others: Vec<JsMessage> = if handled.is_empty() {
            let mut others = Vec::new();
            for _ in 0..3 {
                others.push(soon(messages.next()).await.unwrap().unwrap());
            }
            others
        } else {
            Vec::new()
        };
        let work = async {
            let deadline = tokio::time::timeout(busy, std::future::pending::<()>());
            let _ = deadline.await;
        };
        let mut kept: std::pin::Pin<Box<dyn Future<Output = ()> + Send>> =
            Box::pin(message.keep_alive().during(work));
        for other in &others {
            kept = Box::pin(other.keep_alive().during(kept));
        }
        kept.await;
        for message in others.iter().chain([&message]) {
            assert_eq!(message.info().unwrap().delivered, 1);
            message.double_ack().await.unwrap();
            handled.push(message.info().unwrap().stream_sequence);
        }
    }
    handled.sort_unstable();
    assert_eq!(handled, [1, 2, 3, 4]);
    let info = consumer_info(&nc, "S", "C").await;
    assert_eq!((&info["num_redelivered"], &info["delivered"]["consumer_seq"]), (&0.into(), &4.into()));
}

#[tokio::test]
async fn without_keeping_it_a_slow_handler_loses_its_message() {
    let (_server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 1, r#""ack_wait":300000000"#).await;
    let _slow = one(&consumer).await;
    assert_eq!(one(&consumer).await.info().unwrap().delivered, 2);
}

#[tokio::test]
async fn keeping_a_message_has_a_limit() {
    let (_server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 1, r#""ack_wait":300000000"#).await;
    let message = one(&consumer).await;
    let hangs = message.keep_alive().limit(Duration::from_millis(400)).during(std::future::pending::<()>());
    let again = async { one(&consumer).await.info().unwrap().delivered };
    tokio::select! {
        () = hangs => panic!("it never ends"),
        delivered = again => assert_eq!(delivered, 2),
    }
}

#[tokio::test]
async fn a_quick_handler_sends_nothing_to_keep_its_message() {
    let (_server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 1, "").await;
    let message = one(&consumer).await;
    let before = nc.statistics().published;
    assert_eq!(message.keep_alive().during(async { 7 }).await, 7);
    assert_eq!(nc.statistics().published, before);
}

#[tokio::test]
async fn acknowledging_and_keeping_work_on_a_bare_thread() {
    let (_server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 2, "").await;
    let (first, second) = (one(&consumer).await, one(&consumer).await);
    bare(move || {
        block_on(async {
            first.keep_alive().during(first.double_ack()).await.unwrap();
            second.ack().await.unwrap();
        });
        drop(second);
    })
    .await;
    floor(&nc, 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_slow_handlers_that_keep_their_messages_run_a_thousand_times() {
    const MESSAGES: u64 = 1000;
    let (_server, nc, js) = start().await;
    let consumer = bound(&nc, &js, MESSAGES, r#""ack_wait":1000000000,"max_ack_pending":-1"#).await;
    let mut messages = consumer.consume().max_messages(MESSAGES).await.unwrap();
    let runs = Arc::new(AtomicU64::new(0));
    let mut handlers = tokio::task::JoinSet::new();
    let handle = |message: JsMessage| {
        let runs = Arc::clone(&runs);
        async move {
            runs.fetch_add(1, Ordering::Relaxed);
            let work = tokio::time::timeout(Duration::from_secs(5), std::future::pending::<()>());
            let _ = message.keep_alive().during(work).await;
            message.double_ack().await.unwrap();
        }
    };
    // All of them at once, and whatever comes again meanwhile.
    while handlers.len() < 1000 {
        handlers.spawn(handle(soon(messages.next()).await.unwrap().unwrap()));
    }
    loop {
        tokio::select! {
            message = messages.next() => drop(handlers.spawn(handle(message.unwrap().unwrap()))),
            done = handlers.join_next() => match done {
                Some(done) => done.unwrap(),
                None => break,
            },
        }
    }
    assert_eq!(runs.load(Ordering::Relaxed), MESSAGES);
    let info = consumer_info(&nc, "S", "C").await;
    assert_eq!((&info["num_redelivered"], &info["num_ack_pending"]), (&0.into(), &0.into()));
    assert_eq!(info["delivered"]["consumer_seq"], MESSAGES);
}

#[tokio::test]
async fn every_kind_of_acknowledgement_can_be_confirmed() {
    let (_server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 3, "").await;
    let first = one(&consumer).await;
    first.double_ack_with(Ack::Progress).await.unwrap();
    assert!(!first.is_settled());
    first.double_ack_with(Ack::Nak).await.unwrap();
    let again = one(&consumer).await;
    assert_eq!((again.text().unwrap(), again.info().unwrap().delivered), ("1", 2));
    again.double_ack_with(Ack::Term).await.unwrap();
    one(&consumer).await.double_ack_with(Ack::TermReason("no such customer")).await.unwrap();
    let third = one(&consumer).await;
    third.double_ack_with(Ack::NakDelay(Duration::from_millis(10))).await.unwrap();
    let third = one(&consumer).await;
    assert_eq!((third.text().unwrap(), third.info().unwrap().delivered), ("3", 2));
    third.double_ack().await.unwrap();
    assert_eq!(consumer_info(&nc, "S", "C").await["ack_floor"]["stream_seq"], 3);
}

#[tokio::test]
async fn in_progress_begins_the_time_for_acknowledging_anew() {
    let (_server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 1, r#""ack_wait":1000000000"#).await;
    let message = one(&consumer).await;
    let beginning = tokio::time::Instant::now();
    while beginning.elapsed() < Duration::from_secs(2) {
        message.in_progress().await.unwrap();
        let brief = consumer.next().timeout(Duration::from_millis(250));
        assert!(soon(brief.into_future()).await.unwrap().is_none(), "it came again");
    }
    message.double_ack().await.unwrap();
    assert_eq!(consumer_info(&nc, "S", "C").await["num_redelivered"], 0);
}

#[tokio::test]
async fn sequences_beyond_two_to_the_53rd_are_exact() {
    const FIRST: u64 = (1 << 53) + 1;
    let (_server, nc, js) = start().await;
    stream(&nc, "S", &format!(r#""first_seq":{FIRST},"allow_direct":true"#)).await;
    consumer(&nc, "S", "C", "").await;
    assert_eq!(js.publish("S.a", "x").await.unwrap().sequence, FIRST);
    assert_eq!(js.publish("S.a", "y").expect_last_sequence(FIRST).await.unwrap().sequence, FIRST + 1);
    let stream = js.bind_stream("S").unwrap();
    assert_eq!(stream.direct_get(FIRST).await.unwrap().sequence, FIRST);
    assert_eq!(stream.info().await.unwrap().state.last_sequence, FIRST + 1);
    let consumer = stream.consumer("C").await.unwrap();
    let message = one(&consumer).await;
    assert_eq!(message.info().unwrap().stream_sequence, FIRST);
    message.double_ack().await.unwrap();
    assert_eq!(consumer.info().await.unwrap().ack_floor.stream_sequence, FIRST);
}
