//! Consuming without end.

use std::time::Duration;

use nuncio::jetstream::{ConsumeEnd, ConsumeError, ConsumeEvent, Messages};
use nuncio::{Auth, Client, SubscriptionEnd};
use nuncio_testkit::{NatsServer, eventually_async};

use crate::support::*;

async fn take(messages: &mut Messages, count: u64) -> Vec<u64> {
    let mut numbers = Vec::new();
    for _ in 0..count {
        let message = soon(messages.next()).await.unwrap().unwrap();
        message.ack().await.unwrap();
        numbers.push(message.text().unwrap().parse().unwrap());
    }
    numbers
}

async fn login(server: &NatsServer, user: &str, password: &str) -> Client {
    nuncio::connect(server.url()).auth(Auth::user_and_password(user, password)).await.unwrap()
}

async fn waiting(nc: &Client, pulls: u64) {
    let waits = async || (consumer_info(nc, "S", "C").await["num_waiting"] == pulls).then_some(());
    eventually_async("pulls to wait", SOON, waits).await.unwrap();
}

#[tokio::test]
async fn messages_come_in_order_far_beyond_what_is_asked_for_at_once() {
    let (_server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 1000, "").await;
    let mut messages = consumer.consume().max_messages(20).await.unwrap();
    assert_eq!(take(&mut messages, 1000).await, (1..=1000).collect::<Vec<_>>());
    fill_from(&nc, "S", 1001, 10).await;
    assert_eq!(take(&mut messages, 10).await, (1001..=1010).collect::<Vec<_>>());
    let stats = messages.stats();
    assert_eq!((stats.delivered, stats.buffered), (1010, 0));
    assert!(stats.pending > 10 && stats.pending <= 20, "{stats:?}");
    assert!(stats.last_heard < SOON, "{stats:?}");
    messages.stop();
    let acked =
        async || (consumer_info(&nc, "S", "C").await["ack_floor"]["stream_seq"] == 1010).then_some(());
    eventually_async("the acknowledgements to arrive", SOON, acked).await.unwrap();
}

#[tokio::test]
async fn one_message_at_a_time_does_not_hang() {
    let (_server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 20, "").await;
    let mut messages = consumer.consume().max_messages(1).await.unwrap();
    assert_eq!(take(&mut messages, 20).await.len(), 20);
}

