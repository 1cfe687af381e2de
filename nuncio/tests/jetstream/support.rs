//! What many rules need.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use nuncio::jetstream::JetStream;
use nuncio::{Backoff, Client};
use nuncio_testkit::{NatsServer, eventually_async};
use serde_json::Value;
use tokio::runtime::Handle;

/// What must happen has this long, on however busy a machine.
pub(crate) const SOON: Duration = Duration::from_secs(20);

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

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// The plainest of executors, for threads that know nothing of tokio.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    assert!(Handle::try_current().is_err(), "this thread is to know nothing of tokio");
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// Runs `work` on a bare thread while this runtime goes on.
pub(crate) async fn bare<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = tokio::sync::oneshot::channel();
    let thread = std::thread::spawn(move || drop(done.send(work())));
    let result = result.await;
    match thread.join() {
        Ok(()) => result.unwrap(),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}
