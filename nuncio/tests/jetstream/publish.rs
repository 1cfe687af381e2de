//! Publishing one message at a time.

use std::time::Duration;

use nuncio::jetstream::{ErrorCode, Feature, OptionError, PublishError, Rollup, Ttl, Uncertain};
use nuncio::{Client, HeaderMap};
use nuncio_testkit::{NatsServer, Proxy};

use crate::support::*;

fn code(error: &PublishError) -> ErrorCode {
    error.api_error().unwrap_or_else(|| panic!("{error:?}")).err_code
}

#[tokio::test]
async fn a_message_is_stored_when_its_acknowledgement_is_there() {
    let (_server, nc, js) = start().await;
    stream(&nc, "S", "").await;
    for sequence in 1..=3 {
        let ack = js.publish("S.a", "x").await.unwrap();
        assert_eq!((&*ack.stream, ack.sequence, ack.duplicate), ("S", sequence, false));
        assert_eq!(ack.domain, None);
    }
    assert_eq!(count(&nc, "S").await, 3);
}

#[tokio::test]
async fn the_domain_of_the_stream_is_told() {
    let server = NatsServer::builder().jetstream_with("domain: hub").start().await.unwrap();
    let nc = client(server.url()).await;
    stream(&nc, "S", "").await;
    assert_eq!(nc.jetstream().publish("S.a", "").await.unwrap().domain.as_deref(), Some("hub"));
}

#[tokio::test]
async fn headers_are_stored_as_they_are() {
    let (_server, nc, js) = start().await;
    stream(&nc, "S", "").await;
    let mut more = HeaderMap::new();
    more.append("c", "3").unwrap();
    js.publish("S.a", "x").header("a", "1").headers(more).message_id("id").await.unwrap();
    let block = stored(&nc, "S", 1).await["hdrs"].as_str().unwrap().to_owned();
    assert_eq!(text_of(&block), "NATS/1.0\r\na: 1\r\nc: 3\r\nNats-Msg-Id: id\r\n\r\n");
}

#[tokio::test]
async fn a_message_with_a_known_id_is_stored_once() {
    let (_server, nc, js) = start().await;
    stream(&nc, "S", "").await;
    let first = js.publish("S.a", "x").message_id("m").await.unwrap();
    js.publish("S.a", "y").message_id("n").await.unwrap();
    let again = js.publish("S.a", "x").message_id("m").await.unwrap();
    assert!(!first.duplicate && again.duplicate);
    assert_eq!(again.sequence, first.sequence);
    assert_eq!(count(&nc, "S").await, 2);
}

#[tokio::test]
async fn another_stream_than_expected_refuses() {
    let (_server, nc, js) = start().await;
    stream(&nc, "S", "").await;
    let error = js.publish("S.a", "").expect_stream("T").await.unwrap_err();
    assert_eq!(code(&error), ErrorCode::STREAM_NOT_MATCH);
    assert!(!error.is_stored_unknown() && !error.is_retryable());
    js.publish("S.a", "").expect_stream("S").await.unwrap();
}

#[tokio::test]
async fn another_last_sequence_than_expected_refuses() {
    let (_server, nc, js) = start().await;
    stream(&nc, "S", "").await;
    js.publish("S.a", "").expect_last_sequence(0).await.unwrap();
    let error = js.publish("S.a", "").expect_last_sequence(0).await.unwrap_err();
    assert!(error.is_wrong_last_sequence(), "{error:?}");
    assert_eq!(error.to_string(), "the message for \"S.a\" was refused: wrong last sequence: 1 (10071)");
    js.publish("S.a", "").expect_last_sequence(1).await.unwrap();
    assert_eq!(count(&nc, "S").await, 2);
}

