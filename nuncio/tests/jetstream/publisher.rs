//! Many messages in flight at once.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use nuncio::jetstream::{ErrorCode, PublishError, Publisher, Uncertain};
use nuncio::{Client, Subscription};

use crate::support::*;

/// Polls once, without a waker.
fn poll<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

async fn send(publisher: &Publisher, subject: &str) -> nuncio::jetstream::AckHandle {
    publisher.send(subject, "12345").await.unwrap()
}

/// Takes messages in the place of a stream.
struct Played {
    messages: Subscription,
    sequence: u64,
}

impl Played {
    async fn new(nc: &Client) -> Self {
        Self { messages: nc.subscribe("played").confirmed().await.unwrap(), sequence: 0 }
    }

    /// Acknowledges the next message, and returns its payload.
    async fn ack(&mut self) -> Vec<u8> {
        let message = self.messages.next().await.unwrap();
        self.sequence += 1;
        let ack = format!(r#"{{"stream":"P","seq":{}}}"#, self.sequence);
        message.respond(ack).await.unwrap();
        message.payload().to_vec()
    }
}

#[tokio::test]
async fn every_handle_gets_the_acknowledgement_of_its_message() {
    let (_server, nc, js) = start().await;
    stream(&nc, "S", "").await;
    let publisher = js.publisher().window(16).build();
    let mut handles = Vec::new();
    for _ in 0..1000 {
        handles.push(send(&publisher, "S.a").await);
    }
    for (number, handle) in handles.into_iter().enumerate() {
        assert_eq!(handle.number(), number as u64);
        let ack = handle.await.unwrap();
        assert_eq!((&*ack.stream, ack.sequence), ("S", number as u64 + 1));
    }
    assert_eq!(publisher.flush().await, Ok(()));
    assert_eq!((publisher.in_flight(), publisher.in_flight_bytes()), (0, 0));
    assert_eq!(nc.statistics().requests, 0);
    assert_eq!(count(&nc, "S").await, 1000);
}

#[tokio::test]
async fn the_window_bounds_the_messages_in_flight() {
    let (_server, nc, js) = start().await;
    let mut played = Played::new(&nc).await;
    let publisher = js.publisher().window(4).build();
    for _ in 0..4 {
        drop(send(&publisher, "played").await);
    }
    assert!(poll(publisher.send("played", "")).is_pending());
    let full = publisher.send("played", "").try_send().unwrap_err();
    assert_eq!(full, PublishError::WindowFull { subject: "played".into(), messages: 4, bytes: 8 << 20 });
    assert!(!full.is_stored_unknown());
    assert_eq!((publisher.in_flight(), publisher.in_flight_bytes()), (4, 20));
    let (fifth, _) = tokio::join!(publisher.send("played", ""), played.ack());
    assert_eq!(fifth.unwrap().number(), 4);
    assert_eq!(publisher.in_flight(), 4);
}

#[tokio::test]
async fn the_window_bounds_the_bytes_in_flight() {
    let (_server, nc, js) = start().await;
    let mut played = Played::new(&nc).await;
    let publisher = js.publisher().bytes(12).build();
    drop(send(&publisher, "played").await);
    drop(send(&publisher, "played").await);
    assert!(poll(publisher.send("played", "123")).is_pending());
    let _small = publisher.send("played", "12").try_send().unwrap();
    assert_eq!(publisher.in_flight_bytes(), 12);
    let larger_than_all = publisher.send("played", "0123456789abcdef");
    let acks = async {
        for _ in 0..3 {
            played.ack().await;
        }
    };
    let (alone, ()) = tokio::join!(larger_than_all, acks);
    drop(alone.unwrap());
    assert_eq!((publisher.in_flight(), publisher.in_flight_bytes()), (1, 16));
}

#[tokio::test]
async fn others_overtake_a_silent_message_up_to_eight_windows() {
    let (_server, nc, js) = start().await;
    stream(&nc, "S", "").await;
    let mut played = Played::new(&nc).await;
    let publisher = js.publisher().window(2).timeout(SOON).build();
    drop(send(&publisher, "played").await);
    for _ in 0..15 {
        send(&publisher, "S.a").await.await.unwrap();
    }
    assert_eq!(publisher.in_flight(), 1);
    assert!(matches!(publisher.send("S.a", "").try_send(), Err(PublishError::WindowFull { .. })));
    let (sixteenth, _) = tokio::join!(publisher.send("S.a", ""), played.ack());
    assert_eq!(sixteenth.unwrap().await.unwrap().sequence, 16);
}

#[tokio::test]
async fn who_waits_for_room_is_served_in_the_order_of_coming() {
    let (_server, nc, js) = start().await;
    let mut played = Played::new(&nc).await;
    let publisher = js.publisher().window(1).build();
    drop(send(&publisher, "played").await);
    let mut first = Box::pin(publisher.send("played", "first"));
    let mut second = Box::pin(publisher.send("played", "second"));
    assert!(poll(&mut first).is_pending());
    assert!(poll(&mut second).is_pending());
    played.ack().await;
    nuncio_testkit::eventually("room", SOON, || publisher.in_flight() == 0).await.unwrap();
    assert!(publisher.send("played", "").try_send().is_err(), "others have waited longer");
    assert!(poll(&mut second).is_pending());
    drop(first.await.unwrap());
    assert_eq!(played.ack().await, b"first");
    drop(second.await.unwrap());
    assert_eq!(played.ack().await, b"second");
}

#[tokio::test]
async fn who_gives_up_waiting_is_in_nobodys_way() {
    let (_server, nc, js) = start().await;
    let mut played = Played::new(&nc).await;
    let publisher = js.publisher().window(1).build();
    drop(send(&publisher, "played").await);
    let mut first = Box::pin(publisher.send("played", "first"));
    assert!(poll(&mut first).is_pending());
    let second = async { drop(publisher.send("played", "second").await.unwrap()) };
    let acks = async {
        played.ack().await;
        drop(first);
        assert_eq!(played.ack().await, b"second");
    };
    tokio::join!(second, acks);
}

#[tokio::test]
async fn waiting_for_room_ends_in_time() {
    let (_server, nc, js) = start().await;
    let _played = Played::new(&nc).await;
    let publisher = js.publisher().window(1).timeout(Duration::from_secs(30)).build();
    drop(send(&publisher, "played").await);
    let short = js.publisher().window(1).timeout(Duration::from_millis(100)).build();
    let _silent = send(&short, "played").await;
    let before = Instant::now();
    // The first one's time is over a little earlier than this one has waited.
    let second = short.send("played", "").await;
    assert!(second.is_ok() || matches!(second, Err(PublishError::WindowFull { .. })), "{second:?}");
    assert!(before.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn errors_of_dropped_handles_are_told_once() {
    let (_server, nc, js) = start().await;
    stream(&nc, "S", r#""max_msgs":2,"discard":"new""#).await;
    let publisher = js.publisher().build();
    for _ in 0..4 {
        drop(send(&publisher, "S.a").await);
    }
    let kept = send(&publisher, "S.a").await;
    let unconfirmed = publisher.flush().await.unwrap_err();
    let numbers: Vec<_> = unconfirmed.errors().iter().map(|(number, _)| *number).collect();
    assert_eq!((numbers, unconfirmed.count()), (vec![2, 3], 2));
    assert!(unconfirmed.errors().iter().all(|(_, e)| e.api_error().unwrap().err_code == ErrorCode(10077)));
    let told = "2 of the messages published are not confirmed; the first is number 2";
    assert_eq!(unconfirmed.to_string(), told);
    let first = std::error::Error::source(&unconfirmed).unwrap().to_string();
    assert!(first.starts_with("the message for \"S.a\" was refused: "), "{first}");
    assert_eq!(publisher.flush().await, Ok(()), "each is told once");
    // The handle is there to be asked; dropped unasked, its error is kept as well.
    drop(kept);
    assert_eq!(publisher.flush().await.unwrap_err().errors()[0].0, 4);
    send(&publisher, "S.a").await.await.unwrap_err();
    assert_eq!(publisher.flush().await, Ok(()), "the handle has told it");
}

#[tokio::test]
async fn results_come_in_the_order_of_the_messages_and_end_with_the_publisher() {
    let (_server, nc, js) = start().await;
    stream(&nc, "S", "").await;
    let publisher = js.publisher().retry_wait(Duration::from_millis(20)).build();
    let mut results = publisher.results();
    let handle = send(&publisher, "nobody").await;
    for _ in 0..3 {
        drop(send(&publisher, "S.a").await);
    }
    drop(publisher.send("S.a", "").expect_last_sequence(77).await.unwrap());
    publisher.flush().await.unwrap();
    drop(publisher);
    let mut seen = Vec::new();
    while let Some((number, result)) = results.next().await {
        seen.push((number, result.map(|ack| ack.sequence)));
    }
    assert_eq!(seen[0], (0, Err(PublishError::NoStream { subject: "nobody".into() })));
    assert_eq!(seen[1..4], [(1, Ok(1)), (2, Ok(2)), (3, Ok(3))]);
    assert!(matches!(&seen[4], (4, Err(error)) if error.is_wrong_last_sequence()), "{seen:?}");
    assert_eq!(seen.len(), 5);
    assert!(handle.await.unwrap_err().is_no_stream(), "a handle that is kept tells it too");
}

#[tokio::test]
async fn errors_that_nobody_reads_from_the_results_are_kept() {
    let (_server, nc, js) = start().await;
    stream(&nc, "S", "").await;
    let publisher = js.publisher().build();
    let results = publisher.results();
    drop(publisher.results());
    drop(publisher.send("S.a", "").expect_last_sequence(77).await.unwrap());
    publisher.flush().await.unwrap();
    drop(results);
    assert_eq!(publisher.flush().await.unwrap_err().count(), 1);
}

#[tokio::test]
async fn flush_waits_for_what_was_sent_before_and_not_for_what_comes() {
    let (_server, nc, js) = start().await;
    let mut played = Played::new(&nc).await;
    let publisher = js.publisher().build();
    drop(send(&publisher, "played").await);
    let mut flush = Box::pin(publisher.flush());
    assert!(poll(&mut flush).is_pending());
    drop(send(&publisher, "played").await);
    played.ack().await;
    flush.await.unwrap();
    assert_eq!(publisher.in_flight(), 1);
}

#[tokio::test]
async fn the_time_of_a_message_begins_when_it_is_sent() {
    let (_server, nc, js) = start().await;
    let _played = Played::new(&nc).await;
    let timeout = Duration::from_millis(100);
    let publisher = js.publisher().timeout(timeout).build();
    let handle = send(&publisher, "played").await;
    publisher.flush().await.unwrap();
    let Poll::Ready(Err(error)) = poll(handle) else { panic!("the time is over") };
    let cause = Box::new(Uncertain::Timeout { after: timeout });
    assert_eq!(error, PublishError::Unknown { subject: "played".into(), cause });
}

#[tokio::test]
async fn a_stream_that_comes_in_time_takes_the_messages() {
    let (_server, nc, js) = start().await;
    let publisher = js.publisher().retries(1000).retry_wait(Duration::from_millis(10)).build();
    let payload = vec![7; 10_000];
    let small = publisher.send("S.a", "small").header("a", "b").await.unwrap();
    let large = publisher.send("S.b", payload.clone()).await.unwrap();
    stream(&nc, "S", "").await;
    let (small, large) = (small.await.unwrap().sequence, large.await.unwrap().sequence);
    assert_eq!(count(&nc, "S").await, 2);
    let message = stored(&nc, "S", small).await;
    assert_eq!((message["data"].as_str(), message["hdrs"].is_string()), (Some("c21hbGw="), true));
    let message = stored(&nc, "S", large).await;
    assert_eq!(message["data"].as_str().unwrap().len(), 10_000_usize.div_ceil(3) * 4);
}

#[tokio::test]
async fn without_retries_a_missing_stream_is_told_at_once() {
    let (_server, nc, js) = start().await;
    let publisher = js.publisher().retries(0).build();
    let published = nc.statistics().published;
    let error = send(&publisher, "nobody").await.await.unwrap_err();
    assert_eq!(error, PublishError::NoStream { subject: "nobody".into() });
    assert_eq!(nc.statistics().published - published, 1);
}

#[tokio::test]
async fn overload_is_tried_again() {
    let (_server, nc, js) = start().await;
    let mut played = Played::new(&nc).await;
    let publisher = js.publisher().retry_wait(Duration::from_millis(5)).build();
    let handle = send(&publisher, "played").await;
    let busy = r#"{"error":{"code":429,"err_code":10167,"description":"too many requests"}}"#;
    played.messages.next().await.unwrap().respond(busy).await.unwrap();
    assert_eq!(played.ack().await, b"12345");
    assert_eq!(handle.await.unwrap().sequence, 1);
}

#[tokio::test]
async fn silence_is_tried_again_under_the_same_id() {
    let (_server, nc, js) = start().await;
    let mut played = Played::new(&nc).await;
    let publisher = js.publisher().ids().timeout(Duration::from_secs(6)).build();
    let handle = send(&publisher, "played").await;
    let first = played.messages.next().await.unwrap();
    let second = played.messages.next().await.unwrap();
    let id = |message: &nuncio::Message| message.header("Nats-Msg-Id").unwrap().to_owned();
    assert_eq!((id(&first).len(), id(&first)), (22, id(&second)));
    // Whichever is answered first.
    first.respond(r#"{"stream":"P","seq":9}"#).await.unwrap();
    assert_eq!(handle.await.unwrap().sequence, 9);
}

#[tokio::test]
async fn an_id_of_ones_own_is_kept() {
    let (_server, nc, js) = start().await;
    stream(&nc, "S", "").await;
    let publisher = js.publisher().ids().build();
    publisher.send("S.a", "").message_id("mine").await.unwrap().await.unwrap();
    assert!(js.publish("S.a", "").message_id("mine").await.unwrap().duplicate);
}

#[tokio::test]
async fn a_bad_option_takes_no_room() {
    let (_server, nc, js) = start().await;
    let publisher = js.publisher().window(1).build();
    let published = nc.statistics().published;
    let error = publisher.send("S.a", "").message_id("").await.unwrap_err();
    assert!(matches!(error, PublishError::Option { .. }), "{error:?}");
    let error = publisher.send("S a", "").await.unwrap_err();
    assert!(matches!(error, PublishError::NotSent(_)), "{error:?}");
    let error = publisher.send("S.a", vec![0; 2 << 20]).await.unwrap_err();
    assert!(matches!(error, PublishError::NotSent(_)), "{error:?}");
    assert_eq!((publisher.in_flight(), nc.statistics().requests), (0, 0));
    assert_eq!(nc.statistics().published, published);
}

#[tokio::test]
async fn a_publisher_works_on_a_bare_thread_and_may_be_dropped_there() {
    let (_server, nc, js) = start().await;
    stream(&nc, "S", "").await;
    let handle = bare(move || {
        let publisher = js.publisher().window(8).build();
        for _ in 0..100 {
            drop(block_on(publisher.send("S.a", "x")).unwrap());
        }
        block_on(publisher.flush()).unwrap();
        let tried = publisher.send("S.a", "x").try_send().unwrap();
        assert_eq!(block_on(tried).unwrap().sequence, 101);
        block_on(publisher.send("S.a", "x")).unwrap()
    })
    .await;
    assert_eq!(handle.await.unwrap().sequence, 102, "a handle outlives its publisher");
    nuncio_testkit::eventually("no slot is left", SOON, || nc.statistics().requests == 0).await.unwrap();
}

#[tokio::test]
async fn a_dropped_publisher_leaves_no_slot() {
    let (_server, nc, js) = start().await;
    let _played = Played::new(&nc).await;
    let publisher = js.publisher().build();
    for _ in 0..10 {
        drop(send(&publisher, "played").await);
    }
    assert_eq!(nc.statistics().requests, 10);
    drop(publisher);
    assert_eq!(nc.statistics().requests, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_tasks_share_a_publisher() {
    let (_server, nc, js) = start().await;
    stream(&nc, "S", "").await;
    let publisher = std::sync::Arc::new(js.publisher().window(8).build());
    let tasks: Vec<_> = (0..4)
        .map(|task| {
            let publisher = std::sync::Arc::clone(&publisher);
            tokio::spawn(async move {
                for _ in 0..250 {
                    let ack = publisher.send(format!("S.{task}"), "x").await.unwrap();
                    if task % 2 == 0 {
                        ack.await.unwrap();
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    publisher.flush().await.unwrap();
    assert_eq!(count(&nc, "S").await, 1000);
}

#[tokio::test]
async fn what_is_sent_again_is_what_was_sent() {
    let (_server, nc, js) = start().await;
    let publisher = js.publisher().retries(1000).retry_wait(Duration::from_millis(10)).build();
    // One buffer for all, and some of another size, so that memory is used again in every way.
    let mut buffer = Vec::new();
    let mut handles = Vec::new();
    for number in 0..50u8 {
        buffer.clear();
        buffer.resize(if number % 3 == 0 { 5000 } else { 10 }, number);
        handles.push(publisher.send("S.a", &buffer[..]).await.unwrap());
    }
    stream(&nc, "S", r#""allow_direct":true"#).await;
    let stream = js.bind_stream("S").unwrap();
    for (number, handle) in (0..50u8).zip(handles) {
        let message = stream.direct_get(handle.await.unwrap().sequence).await.unwrap();
        assert!(message.payload.iter().all(|byte| *byte == number), "number {number} is another one");
        assert_eq!(message.payload.len(), if number % 3 == 0 { 5000 } else { 10 });
    }
}

#[tokio::test]
async fn results_that_several_read_come_to_all_who_wait() {
    let (_server, nc, js) = start().await;
    stream(&nc, "S", "").await;
    let publisher = js.publisher().build();
    let read = |mut results: nuncio::jetstream::Results| async move {
        let mut numbers = Vec::new();
        while let Some((number, outcome)) = results.next().await {
            outcome.unwrap();
            numbers.push(number);
        }
        numbers
    };
    let readers = [tokio::spawn(read(publisher.results())), tokio::spawn(read(publisher.results()))];
    // Both wait.
    tokio::task::yield_now().await;
    for _ in 0..10 {
        drop(send(&publisher, "S.a").await);
    }
    publisher.flush().await.unwrap();
    drop(publisher);
    let mut all = Vec::new();
    for reader in readers {
        all.extend(soon(reader).await.unwrap());
    }
    all.sort_unstable();
    assert_eq!(all, Vec::from_iter(0..10));
}
