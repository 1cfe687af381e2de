//! Servers that go away while messages are in flight.

use std::time::Duration;

use nuncio::jetstream::{AckHandle, PubAck, PublishError, Publisher, Results};
use nuncio::{Event, RequestError};
use nuncio_testkit::{Cut, NatsServer, Proxy};

use crate::support::*;

/// What became of messages.
#[derive(Debug, Default)]
struct Tally {
    stored: u64,
    not_stored: u64,
    unknown: u64,
}

impl Tally {
    fn note(&mut self, result: &Result<PubAck, PublishError>) {
        match result {
            Ok(_) => self.stored += 1,
            Err(error) if error.is_stored_unknown() => self.unknown += 1,
            Err(_) => self.not_stored += 1,
        }
    }

    fn all(&self) -> u64 {
        self.stored + self.not_stored + self.unknown
    }
}

const MESSAGES: u64 = 3000;

/// A stream that survives a restart, behind a server that is stopped and started while `publisher` is busy.
async fn stream_on_disk(nc: &nuncio::Client) {
    let body = r#"{"name":"S","subjects":["S.>"],"storage":"file"}"#;
    raw(nc, "STREAM.CREATE.S", body).await;
}

/// How a server goes.
#[derive(Clone, Copy)]
enum Going {
    /// It is killed.
    Killed,
    /// It ends in good order.
    Stopped,
}

async fn restart_in_the_middle(server: &mut NatsServer, publisher: &Publisher, going: Going) -> Results {
    let mut results = publisher.results();
    // So many have been acknowledged that it is in full swing.
    for _ in 0..MESSAGES / 10 {
        results.next().await.unwrap().1.unwrap();
    }
    match going {
        Going::Killed => server.kill(),
        Going::Stopped => server.stop().await.unwrap(),
    }
    server.restart().await.unwrap();
    results
}

async fn publish_all(publisher: &Publisher) -> Vec<Result<PubAck, PublishError>> {
    let mut handles = Vec::new();
    for _ in 0..MESSAGES {
        // One that is not even sent has its error at once.
        match publisher.send("S.a", "x").await {
            Ok(handle) => handles.push(Ok(handle)),
            Err(error) => handles.push(Err(error)),
        }
    }
    let mut results = Vec::new();
    for handle in handles {
        results.push(match handle {
            Ok(handle) => handle.await,
            Err(error) => Err(error),
        });
    }
    results
}

async fn every_message_has_one_outcome_that_agrees_with_the_stream(going: Going) {
    let mut server = server().await;
    let nc = client(server.url()).await;
    stream_on_disk(&nc).await;
    let publisher = nc.jetstream().publisher().window(64).timeout(SOON).build();
    let (results, mut in_order) =
        tokio::join!(publish_all(&publisher), restart_in_the_middle(&mut server, &publisher, going));
    let mut tally = Tally::default();
    results.iter().for_each(|result| tally.note(result));
    assert_eq!(tally.all(), MESSAGES);
    // One that ends in good order may have answered all that it took.
    let least = u64::from(matches!(going, Going::Killed));
    assert!((least..=64 * 2).contains(&tally.unknown), "{tally:?}");
    let count = count(&nc, "S").await;
    assert!(
        tally.stored <= count && count <= tally.stored + tally.unknown,
        "{count} in the stream, {tally:?}"
    );
    assert_eq!(publisher.flush().await, Ok(()), "it has all been told");
    // The results tell the same.
    drop(publisher);
    for (number, told) in (0..).zip(&results).skip(usize::try_from(MESSAGES / 10).unwrap()) {
        assert_eq!(in_order.next().await, Some((number, told.clone())));
    }
    assert_eq!(in_order.next().await, None);
}

#[tokio::test]
async fn a_server_that_is_killed_leaves_every_message_with_one_outcome_that_agrees_with_the_stream() {
    every_message_has_one_outcome_that_agrees_with_the_stream(Going::Killed).await;
}

#[tokio::test]
async fn a_server_that_is_stopped_leaves_every_message_with_one_outcome_that_agrees_with_the_stream() {
    every_message_has_one_outcome_that_agrees_with_the_stream(Going::Stopped).await;
}

