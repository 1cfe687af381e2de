//! Fast ingest.

use nuncio::Client;
use nuncio::jetstream::{BatchError, Error, ErrorCode, JetStream, OnGap, OptionError, PublishError};

use crate::support::*;

async fn batched() -> (nuncio_testkit::NatsServer, Client, JetStream) {
    let (server, nc, js) = start().await;
    stream(&nc, "S", r#""allow_batched":true"#).await;
    (server, nc, js)
}

#[tokio::test]
async fn all_messages_are_stored_when_it_is_finished() {
    needs!(BatchPublish);
    let (_server, nc, js) = batched().await;
    let mut ingest = js.fast_ingest().begin().await.unwrap();
    for number in 1..=5000 {
        assert_eq!(ingest.send("S.a", "x").await.unwrap(), number);
        assert!(ingest.sent() - ingest.acked() <= 1000, "{ingest:?}");
    }
    let done = ingest.finish("S.a").await.unwrap();
    assert_eq!((done.sent, done.ack.sequence, done.ack.count), (5000, 5000, Some(5000)));
    assert!(done.is_complete());
    assert_eq!((done.lost, done.refused, ingest.acked()), (vec![], vec![], 5000));
    assert_eq!(count(&nc, "S").await, 5000);
}

#[tokio::test]
async fn the_last_message_may_be_stored_too() {
    needs!(BatchPublish);
    let (_server, nc, js) = batched().await;
    let mut ingest = js.fast_ingest().flow(1).outstanding(1).begin().await.unwrap();
    for _ in 0..20 {
        ingest.send("S.a", "x").header("a", "b").await.unwrap();
    }
    let done = ingest.commit("S.last", "x").await.unwrap();
    assert_eq!((done.sent, done.ack.sequence), (21, 21));
    assert_eq!(count(&nc, "S").await, 21);
    let one = js.fast_ingest().begin().await.unwrap().commit("S.a", "x").await.unwrap();
    assert_eq!((one.sent, one.ack.sequence), (1, 22));
}

#[tokio::test]
async fn a_refused_message_ends_it_or_not_as_told() {
    needs!(BatchPublish);
    let (_server, nc, js) = batched().await;
    let mut ingest = js.fast_ingest().on_gap(OnGap::Continue).begin().await.unwrap();
    ingest.send("S.a", "x").await.unwrap();
    ingest.send("S.a", "x").expect_last_sequence(99).await.unwrap();
    ingest.send("S.a", "x").await.unwrap();
    let done = ingest.finish("S.a").await.unwrap();
    assert_eq!(done.refused.len(), 1);
    assert!(done.refused[0].0 == 2 && done.refused[0].1.is_wrong_last_sequence(), "{done:?}");
    assert_eq!((done.sent, done.stored(), done.ack.sequence), (3, 2, 2));
    assert_eq!(count(&nc, "S").await, 2);

    let mut ingest = js.fast_ingest().begin().await.unwrap();
    ingest.send("S.a", "x").await.unwrap();
    ingest.send("S.a", "x").expect_last_sequence(99).await.unwrap();
    let error = ingest.finish("S.a").await.unwrap_err();
    let PublishError::Broken { ack, .. } = &error else { panic!("{error:?}") };
    assert_eq!((ack.stored(), ack.is_complete(), ack.refused.len()), (1, false, 1), "{error}");
    assert_eq!(count(&nc, "S").await, 3);
    assert_eq!(ingest.finish("S.a").await.unwrap_err(), error, "it may be asked again");
}

#[tokio::test]
async fn who_goes_on_sending_is_told_that_it_broke_off() {
    needs!(BatchPublish);
    let (_server, nc, js) = batched().await;
    let mut ingest = js.fast_ingest().begin().await.unwrap();
    ingest.send("S.a", "x").await.unwrap();
    ingest.send("S.a", "x").expect_last_sequence(99).await.unwrap();
    let error = loop {
        if let Err(error) = ingest.send("S.a", "x").await {
            break error;
        }
    };
    assert!(matches!(&error, PublishError::Broken { ack, .. } if ack.stored() == 1), "{error:?}");
    assert_eq!(count(&nc, "S").await, 1);
}

#[tokio::test]
async fn a_stream_that_does_not_allow_it_refuses() {
    needs!(BatchPublish);
    let (_server, nc, js) = start().await;
    stream(&nc, "S", "").await;
    let mut ingest = js.fast_ingest().begin().await.unwrap();
    ingest.send("S.a", "x").await.unwrap();
    let error = ingest.send("S.a", "x").await.unwrap_err();
    assert_eq!(error.api_error().unwrap().err_code, ErrorCode(10205));
    assert_eq!(count(&nc, "S").await, 0);
    let mut ingest = js.fast_ingest().begin().await.unwrap();
    let error = ingest.commit("nobody", "x").await.unwrap_err();
    assert!(error.is_no_stream(), "{error:?}");
}

#[tokio::test]
async fn nothing_comes_after_the_end() {
    needs!(BatchPublish);
    let (_server, _nc, js) = batched().await;
    let mut ingest = js.fast_ingest().begin().await.unwrap();
    let error = ingest.finish("S.a").await.unwrap_err();
    let empty = OptionError::Batch(BatchError::Empty);
    assert_eq!(error, PublishError::Option { subject: "S.a".into(), error: empty });
    ingest.send("S.a", "x").await.unwrap();
    let done = ingest.finish("S.a").await.unwrap();
    assert_eq!(ingest.finish("S.a").await.unwrap(), done, "it may be asked again");
    let error = ingest.send("S.a", "x").await.unwrap_err();
    let over = OptionError::Batch(BatchError::Over);
    assert_eq!(error, PublishError::Option { subject: "S.a".into(), error: over });
}

#[tokio::test]
async fn a_ping_brings_the_acknowledgement_up_to_date() {
    needs!(BatchPublish);
    let (_server, _nc, js) = batched().await;
    let mut ingest = js.fast_ingest().begin().await.unwrap();
    ingest.ping().unwrap();
    for _ in 0..5 {
        ingest.send("S.a", "x").await.unwrap();
    }
    ingest.ping().unwrap();
    assert_eq!(ingest.finish("S.a").await.unwrap().sent, 5);
}

#[tokio::test]
async fn servers_that_are_too_old_are_told_before_anything_is_sent() {
    let (_server, nc, _) = start().await;
    let mut asked = nc.subscribe("old.INFO").confirmed().await.unwrap();
    let js = nc.jetstream().prefix("old");
    let answering = async { asked.next().await.unwrap().respond(r#"{"api":{"level":3}}"#).await.unwrap() };
    let (ingest, ()) = tokio::join!(js.fast_ingest().begin(), answering);
    let error = ingest.unwrap_err();
    assert_eq!(error, Error::Level { feature: "fast ingest".into(), needed: 4, server: 3 });
}

#[tokio::test]
async fn it_works_on_a_bare_thread() {
    needs!(BatchPublish);
    let (_server, nc, js) = batched().await;
    bare(move || {
        let mut ingest = block_on(js.fast_ingest().begin()).unwrap();
        for _ in 0..500 {
            block_on(ingest.send("S.a", "x")).unwrap();
        }
        assert_eq!(block_on(ingest.finish("S.a")).unwrap().sent, 500);
    })
    .await;
    assert_eq!(count(&nc, "S").await, 500);
}