#[tokio::test]
async fn it_can_be_bounded_by_bytes() {
    let (_server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 200, "").await;
    let mut messages = consumer.consume().max_bytes(400).await.unwrap();
    assert_eq!(take(&mut messages, 200).await, (1..=200).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_message_larger_than_the_room_for_bytes_is_the_end() {
    let (_server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 1, "").await;
    let mut messages = consumer.consume().max_bytes(10).await.unwrap();
    let error = soon(messages.next()).await.unwrap().unwrap_err();
    assert_eq!(error.end(), Some(&ConsumeEnd::MessageTooLarge { max_bytes: 10 }));
    assert!(messages.next().await.is_none());
}

#[tokio::test]
async fn it_ends_by_itself_after_the_messages_asked_for() {
    let (_server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 10, "").await;
    let mut messages = consumer.consume().stop_after(7).await.unwrap();
    assert_eq!(take(&mut messages, 7).await.len(), 7);
    assert!(soon(messages.next()).await.is_none());
    assert_eq!(messages.ended(), Some(&ConsumeEnd::StopAfter));
    // The others were never asked for.
    assert_eq!(consumer_info(&nc, "S", "C").await["delivered"]["consumer_seq"], 7);
}

#[tokio::test]
async fn stopping_gives_back_what_was_not_taken() {
    let (_server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 10, "").await;
    let mut messages = consumer.consume().max_messages(10).await.unwrap();
    assert_eq!(take(&mut messages, 4).await, [1, 2, 3, 4]);
    let arrived = async || (messages.stats().buffered == 6).then_some(());
    eventually_async("the others to arrive", SOON, arrived).await.unwrap();
    messages.stop();
    assert!(messages.next().await.is_none());
    assert_eq!(messages.ended(), Some(&ConsumeEnd::Stopped));
    let mut again = consumer.consume().stop_after(6).await.unwrap();
    let mut numbers = take(&mut again, 6).await;
    numbers.sort_unstable();
    assert_eq!(numbers, [5, 6, 7, 8, 9, 10]);
}

#[tokio::test]
async fn draining_hands_out_what_has_arrived_and_asks_for_nothing_more() {
    let (_server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 10, "").await;
    let mut messages = consumer.consume().max_messages(6).threshold_messages(0).await.unwrap();
    assert_eq!(take(&mut messages, 1).await, [1]);
    let arrived = async || (messages.stats().buffered == 5).then_some(());
    eventually_async("the others to arrive", SOON, arrived).await.unwrap();
    messages.drain();
    assert_eq!(take(&mut messages, 5).await, [2, 3, 4, 5, 6]);
    assert!(soon(messages.next()).await.is_none());
    assert_eq!(messages.ended(), Some(&ConsumeEnd::Drained));
    assert_eq!(consumer_info(&nc, "S", "C").await["delivered"]["consumer_seq"], 6);
}

#[tokio::test]
async fn draining_the_connection_drains_it() {
    let (_server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 5, "").await;
    let mut messages = consumer.consume().max_messages(5).threshold_messages(0).await.unwrap();
    assert_eq!(take(&mut messages, 1).await, [1]);
    let taking = tokio::spawn(async move {
        let mut count = 1;
        while let Some(message) = messages.next().await {
            message.unwrap().ack().await.unwrap();
            count += 1;
        }
        count
    });
    let arrived = async || (consumer_info(&nc, "S", "C").await["ack_floor"]["stream_seq"] == 5).then_some(());
    eventually_async("all to be taken", SOON, arrived).await.unwrap();
    nc.drain().await.unwrap();
    assert_eq!(soon(taking).await.unwrap(), 5);
}

#[tokio::test]
async fn a_connection_that_is_closed_ends_it() {
    let (_server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 0, "").await;
    let mut messages = consumer.consume().await.unwrap();
    nc.close().await;
    assert!(soon(messages.next()).await.is_none());
    assert!(matches!(consumer.consume().await, Err(ConsumeError::Subscribe(_))));
}

#[tokio::test]
async fn a_consumer_that_is_deleted_is_the_end_told_once() {
    let (_server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 3, "").await;
    let mut messages = consumer.consume().await.unwrap();
    assert_eq!(take(&mut messages, 3).await, [1, 2, 3]);
    raw(&nc, "CONSUMER.DELETE.S.C", "").await;
    let error = soon(messages.next()).await.unwrap().unwrap_err();
    assert!(error.is_consumer_deleted(), "{error:?}");
    assert_eq!(error.to_string(), "consumer \"C\" of stream \"S\": the consumer was deleted");
    assert!(messages.next().await.is_none());
}

#[tokio::test]
async fn a_consumer_that_is_gone_when_it_is_asked_again_is_the_end_too() {
    let (_server, nc, js) = start().await;
    stream(&nc, "S", "").await;
    if level() == 0 {
        // Servers before 2.11 do not answer such a pull; that no heartbeat comes tells.
        let consumer = js.bind_consumer("S", "NONE").unwrap();
        let mut messages = consumer.consume().heartbeat(Duration::from_millis(500)).await.unwrap();
        assert!(soon(messages.next()).await.unwrap().unwrap_err().is_consumer_deleted());
        return;
    }
    let mut messages = js.bind_consumer("S", "NONE").unwrap().consume().await.unwrap();
    let mut events = messages.events();
    let error = soon(messages.next()).await.unwrap().unwrap_err();
    assert!(error.is_consumer_deleted(), "{error:?}");
    assert_eq!(events.next().await, Some(ConsumeEvent::NoResponders { attempts: 3 }));
    assert_eq!(events.next().await, None);
    let mut messages = js.bind_consumer("NONE", "NONE").unwrap().consume().await.unwrap();
    assert!(soon(messages.next()).await.unwrap().unwrap_err().is_stream_deleted());
}

#[tokio::test]
async fn a_stream_that_is_deleted_is_the_end_and_a_stop_for_those_who_come_later() {
    let (_server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 1, "").await;
    let mut messages = consumer.consume().await.unwrap();
    assert_eq!(take(&mut messages, 1).await, [1]);
    waiting(&nc, 1).await;
    raw(&nc, "STREAM.DELETE.S", "").await;
    let error = soon(messages.next()).await.unwrap().unwrap_err();
    assert!(error.is_consumer_deleted(), "{error}");
    assert!(soon(messages.next()).await.is_none());
    // Who asks now is told that even the stream is gone.
    let mut later = consumer.consume().await.unwrap();
    let error = soon(later.next()).await.unwrap().unwrap_err();
    assert!(error.is_stream_deleted(), "{error}");
}

#[tokio::test]
async fn the_limits_of_the_consumer_are_kept_to_whether_they_are_known_or_not() {
    let (_server, nc, js) = start().await;
    let limits = r#""max_batch":3,"max_expires":2000000000"#;
    let known = bound(&nc, &js, 40, limits).await;
    let mut messages = known.consume().await.unwrap();
    let mut events = messages.events();
    assert_eq!(take(&mut messages, 10).await.len(), 10);
    assert_eq!(events.try_next(), None);
    messages.stop();
    let mut messages = js.bind_consumer("S", "C").unwrap().consume().await.unwrap();
    let mut events = messages.events();
    assert_eq!(take(&mut messages, 10).await.len(), 10);
    assert!(matches!(events.next().await, Some(ConsumeEvent::Adapted { .. })));
    // What was asked for is not changed.
    messages.stop();
    let mut insisting = known.consume().max_messages(10).await.unwrap();
    let error = soon(insisting.next()).await.unwrap().unwrap_err();
    assert!(matches!(error.end(), Some(ConsumeEnd::LimitExceeded { .. })), "{error:?}");
}

#[tokio::test]
async fn options_that_cannot_be_are_reported_before_anything_is_sent() {
    let (_server, _nc, js) = start().await;
    let consumer = js.bind_consumer("S", "C").unwrap();
    let second = Duration::from_secs(1);
    for consume in [
        consumer.consume().max_messages(0),
        consumer.consume().max_bytes(0),
        consumer.consume().stop_after(0),
        consumer.consume().expires(second / 2),
        consumer.consume().expires(second).heartbeat(second),
        consumer.consume().group("A").priority(10),
        consumer.consume().min_ack_pending(3),
    ] {
        let shown = format!("{consume:?}");
        assert!(matches!(consume.await, Err(ConsumeError::Option { .. })), "{shown}");
    }
}

#[tokio::test]
async fn an_idle_consumer_asks_again_when_its_pulls_expire() {
    let (_server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 0, "").await;
    let mut messages = consumer.consume().expires(Duration::from_secs(1)).await.unwrap();
    let mut events = messages.events();
    let none = tokio::time::timeout(Duration::from_millis(2500), messages.next()).await;
    assert!(none.is_err());
    assert_eq!(events.try_next(), None);
    assert!(messages.stats().last_heard < Duration::from_secs(2));
    fill(&nc, "S", 1).await;
    assert_eq!(take(&mut messages, 1).await, [1]);
}

#[tokio::test]
async fn what_looks_like_a_status_in_a_stream_is_a_message() {
    let (_server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 0, "").await;
    let mut messages = consumer.consume().await.unwrap();
    nc.publish("S.a", "").header("Status", "409").header("Description", "Consumer Deleted").await.unwrap();
    let message = soon(messages.next()).await.unwrap().unwrap();
    assert_eq!(message.header("Status"), Some("409"));
}

#[tokio::test]
async fn a_stored_message_with_a_status_line_is_a_message_too() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 0, "").await;
    let mut messages = consumer.consume().await.unwrap();
    let mut raw = tokio::net::TcpStream::connect(server.addr()).await.unwrap();
    let block = "NATS/1.0 409 Consumer Deleted\r\n\r\n";
    let size = block.len();
    let wire = format!("CONNECT {{\"headers\":true}}\r\nHPUB S.a {size} {size}\r\n{block}\r\nPING\r\n");
    raw.write_all(wire.as_bytes()).await.unwrap();
    let message = soon(messages.next()).await.unwrap().unwrap();
    // Newer servers take the line away.
    assert!(message.status().is_none_or(|status| status.code() == Some(409)));
    message.double_ack().await.unwrap();
    let _ = raw.read(&mut [0; 64]).await;
}