#[tokio::test]
async fn another_last_id_than_expected_refuses() {
    let (_server, nc, js) = start().await;
    stream(&nc, "S", "").await;
    js.publish("S.a", "").message_id("one").await.unwrap();
    let error = js.publish("S.a", "").expect_last_message_id("two").await.unwrap_err();
    assert_eq!(code(&error), ErrorCode::STREAM_WRONG_LAST_MESSAGE_ID);
    js.publish("S.a", "").expect_last_message_id("one").await.unwrap();
}

#[tokio::test]
async fn another_last_sequence_of_the_subject_than_expected_refuses() {
    let (_server, nc, js) = start().await;
    stream(&nc, "S", "").await;
    js.publish("S.a", "").expect_last_subject_sequence(0).await.unwrap();
    js.publish("S.b", "").expect_last_subject_sequence(0).await.unwrap();
    let error = js.publish("S.a", "").expect_last_subject_sequence(2).await.unwrap_err();
    assert!(error.is_wrong_last_sequence(), "{error:?}");
    js.publish("S.a", "").expect_last_subject_sequence(1).await.unwrap();
}

#[tokio::test]
async fn the_expected_sequence_may_be_that_of_other_subjects() {
    let (_server, nc, js) = start().await;
    stream(&nc, "S", "").await;
    js.publish("S.x.a", "").await.unwrap();
    js.publish("S.x.b", "").await.unwrap();
    let error = js.publish("S.a", "").expect_last_sequence_of("S.x.*", 1).await.unwrap_err();
    if level() == 0 {
        return not_sent_for(Err::<(), _>(error), Feature::ExpectedSubject, 0);
    }
    assert!(error.is_wrong_last_sequence(), "{error:?}");
    js.publish("S.a", "").expect_last_sequence_of("S.x.*", 2).await.unwrap();
}

