//! Reading from any replica: direct get.

use std::time::Duration;

use nuncio::Client;
use nuncio::jetstream::{
    DirectGetRequest, Error, Feature, JetStream, StorageType, Stream, StreamConfig, Timestamp,
};
use nuncio_testkit::NatsServer;

use crate::support::*;

async fn filled(js: &JetStream, messages: usize) -> Stream {
    let config = StreamConfig::new("D").subjects(["d.>"]).storage(StorageType::Memory).allow_direct(true);
    let stream = js.create_stream(config).await.unwrap();
    for n in 1..=messages {
        js.client().request(format!("d.{}", n % 10), n.to_string()).header("N", "1").await.unwrap();
    }
    stream
}

async fn sequences(batch: nuncio::jetstream::DirectBatch) -> Vec<u64> {
    batch.all().await.unwrap().into_iter().map(|message| message.sequence).collect()
}

#[tokio::test]
async fn single_messages_are_read_directly() {
    let (_server, _nc, js) = start().await;
    let stream = filled(&js, 12).await;
    let message = stream.direct_get(3).await.unwrap();
    assert_eq!((message.subject.as_str(), message.sequence, message.text()), ("d.3", 3, Ok("3")));
    assert_eq!((message.stream.as_deref(), message.header("N")), (Some("D"), Some("1")));
    assert_eq!(stream.direct_last("d.1").await.unwrap().sequence, 11);
    assert_eq!(stream.direct_last("d.*").await.unwrap().sequence, 12);
    assert_eq!(stream.direct_next("d.1", 2).await.unwrap().sequence, 11);
    if let Some(since) = able(Feature::DirectByTime, stream.direct_since(message.time)).await {
        assert_eq!(since.sequence, 3);
        assert_eq!(stream.direct_since(Timestamp::UNIX_EPOCH).await.unwrap().sequence, 1);
    }
}

#[tokio::test]
async fn a_payload_alone_comes_without_headers() {
    needs!(DirectNoHeaders);
    let (_server, _nc, js) = start().await;
    let stream = filled(&js, 12).await;
    assert_eq!(&stream.direct_payload(DirectGetRequest::sequence(2)).await.unwrap()[..], b"2");
    assert_eq!(&stream.direct_payload(DirectGetRequest::last_by_subject("d.1")).await.unwrap()[..], b"11");
    let error = stream.direct_payload(DirectGetRequest::sequence(99)).await.unwrap_err();
    assert!(error.is_message_not_found(), "{error:?}");
}

#[tokio::test]
async fn what_cannot_be_read_directly_is_a_typed_error() {
    let (_server, _nc, js) = start().await;
    let stream = filled(&js, 1).await;
    for outcome in
        [stream.direct_get(9).await, stream.direct_last("d.9").await, stream.direct_next("x", 1).await]
    {
        assert!(outcome.unwrap_err().is_message_not_found());
    }
    let bad = stream.direct_get(0).await.unwrap_err();
    assert!(bad.api_error().is_some_and(|error| error.code == 408), "{bad:?}");
    let closed = StreamConfig::new("C").subjects(["c"]).storage(StorageType::Memory);
    let closed = js.create_stream(closed).await.unwrap();
    if level() == 0 {
        // Servers before 2.11 do not answer at all.
        let js = js.timeout(Duration::from_millis(200));
        assert!(js.bind_stream("C").unwrap().direct_get(1).await.unwrap_err().is_timeout());
        return;
    }
    let expected = Error::NoDirectGet { stream: "C".into() };
    assert!(expected.to_string().contains("set allow_direct"), "{expected}");
    assert_eq!(closed.direct_get(1).await, Err(expected.clone()));
    if level() >= Feature::DirectBatch.level() {
        assert_eq!(closed.direct_batch().next().await, Some(Err(expected)));
    }
    let unknown = js.bind_stream("NOPE").unwrap();
    assert_eq!(unknown.direct_get(1).await, Err(Error::NoDirectGet { stream: "NOPE".into() }));
}