#[tokio::test]
async fn a_pinned_client_is_told_and_another_takes_over_when_it_is_unpinned() {
    needs!(PriorityGroups);
    let (_server, nc, js) = start().await;
    let group = r#""priority_groups":["A"],"priority_policy":"pinned_client","priority_timeout":60000000000"#;
    let consumer = bound(&nc, &js, 10, group).await;
    let mut first = consumer.consume().group("A").max_messages(2).await.unwrap();
    let mut events = first.events();
    assert_eq!(take(&mut first, 5).await, [1, 2, 3, 4, 5]);
    assert!(matches!(events.next().await, Some(ConsumeEvent::Pinned { .. })));
    let mut second = consumer.consume().group("A").max_messages(2).await.unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(100), second.next()).await.is_err());
    raw(&nc, "CONSUMER.UNPIN.S.C", r#"{"group":"A"}"#).await;
    // Whoever pulls first now is pinned; one of the two gets all of the rest that was not on its way already.
    let mut rest = Vec::new();
    while rest.len() < 5 {
        let message = soon(async {
            tokio::select! {
                message = first.next() => message,
                message = second.next() => message,
            }
        });
        let message = message.await.unwrap().unwrap();
        message.ack().await.unwrap();
        rest.push(message.text().unwrap().parse::<u64>().unwrap());
    }
    rest.sort_unstable();
    assert_eq!(rest, [6, 7, 8, 9, 10]);
}

