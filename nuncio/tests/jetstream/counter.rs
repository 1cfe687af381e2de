//! Counters.

use nuncio::Client;
use nuncio::jetstream::{ErrorCode, Feature, JetStream, OptionError, PublishError};

use crate::support::*;

async fn counters() -> (nuncio_testkit::NatsServer, Client, JetStream) {
    let (server, nc, js) = start().await;
    stream(&nc, "C", r#""allow_msg_counter":true,"allow_direct":true"#).await;
    (server, nc, js)
}

#[tokio::test]
async fn additions_tell_the_new_value() {
    needs!(Counters);
    let (_server, _nc, js) = counters().await;
    assert_eq!(js.counter("C", "C.a").await.unwrap(), None);
    for (delta, value) in [(5, 5), (-7, -2), (0, -2)] {
        let counter = js.counter_add("C.a", delta).await.unwrap();
        assert_eq!(counter.as_i64(), Some(value));
    }
    let read = js.counter("C", "C.a").await.unwrap().unwrap();
    assert_eq!((read.value.as_str(), read.as_i128(), read.to_string()), ("-2", Some(-2), "-2".into()));
    assert_eq!(js.counter_add("C.b", 1u64).await.unwrap().as_i64(), Some(1), "each subject counts alone");
}

#[tokio::test]
async fn a_counter_has_no_largest_value() {
    needs!(Counters);
    let (_server, _nc, js) = counters().await;
    js.counter_add("C.a", u128::MAX).await.unwrap();
    let sum = js.counter_add("C.a", "+1").await.unwrap();
    assert_eq!(sum.value, "340282366920938463463374607431768211456");
    assert_eq!((sum.as_i64(), sum.as_i128()), (None, None));
    assert_eq!(js.counter("C", "C.a").await.unwrap(), Some(sum));
}

#[tokio::test]
async fn what_came_from_other_streams_is_told() {
    needs!(Counters);
    let (_server, nc, js) = counters().await;
    js.counter_add("C.a", 3).await.unwrap();
    let sum = r#"{"name":"SUM","storage":"memory","allow_msg_counter":true,"sources":[{"name":"C","subject_transforms":[{"src":"C.>","dest":"SUM.>"}]}]}"#;
    raw(&nc, "STREAM.CREATE.SUM", sum).await;
    until_count(&nc, "SUM", 1).await;
    let counter = js.counter("SUM", "SUM.a").await.unwrap().unwrap();
    assert_eq!(counter.value, "3");
    assert_eq!(counter.sources["C"]["C.a"], "3");
}

#[tokio::test]
async fn only_whole_numbers_are_added() {
    needs!(Counters);
    let (_server, _nc, js) = counters().await;
    let error = js.counter_add("C.a", "1.5").await.unwrap_err();
    assert!(matches!(&error, PublishError::Option { error: OptionError::Increment(_), .. }), "{error:?}");
}

#[tokio::test]
async fn a_stream_without_counters_refuses() {
    let (_server, nc, js) = start().await;
    stream(&nc, "S", "").await;
    let outcome = js.counter_add("S.a", 1).await;
    if level() < 2 {
        return not_sent_for(outcome, Feature::Counters, level());
    }
    assert_eq!(outcome.unwrap_err().api_error().unwrap().err_code, ErrorCode(10168));
    js.publish("S.a", "no counter").await.unwrap();
    assert!(matches!(js.counter("S", "S.a").await, Err(nuncio::jetstream::Error::Answer { .. })));
    assert!(js.counter("T", "S.a").await.unwrap_err().is_stream_not_found());
}

#[tokio::test]
async fn an_addition_with_an_id_counts_once() {
    needs!(Counters);
    let (_server, _nc, js) = counters().await;
    js.counter_add("C.a", 1).message_id("m").await.unwrap();
    let again = js.counter_add("C.a", 1).message_id("m").await;
    assert!(again.as_ref().is_ok_and(|c| c.value == "1") || again.is_err_and(|e| e.is_stored_unknown()));
    assert_eq!(js.counter("C", "C.a").await.unwrap().unwrap().value, "1");
}