#[tokio::test]
async fn a_batch_reads_page_after_page() {
    needs!(DirectBatch);
    let (_server, _nc, js) = start().await;
    let stream = filled(&js, 25).await;
    assert_eq!(sequences(stream.direct_batch()).await, (1..=25).collect::<Vec<_>>());
    assert_eq!(sequences(stream.direct_batch().page(4, 1_000_000)).await, (1..=25).collect::<Vec<_>>());
    assert_eq!(
        sequences(stream.direct_batch().page(3, 1_000).sequence(5).limit(7)).await,
        [5, 6, 7, 8, 9, 10, 11]
    );
    assert_eq!(sequences(stream.direct_batch().subject("d.1").page(1, 1_000)).await, [1, 11, 21]);
    assert_eq!(sequences(stream.direct_batch().limit(0)).await, [0; 0]);
    let ninth = stream.get_message(9).await.unwrap().time;
    assert_eq!(
        sequences(stream.direct_batch().since(ninth).page(10, 100_000)).await,
        (9..=25).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn a_batch_of_large_messages_is_bounded_in_bytes() {
    needs!(DirectBatch);
    let (_server, nc, js) = start().await;
    let stream = filled(&js, 0).await;
    for _ in 0..20 {
        nc.request("d.x", vec![7; 10_000]).await.unwrap();
    }
    // Each page ends after the message that reaches the limit.
    assert_eq!(sequences(stream.direct_batch().page(1000, 15_000)).await, (1..=20).collect::<Vec<_>>());
    assert_eq!(sequences(stream.direct_batch().page(1000, 1)).await, (1..=20).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_batch_of_nothing_is_empty() {
    needs!(DirectBatch);
    let (_server, _nc, js) = start().await;
    let stream = filled(&js, 3).await;
    stream.delete_message(2).await.unwrap();
    assert_eq!(sequences(stream.direct_batch()).await, [1, 3]);
    assert_eq!(sequences(stream.direct_batch().sequence(4)).await, [0; 0]);
    assert_eq!(sequences(stream.direct_batch().subject("nothing")).await, [0; 0]);
    assert_eq!(sequences(stream.last_for(["nothing"])).await, [0; 0]);
    stream.purge().await.unwrap();
    assert_eq!(sequences(stream.direct_batch()).await, [0; 0]);
}

#[tokio::test]
async fn the_last_of_many_subjects_are_read() {
    needs!(DirectBatch);
    let (_server, _nc, js) = start().await;
    let stream = filled(&js, 25).await;
    let expected: Vec<u64> = (16..=25).collect();
    assert_eq!(sequences(stream.last_for(["d.>"])).await, expected);
    assert_eq!(sequences(stream.last_for(["d.>"]).page(3, 1_000_000)).await, expected);
    assert_eq!(sequences(stream.last_for(["d.1", "d.2"])).await, [21, 22]);
    assert_eq!(sequences(stream.last_for(["d.1", "d.2"]).up_to_sequence(21).page(1, 1_000)).await, [12, 21]);
    let twelfth = stream.get_message(12).await.unwrap().time;
    assert_eq!(sequences(stream.last_for(["d.*"]).up_to_time(twelfth).page(4, 1_000_000)).await.len(), 10);
}

#[tokio::test]
async fn the_last_of_many_subjects_are_those_of_one_moment() {
    needs!(DirectBatch);
    let (_server, nc, js) = start().await;
    let stream = filled(&js, 10).await;
    let mut last = stream.last_for(["d.>"]).page(4, 1_000_000);
    let mut found = vec![last.next().await.unwrap().unwrap().sequence];
    // What comes now is not seen, not even where it replaces what is still to be read.
    nc.request("d.9", "new").await.unwrap();
    nc.request("d.x", "new").await.unwrap();
    while let Some(message) = last.next().await {
        found.push(message.unwrap().sequence);
    }
    assert_eq!(found, (1..=10).collect::<Vec<_>>());
}

#[tokio::test]
async fn too_many_subjects_at_once_are_a_typed_error() {
    needs!(DirectBatch);
    let (_server, nc, js) = start().await;
    let stream = filled(&js, 0).await;
    for n in 0..1100 {
        nc.publish(format!("d.n{n}"), "x").await.unwrap();
    }
    let full = async || stream.info().await.unwrap().state.messages == 1100;
    nuncio_testkit::eventually_async("all messages", SOON, async || full().await.then_some(()))
        .await
        .unwrap();
    let error = stream.last_for(["d.>"]).next().await.unwrap().unwrap_err();
    assert_eq!(error, Error::TooManySubjects { stream: "D".into(), filter: "d.>".into() });
    assert!(error.to_string().contains("narrower wildcards"), "{error}");
    assert_eq!(sequences(stream.direct_batch()).await.len(), 1100);
}

/// Stores a message for each of these subjects, in turn.
async fn fill_subjects(nc: &Client, stream: &Stream, subjects: impl IntoIterator<Item = String>) {
    let before = stream.info().await.unwrap().state.last_sequence;
    let mut count = 0;
    for subject in subjects {
        nc.publish(subject, "x").await.unwrap();
        count += 1;
    }
    let full = async || stream.info().await.unwrap().state.last_sequence == before + count;
    nuncio_testkit::eventually_async("all messages", SOON, async || full().await.then_some(()))
        .await
        .unwrap();
}

#[tokio::test]
async fn the_last_of_any_number_of_subjects_are_read_in_portions() {
    needs!(DirectBatch);
    let (_server, nc, js) = start().await;
    let stream = filled(&js, 0).await;
    let subjects = || (0..2500).map(|n| format!("d.n{n}"));
    assert_eq!(sequences(stream.last_for(subjects())).await, [0; 0]);
    fill_subjects(&nc, &stream, subjects().chain(["d.n7".to_owned()])).await;
    let expected: Vec<u64> = (1..=2501).filter(|sequence| *sequence != 8).collect();
    let mut found = sequences(stream.last_for(subjects())).await;
    found.sort_unstable();
    assert_eq!(found, expected);
    assert_eq!(sequences(stream.last_for(subjects()).limit(1500)).await.len(), 1500);
    assert_eq!(sequences(stream.last_for(subjects()).limit(0)).await, [0; 0]);
    let before = stream.last_for(subjects()).up_to_sequence(2500);
    let mut before = sequences(before).await;
    before.sort_unstable();
    assert_eq!(before, (1..=2500).collect::<Vec<_>>());
}

#[tokio::test]
async fn portions_are_of_one_moment() {
    needs!(DirectBatch);
    let (_server, nc, js) = start().await;
    let stream = filled(&js, 0).await;
    let subjects = || (0..1500).map(|n| format!("d.n{n}"));
    fill_subjects(&nc, &stream, subjects()).await;
    let mut last = stream.last_for(subjects());
    let mut found = vec![last.next().await.unwrap().unwrap().sequence];
    nc.request("d.n1499", "new").timeout(SOON).await.unwrap();
    while let Some(message) = soon(last.next()).await {
        found.push(message.unwrap().sequence);
    }
    assert_eq!(found, (1..=1500).collect::<Vec<_>>());
}

#[tokio::test]
async fn wildcards_that_match_too_much_together_are_parted_and_no_message_comes_twice() {
    needs!(DirectBatch);
    let (_server, nc, js) = start().await;
    let stream = filled(&js, 0).await;
    let subjects = (0..1600).map(|n| format!("d.{}.{}", n % 2, n / 2));
    fill_subjects(&nc, &stream, subjects).await;
    let mut found = sequences(stream.last_for(["d.0.*", "d.1.*", "d.*.7"])).await;
    found.sort_unstable();
    assert_eq!(found, (1..=1600).collect::<Vec<_>>());
    assert_eq!(sequences(stream.last_for(["d.0.*", "d.1.*", "d.*.7"]).limit(1599)).await.len(), 1599);
}

/// A server of the test's own that loses a reply of each page.
#[tokio::test]
async fn what_is_lost_on_the_way_is_asked_for_again() {
    needs!(DirectBatch);
    let (_server, nc, _) = start().await;
    let mut asked = nc.subscribe("fake.>").confirmed().await.unwrap();
    let js = nc.jetstream().prefix("fake").timeout(Duration::from_millis(300));
    let message = |sequence: u64, pending: u64, last: u64| {
        [
            ("Nats-Stream", "D".to_owned()),
            ("Nats-Subject", "d".to_owned()),
            ("Nats-Sequence", sequence.to_string()),
            ("Nats-Time-Stamp", "2026-01-01T00:00:00Z".to_owned()),
            ("Nats-Num-Pending", pending.to_string()),
            ("Nats-Last-Sequence", last.to_string()),
        ]
    };
    let answering = async {
        let mut bodies = Vec::new();
        let mut pages = [
            // The level.
            vec![],
            // The second of three is lost.
            vec![message(1, 2, 0), message(3, 0, 2)],
            // The end is lost.
            vec![message(2, 1, 0)],
            // Nothing is lost.
            vec![message(3, 0, 0)],
        ]
        .into_iter();
        while let Some(page) = pages.next() {
            let request = asked.next().await.unwrap();
            bodies.push(request.text().unwrap().to_owned());
            if bodies.len() == 1 {
                request.respond(r#"{"api":{"level":5}}"#).await.unwrap();
                continue;
            }
            for headers in page {
                let mut reply = request.respond("x");
                for (name, value) in &headers {
                    reply = reply.header(name, value);
                }
                reply.await.unwrap();
            }
            if pages.len() == 0 {
                let end = nuncio::HeaderMap::with_status(204, "EOB").unwrap();
                request.respond("").headers(end).await.unwrap();
            }
        }
        bodies.split_off(1)
    };
    let stream = js.bind_stream("D").unwrap();
    let (found, bodies) = both(sequences(stream.direct_batch().page(5, 1000)), answering).await;
    assert_eq!(found, [1, 2, 3]);
    assert_eq!(
        bodies,
        [
            r#"{"seq":1,"batch":5,"max_bytes":1000}"#,
            r#"{"seq":2,"batch":5,"max_bytes":1000}"#,
            r#"{"seq":3,"batch":5,"max_bytes":1000}"#
        ]
    );
}

#[tokio::test]
async fn old_servers_read_single_messages_and_refuse_batches_before_they_are_sent() {
    let server = NatsServer::builder().version("2.10.25").jetstream().start().await.unwrap();
    let nc = client(server.url()).await;
    let js = nc.jetstream().timeout(SOON);
    let stream = filled(&js, 3).await;
    assert_eq!(stream.direct_get(2).await.unwrap().sequence, 2);
    assert_eq!(stream.direct_last("d.3").await.unwrap().sequence, 3);
    let level = |feature: Feature| Error::Level {
        feature: feature.name().into(),
        needed: feature.level(),
        server: 0,
    };
    assert_eq!(stream.direct_batch().next().await, Some(Err(level(Feature::DirectBatch))));
    assert_eq!(stream.last_for(["d.1"]).next().await, Some(Err(level(Feature::DirectBatch))));
    assert_eq!(stream.direct_since(Timestamp::now()).await, Err(level(Feature::DirectByTime)));
    let payload = stream.direct_payload(DirectGetRequest::sequence(1)).await;
    assert_eq!(payload, Err(level(Feature::DirectNoHeaders)));
}

#[tokio::test]
async fn batches_are_read_on_a_bare_thread() {
    needs!(DirectBatch);
    let (_server, _nc, js) = start().await;
    let stream = filled(&js, 5).await;
    let found = bare(move || block_on(async move { stream.direct_batch().page(2, 1000).all().await }));
    assert_eq!(found.await.unwrap().len(), 5);
}

#[tokio::test]
async fn a_mirror_may_answer_and_says_so() {
    let (_server, nc, js) = start().await;
    let stream = filled(&js, 3).await;
    let mirror = r#"{"name":"M","storage":"memory","mirror":{"name":"D"},"mirror_direct":true}"#;
    raw(&nc, "STREAM.CREATE.M", mirror).await;
    until_count(&nc, "M", 3).await;
    let answered = async || {
        let message = stream.direct_get(2).await.unwrap();
        assert_eq!((message.sequence, message.text()), (2, Ok("2")));
        (message.stream.as_deref() == Some("M")).then_some(())
    };
    nuncio_testkit::eventually_async("the mirror to answer", SOON, answered).await.unwrap();
}
