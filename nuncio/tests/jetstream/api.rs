//! Calls of the API.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use nuncio::jetstream::{Error, StreamConfig};
use nuncio_testkit::NatsServer;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Level, Metadata, Subscriber};

use crate::support::*;

#[tokio::test]
async fn the_level_of_the_api_is_asked_once_a_connection() {
    let (mut server, nc, js) = start().await;
    assert_eq!(js.level().await.unwrap(), level());
    let before = calls(&nc).await;
    assert_eq!(js.clone().level().await.unwrap(), level());
    // Only the question itself is counted.
    assert_eq!(calls(&nc).await, before + 1);
    server.restart().await.unwrap();
    let mut events = nc.events();
    while nc.flush().await.is_err() {
        let _ = tokio::time::timeout(Duration::from_millis(200), events.next()).await;
    }
    let before = calls(&nc).await;
    assert_eq!(js.level().await.unwrap(), level());
    assert_eq!(calls(&nc).await, before + 2);
}

async fn calls(nc: &nuncio::Client) -> u64 {
    raw(nc, "INFO", "").await["api"]["total"].as_u64().unwrap()
}

#[tokio::test]
async fn a_domain_or_prefix_changes_where_the_api_is() {
    let server = NatsServer::builder().jetstream_with("domain: hub").start().await.unwrap();
    let nc = client(server.url()).await;
    assert_eq!(nc.jetstream().domain("hub").level().await.unwrap(), level());
    assert_eq!(nc.jetstream().prefix("$JS.hub.API").level().await.unwrap(), level());
    let error = nc.jetstream().domain("leaf").level().await.unwrap_err();
    assert_eq!(error, Error::NoJetStream { operation: "$JS.leaf.API.INFO".into() });
    assert!(error.is_no_jetstream() && error.is_retryable());
}

#[tokio::test]
async fn a_prefix_that_cannot_be_is_reported_by_the_call() {
    let (_server, nc, _) = start().await;
    assert!(matches!(nc.jetstream().prefix("a.*").level().await, Err(Error::Prefix(_))));
    assert!(matches!(nc.jetstream().domain("a.b").level().await, Err(Error::Prefix(_))));
}

#[tokio::test]
async fn without_jetstream_a_call_fails_typed() {
    let server = NatsServer::start().await.unwrap();
    let nc = client(server.url()).await;
    let error = nc.jetstream().level().await.unwrap_err();
    assert!(error.is_no_jetstream(), "{error:?}");
}

#[tokio::test]
async fn a_call_that_nobody_answers_ends_in_time() {
    let (_server, nc, _) = start().await;
    let _silent = nc.subscribe("silent.>").confirmed().await.unwrap();
    let timeout = Duration::from_millis(50);
    let error = nc.jetstream().prefix("silent").timeout(timeout).level().await.unwrap_err();
    assert_eq!(error, Error::Timeout { operation: "silent.INFO".into(), after: timeout });
    assert!(error.is_timeout());
}

#[tokio::test]
async fn calls_work_on_a_bare_thread() {
    let (_server, _nc, js) = start().await;
    assert_eq!(bare(move || block_on(js.level())).await.unwrap(), level());
}

#[tokio::test]
async fn a_call_is_made_again_while_the_error_may_pass() {
    let (_server, nc, _) = start().await;
    let mut asked = nc.subscribe("fake.>").confirmed().await.unwrap();
    let js = nc.jetstream().prefix("fake").timeout(SOON);
    let answering = async {
        let busy = r#"{"error":{"code":429,"err_code":10167,"description":"too many requests"}}"#;
        for answer in [busy, busy, r#"{"api":{"level":7}}"#] {
            asked.next().await.unwrap().respond(answer).await.unwrap();
        }
    };
    let (level, ()) = tokio::join!(js.level(), answering);
    assert_eq!(level, Ok(7));
}

#[tokio::test]
async fn an_error_that_stays_is_reported_at_once() {
    let (_server, nc, _) = start().await;
    let mut asked = nc.subscribe("fake.>").confirmed().await.unwrap();
    let js = nc.jetstream().prefix("fake").timeout(SOON);
    let answering = async {
        let off = r#"{"error":{"code":503,"err_code":10039,"description":"off"}}"#;
        asked.next().await.unwrap().respond(off).await.unwrap();
    };
    let (level, ()) = tokio::join!(js.level(), answering);
    let error = level.unwrap_err();
    assert!(error.is_no_jetstream(), "{error:?}");
    let hint = "enable JetStream in the server's configuration, for the account too if it has several";
    assert_eq!(error.to_string(), format!("fake.INFO was refused: off (10039); {hint}"));
}

