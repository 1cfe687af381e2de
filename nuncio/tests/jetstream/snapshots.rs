//! Snapshots, and putting them back.

use std::time::Duration;

use nuncio::jetstream::{ConsumerConfig, Error, JetStream, SnapshotInfo, Stream, StreamConfig};
use nuncio_testkit::NatsServer;

use crate::support::*;

/// A stream on disk with a consumer and `messages` messages of `size` random bytes.
async fn filled(js: &JetStream, messages: usize, size: usize) -> Stream {
    let config = StreamConfig::new("A").subjects(["a.>"]).metadata("team", "blue");
    let stream = js.create_stream(config).await.unwrap();
    let mut seed = 1_u64;
    for n in 0..messages {
        let mut random = || {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed.to_le_bytes()[0]
        };
        let payload: Vec<u8> = (0..size).map(|_| random()).collect();
        js.client().request(format!("a.{n}"), payload).await.unwrap();
    }
    stream.create_consumer(ConsumerConfig::durable("c")).await.unwrap();
    stream
}

async fn taken(snapshot: nuncio::jetstream::TakeSnapshot<'_>) -> (SnapshotInfo, Vec<bytes::Bytes>) {
    let mut snapshot = snapshot.await.unwrap();
    let mut chunks = Vec::new();
    while let Some(chunk) = snapshot.next().await {
        chunks.push(chunk.unwrap());
    }
    assert!(snapshot.next().await.is_none());
    (snapshot.info().clone(), chunks)
}

async fn put_back(js: &JetStream, info: &SnapshotInfo, chunks: &[bytes::Bytes]) -> Stream {
    let mut restore = js.restore_stream(info).await.unwrap();
    for chunk in chunks {
        restore.send(chunk).await.unwrap();
    }
    restore.finish().await.unwrap()
}

async fn contents(stream: &Stream) -> Vec<(String, bytes::Bytes)> {
    let state = stream.info().await.unwrap().state;
    let mut all = Vec::new();
    for sequence in state.first_sequence..=state.last_sequence {
        let message = stream.get_message(sequence).await.unwrap();
        all.push((message.subject, message.payload));
    }
    all
}

#[tokio::test]
async fn a_stream_comes_back_from_its_snapshot_as_it_was() {
    let (_server, _nc, js) = start().await;
    let stream = filled(&js, 20, 5_000).await;
    let before = (contents(&stream).await, stream.info().await.unwrap());
    let (info, chunks) = taken(stream.snapshot().chunk_size(4096).check()).await;
    assert!(chunks.len() > 10, "{}", chunks.len());
    assert!(chunks.iter().all(|chunk| chunk.len() <= 4096));
    assert_eq!(info.state.messages, 20);
    // As it would be kept in a file.
    let info: SnapshotInfo = serde_json::from_str(&serde_json::to_string(&info).unwrap()).unwrap();
    stream.delete().await.unwrap();
    let back = put_back(&js, &info, &chunks).await;
    assert_eq!(contents(&back).await, before.0);
    assert_eq!(before.1.config.diff(&back.info().await.unwrap().config), []);
    assert_eq!(back.consumer("c").await.unwrap().name(), "c");
}

#[tokio::test]
async fn a_snapshot_can_leave_the_consumers_out() {
    let (_server, _nc, js) = start().await;
    let stream = filled(&js, 3, 100).await;
    let (info, chunks) = taken(stream.snapshot().without_consumers()).await;
    stream.delete().await.unwrap();
    let back = put_back(&js, &info, &chunks).await;
    assert_eq!(back.consumer_names().all().await, Ok(vec![]));
}

#[tokio::test]
async fn a_snapshot_is_put_back_on_another_server_in_other_pieces() {
    let (_server, _nc, js) = start().await;
    let (_other_server, _other_nc, other) = start().await;
    let stream = filled(&js, 10, 1_000).await;
    let (info, chunks) = taken(stream.snapshot()).await;
    let all: Vec<u8> = chunks.concat();
    let pieces: Vec<bytes::Bytes> = all.chunks(777).map(bytes::Bytes::copy_from_slice).collect();
    let back = put_back(&other, &info, &pieces).await;
    assert_eq!(contents(&back).await, contents(&stream).await);
}

#[tokio::test]
async fn a_snapshot_larger_than_its_window_is_acknowledged_along_the_way() {
    needs!(SnapshotWindow);
    let (_server, _nc, js) = start().await;
    let stream = filled(&js, 40, 100_000).await;
    let (_, chunks) = taken(stream.snapshot().chunk_size(64 * 1024).window(256 * 1024)).await;
    let read: usize = chunks.iter().map(bytes::Bytes::len).sum();
    assert!(read > 4_000_000, "{read}");
}