#[tokio::test]
async fn overflow_is_served_only_beyond_its_limit() {
    needs!(PriorityGroups);
    let (_server, nc, js) = start().await;
    let group = r#""priority_groups":["A"],"priority_policy":"overflow""#;
    let consumer = bound(&nc, &js, 5, group).await;
    let mut overflow = consumer.consume().group("A").min_pending(10).max_messages(1).await.unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(200), overflow.next()).await.is_err());
    fill_from(&nc, "S", 6, 10).await;
    assert_eq!(take(&mut overflow, 1).await, [1]);
}

#[tokio::test]
async fn dropping_it_leaves_nothing_at_the_server() {
    let (_server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 0, "").await;
    let before = nc.num_subscriptions();
    let messages = consumer.consume().await.unwrap();
    waiting(&nc, 1).await;
    std::thread::spawn(move || drop(messages)).join().unwrap();
    nc.flush().await.unwrap();
    assert_eq!(nc.num_subscriptions(), before);
    waiting(&nc, 0).await;
}

#[tokio::test]
async fn it_works_on_a_bare_thread() {
    let (_server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 30, "").await;
    let count = bare(move || {
        block_on(async {
            let mut messages = consumer.consume().max_messages(4).stop_after(30).await.unwrap();
            let mut count = 0;
            while let Some(message) = messages.next().await {
                message.unwrap().ack().await.unwrap();
                count += 1;
            }
            count
        })
    });
    assert_eq!(count.await, 30);
}

#[tokio::test]
async fn who_may_not_pull_is_told_so() {
    let users = r#"authorization { users: [
        { user: admin, password: a },
        { user: reader, password: r, permissions: { publish: { deny: "$JS.API.CONSUMER.MSG.NEXT.>" } } }
    ] }"#;
    let server = NatsServer::builder().jetstream().config(users).start().await.unwrap();
    let admin = login(&server, "admin", "a").await;
    let reader = login(&server, "reader", "r").await;
    stream(&admin, "S", "").await;
    consumer(&admin, "S", "C", "").await;
    let consumer = reader.jetstream().bind_consumer("S", "C").unwrap();
    let error = soon(consumer.consume().await.unwrap().next()).await.unwrap().unwrap_err();
    let subject = "$JS.API.CONSUMER.MSG.NEXT.S.C".to_owned();
    assert_eq!(error, ConsumeError::Denied { subject });
    let error = soon(consumer.next()).await.unwrap_err();
    assert!(matches!(error, ConsumeError::Denied { .. }), "{error:?}");
}

#[tokio::test]
async fn who_may_not_subscribe_to_the_inbox_is_told_so() {
    let users = r#"authorization { users: [
        { user: admin, password: a },
        { user: reader, password: r, permissions: { subscribe: { deny: "_INBOX.>" } } }
    ] }"#;
    let server = NatsServer::builder().jetstream().config(users).start().await.unwrap();
    let reader = login(&server, "reader", "r").await;
    let consumer = reader.jetstream().bind_consumer("S", "C").unwrap();
    let error = soon(consumer.consume().await.unwrap().next()).await.unwrap().unwrap_err();
    let denied = |end: &SubscriptionEnd| matches!(end, SubscriptionEnd::Denied { .. });
    assert!(matches!(&error, ConsumeError::Subscription { end, .. } if denied(end)), "{error:?}");
}

#[tokio::test]
async fn an_option_does_not_make_a_default_that_the_consumer_does_not_allow() {
    let (_server, nc, js) = start().await;
    let more = r#""max_batch":3,"max_expires":2000000000,"max_bytes":2000"#;
    bound(&nc, &js, 40, more).await;
    let known = js.bind_stream("S").unwrap().consumer("C").await.unwrap();
    let bound = js.bind_consumer("S", "C").unwrap();
    for consumer in [&known, &bound] {
        let second = Duration::from_secs(1);
        for consume in [
            consumer.consume().expires(second),
            consumer.consume().max_messages(2),
            consumer.consume().max_bytes(500),
        ] {
            let mut messages = consume.stop_after(5).await.unwrap();
            assert_eq!(take(&mut messages, 5).await.len(), 5);
        }
    }
}