#[tokio::test]
async fn what_is_no_answer_of_the_api_is_told() {
    let (_server, nc, _) = start().await;
    let mut asked = nc.subscribe("fake.>").confirmed().await.unwrap();
    let js = nc.jetstream().prefix("fake");
    let answering = async { asked.next().await.unwrap().respond("what?").await.unwrap() };
    let (level, ()) = tokio::join!(js.level(), answering);
    assert!(matches!(level, Err(Error::Answer { .. })), "{level:?}");
}

const LEVEL: &str = r#"{"api":{"level":7}}"#;
const DONE: &str = r#"{"success":true}"#;
const GONE: &str = r#"{"error":{"code":404,"err_code":10014,"description":"consumer not found"}}"#;

/// An API played by the test, with a time for calls that no slow machine makes matter.
async fn played(nc: &nuncio::Client) -> (nuncio::Subscription, nuncio::jetstream::JetStream) {
    let asked = nc.subscribe("fake.>").confirmed().await.unwrap();
    (asked, nc.jetstream().prefix("fake").timeout(SOON))
}

#[tokio::test]
async fn a_call_that_nobody_answers_is_asked_again_where_that_comes_to_the_same() {
    let (_server, nc, _) = start().await;
    let (mut asked, js) = played(&nc).await;
    let answering = async {
        asked.next().await.unwrap();
        asked.next().await.unwrap().respond(LEVEL).await.unwrap();
    };
    let began = std::time::Instant::now();
    let (level, ()) = both(js.level(), answering).await;
    assert_eq!(level, Ok(7));
    assert!(began.elapsed() >= Duration::from_secs(1), "it is not asked faster than a busy server answers");
}

#[tokio::test]
async fn the_answer_to_the_first_question_counts_after_the_second_was_asked() {
    let (_server, nc, _) = start().await;
    let (mut asked, js) = played(&nc).await;
    let answering = async {
        let first = asked.next().await.unwrap();
        asked.next().await.unwrap();
        first.respond(LEVEL).await.unwrap();
    };
    let (level, ()) = both(js.level(), answering).await;
    assert_eq!(level, Ok(7));
}

#[tokio::test]
async fn what_would_be_done_twice_is_asked_once() {
    let (_server, nc, _) = start().await;
    let (mut asked, js) = played(&nc).await;
    let js = js.timeout(Duration::from_secs(2));
    let consumer = js.bind_consumer("S", "C").unwrap();
    let error = consumer.step_down(None).await.unwrap_err();
    assert!(error.is_timeout(), "{error:?}");
    asked.next().await.unwrap();
    assert!(asked.try_next().is_none());
}

/// A purge that was asked twice and answered once could still remove what was stored after the answer.
#[tokio::test]
async fn a_purge_is_asked_twice_only_if_it_says_where_to_stop() {
    let (_server, nc, _) = start().await;
    let (mut asked, js) = played(&nc).await;
    let js = js.timeout(Duration::from_secs(2));
    let stream = js.bind_stream("S").unwrap();
    for purge in [stream.purge(), stream.purge().filter("S.a"), stream.purge().keep(1)] {
        assert!(purge.await.unwrap_err().is_timeout());
        asked.next().await.unwrap();
        assert!(asked.try_next().is_none());
    }
    assert!(stream.purge().sequence(7).await.unwrap_err().is_timeout());
    assert!((asked.try_next(), asked.try_next()).1.is_some());
}