#[tokio::test]
async fn a_message_may_have_its_own_time_to_live() {
    needs!(MessageTtl);
    let (_server, nc, js) = start().await;
    stream(&nc, "S", r#""allow_msg_ttl":true"#).await;
    js.publish("S.a", "").ttl(Duration::from_secs(1)).await.unwrap();
    js.publish("S.b", "").ttl(Ttl::Never).await.unwrap();
    until_count(&nc, "S", 1).await;
    let error = js.publish("S.a", "").ttl(Duration::from_millis(900)).await.unwrap_err();
    assert!(matches!(&error, PublishError::Option { error: OptionError::Ttl(_), .. }), "{error:?}");
}

#[tokio::test]
async fn a_time_to_live_that_the_stream_does_not_allow_refuses() {
    let (_server, nc, js) = start().await;
    stream(&nc, "S", "").await;
    let outcome = js.publish("S.a", "").ttl(Duration::from_secs(1)).await;
    if level() == 0 {
        return not_sent_for(outcome, Feature::MessageTtl, 0);
    }
    assert_eq!(code(&outcome.unwrap_err()).0, 10166);
}

#[tokio::test]
async fn a_rollup_replaces_what_was_there() {
    let (_server, nc, js) = start().await;
    stream(&nc, "S", r#""allow_rollup_hdrs":true"#).await;
    for subject in ["S.a", "S.a", "S.b"] {
        js.publish(subject, "").await.unwrap();
    }
    js.publish("S.a", "").rollup(Rollup::Subject).await.unwrap();
    assert_eq!(count(&nc, "S").await, 2);
    js.publish("S.a", "").rollup(Rollup::All).await.unwrap();
    assert_eq!(count(&nc, "S").await, 1);
}

#[tokio::test]
async fn without_a_stream_for_the_subject_the_message_is_tried_thrice() {
    let (_server, nc, js) = start().await;
    let published = nc.statistics().published;
    let wait = Duration::from_millis(5);
    let error = js.publish("nobody", "").retry_wait(wait).await.unwrap_err();
    assert_eq!(error, PublishError::NoStream { subject: "nobody".into() });
    assert!(error.is_no_stream() && error.is_retryable() && !error.is_stored_unknown());
    assert_eq!(nc.statistics().published - published, 3);
    js.publish("nobody", "").retries(0).await.unwrap_err();
    assert_eq!(nc.statistics().published - published, 4);
}

#[tokio::test]
async fn a_stream_that_comes_in_time_takes_the_message() {
    let (_server, nc, js) = start().await;
    let publishing = js.publish("S.a", "").retries(1000).retry_wait(Duration::from_millis(10));
    let (ack, ()) = tokio::join!(publishing, stream(&nc, "S", ""));
    assert_eq!(ack.unwrap().sequence, 1);
}

#[tokio::test]
async fn without_jetstream_no_stream_takes_the_message() {
    let server = NatsServer::start().await.unwrap();
    let nc = client(server.url()).await;
    let error = nc.jetstream().publish("S.a", "").retries(0).await.unwrap_err();
    assert!(error.is_no_stream(), "{error:?}");
}

#[tokio::test]
async fn a_full_stream_refuses_and_is_no_missing_stream() {
    let (_server, nc, js) = start().await;
    stream(&nc, "S", r#""max_msgs":1,"discard":"new""#).await;
    js.publish("S.a", "").await.unwrap();
    let published = nc.statistics().published;
    let error = js.publish("S.a", "").await.unwrap_err();
    assert_eq!((code(&error).0, error.api_error().unwrap().code), (10077, 503));
    assert!(!error.is_no_stream() && !error.is_stored_unknown() && !error.is_retryable());
    assert_eq!(nc.statistics().published - published, 1, "it is not tried again");
}

#[tokio::test]
async fn a_bad_option_sends_nothing() {
    let (_server, nc, js) = start().await;
    let published = nc.statistics().published;
    for publish in [
        js.publish("S.a", "").message_id(""),
        js.publish("S.a", "").expect_stream("a.b"),
        js.publish("S.a", "").expect_last_sequence_of("a..b", 1),
        js.publish("S.a", "").message_id("a\nb"),
    ] {
        let error = publish.await.unwrap_err();
        assert!(matches!(error, PublishError::Option { .. }), "{error:?}");
    }
    for publish in [js.publish("a b", ""), js.publish("S.a", "").header("a:", "")] {
        let error = publish.await.unwrap_err();
        assert!(matches!(error, PublishError::NotSent(_)), "{error:?}");
    }
    assert_eq!(nc.statistics().published, published);
}

#[tokio::test]
async fn a_message_larger_than_the_server_allows_is_not_sent() {
    let (_server, _nc, js) = start().await;
    let error = js.publish("S.a", vec![0; 2 << 20]).await.unwrap_err();
    assert!(matches!(error, PublishError::NotSent(_)), "{error:?}");
}

/// A subject whose messages are taken by the test in the place of a stream.
async fn played(nc: &Client) -> nuncio::Subscription {
    nc.subscribe("played").confirmed().await.unwrap()
}

const ACK: &str = r#"{"stream":"S","seq":7}"#;

#[tokio::test]
async fn overload_is_tried_again_though_its_answer_has_a_status() {
    let (_server, nc, js) = start().await;
    let mut messages = played(&nc).await;
    let playing = async {
        let refusal = r#"{"error":{"code":429,"err_code":10167,"description":"too many requests"},"stream":"S","seq":0}"#;
        let first = messages.next().await.unwrap();
        let status = HeaderMap::with_status(429, "Too Many Requests").unwrap();
        first.respond(refusal).headers(status).await.unwrap();
        messages.next().await.unwrap().respond(ACK).await.unwrap();
    };
    let publishing = js.publish("played", "").retry_wait(Duration::from_millis(5));
    let (ack, ()) = tokio::join!(publishing, playing);
    assert_eq!(ack.unwrap().sequence, 7);
}

#[tokio::test]
async fn a_leader_that_has_just_stepped_down_is_tried_again() {
    let (_server, nc, js) = start().await;
    let mut messages = played(&nc).await;
    // As nats-server 2.11 says it: nothing is stored, though there is a sequence.
    let refusal = r#"{"error":{"code":503,"description":"raft: not leader"},"stream":"S","seq":0}"#;
    let playing = async {
        messages.next().await.unwrap().respond(refusal).await.unwrap();
        messages.next().await.unwrap().respond(ACK).await.unwrap();
    };
    let publishing = js.publish("played", "").retry_wait(Duration::from_millis(5));
    let (ack, ()) = tokio::join!(publishing, playing);
    assert_eq!(ack.unwrap().sequence, 7);
}

#[tokio::test]
async fn silence_leaves_the_outcome_unknown_and_is_not_tried_again() {
    let (_server, nc, js) = start().await;
    let _messages = played(&nc).await;
    let published = nc.statistics().published;
    let timeout = Duration::from_millis(60);
    let error = js.publish("played", "").timeout(timeout).await.unwrap_err();
    let cause = Box::new(Uncertain::Timeout { after: timeout });
    assert_eq!(error, PublishError::Unknown { subject: "played".into(), cause });
    assert!(error.is_stored_unknown() && error.is_timeout() && error.is_retryable());
    assert_eq!(nc.statistics().published - published, 1);
}

#[tokio::test]
async fn silence_is_tried_again_within_the_time_when_that_stores_once() {
    let (_server, nc, js) = start().await;
    let mut messages = played(&nc).await;
    let playing = async {
        messages.next().await.unwrap();
        messages.next().await.unwrap();
        messages.next().await.unwrap().respond(ACK).await.unwrap();
    };
    let publishing = js.publish("played", "").message_id("m").timeout(Duration::from_secs(6));
    let (ack, ()) = tokio::join!(publishing, playing);
    assert_eq!(ack.unwrap().sequence, 7);
}

#[tokio::test]
async fn a_refusal_that_the_first_attempt_may_have_caused_tells_nothing() {
    let (_server, nc, js) = start().await;
    let mut messages = played(&nc).await;
    let wrong = r#"{"error":{"code":400,"err_code":10071,"description":"wrong last sequence: 9"}}"#;
    let playing = async {
        for _ in 0..2 {
            messages.next().await.unwrap();
            messages.next().await.unwrap().respond(wrong).await.unwrap();
        }
    };
    let publishing = async {
        let timeout = Duration::from_secs(3);
        let error = js.publish("played", "").expect_last_sequence(8).timeout(timeout).await.unwrap_err();
        assert!(error.is_stored_unknown() && !error.is_retryable(), "{error:?}");
        // With an id the stream would have acknowledged a duplicate.
        let with_id = js.publish("played", "").expect_last_sequence(8).message_id("m");
        let error = with_id.timeout(timeout).await.unwrap_err();
        assert!(error.is_wrong_last_sequence(), "{error:?}");
    };
    tokio::join!(publishing, playing);
}

#[tokio::test]
async fn an_answer_of_somebody_else_is_no_acknowledgement() {
    let (_server, nc, js) = start().await;
    let mut messages = played(&nc).await;
    let playing = async { messages.next().await.unwrap().respond("thanks").await.unwrap() };
    let (ack, ()) = tokio::join!(js.publish("played", ""), playing);
    let error = ack.unwrap_err();
    assert!(error.is_stored_unknown() && !error.is_retryable(), "{error:?}");
}

#[tokio::test]
async fn a_cut_leaves_the_outcome_unknown_unless_the_message_has_an_id() {
    let server = server().await;
    let proxy = Proxy::start(server.addr()).await.unwrap();
    let nc = client(proxy.url()).await;
    let js = nc.jetstream().timeout(SOON);
    stream(&nc, "S", "").await;
    proxy.to_client().stall();
    let (plain, with_id) = (js.publish("S.a", ""), js.publish("S.b", "").message_id("m"));
    let cut = async {
        let direct = client(server.url()).await;
        until_count(&direct, "S", 2).await;
        proxy.cut_all(nuncio_testkit::Cut::Rst);
        proxy.flow();
    };
    let (plain, with_id, ()) = tokio::join!(plain, with_id, cut);
    let error = plain.unwrap_err();
    assert!(error.is_stored_unknown() && error.is_disconnected(), "{error:?}");
    let ack = with_id.unwrap();
    assert!(ack.duplicate, "{ack:?}");
    assert_eq!(count(&nc, "S").await, 2);
}

#[tokio::test]
async fn a_closed_connection_publishes_nothing() {
    let (_server, nc, js) = start().await;
    nc.close().await;
    let error = js.publish("S.a", "").await.unwrap_err();
    assert!(matches!(error, PublishError::NotSent(_)), "{error:?}");
}

#[tokio::test]
async fn denied_publishing_is_told_at_once() {
    let denies =
        "authorization { users: [{ user: a, password: b, permissions: { publish: { deny: \"S.no\" } } }] }";
    let server = NatsServer::builder().jetstream().config(denies).start().await.unwrap();
    let nc = nuncio::connect(format!("nats://a:b@{}", server.addr())).await.unwrap();
    stream(&nc, "S", "").await;
    let error = nc.jetstream().timeout(SOON).publish("S.no", "").await.unwrap_err();
    assert_eq!(error, PublishError::Denied { subject: "S.no".into() });
}

#[tokio::test]
async fn publishing_works_on_a_bare_thread_and_leaves_no_slot() {
    let (_server, nc, js) = start().await;
    stream(&nc, "S", "").await;
    bare(move || {
        for sequence in 1..=10 {
            assert_eq!(block_on(js.publish("S.a", "x")).unwrap().sequence, sequence);
        }
        let error = block_on(js.publish("nobody", "").retry_wait(Duration::from_millis(1))).unwrap_err();
        assert!(error.is_no_stream());
        drop(js.publish("S.a", "x"));
    })
    .await;
    assert_eq!(nc.statistics().requests, 0);
}

fn assert_send<T: Send>(value: T) -> T {
    value
}

#[tokio::test]
async fn the_future_is_named_and_goes_to_other_threads() {
    let (_server, nc, js) = start().await;
    stream(&nc, "S", "").await;
    let publish: nuncio::jetstream::Publish<'_> = assert_send(js.publish("S.a", ""));
    publish.await.unwrap();
}

#[tokio::test]
async fn silence_about_a_message_that_expects_a_sequence_of_its_subject_leaves_it_unknown() {
    let (_server, nc, js) = start().await;
    let _messages = played(&nc).await;
    let published = nc.statistics().published;
    let timeout = Duration::from_millis(300);
    let error = js.publish("played", "").expect_last_subject_sequence(0).timeout(timeout).await.unwrap_err();
    assert!(error.is_stored_unknown() && error.is_timeout(), "{error:?}");
    assert_eq!(nc.statistics().published - published, 1);
}

#[tokio::test]
async fn a_job_whose_acknowledgement_is_late_is_not_stored_again_after_it_was_taken() {
    let server = server().await;
    let proxy = Proxy::start(server.addr()).await.unwrap();
    let (nc, direct) = (client(proxy.url()).await, client(server.url()).await);
    stream(&direct, "S", r#""retention":"workqueue""#).await;
    consumer(&direct, "S", "C", "").await;
    let worker = direct.jetstream().bind_consumer("S", "C").unwrap();
    let js = nc.jetstream();
    proxy.to_client().stall();
    let publishing = js.publish("S.a", "job").expect_last_subject_sequence(0).timeout(Duration::from_secs(3));
    let working = async {
        let job = worker.next().timeout(SOON).await.unwrap().unwrap();
        job.double_ack().await.unwrap();
    };
    let (outcome, ()) = both(publishing, working).await;
    assert!(outcome.unwrap_err().is_stored_unknown());
    let info = raw(&direct, "STREAM.INFO.S", "").await;
    assert_eq!(info["state"]["last_seq"], 1);
}
