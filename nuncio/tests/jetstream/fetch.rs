//! Fetching some messages.

use std::time::Duration;

use nuncio::jetstream::{ConsumeEnd, ConsumeError, Fetched};

use crate::support::*;

async fn texts(batch: &mut Fetched) -> Vec<String> {
    let mut texts = Vec::new();
    while let Some(message) = soon(batch.next()).await {
        let message = message.unwrap();
        message.ack().await.unwrap();
        texts.push(message.text().unwrap().to_owned());
    }
    texts
}

#[tokio::test]
async fn a_fetch_ends_when_its_messages_have_come() {
    let (_server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 5, "").await;
    let mut batch = consumer.fetch(3).await.unwrap();
    assert_eq!(texts(&mut batch).await, ["1", "2", "3"]);
    assert_eq!(batch.ended(), Some(&ConsumeEnd::Complete));
    assert!(batch.next().await.is_none());
    assert_eq!(texts(&mut consumer.fetch(2).await.unwrap()).await, ["4", "5"]);
}

#[tokio::test]
async fn a_fetch_that_does_not_wait_takes_what_is_there() {
    let (_server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 2, "").await;
    assert_eq!(texts(&mut consumer.fetch(10).no_wait().await.unwrap()).await, ["1", "2"]);
    assert!(texts(&mut consumer.fetch(10).no_wait().await.unwrap()).await.is_empty());
}

#[tokio::test]
async fn a_fetch_ends_when_its_time_is_over() {
    let (_server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 2, "").await;
    let mut batch = consumer.fetch(10).expires(Duration::from_millis(300)).await.unwrap();
    assert_eq!(texts(&mut batch).await, ["1", "2"]);
}

#[tokio::test]
async fn a_fetch_waits_for_messages_to_come() {
    let (_server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 0, "").await;
    let mut batch = consumer.fetch(2).expires(SOON).await.unwrap();
    fill(&nc, "S", 2).await;
    assert_eq!(texts(&mut batch).await, ["1", "2"]);
}

#[tokio::test]
async fn a_fetch_can_be_bounded_by_bytes() {
    let (_server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 3, "").await;
    let mut batch = consumer.fetch_bytes(100).no_wait().await.unwrap();
    let first = soon(batch.next()).await.unwrap().unwrap();
    assert!(first.len() > 34 && first.len() <= 100, "{}", first.len());
    assert!(soon(batch.next()).await.is_none_or(|message| message.is_ok()));
    let mut small = consumer.fetch_bytes(10).no_wait().await.unwrap();
    let error = soon(small.next()).await.unwrap().unwrap_err();
    assert_eq!(error.end(), Some(&ConsumeEnd::MessageTooLarge { max_bytes: 10 }));
}

#[tokio::test]
async fn next_is_one_message_or_none_in_time() {
    let (_server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 2, "").await;
    for text in ["1", "2"] {
        let message = soon(consumer.next()).await.unwrap().unwrap();
        assert_eq!(message.text().unwrap(), text);
    }
    let none = soon(consumer.next().timeout(Duration::from_millis(100)).into_future()).await.unwrap();
    assert!(none.is_none());
    assert!(soon(consumer.next().no_wait().into_future()).await.unwrap().is_none());
}

#[tokio::test]
async fn fetches_one_after_the_other_share_a_subscription() {
    let (_server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 20, "").await;
    let before = nc.num_subscriptions();
    for _ in 0..10 {
        soon(consumer.next()).await.unwrap().unwrap().ack().await.unwrap();
        assert_eq!(texts(&mut consumer.fetch(1).await.unwrap()).await.len(), 1);
    }
    nc.flush().await.unwrap();
    assert_eq!(nc.num_subscriptions(), before + 1);
    // Two at a time cannot.
    let (a, b) = (consumer.fetch(1).await.unwrap(), consumer.fetch(1).await.unwrap());
    nc.flush().await.unwrap();
    assert_eq!(nc.num_subscriptions(), before + 2);
    drop((a, b));
    nc.flush().await.unwrap();
    assert_eq!(nc.num_subscriptions(), before);
}

