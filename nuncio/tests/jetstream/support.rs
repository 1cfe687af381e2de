//! What many rules need.

use std::fmt::Debug;
use std::future::{Future, IntoFuture};
use std::time::{Duration, SystemTime};

use nuncio::jetstream::{
    AckPolicy, Consumer, ConsumerConfig, DirectGetRequest, Error, Feature, JetStream, JsMessage,
    PersistenceMode, PriorityPolicy, PublishError, SourceConsumer, StreamConfig, StreamSource,
};
use nuncio::{Backoff, Client};
use nuncio_testkit::{NatsServer, default_version, eventually_async};
use serde_json::Value;

pub(crate) use crate::bare::*;

/// What must happen has this long, on however busy a machine.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// The level of the API that a version of nats-server has (ADR-44).
pub(crate) fn level_of(version: &str) -> u32 {
    let parts: Vec<u32> = version.split(['.', '-']).filter_map(|part| part.parse().ok()).collect();
    match parts[..] {
        [2, ..=10, ..] => 0,
        [2, 11, ..] => 1,
        [2, 12, ..=4] => 2,
        [2, 12, ..] => 3,
        [2, 14, ..] => 4,
        [2, 15, ..] => 5,
        _ => panic!("the level of nats-server {version} is not known here"),
    }
}

/// The level of the servers that these tests run on.
pub(crate) fn level() -> u32 {
    level_of(&default_version())
}

/// What the attempt comes to, on servers that can do it. On older ones it has to be refused, for the very level that it
/// needs, and then there is nothing more to test.
pub(crate) async fn able<T: Debug>(
    feature: Feature,
    attempt: impl IntoFuture<Output = Result<T, Error>>,
) -> Option<T> {
    let outcome = attempt.await;
    if level() >= feature.level() {
        return Some(outcome.unwrap());
    }
    too_low(outcome, feature, level());
    None
}

/// Checks that it was refused for the level that the feature needs and the server has not.
pub(crate) fn too_low<T: Debug>(outcome: Result<T, Error>, feature: Feature, server: u32) {
    let error = outcome.unwrap_err();
    let expected = Error::Level { feature: feature.name().into(), needed: feature.level(), server };
    assert_eq!(error, expected);
    let text = format!("needs level {} of the JetStream API, the server has {server}", feature.level());
    assert!(error.to_string().contains(&text), "{error}");
}

/// Checks that a message was not sent, for the level that the feature needs and the servers of the tests have not.
pub(crate) fn not_sent_for<T: Debug>(outcome: Result<T, PublishError>, feature: Feature, server: u32) {
    let error = outcome.unwrap_err();
    let PublishError::Level { feature: named, needed, server: told, .. } = &error else {
        panic!("{error:?}")
    };
    assert_eq!((*named, *needed, *told), (feature, feature.level(), server));
    assert!(!error.is_stored_unknown() && !error.is_retryable());
    let text = format!("needs level {} of the JetStream API, the server has {server}", feature.level());
    assert!(error.to_string().contains(&text), "{error}");
}

/// Ends a test where the servers are too old for what it is about: there it has tested that they are told so.
macro_rules! needs {
    ($feature:ident) => {
        if !crate::support::offered(nuncio::jetstream::Feature::$feature).await {
            return;
        }
    };
}
pub(crate) use needs;

/// Whether the servers of these tests can do it. If not, what asks for it was refused.
pub(crate) async fn offered(feature: Feature) -> bool {
    if level() >= feature.level() {
        return true;
    }
    let (_server, _nc, js) = start().await;
    too_low(ask_for(&js, feature).await, feature, level());
    assert_eq!(js.stream_names().all().await, Ok(vec![]), "nothing was made");
    false
}