#[tokio::test]
async fn what_cannot_be_taken_or_put_back_is_a_typed_error() {
    let (_server, _nc, js) = start().await;
    let unknown = js.bind_stream("NOPE").unwrap();
    assert!(unknown.snapshot().await.unwrap_err().is_stream_not_found());
    let stream = filled(&js, 3, 100).await;
    let (info, _) = taken(stream.snapshot()).await;
    assert!(js.restore_stream(&info).await.unwrap_err().api_error().is_some());
    stream.delete().await.unwrap();
    let mut restore = js.restore_stream(&info).await.unwrap();
    let sent = restore.send("this is no snapshot").await;
    let error = restore.finish().await.unwrap_err();
    // The server notices at once, or at the end, and takes no more.
    assert!(error.api_error().is_some() || matches!(error, Error::Restore { .. }), "{error:?}");
    assert!(sent.is_ok() || sent == Err(error));
}

#[tokio::test]
async fn a_restore_that_failed_says_so_again() {
    let (_server, nc, _) = start().await;
    let mut asked = nc.subscribe("fake.>").confirmed().await.unwrap();
    let js = nc.jetstream().prefix("fake").timeout(SOON);
    let info: SnapshotInfo = serde_json::from_str(r#"{"config":{"name":"A"},"state":{}}"#).unwrap();
    let answering = async {
        asked.next().await.unwrap().respond(r#"{"deliver_subject":"nobody.here"}"#).await.unwrap();
    };
    let (restore, ()) = both(js.restore_stream(&info), answering).await;
    let mut restore = restore.unwrap();
    restore.send("").await.unwrap();
    let error = restore.send("x").await.unwrap_err();
    assert!(matches!(&error, Error::Restore { stream, .. } if stream == "A"), "{error:?}");
    assert_eq!(restore.send("x").await, Err(error.clone()));
    assert_eq!(restore.finish().await.unwrap_err(), error);
}

#[tokio::test]
async fn a_window_needs_a_server_that_knows_it() {
    let server = NatsServer::builder().version("2.11.11").jetstream().start().await.unwrap();
    let nc = client(server.url()).await;
    let js = nc.jetstream().timeout(SOON);
    let stream = filled(&js, 5, 1_000).await;
    let error = stream.snapshot().window(1024 * 1024).await.unwrap_err();
    assert!(matches!(error, Error::Level { needed: 3, server: 1, .. }), "{error:?}");
    let (info, chunks) = taken(stream.snapshot().chunk_size(1024)).await;
    stream.delete().await.unwrap();
    put_back(&js, &info, &chunks).await;
}

/// Servers of the test's own, whose chunks do not arrive in order, or not at all.
#[tokio::test]
async fn a_snapshot_with_a_gap_or_without_an_end_is_an_error() {
    let (_server, nc, _) = start().await;
    let mut asked = nc.subscribe("fake.>").confirmed().await.unwrap();
    let js = nc.jetstream().prefix("fake").timeout(Duration::from_millis(200));
    let stream = js.bind_stream("A").unwrap();
    let chunk = async |to: &str, n: u32| {
        let reply = format!("$JS.SNAPSHOT.ACK.A.x.1.{n}");
        nc.publish(to, "x").reply(reply).await.unwrap();
    };
    let answering = async {
        let request = asked.next().await.unwrap();
        let body: serde_json::Value = request.json().unwrap();
        request.respond(r#"{"config":{"name":"A"},"state":{}}"#).await.unwrap();
        body["deliver_subject"].as_str().unwrap().to_owned()
    };
    let (snapshot, to) = both(async { stream.snapshot().await }, answering).await;
    let mut snapshot = snapshot.unwrap();
    chunk(&to, 1).await;
    assert_eq!(&snapshot.next().await.unwrap().unwrap()[..], b"x");
    chunk(&to, 3).await;
    let error = snapshot.next().await.unwrap().unwrap_err();
    assert_eq!(error, Error::Snapshot { stream: "A".into(), problem: "a chunk was lost".into() });
    assert!(snapshot.next().await.is_none());

    let answering = async {
        let request = asked.next().await.unwrap();
        request.respond(r#"{"config":{"name":"A"},"state":{}}"#).await.unwrap();
    };
    let (snapshot, ()) = both(async { stream.snapshot().await }, answering).await;
    let error = snapshot.unwrap().next().await.unwrap().unwrap_err();
    assert!(error.is_timeout(), "{error:?}");
}

#[tokio::test]
async fn snapshots_are_taken_on_a_bare_thread() {
    let (_server, _nc, js) = start().await;
    let stream = filled(&js, 3, 100).await;
    let read = bare(move || block_on(async move { taken(stream.snapshot()).await.1.len() }));
    assert!(read.await > 0);
}
