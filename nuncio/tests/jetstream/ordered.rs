//! Ordered consumers.

use std::time::Duration;

use nuncio::Client;
use nuncio::jetstream::{
    ConsumeEnd, ConsumeError, ConsumeEvent, DeliverPolicy, OrderedMessages, Recreation, Timestamp,
};
use nuncio_testkit::{Cut, Proxy, eventually_async};

use crate::support::*;

async fn texts(messages: &mut OrderedMessages, count: u64) -> Vec<String> {
    let mut texts = Vec::new();
    for _ in 0..count {
        texts.push(soon(messages.next()).await.unwrap().unwrap().text().unwrap().to_owned());
    }
    texts
}

fn numbers(range: std::ops::RangeInclusive<u64>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

async fn consumers(nc: &Client) -> u64 {
    raw(nc, "STREAM.INFO.S", "").await["state"]["consumer_count"].as_u64().unwrap()
}

/// Deletes the server's part and waits until the client has seen it.
async fn lose(nc: &Client, messages: &OrderedMessages) {
    raw(nc, &format!("CONSUMER.DELETE.S.{}", messages.consumer_name()), "").await;
}

#[tokio::test]
async fn every_message_comes_in_order_and_nothing_stays_at_the_server() {
    let (_server, nc, js) = start().await;
    stream(&nc, "S", "").await;
    fill(&nc, "S", 300).await;
    let mut messages = js.ordered_consumer("S").max_messages(50).await.unwrap();
    assert_eq!(messages.pending_at_start(), 300);
    assert_eq!(texts(&mut messages, 300).await, numbers(1..=300));
    assert_eq!(messages.cursor(), Some(300));
    fill_from(&nc, "S", 301, 2).await;
    assert_eq!(texts(&mut messages, 2).await, numbers(301..=302));
    assert_eq!(consumers(&nc).await, 1);
    drop(messages);
    let gone = async || (consumers(&nc).await == 0).then_some(());
    eventually_async("the consumer to be deleted", SOON, gone).await.unwrap();
}

#[tokio::test]
async fn each_policy_goes_on_exactly_when_nothing_was_delivered_before_the_server_lost_it() {
    let (_server, nc, js) = start().await;
    stream(&nc, "S", "").await;
    fill(&nc, "S", 7).await;
    let at = Timestamp::from_nanos(i64::MAX / 2);
    for policy in [
        DeliverPolicy::New,
        DeliverPolicy::ByStartSequence { start_sequence: 8 },
        DeliverPolicy::ByStartTime { start_time: Timestamp::now() },
    ] {
        let first = count(&nc, "S").await + 1;
        let policy = match policy {
            DeliverPolicy::ByStartSequence { .. } => DeliverPolicy::ByStartSequence { start_sequence: first },
            DeliverPolicy::ByStartTime { .. } => DeliverPolicy::ByStartTime { start_time: Timestamp::now() },
            other => other,
        };
        let mut messages = js.ordered_consumer("S").deliver_policy(policy.clone()).await.unwrap();
        let mut events = messages.events();
        assert!(tokio::time::timeout(Duration::from_millis(50), messages.next()).await.is_err());
        lose(&nc, &messages).await;
        // What comes before the client knows.
        fill_from(&nc, "S", first, 3).await;
        assert_eq!(texts(&mut messages, 3).await, numbers(first..=first + 2), "{policy:?}");
        let cause = Recreation::ConsumerDeleted;
        assert_eq!(events.next().await, Some(ConsumeEvent::Recreating { cause }), "{policy:?}");
    }
    // None of them has begun at the first message.
    let never = DeliverPolicy::ByStartTime { start_time: at };
    let mut messages = js.ordered_consumer("S").deliver_policy(never).await.unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(50), messages.next()).await.is_err());
}

#[tokio::test]
async fn it_goes_on_behind_the_last_message_when_the_server_loses_it() {
    let (_server, nc, js) = start().await;
    stream(&nc, "S", "").await;
    fill(&nc, "S", 100).await;
    let mut messages = js.ordered_consumer("S").max_messages(10).await.unwrap();
    for round in 0..5 {
        assert_eq!(texts(&mut messages, 20).await, numbers(round * 20 + 1..=round * 20 + 20));
        lose(&nc, &messages).await;
    }
    fill_from(&nc, "S", 101, 1).await;
    assert_eq!(texts(&mut messages, 1).await, numbers(101..=101));
    assert_eq!(consumers(&nc).await, 1);
}