#[tokio::test]
async fn with_ids_every_message_is_stored_exactly_once_whatever_happens_to_the_server() {
    let mut server = server().await;
    let nc = client(server.url()).await;
    stream_on_disk(&nc).await;
    let publisher = nc.jetstream().publisher().window(64).ids().retries(20).timeout(SOON * 2).build();
    let (results, _) =
        tokio::join!(publish_all(&publisher), restart_in_the_middle(&mut server, &publisher, Going::Killed));
    let errors: Vec<_> = results.iter().filter_map(|result| result.as_ref().err()).collect();
    assert_eq!(errors, [] as [&PublishError; 0]);
    assert_eq!(count(&nc, "S").await, MESSAGES);
}

#[tokio::test]
async fn cuts_of_the_connection_store_nothing_twice_and_lose_nothing_that_has_an_id() {
    let server = server().await;
    let proxy = Proxy::start(server.addr()).await.unwrap();
    let nc = client(proxy.url()).await;
    stream(&nc, "S", "").await;
    // In the middle of an acknowledgement, and again and again.
    proxy.to_client().cut_after(20_011, Cut::Rst);
    let publisher = nc.jetstream().publisher().window(32).ids().retries(1000).timeout(SOON * 2).build();
    let results = publish_all(&publisher).await;
    assert!(nc.statistics().connects > 3, "{:?}", nc.statistics());
    let errors: Vec<_> = results.iter().filter_map(|result| result.as_ref().err()).collect();
    assert_eq!(errors, [] as [&PublishError; 0]);
    proxy.clear();
    let direct = client(server.url()).await;
    assert_eq!(count(&direct, "S").await, MESSAGES);
}

#[tokio::test]
async fn a_lost_connection_ends_messages_without_an_id_at_once() {
    let server = server().await;
    let mut proxy = Proxy::start(server.addr()).await.unwrap();
    let nc = client(proxy.url()).await;
    let mut events = nc.events();
    stream(&nc, "S", "").await;
    let publisher = nc.jetstream().publisher().timeout(Duration::from_secs(3600)).build();
    proxy.to_client().stall();
    let handle = publisher.send("S.a", "x").await.unwrap();
    nuncio_testkit::eventually("it is written", SOON, || nc.statistics().buffered == 0).await.unwrap();
    proxy.refuse().await.unwrap();
    proxy.cut_all(Cut::Rst);
    let error = handle.await.unwrap_err();
    assert!(error.is_stored_unknown() && error.is_disconnected(), "{error:?}");
    while !matches!(events.next().await, Some(Event::Disconnected { .. })) {}
}

#[tokio::test]
async fn what_is_sent_while_there_is_no_connection_is_stored_after_it() {
    let mut server = server().await;
    let nc = client(server.url()).await;
    stream_on_disk(&nc).await;
    let js = nc.jetstream().timeout(SOON);
    let publisher = js.publisher().build();
    let mut events = nc.events();
    server.kill();
    while !matches!(events.next().await, Some(Event::Disconnected { .. })) {}
    let first = publisher.send("S.a", "x").await.unwrap();
    let second = js.publish("S.a", "x").retries(20);
    let (second, restarted) = tokio::join!(second, server.restart());
    restarted.unwrap();
    assert!(first.await.is_ok() || count(&nc, "S").await >= 1);
    second.unwrap();
}

#[tokio::test]
async fn a_closed_connection_ends_every_message() {
    let (_server, nc, js) = start().await;
    let _played = nc.subscribe("played").confirmed().await.unwrap();
    let publisher =
        js.publisher().retries(1000).retry_wait(Duration::from_secs(3600)).timeout(SOON * 1000).build();
    let (silent, resting) =
        (publisher.send("played", "").await.unwrap(), publisher.send("nobody", "").await.unwrap());
    nuncio_testkit::eventually("one is answered", SOON, || nc.statistics().requests == 2).await.unwrap();
    nc.flush().await.unwrap();
    nc.close().await;
    assert!(silent.await.unwrap_err().is_stored_unknown());
    let error = resting.await.unwrap_err();
    assert!(matches!(error, PublishError::NotSent(_) | PublishError::Unknown { .. }), "{error:?}");
    publisher.flush().await.unwrap();
    assert!(matches!(publisher.send("played", "").await, Err(PublishError::NotSent(_))));
}

/// Hands so many messages over at once, far more than goes into the sockets.
fn flood(publisher: &Publisher, messages: u64) -> Vec<AckHandle> {
    let payload = bytes::Bytes::from(vec![b'x'; 64 << 10]);
    (0..messages).map(|_| publisher.send("S.a", payload.clone()).try_send().unwrap()).collect()
}

