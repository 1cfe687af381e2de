//! Messages that are stored together or not at all.

use nuncio::Client;
use nuncio::jetstream::{BatchError, ErrorCode, Feature, JetStream, OptionError, PublishError};

use crate::support::*;

async fn atomic() -> (nuncio_testkit::NatsServer, Client, JetStream) {
    let (server, nc, js) = start().await;
    stream(&nc, "S", r#""allow_atomic":true"#).await;
    (server, nc, js)
}

fn option(error: &PublishError) -> &OptionError {
    match error {
        PublishError::Option { error, .. } => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn nothing_is_stored_before_the_commit_and_then_all_is() {
    needs!(AtomicPublish);
    let (_server, nc, js) = atomic().await;
    let mut batch = js.batch();
    for number in 0..9 {
        batch.add(format!("S.{number}"), "x").await.unwrap();
    }
    nc.flush().await.unwrap();
    assert_eq!((count(&nc, "S").await, batch.len()), (0, 9));
    let ack = batch.commit("S.last", "x").await.unwrap();
    assert_eq!((ack.sequence, ack.count, ack.batch.as_deref()), (10, Some(10), Some(batch.id())));
    assert_eq!(count(&nc, "S").await, 10);
}

#[tokio::test]
async fn a_batch_may_be_one_message() {
    needs!(AtomicPublish);
    let (_server, nc, js) = atomic().await;
    let ack = js.batch().commit("S.a", "x").await.unwrap();
    assert_eq!((ack.sequence, ack.count), (1, Some(1)));
    assert_eq!(count(&nc, "S").await, 1);
}

#[tokio::test]
async fn a_batch_may_be_committed_without_another_message() {
    needs!(AtomicPublish);
    let (_server, nc, js) = atomic().await;
    let mut batch = js.batch();
    batch.supported().await.unwrap();
    batch.add("S.a", "x").await.unwrap();
    batch.add("S.b", "x").await.unwrap();
    let outcome = batch.finish("S.c").await;
    if level() < 4 {
        not_sent_for(outcome, Feature::BatchEnd, level());
        // It is not over for that.
        assert_eq!(batch.commit("S.c", "x").await.unwrap().count, Some(3));
        return;
    }
    let ack = outcome.unwrap();
    assert_eq!((ack.sequence, ack.count), (2, Some(2)));
    assert_eq!(count(&nc, "S").await, 2);
}

#[tokio::test]
async fn a_batch_whose_expectation_is_not_met_stores_nothing() {
    needs!(AtomicPublish);
    let (_server, nc, js) = atomic().await;
    js.publish("S.a", "x").await.unwrap();
    let mut batch = js.batch();
    batch.add("S.b", "x").expect_last_sequence(1).await.unwrap();
    batch.add("S.a", "x").expect_last_subject_sequence(0).await.unwrap();
    let error = batch.commit("S.c", "x").await.unwrap_err();
    assert!(error.is_wrong_last_sequence(), "{error:?}");
    assert_eq!(count(&nc, "S").await, 1);
}

#[tokio::test]
async fn a_batch_that_is_dropped_is_gone() {
    needs!(AtomicPublish);
    let (_server, nc, js) = atomic().await;
    let mut batch = js.batch();
    batch.add("S.a", "x").await.unwrap();
    drop(batch);
    js.publish("S.b", "x").await.unwrap();
    assert_eq!(count(&nc, "S").await, 1);
}

#[tokio::test]
async fn a_known_message_id_refuses_the_batch() {
    needs!(AtomicPublish);
    let (_server, nc, js) = atomic().await;
    js.publish("S.a", "x").message_id("known").await.unwrap();
    let mut batch = js.batch();
    batch.add("S.b", "x").await.unwrap();
    let error = batch.commit("S.c", "x").message_id("known").await.unwrap_err();
    assert_eq!(error.api_error().unwrap().err_code, ErrorCode(10201));
    assert_eq!(count(&nc, "S").await, 1);
}

#[tokio::test]
async fn a_stream_that_allows_no_batch_refuses_the_first_message() {
    let (_server, nc, js) = start().await;
    stream(&nc, "S", "").await;
    let mut batch = js.batch();
    let outcome = batch.add("S.a", "x").await;
    if level() < 2 {
        not_sent_for(outcome, Feature::AtomicPublish, level());
        not_sent_for(js.batch().commit("S.a", "x").await, Feature::AtomicPublish, level());
        assert_eq!(count(&nc, "S").await, 0);
        // A server that does not tell its level, and knows no batches, stores what it gets.
        let elsewhere = nc.jetstream().prefix("elsewhere");
        let error = elsewhere.batch().add("S.a", "x").await.unwrap_err();
        assert!(error.is_stored_unknown(), "{error:?}");
        assert!(error.to_string().contains("the server knows no batches"), "{error}");
        assert_eq!(count(&nc, "S").await, 1);
        return;
    }
    let error = outcome.unwrap_err();
    assert_eq!(error.api_error().unwrap().err_code, ErrorCode(10174));
    let error = batch.add("S.a", "x").await.unwrap_err();
    assert_eq!(option(&error), &OptionError::Batch(BatchError::Over));
    assert!(js.batch().add("nobody", "").await.unwrap_err().is_no_stream());
}

#[tokio::test]
async fn what_cannot_be_part_of_a_batch_is_refused_before_it_is_sent() {
    needs!(AtomicPublish);
    let (_server, nc, js) = atomic().await;
    let mut batch = js.batch();
    let error = batch.finish("S.a").await.unwrap_err();
    assert_eq!(option(&error), &OptionError::Batch(BatchError::Empty));
    batch.add("S.a", "x").await.unwrap();
    let error = batch.add("S.a", "x").expect_last_sequence(0).await.unwrap_err();
    assert_eq!(option(&error), &OptionError::Batch(BatchError::LastSequence));
    let error = batch.add("S.a", "x").expect_last_message_id("a").await.unwrap_err();
    assert_eq!(option(&error), &OptionError::Batch(BatchError::LastMessageId));
    let error = batch.add("S.a", vec![0; 2 << 20]).await.unwrap_err();
    assert!(matches!(error, PublishError::NotSent(_)), "{error:?}");
    // The batch goes on without what was refused.
    assert_eq!(batch.commit("S.b", "x").await.unwrap().count, Some(2));
    assert_eq!(count(&nc, "S").await, 2);
    let error = batch.commit("S.b", "x").await.unwrap_err();
    assert_eq!(option(&error), &OptionError::Batch(BatchError::Over));
}

#[tokio::test]
async fn how_large_a_batch_may_be_is_the_servers_to_say() {
    needs!(AtomicPublish);
    let (_server, nc, js) = atomic().await;
    let mut batch = js.batch();
    for _ in 0..999 {
        batch.add("S.a", "x").await.unwrap();
    }
    assert_eq!(batch.commit("S.a", "x").await.unwrap().count, Some(1000));
    assert_eq!(count(&nc, "S").await, 1000);
    let mut batch = js.batch();
    for _ in 0..1000 {
        batch.add("S.a", "x").await.unwrap();
    }
    let error = batch.commit("S.a", "x").await.unwrap_err();
    assert!(error.api_error().is_some(), "{error:?}");
    assert_eq!(count(&nc, "S").await, 1000);
}

#[tokio::test]
async fn silence_about_the_first_message_does_not_say_that_it_was_not_sent() {
    needs!(AtomicPublish);
    let (_server, nc, js) = start().await;
    let _unanswered = nc.subscribe("silent").confirmed().await.unwrap();
    let js = js.timeout(std::time::Duration::from_millis(100));
    let error = js.batch().add("silent", "x").await.unwrap_err();
    assert!(error.is_stored_unknown() && error.is_timeout(), "{error:?}");
}

#[tokio::test]
async fn batches_work_on_a_bare_thread() {
    needs!(AtomicPublish);
    let (_server, nc, js) = atomic().await;
    bare(move || {
        let mut batch = js.batch();
        block_on(batch.add("S.a", "x")).unwrap();
        block_on(batch.add("S.a", "x")).unwrap();
        block_on(batch.commit("S.a", "x")).unwrap();
    })
    .await;
    assert_eq!((count(&nc, "S").await, nc.statistics().requests), (3, 0));
}