#[tokio::test]
async fn the_last_messages_per_subject_come_once_when_their_round_is_interrupted() {
    let (_server, nc, js) = start().await;
    stream(&nc, "S", "").await;
    for (subject, text) in [("a", "old a"), ("a", "a"), ("b", "old b"), ("c", "c"), ("b", "b")] {
        js.publish(format!("S.{subject}"), text).await.unwrap();
    }
    let mut messages =
        js.ordered_consumer("S").deliver_policy(DeliverPolicy::LastPerSubject).max_messages(1).await.unwrap();
    assert_eq!(messages.pending_at_start(), 3);
    assert_eq!(texts(&mut messages, 1).await, ["a"]);
    lose(&nc, &messages).await;
    nc.publish("S.c", "new c").await.unwrap();
    nc.flush().await.unwrap();
    let mut rest = Vec::new();
    while rest.last().is_none_or(|text| text != "new c") {
        rest.extend(texts(&mut messages, 1).await);
    }
    // The one that was asked for before may have been on its way: superseded or not, in order.
    rest.retain(|text| text != "c");
    assert_eq!(rest, ["b", "new c"]);
    // From here on it is every message.
    nc.publish("S.a", "1").await.unwrap();
    nc.publish("S.a", "2").await.unwrap();
    assert_eq!(texts(&mut messages, 2).await, ["1", "2"]);
}

#[tokio::test]
async fn filters_headers_only_and_an_end_by_number() {
    let (_server, nc, js) = start().await;
    stream(&nc, "S", "").await;
    for subject in ["a", "b", "c", "a", "b", "c"] {
        nc.publish(format!("S.{subject}"), subject).await.unwrap();
    }
    nc.flush().await.unwrap();
    let mut one = js.ordered_consumer("S").filter_subject("S.b").await.unwrap();
    assert_eq!(texts(&mut one, 2).await, ["b", "b"]);
    let mut two = js.ordered_consumer("S").filter_subjects(["S.a", "S.c"]).stop_after(3).await.unwrap();
    assert_eq!(texts(&mut two, 3).await, ["a", "c", "a"]);
    assert!(soon(two.next()).await.is_none());
    assert_eq!(two.ended(), Some(&ConsumeEnd::StopAfter));
    let mut bare = js.ordered_consumer("S").headers_only().await.unwrap();
    let message = soon(bare.next()).await.unwrap().unwrap();
    assert_eq!((message.payload(), message.header("Nats-Msg-Size")), (&b""[..], Some("1")));
    // Acknowledging means nothing here.
    message.ack().await.unwrap();
}

#[tokio::test]
async fn a_stream_that_is_missing_is_reported_at_once() {
    let (_server, _nc, js) = start().await;
    let error = soon(js.ordered_consumer("S")).await.unwrap_err();
    assert!(error.is_stream_deleted(), "{error:?}");
    assert!(matches!(js.ordered_consumer("a.b").await, Err(ConsumeError::Api(_))));
    assert!(matches!(js.ordered_consumer("S").max_messages(0).await, Err(ConsumeError::Option { .. })));
}

#[tokio::test]
async fn a_refusal_of_the_server_is_reported_at_once() {
    let (_server, nc, js) = start().await;
    stream(&nc, "S", "").await;
    let error = soon(js.ordered_consumer("S").filter_subjects(["S.a", "S.>"])).await.unwrap_err();
    let ConsumeError::Api(error) = error else { panic!("{error:?}") };
    assert_eq!(error.api_error().unwrap().err_code.0, 10138);
}

#[tokio::test]
async fn a_stream_that_is_deleted_is_the_end() {
    let (_server, nc, js) = start().await;
    stream(&nc, "S", "").await;
    fill(&nc, "S", 3).await;
    let mut messages = js.ordered_consumer("S").await.unwrap();
    assert_eq!(texts(&mut messages, 3).await, numbers(1..=3));
    raw(&nc, "STREAM.DELETE.S", "").await;
    let error = soon(messages.next()).await.unwrap().unwrap_err();
    assert!(error.is_stream_deleted(), "{error:?}");
    assert!(messages.next().await.is_none());
}

#[tokio::test]
async fn a_stream_that_was_made_anew_is_the_end_unless_it_is_waited_for() {
    let (_server, nc, js) = start().await;
    stream(&nc, "S", "").await;
    fill(&nc, "S", 5).await;
    let mut strict = js.ordered_consumer("S").await.unwrap();
    let mut patient = js.ordered_consumer("S").wait_for_stream(true).await.unwrap();
    assert_eq!(texts(&mut strict, 5).await.len(), 5);
    assert_eq!(texts(&mut patient, 5).await.len(), 5);
    raw(&nc, "STREAM.DELETE.S", "").await;
    stream(&nc, "S", "").await;
    fill(&nc, "S", 2).await;
    let error = soon(strict.next()).await.unwrap().unwrap_err();
    assert_eq!(error.end(), Some(&ConsumeEnd::StreamReplaced));
    assert_eq!(texts(&mut patient, 2).await, numbers(1..=2));
}

#[tokio::test]
async fn a_stream_can_be_waited_for_before_it_is_there() {
    let (_server, nc, js) = start().await;
    let making = tokio::spawn(js.ordered_consumer("S").wait_for_stream(true));
    stream(&nc, "S", "").await;
    fill(&nc, "S", 2).await;
    let mut messages = soon(making).await.unwrap().unwrap();
    assert_eq!(texts(&mut messages, 2).await, numbers(1..=2));
}