#[tokio::test]
async fn a_deletion_that_was_asked_twice_may_find_that_it_is_done() {
    let (_server, nc, _) = start().await;
    let (mut asked, js) = played(&nc).await;
    let consumer = js.bind_consumer("S", "C").unwrap();
    let answering = async {
        asked.next().await.unwrap();
        asked.next().await.unwrap().respond(GONE).await.unwrap();
    };
    let (deleted, ()) = both(consumer.delete(), answering).await;
    assert_eq!(deleted, Ok(()));
    // It counts what the server said, if it said so at once.
    let answering = async { asked.next().await.unwrap().respond(GONE).await.unwrap() };
    let (deleted, ()) = both(consumer.delete(), answering).await;
    assert!(deleted.unwrap_err().is_consumer_not_found());
    let answering = async { asked.next().await.unwrap().respond(DONE).await.unwrap() };
    let (deleted, ()) = both(consumer.delete(), answering).await;
    assert_eq!(deleted, Ok(()));
}

#[tokio::test]
async fn a_call_whose_connection_is_lost_is_asked_again_over_the_next_one() {
    let server = server().await;
    let proxy = nuncio_testkit::Proxy::start(server.addr()).await.unwrap();
    let nc = client(proxy.url()).await;
    let player = client(server.url()).await;
    let (mut asked, _) = played(&player).await;
    let js = nc.jetstream().prefix("fake").timeout(SOON);
    let answering = async {
        asked.next().await.unwrap();
        proxy.cut_all(nuncio_testkit::Cut::Rst);
        asked.next().await.unwrap().respond(LEVEL).await.unwrap();
    };
    let (level, ()) = both(js.level(), answering).await;
    assert_eq!(level, Ok(7));
    // What may not be done twice fails, since it may have been done.
    let consumer = js.bind_consumer("S", "C").unwrap();
    let answering = async {
        asked.next().await.unwrap();
        proxy.cut_all(nuncio_testkit::Cut::Rst);
    };
    let (done, ()) = both(consumer.step_down(None), answering).await;
    assert!(done.unwrap_err().is_disconnected());
}

#[tokio::test]
async fn calls_beyond_the_limit_wait_for_their_turn() {
    let (_server, nc, _) = start().await;
    let mut asked = nc.subscribe("fake.>").confirmed().await.unwrap();
    let js = nc.jetstream().prefix("fake").max_calls(3).timeout(SOON);
    let mut calls = tokio::task::JoinSet::new();
    for n in 0..10 {
        let js = js.clone();
        calls.spawn(async move { js.delete_stream(&format!("S{n}")).await });
    }
    let mut open = std::collections::VecDeque::new();
    for _ in 0..3 {
        open.push_back(soon(asked.next()).await.unwrap());
    }
    for _ in 3..10 {
        // Whatever was on its way would have come.
        nc.flush().await.unwrap();
        assert!(asked.try_next().is_none(), "more than three are in flight");
        open.pop_front().unwrap().respond(DONE).await.unwrap();
        open.push_back(soon(asked.next()).await.unwrap());
    }
    for request in open {
        request.respond(DONE).await.unwrap();
    }
    while let Some(done) = soon(calls.join_next()).await {
        done.unwrap().unwrap();
    }
}

#[tokio::test]
async fn sixty_four_calls_are_made_at_once_unless_told_otherwise() {
    let (_server, nc, _) = start().await;
    let mut asked = nc.subscribe("fake.>").confirmed().await.unwrap();
    let js = nc.jetstream().prefix("fake").timeout(SOON);
    let mut calls = tokio::task::JoinSet::new();
    for n in 0..70 {
        let js = js.clone();
        calls.spawn(async move { js.delete_stream(&format!("S{n}")).await });
    }
    for _ in 0..64 {
        soon(asked.next()).await.unwrap();
    }
    nc.flush().await.unwrap();
    assert!(asked.try_next().is_none(), "more than 64 are in flight");
}

#[tokio::test]
async fn a_call_that_is_given_up_makes_room_and_is_in_nobodys_way() {
    let (_server, nc, _) = start().await;
    let mut asked = nc.subscribe("fake.>").confirmed().await.unwrap();
    let js = nc.jetstream().prefix("fake").max_calls(1).timeout(SOON);
    let (first, second) = (js.clone(), js.clone());
    let first = tokio::spawn(async move { first.delete_stream("FIRST").await });
    soon(asked.next()).await.unwrap();
    let second = tokio::spawn(async move { second.delete_stream("SECOND").await });
    // So that it waits before the third.
    tokio::task::yield_now().await;
    let third = async { js.delete_stream("THIRD").await };
    let giving_up = async {
        second.abort();
        first.abort();
        let request = asked.next().await.unwrap();
        assert_eq!(&*request.subject(), "fake.STREAM.DELETE.THIRD");
        request.respond(DONE).await.unwrap();
    };
    let (third, ()) = both(third, giving_up).await;
    third.unwrap();
}