#[tokio::test]
async fn what_was_not_written_when_the_connection_was_cut_is_stored_over_the_next_one() {
    let server = server().await;
    let proxy = Proxy::start(server.addr()).await.unwrap();
    let nc = nuncio::connect(proxy.url()).outbox_limit(64 << 20).max_reconnects(None).await.unwrap();
    stream(&nc, "S", "").await;
    nc.flush().await.unwrap();
    let publisher = nc.jetstream().publisher().window(1000).bytes(64 << 20).timeout(SOON).build();
    let mut events = nc.events();
    proxy.to_server().stall();
    let mut handles = flood(&publisher, 2);
    let written = || nc.statistics().buffered == 0;
    nuncio_testkit::eventually("some of it is written", SOON, written).await.unwrap();
    handles.extend(flood(&publisher, 400));
    // So that the connection is at it.
    tokio::task::yield_now().await;
    proxy.cut_all(Cut::Rst);
    proxy.clear();
    let (lost, maybe_lost, kept) = loop {
        if let Some(Event::Disconnected { lost, maybe_lost, kept, .. }) = soon(events.next()).await {
            break (lost, maybe_lost, kept);
        }
    };
    let mut tally = Tally::default();
    for handle in handles {
        tally.note(&handle.await);
    }
    assert!(kept > 0 && maybe_lost > 0, "{kept} kept, {maybe_lost} in doubt");
    assert_eq!((tally.stored, tally.unknown, tally.not_stored), (kept, lost + maybe_lost, 0));
    let count = count(&nc, "S").await;
    assert!(tally.stored <= count && count <= tally.stored + maybe_lost, "{count} in the stream, {tally:?}");
}

#[tokio::test]
async fn what_was_never_written_is_not_stored_when_the_connection_is_closed() {
    let mut server = server().await;
    let nc = client(server.url()).await;
    let mut events = nc.events();
    let js = nc.jetstream().timeout(SOON);
    let publisher = js.publisher().ids().build();
    server.kill();
    while !matches!(soon(events.next()).await, Some(Event::Disconnected { .. })) {}
    let handle = publisher.send("S.a", "x").await.unwrap();
    let (error, ()) = tokio::join!(js.publish("S.a", "x").message_id("1"), async {
        let both = || nc.statistics().buffered == 2;
        nuncio_testkit::eventually("both are buffered", SOON, both).await.unwrap();
        nc.close().await;
    });
    for error in [error.unwrap_err(), handle.await.unwrap_err()] {
        assert!(matches!(error, PublishError::NotSent(RequestError::Closed(_))), "{error:?}");
    }
}

/// Publishes until so much is buffered that what comes then is not written while the proxy stalls.
async fn clog(nc: &nuncio::Client, proxy: &Proxy) {
    proxy.to_server().stall();
    let filler = bytes::Bytes::from(vec![0; 512 << 10]);
    // The buffers of the system take some megabytes.
    let clogged = || {
        let _ = nc.try_publish("filler", filler.clone());
        nc.statistics().buffered_bytes > 8 << 20
    };
    nuncio_testkit::eventually("the line to be clogged", SOON, clogged).await.unwrap();
}

#[tokio::test]
async fn what_was_not_written_when_the_connection_was_lost_is_stored_over_the_next_one_and_told_so() {
    let server = server().await;
    let proxy = Proxy::start(server.addr()).await.unwrap();
    let nc = nuncio::connect(proxy.url()).max_reconnects(None).outbox_limit(64 << 20).await.unwrap();
    stream(&nc, "S", "").await;
    let js = nc.jetstream().timeout(SOON * 2);
    // None of them may be sent twice: they have no ids.
    let publisher = js.publisher().build();
    clog(&nc, &proxy).await;
    let sent = (0..50).map(|number: u32| publisher.send("S.a", number.to_string()).try_send().unwrap());
    let handles = Vec::from_iter(sent);
    proxy.cut_all(Cut::Rst);
    proxy.to_server().flow();
    for (number, handle) in handles.into_iter().enumerate() {
        assert_eq!(handle.await.unwrap().sequence, number as u64 + 1);
    }
    assert_eq!((nc.statistics().connects, count(&nc, "S").await), (2, 50));
}