#[tokio::test]
async fn draining_and_stopping_end_it() {
    let (_server, nc, js) = start().await;
    stream(&nc, "S", "").await;
    fill(&nc, "S", 6).await;
    let mut messages = js.ordered_consumer("S").max_messages(6).await.unwrap();
    assert_eq!(texts(&mut messages, 1).await, ["1"]);
    let arrived = async || (messages.stats().buffered >= 5).then_some(());
    eventually_async("the others to arrive", SOON, arrived).await.unwrap();
    messages.drain();
    assert_eq!(texts(&mut messages, 5).await, numbers(2..=6));
    assert!(soon(messages.next()).await.is_none());
    assert_eq!(messages.ended(), Some(&ConsumeEnd::Drained));
    let mut messages = js.ordered_consumer("S").await.unwrap();
    messages.stop();
    assert!(messages.next().await.is_none());
    let gone = async || (consumers(&nc).await == 0).then_some(());
    eventually_async("the consumers to be deleted", SOON, gone).await.unwrap();
}

#[tokio::test]
async fn it_works_on_a_bare_thread() {
    let (_server, nc, js) = start().await;
    stream(&nc, "S", "").await;
    fill(&nc, "S", 10).await;
    let count = bare(move || {
        block_on(async {
            let mut messages = js.ordered_consumer("S").stop_after(10).await.unwrap();
            let mut count = 0;
            while let Some(message) = messages.next().await {
                message.unwrap();
                count += 1;
            }
            count
        })
    });
    assert_eq!(count.await, 10);
}

#[tokio::test]
async fn a_part_that_nobody_answers_for_is_made_anew_under_another_name() {
    let (_server, nc, _) = start().await;
    stream(&nc, "S", "").await;
    // What a server says of a consumer, and of its stream.
    let made =
        raw(&nc, "CONSUMER.CREATE.S.C", r#"{"stream_name":"S","config":{"name":"C"}}"#).await.to_string();
    let info = raw(&nc, "STREAM.INFO.S", "").await.to_string();
    let mut asked = nc.subscribe("fake.>").confirmed().await.unwrap();
    let js = nc.jetstream().prefix("fake").timeout(SOON);
    // The meta leader gives the first one to a server that is gone.
    let playing = async {
        let mut deleted = false;
        loop {
            let call = asked.next().await.unwrap();
            let subject = call.subject().to_string();
            match subject.split('.').nth(2) {
                Some("INFO") => call.respond(info.as_str()).await.unwrap(),
                Some("CREATE") if subject.ends_with("_2") => {
                    call.respond(made.as_str()).await.unwrap();
                    return deleted;
                }
                Some("DELETE") => {
                    assert!(subject.ends_with("_1"));
                    deleted = true;
                    call.respond(r#"{"success":true}"#).await.unwrap();
                }
                _ => {}
            }
        }
    };
    let (messages, deleted) = both(js.ordered_consumer("S"), playing).await;
    assert!(messages.unwrap().consumer_name().ends_with("_2"));
    assert!(deleted, "what may be made late is deleted");
}

#[tokio::test]
async fn messages_that_were_lost_with_the_connection_come_though_nothing_follows_them() {
    let server = server().await;
    let proxy = Proxy::start(server.addr()).await.unwrap();
    let (nc, direct) = (client(proxy.url()).await, client(server.url()).await);
    stream(&direct, "S", "").await;
    fill(&direct, "S", 1).await;
    let mut messages = nc.jetstream().timeout(SOON).ordered_consumer("S").await.unwrap();
    assert_eq!(texts(&mut messages, 1).await, numbers(1..=1));
    let name = messages.consumer_name().to_owned();
    proxy.to_client().blackhole();
    fill_from(&direct, "S", 2, 3).await;
    let sent = async || {
        let info = consumer_info(&direct, "S", &name).await;
        (info["delivered"]["stream_seq"] == 4).then_some(())
    };
    eventually_async("the messages to be sent", SOON, sent).await.unwrap();
    proxy.clear();
    proxy.cut_all(Cut::Rst);
    assert_eq!(texts(&mut messages, 3).await, numbers(2..=4));
}

#[tokio::test]
async fn the_first_consumer_is_made_when_there_is_a_leader_again_in_time() {
    let (_server, nc, _js) = start().await;
    stream(&nc, "S", "").await;
    fill(&nc, "S", 1).await;
    let mut asked = nc.subscribe("fake.>").confirmed().await.unwrap();
    let js = nc.jetstream().prefix("fake").timeout(SOON);
    let answering = async {
        let refusal = r#"{"error":{"code":503,"err_code":10008,"description":"temporarily unavailable"}}"#;
        loop {
            let call = soon(asked.next()).await.unwrap();
            // The first attempt has no luck, however often it asks.
            if call.subject().ends_with("_1") && call.subject().contains("CREATE") {
                call.respond(refusal).await.unwrap();
                continue;
            }
            let real = call.subject().replacen("fake", "$JS.API", 1);
            let answer = nc.request(&*real, call.payload().to_vec()).await.unwrap();
            call.respond(answer.payload().to_vec()).await.unwrap();
        }
    };
    let making = async { js.ordered_consumer("S").await };
    tokio::select! {
        made = making => assert_eq!(made.unwrap().pending_at_start(), 1),
        () = answering => {}
    }
}