/// Something that needs the feature and nothing newer.
async fn ask_for(js: &JetStream, feature: Feature) -> Result<(), Error> {
    let stream = js.bind_stream("A").unwrap();
    let consumer = stream.bind_consumer("c").unwrap();
    let make = async |config: StreamConfig| js.create_stream(config).await.map(drop);
    let add = async |config: ConsumerConfig| stream.create_consumer(config).await.map(drop);
    let plain = StreamConfig::new("A");
    let grouped = |policy| ConsumerConfig::named("c").priority_policy(policy).priority_groups(["G"]);
    match feature {
        Feature::MessageTtl => make(plain.allow_message_ttl(true)).await,
        Feature::DeleteMarkers => make(plain.subject_delete_marker_ttl(Duration::from_secs(1))).await,
        Feature::Counters => make(plain.allow_message_counter(true)).await,
        Feature::AtomicPublish => make(plain.allow_atomic_publish(true)).await,
        Feature::MessageSchedules => make(plain.allow_message_schedules(true)).await,
        Feature::AsyncPersistence => make(plain.persist_mode(PersistenceMode::Async)).await,
        Feature::BatchPublish => make(plain.allow_batch_publish(true)).await,
        Feature::SourceConsumer => {
            let source = StreamSource::new("B").consumer(SourceConsumer::new("c", "d"));
            make(plain.sources([source])).await
        }
        Feature::Pause => consumer.pause(SystemTime::now()).await.map(drop),
        Feature::PriorityGroups => add(grouped(PriorityPolicy::Overflow)).await,
        Feature::Prioritized => add(grouped(PriorityPolicy::Prioritized)).await,
        Feature::AckFlowControl => add(ConsumerConfig::push("d").ack_policy(AckPolicy::FlowControl)).await,
        Feature::Pedantic => js.create_stream(plain).pedantic().await.map(drop),
        Feature::DirectBatch => stream.direct_batch().all().await.map(drop),
        Feature::DirectByTime => stream.direct_since(SystemTime::now()).await.map(drop),
        Feature::DirectNoHeaders => stream.direct_payload(DirectGetRequest::sequence(1)).await.map(drop),
        Feature::PreferredLeader => stream.step_down(Some("n")).await,
        Feature::SnapshotWindow => stream.snapshot().window(1024).await.map(drop),
        Feature::ConsumerReset => consumer.reset(None).await.map(drop),
        Feature::PeerEvacuate => stream.evacuate_peer("n").await,
        Feature::CancelMove => stream.cancel_move().await,
        other => panic!("nothing to ask for {other:?} with"),
    }
}

pub(crate) async fn server() -> NatsServer {
    NatsServer::builder().jetstream().start().await.unwrap()
}

/// A connection that retries for ever, and soon.
pub(crate) async fn client(url: impl AsRef<str>) -> Client {
    let backoff = Backoff::fixed(Duration::from_millis(20), Duration::ZERO);
    nuncio::connect(url.as_ref()).max_reconnects(None).backoff(backoff).await.unwrap()
}

/// A server with JetStream, and a connection to it.
pub(crate) async fn start() -> (NatsServer, Client, JetStream) {
    let server = server().await;
    let nc = client(server.url()).await;
    let js = nc.jetstream().timeout(SOON);
    (server, nc, js)
}

/// Waits until three servers of a new cluster take a stream: at first some count as offline.
pub(crate) async fn settled(js: &JetStream) {
    // What is asked of servers that have no leader is not answered.
    let js = js.clone().timeout(Duration::from_secs(2));
    let taken = async || {
        let stream = js.create_stream(StreamConfig::new("FIRST").num_replicas(3)).await.ok()?;
        stream.delete().await.ok()
    };
    eventually_async("three servers to take a stream", Duration::from_secs(60), taken).await.unwrap();
}

/// A call of the API as it is on the wire; an error answer panics.
pub(crate) async fn raw(nc: &Client, operation: &str, body: &str) -> Value {
    let answer = nc.request(format!("$JS.API.{operation}"), body).timeout(SOON).await.unwrap();
    let answer: Value = answer.json().unwrap();
    assert!(answer.get("error").is_none(), "{operation}: {answer}");
    answer
}