#[tokio::test]
async fn a_call_that_finds_no_room_ends_in_time() {
    let (_server, nc, _) = start().await;
    let mut asked = nc.subscribe("fake.>").confirmed().await.unwrap();
    let js = nc.jetstream().prefix("fake").max_calls(1).timeout(SOON);
    let first = js.clone();
    let first = tokio::spawn(async move { first.delete_stream("FIRST").await });
    let request = soon(asked.next()).await.unwrap();
    let after = Duration::from_millis(50);
    let error = js.clone().timeout(after).delete_stream("SECOND").await.unwrap_err();
    let operation = "fake.STREAM.DELETE.SECOND".into();
    assert_eq!(error, Error::TooManyCalls { operation, limit: 1, after });
    assert!(error.is_timeout() && error.is_retryable());
    request.respond(DONE).await.unwrap();
    first.await.unwrap().unwrap();
    nc.flush().await.unwrap();
    assert!(asked.try_next().is_none(), "nothing was sent");
}

#[tokio::test]
async fn calls_wait_for_their_turn_on_a_bare_thread() {
    let (_server, nc, _) = start().await;
    stream(&nc, "S", "").await;
    let js = nc.jetstream().max_calls(1);
    let both = bare(move || {
        block_on(async {
            let stream = js.bind_stream("S").unwrap();
            tokio::join!(stream.info().into_future(), stream.info().into_future())
        })
    });
    let (one, other) = both.await;
    assert_eq!((one.unwrap().config.name, other.unwrap().config.name), ("S".into(), "S".into()));
}

/// What the library tells of calls of the API.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0 += &format!("{field}={value:?} ");
    }
}

impl Subscriber for Told {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let calls = metadata.target() == "nuncio::jetstream::api";
        *metadata.level() <= if calls { Level::DEBUG } else { Level::WARN }
    }

    fn event(&self, event: &tracing::Event<'_>) {
        let mut fields = Fields(String::new());
        event.record(&mut fields);
        self.0.lock().unwrap().push(fields.0);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn who_listens_is_told_of_each_call_and_of_no_payload() {
    let (_server, _nc, js) = start().await;
    let config = || StreamConfig::new("S").subjects(["S.a"]).description("not for the log");
    // With a second listener, each place that tells asks both, whichever thread comes there first.
    let _second = tracing::Dispatch::new(Told::default());
    let told = Told::default();
    let _listening = tracing::subscriber::set_default(told.clone());
    tracing::callsite::rebuild_interest_cache();
    js.create_stream(config()).await.unwrap();
    js.create_stream(config().max_messages(5)).await.unwrap_err();
    let told = told.0.lock().unwrap().clone();
    assert_eq!(told.len(), 2, "{told:?}");
    for (line, outcome) in told.iter().zip(["ok", "failed"]) {
        assert!(line.contains(&format!("outcome={outcome:?}")), "{line}");
        assert!(line.contains(r#"subject="$JS.API.STREAM.CREATE.S""#) && line.contains("took="), "{line}");
        assert!(!line.contains("not for the log") && !line.contains("S.a"), "{line}");
    }
    assert!(told[1].contains("10058"), "{told:?}");
}

#[tokio::test]
async fn messages_that_a_dropped_publisher_gives_up_are_told() {
    let (_server, nc, js) = start().await;
    let publisher = js.publisher().retry_wait(SOON).timeout(SOON * 2).build();
    let received = nc.statistics().received;
    drop(publisher.send("nobody", "x").await.unwrap());
    let refused = || nc.statistics().received > received;
    nuncio_testkit::eventually("no stream takes it", SOON, refused).await.unwrap();
    let _second = tracing::Dispatch::new(Told::default());
    let told = Told::default();
    let _listening = tracing::subscriber::set_default(told.clone());
    tracing::callsite::rebuild_interest_cache();
    drop(publisher);
    let told = told.0.lock().unwrap().clone();
    assert!(told.iter().any(|line| line.contains("given_up=1")), "{told:?}");
}