#[tokio::test]
async fn what_a_dropped_fetch_had_received_is_delivered_again_at_once() {
    let (_server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 3, "").await;
    let mut batch = consumer.fetch(3).await.unwrap();
    let first = soon(batch.next()).await.unwrap().unwrap();
    first.double_ack().await.unwrap();
    drop(batch);
    let mut again = consumer.fetch(2).expires(SOON).await.unwrap();
    let mut redelivered = texts(&mut again).await;
    redelivered.sort();
    assert_eq!(redelivered, ["2", "3"]);
}

#[tokio::test]
async fn what_the_consumer_does_not_allow_fails_typed() {
    let (_server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 3, r#""max_batch":2"#).await;
    let error = soon(consumer.fetch(3).await.unwrap().next()).await.unwrap().unwrap_err();
    assert_eq!(
        error.to_string(),
        "consumer \"C\" of stream \"S\": the consumer does not allow this pull: Exceeded MaxRequestBatch of 2; \
         ask for less, or raise the consumer's limit"
    );
}

#[tokio::test]
async fn a_consumer_that_is_deleted_meanwhile_fails_typed() {
    let (_server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 0, "").await;
    let mut batch = consumer.fetch(3).expires(SOON).await.unwrap();
    let waits = async || (consumer_info(&nc, "S", "C").await["num_waiting"] == 1).then_some(());
    nuncio_testkit::eventually_async("the pull to wait", SOON, waits).await.unwrap();
    raw(&nc, "CONSUMER.DELETE.S.C", "").await;
    let error = soon(batch.next()).await.unwrap().unwrap_err();
    assert!(error.is_consumer_deleted(), "{error:?}");
    assert!(batch.next().await.is_none());
}

#[tokio::test]
async fn a_consumer_that_is_not_there_fails_typed() {
    let (_server, nc, js) = start().await;
    stream(&nc, "S", "").await;
    let consumer = js.bind_consumer("S", "NONE").unwrap();
    if level() == 0 {
        // Servers before 2.11 do not answer such a pull, and are asked.
        let asking = consumer.next().timeout(Duration::from_millis(200));
        let error = soon(asking.into_future()).await.unwrap_err();
        assert!(error.is_consumer_deleted(), "{error:?}");
    } else {
        let error = soon(consumer.next().timeout(SOON).into_future()).await.unwrap_err();
        assert!(error.is_no_responders(), "{error:?}");
    }
    let error = js.bind_stream("S").unwrap().consumer("NONE").await.unwrap_err();
    assert!(error.is_consumer_not_found(), "{error:?}");
}

#[tokio::test]
async fn options_that_cannot_be_are_reported_before_anything_is_sent() {
    let (_server, _nc, js) = start().await;
    let consumer = js.bind_consumer("S", "C").unwrap();
    let second = Duration::from_secs(1);
    for fetch in [
        consumer.fetch(0),
        consumer.fetch_bytes(0),
        consumer.fetch(1).expires(Duration::ZERO),
        consumer.fetch(1).expires(second).heartbeat(second),
        consumer.fetch(1).priority(10),
        consumer.fetch(1).min_pending(1),
    ] {
        let shown = format!("{fetch:?}");
        assert!(matches!(fetch.await, Err(ConsumeError::Option { .. })), "{shown}");
    }
    assert!(js.bind_consumer("a.b", "C").is_err());
    assert!(js.bind_consumer("S", "").is_err());
}

#[tokio::test]
async fn a_pinned_client_keeps_its_pin_from_fetch_to_fetch() {
    needs!(PriorityGroups);
    let (_server, nc, js) = start().await;
    let group = r#""priority_groups":["A"],"priority_policy":"pinned_client","priority_timeout":60000000000"#;
    let consumer = bound(&nc, &js, 4, group).await;
    for text in ["1", "2"] {
        let message = soon(consumer.next().group("A").into_future()).await.unwrap().unwrap();
        assert_eq!(message.text().unwrap(), text);
    }
    let other = js.bind_consumer("S", "C").unwrap();
    let standby = other.next().group("A").timeout(Duration::from_millis(200));
    assert!(soon(standby.into_future()).await.unwrap().is_none());
    // Without a group the server does not accept it.
    let error = soon(consumer.next()).await.unwrap_err();
    assert!(matches!(error.end(), Some(ConsumeEnd::BadRequest { .. })), "{error:?}");
}

#[tokio::test]
async fn a_fetch_works_on_a_bare_thread() {
    let (_server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 2, "").await;
    let texts = bare(move || {
        block_on(async {
            let mut batch = consumer.fetch(5).expires(Duration::from_millis(200)).await.unwrap();
            let mut count = 0;
            while let Some(message) = batch.next().await {
                message.unwrap().ack().await.unwrap();
                count += 1;
            }
            count
        })
    });
    assert_eq!(texts.await, 2);
}

#[tokio::test]
async fn heartbeats_do_not_keep_a_message_from_coming() {
    let (_server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 0, "").await;
    let mut batch = consumer.fetch(2).expires(SOON).heartbeat(Duration::from_millis(50)).await.unwrap();
    let received = nc.statistics().received;
    let beats = async {
        let some = || nc.statistics().received >= received + 3;
        nuncio_testkit::eventually("some heartbeats", SOON, some).await.unwrap();
        fill(&nc, "S", 1).await;
    };
    let (message, ()) = both(batch.next(), beats).await;
    assert_eq!(message.unwrap().unwrap().text().unwrap(), "1");
    let received = nc.statistics().received;
    let beats = async {
        let some = || nc.statistics().received >= received + 3;
        nuncio_testkit::eventually("some heartbeats", SOON, some).await.unwrap();
        fill_from(&nc, "S", 2, 1).await;
    };
    let (message, ()) = both(batch.next(), beats).await;
    assert_eq!(message.unwrap().unwrap().text().unwrap(), "2");
}

#[tokio::test]
async fn a_fetch_of_bytes_alone_takes_any_number_of_messages() {
    let (_server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 500, "").await;
    let mut batch = consumer.fetch_bytes(1 << 20).no_wait().await.unwrap();
    assert_eq!(texts(&mut batch).await.len(), 500);
}

#[tokio::test]
async fn a_default_that_the_consumer_does_not_allow_is_made_to_fit() {
    let (_server, nc, js) = start().await;
    let more = r#""max_batch":3,"max_expires":2000000000"#;
    let consumer = bound(&nc, &js, 4, more).await;
    assert!(soon(consumer.next()).await.unwrap().is_some());
    assert_eq!(texts(&mut consumer.fetch_bytes(100_000).no_wait().await.unwrap()).await.len(), 3);
    // What is insisted on is refused.
    let error = soon(consumer.next().timeout(SOON)).await.unwrap_err();
    assert!(matches!(error.end(), Some(ConsumeEnd::LimitExceeded { .. })), "{error:?}");
}

#[tokio::test]
async fn a_server_that_says_nothing_is_not_taken_for_an_empty_consumer() {
    let (_server, nc, _js) = start().await;
    let _unanswered = nc.subscribe("fake.>").confirmed().await.unwrap();
    let consumer = nc.jetstream().prefix("fake").bind_consumer("S", "C").unwrap();
    let error = soon(consumer.next().timeout(Duration::from_millis(200)).into_future()).await.unwrap_err();
    assert!(error.is_timeout(), "{error:?}");
    let mut batch = consumer.fetch(2).expires(Duration::from_millis(200)).await.unwrap();
    let error = soon(batch.next()).await.unwrap().unwrap_err();
    assert!(error.is_timeout(), "{error:?}");
}

#[tokio::test]
async fn what_came_too_much_is_given_back_at_once() {
    let (_server, nc, js) = start().await;
    let real = bound(&nc, &js, 2, "").await;
    let mut asked = nc.subscribe("fake.>").confirmed().await.unwrap();
    let consumer = nc.jetstream().prefix("fake").bind_consumer("S", "C").unwrap();
    let mut batch = consumer.fetch(1).await.unwrap();
    let pull = soon(asked.next()).await.unwrap();
    let received = nc.statistics().received;
    // As after a pull that was repeated though the first one still counted.
    let twice = r#"{"batch":2,"expires":20000000000}"#;
    nc.publish("$JS.API.CONSUMER.MSG.NEXT.S.C", twice).reply(pull.reply().unwrap()).await.unwrap();
    let both = || nc.statistics().received >= received + 2;
    nuncio_testkit::eventually("both messages", SOON, both).await.unwrap();
    let first = soon(batch.next()).await.unwrap().unwrap();
    assert_eq!(first.text().unwrap(), "1");
    assert!(soon(batch.next()).await.is_none());
    let again = soon(real.next().timeout(SOON).into_future()).await.unwrap().unwrap();
    assert_eq!((again.text().unwrap(), again.info().unwrap().delivered), ("2", 2));
}
