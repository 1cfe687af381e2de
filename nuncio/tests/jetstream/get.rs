//! Reading single messages from the leader.

use std::time::{Duration, SystemTime};

use nuncio::jetstream::{StorageType, StreamConfig};

use crate::support::*;

#[tokio::test]
async fn messages_are_read_by_sequence_and_by_subject() {
    let (_server, nc, js) = start().await;
    let config = StreamConfig::new("A").subjects(["a.>"]).storage(StorageType::Memory);
    let stream = js.create_stream(config).await.unwrap();
    for (subject, payload) in [("a.1", "one"), ("a.2", "two"), ("a.1", "three")] {
        nc.request(subject, payload).header("Trace", "x").await.unwrap();
    }
    let first = stream.get_message(1).await.unwrap();
    assert_eq!((first.subject.as_str(), first.sequence, first.text()), ("a.1", 1, Ok("one")));
    assert_eq!(first.header("trace"), Some("x"));
    assert_eq!(first.headers().unwrap().len(), 1);
    assert_eq!(first.stream, None);
    let age = SystemTime::now().duration_since(first.time.into()).unwrap_or_default();
    assert!(age < Duration::from_secs(60), "{age:?}");
    assert_eq!(stream.last_message("a.1").await.unwrap().sequence, 3);
    assert_eq!(stream.last_message("a.*").await.unwrap().sequence, 3);
    assert_eq!(stream.next_message("a.2", 1).await.unwrap().sequence, 2);
    assert_eq!(stream.next_message("a.1", 2).await.unwrap().sequence, 3);
}

#[tokio::test]
async fn a_message_that_is_not_there_is_a_typed_error() {
    let (_server, _nc, js) = start().await;
    let config = StreamConfig::new("A").subjects(["a.>"]).storage(StorageType::Memory);
    let stream = js.create_stream(config).await.unwrap();
    for outcome in
        [stream.get_message(1).await, stream.last_message("a.1").await, stream.next_message("a.1", 1).await]
    {
        let error = outcome.unwrap_err();
        assert!(error.is_message_not_found(), "{error:?}");
        assert!(
            error.to_string().starts_with("$JS.API.STREAM.MSG.GET.A was refused: no message found"),
            "{error}"
        );
    }
    assert!(stream.get_message(0).await.unwrap_err().api_error().is_some());
}

#[tokio::test]
async fn payloads_and_headers_of_any_bytes_are_read() {
    let (_server, nc, js) = start().await;
    let config = StreamConfig::new("A").subjects(["a"]).storage(StorageType::Memory).allow_direct(true);
    let stream = js.create_stream(config).await.unwrap();
    let bytes: Vec<u8> = (0..=255).cycle().take(10_000).collect();
    nc.request("a", bytes.clone()).await.unwrap();
    nc.request("a", "").header("Empty", "").await.unwrap();
    assert_eq!(&stream.get_message(1).await.unwrap().payload[..], bytes);
    assert_eq!(&stream.direct_get(1).await.unwrap().payload[..], bytes);
    for message in [stream.get_message(2).await.unwrap(), stream.direct_get(2).await.unwrap()] {
        assert!(message.payload.is_empty());
        assert_eq!(message.header("Empty"), Some(""));
    }
}