/// Makes the stream `name` with the subjects `<name>.>` and these further fields of its configuration.
pub(crate) async fn stream(nc: &Client, name: &str, more: &str) {
    let more = if more.is_empty() { String::new() } else { format!(",{more}") };
    let body = format!(r#"{{"name":"{name}","subjects":["{name}.>"],"storage":"memory"{more}}}"#);
    raw(nc, &format!("STREAM.CREATE.{name}"), &body).await;
}

/// How many messages the stream has.
pub(crate) async fn count(nc: &Client, name: &str) -> u64 {
    raw(nc, &format!("STREAM.INFO.{name}"), "").await["state"]["messages"].as_u64().unwrap()
}

/// Makes a durable pull consumer with these further fields of its configuration.
pub(crate) async fn consumer(nc: &Client, stream: &str, name: &str, more: &str) {
    let more = if more.is_empty() { String::new() } else { format!(",{more}") };
    let body = format!(
        r#"{{"stream_name":"{stream}","config":{{"durable_name":"{name}","ack_policy":"explicit"{more}}}}}"#
    );
    raw(nc, &format!("CONSUMER.CREATE.{stream}.{name}"), &body).await;
}

/// Stores the messages `1` to `count` under `<stream>.a`.
pub(crate) async fn fill(nc: &Client, stream: &str, count: u64) {
    fill_from(nc, stream, 1, count).await;
}

/// Stores so many messages, numbered from `first` on, under `<stream>.a`.
pub(crate) async fn fill_from(nc: &Client, stream: &str, first: u64, count: u64) {
    for number in first..first + count {
        nc.publish(format!("{stream}.a"), number.to_string()).await.unwrap();
    }
    nc.flush().await.unwrap();
    let stored = async || (self::count(nc, stream).await >= first + count - 1).then_some(());
    eventually_async("the messages to be stored", SOON, stored).await.unwrap();
}

/// What the server says of a consumer.
pub(crate) async fn consumer_info(nc: &Client, stream: &str, name: &str) -> Value {
    raw(nc, &format!("CONSUMER.INFO.{stream}.{name}"), "").await
}

/// Within the time that what must happen has.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, future).await.expect("it takes too long")
}

/// Waits until the stream has so many messages.
pub(crate) async fn until_count(nc: &Client, name: &str, wanted: u64) {
    nuncio_testkit::eventually_async("the stream has as many messages", SOON, || async {
        (count(nc, name).await == wanted).then_some(())
    })
    .await
    .unwrap();
}

/// A stored message, as the API gives it.
pub(crate) async fn stored(nc: &Client, name: &str, sequence: u64) -> Value {
    let body = format!(r#"{{"seq":{sequence}}}"#);
    raw(nc, &format!("STREAM.MSG.GET.{name}"), &body).await["message"].take()
}

/// Both, or a failure when it takes too long.
pub(crate) async fn both<A: Future, B: Future>(one: A, other: B) -> (A::Output, B::Output) {
    let both = async { tokio::join!(one, other) };
    tokio::time::timeout(SOON, both).await.expect("both come to an end")
}

/// The text behind base64.
pub(crate) fn text_of(base64: &str) -> String {
    use base64::Engine;
    String::from_utf8(base64::prelude::BASE64_STANDARD.decode(base64).unwrap()).unwrap()
}

/// The last message of a subject, once there is one, as the API gives it.
pub(crate) async fn last(nc: &Client, name: &str, subject: &str) -> Value {
    let (get, body) =
        (format!("$JS.API.STREAM.MSG.GET.{name}"), format!(r#"{{"last_by_subj":"{subject}"}}"#));
    nuncio_testkit::eventually_async("there is a message", SOON, || async {
        let mut answer: Value = nc.request(&get, &body).timeout(SOON).await.unwrap().json().unwrap();
        answer.get_mut("message").map(Value::take)
    })
    .await
    .unwrap()
}

/// What the server keeps has to hold all that was set, and may hold more: what it has filled in.
pub(crate) fn holds(kept: &Value, wanted: &Value) -> bool {
    match (kept, wanted) {
        (Value::Object(kept), Value::Object(wanted)) => {
            wanted.iter().all(|(key, value)| kept.get(key).is_some_and(|kept| holds(kept, value)))
        }
        (Value::Array(kept), Value::Array(wanted)) => {
            kept.len() == wanted.len() && kept.iter().zip(wanted).all(|(kept, wanted)| holds(kept, wanted))
        }
        (kept, wanted) => kept == wanted,
    }
}

/// A stream with so many messages, and a consumer of it with a configuration.
pub(crate) async fn bound(nc: &Client, js: &JetStream, messages: u64, more: &str) -> Consumer {
    stream(nc, "S", "").await;
    consumer(nc, "S", "C", more).await;
    fill(nc, "S", messages).await;
    js.bind_stream("S").unwrap().consumer("C").await.unwrap()
}

/// The next message of a consumer, which has to come.
pub(crate) async fn one(consumer: &Consumer) -> JsMessage {
    soon(consumer.next()).await.unwrap().expect("there is a message")
}
