//! Acknowledging a message and taking the next one in one step.

use std::time::{Duration, Instant};

use nuncio::Client;
use nuncio::jetstream::{AckError, ConsumeEnd, JsMessage};
use nuncio_testkit::{Cut, Proxy, eventually_async};

use crate::support::*;

async fn floor(nc: &Client) -> u64 {
    consumer_info(nc, "S", "C").await["ack_floor"]["stream_seq"].as_u64().unwrap()
}

#[tokio::test]
async fn a_message_is_acknowledged_and_the_next_one_comes_with_its_own_subject() {
    let (_server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 2, "").await;
    nc.request("S.other", "3").timeout(SOON).await.unwrap();
    let first = one(&consumer).await;
    let second = soon(first.ack_next()).await.unwrap().unwrap();
    assert_eq!((second.text().unwrap(), floor(&nc).await), ("2", 1));
    let third = soon(second.ack_next()).await.unwrap().unwrap();
    assert_eq!((&*third.subject(), third.text().unwrap()), ("S.other", "3"));
    assert_eq!(third.info().unwrap().stream_sequence, 3);
    assert!(soon(third.ack_next().no_wait()).await.unwrap().is_none());
    assert_eq!(floor(&nc).await, 3);
    assert!(first.is_settled() && second.is_settled() && third.is_settled());
    assert_eq!((nc.statistics().requests, nc.statistics().subscriptions), (0, 2), "nothing is left of it");
}

#[tokio::test]
async fn without_a_next_message_it_ends_in_time() {
    let (_server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 1, "").await;
    let message = one(&consumer).await;
    assert!(soon(message.ack_next().expires(Duration::from_millis(200))).await.unwrap().is_none());
    assert_eq!(floor(&nc).await, 1);
}

#[tokio::test]
async fn a_next_message_that_comes_later_is_waited_for() {
    let (_server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 1, "").await;
    let message = one(&consumer).await;
    let later = async {
        let acked = async || (floor(&nc).await == 1).then_some(());
        eventually_async("the message to be acknowledged", SOON, acked).await.unwrap();
        fill_from(&nc, "S", 2, 1).await;
    };
    let (next, ()) = both(message.ack_next(), later).await;
    assert_eq!(next.unwrap().unwrap().text().unwrap(), "2");
}

#[tokio::test]
async fn a_lost_connection_only_delays_it() {
    let server = server().await;
    let proxy = Proxy::start(server.addr()).await.unwrap();
    let (nc, direct) = (client(proxy.url()).await, client(server.url()).await);
    let js = nc.jetstream().timeout(SOON);
    let consumer = bound(&nc, &js, 1, "").await;
    let message = one(&consumer).await;
    let cut = async {
        let waiting = async || (consumer_info(&direct, "S", "C").await["num_waiting"] == 1).then_some(());
        eventually_async("the pull to wait", SOON, waiting).await.unwrap();
        proxy.cut_all(Cut::Rst);
        eventually_async("the pull of the new connection", SOON, waiting).await.unwrap();
        fill_from(&direct, "S", 2, 1).await;
    };
    let (next, ()) = both(message.ack_next(), cut).await;
    assert_eq!(next.unwrap().unwrap().text().unwrap(), "2");
    assert_eq!(nc.statistics().connects, 2);
}

#[tokio::test]
async fn it_asks_again_under_a_new_leader() {
    const WHOLE: Duration = Duration::from_secs(30);
    let (_server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 1, "").await;
    let message = one(&consumer).await;
    // From here on the consumer is played by the test.
    raw(&nc, "CONSUMER.DELETE.S.C", "").await;
    let mut acks = nc.subscribe("$JS.ACK.S.C.>").confirmed().await.unwrap();
    let began = Instant::now();
    let playing = async {
        let first = acks.next().await.unwrap();
        let change = nuncio::HeaderMap::with_status(409, "Leadership Change").unwrap();
        first.respond("").headers(change).await.unwrap();
        let second = acks.next().await.unwrap();
        second.respond("2").await.unwrap();
        let took = began.elapsed();
        let asked = [first, second].map(|asked| {
            let body = asked.text().unwrap().strip_prefix("+NXT ").unwrap();
            serde_json::from_str::<serde_json::Value>(body).unwrap()
        });
        (asked, took)
    };
    let (next, (asked, took)) = both(message.ack_next(), playing).await;
    assert_eq!(next.unwrap().unwrap().text().unwrap(), "2");
    let expires = asked.each_ref().map(|body| Duration::from_nanos(body["expires"].as_u64().unwrap()));
    assert!(expires[0] <= WHOLE && expires[0] > expires[1], "{asked:?}");
    assert!(expires[1] + took >= WHOLE, "in the time that is left after {took:?}: {asked:?}");
    assert!(
        asked.iter().all(|body| body["batch"] == 1 && body["idle_heartbeat"] == 2_000_000_000u64),
        "{asked:?}"
    );
}

#[tokio::test]
async fn a_consumer_that_is_gone_takes_no_acknowledgement() {
    let (_server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 2, "").await;
    let message = one(&consumer).await;
    raw(&nc, "CONSUMER.DELETE.S.C", "").await;
    let gone = AckError::NoConsumer { subject: "S.a".into() };
    assert_eq!(soon(message.ack_next()).await.unwrap_err(), gone);
    assert!(!message.is_settled());
}

#[tokio::test]
async fn a_consumer_that_is_deleted_while_the_next_is_waited_for_is_told_as_such() {
    let (_server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 1, "").await;
    let message = one(&consumer).await;
    let deleted = async {
        let waiting = async || (consumer_info(&nc, "S", "C").await["num_waiting"] == 1).then_some(());
        eventually_async("the pull to wait", SOON, waiting).await.unwrap();
        raw(&nc, "CONSUMER.DELETE.S.C", "").await;
    };
    let (next, ()) = both(message.ack_next(), deleted).await;
    let end = ConsumeEnd::ConsumerDeleted;
    assert_eq!(next.unwrap_err(), AckError::NoNext { subject: "S.a".into(), end });
    assert!(message.is_settled());
}

#[tokio::test]
async fn a_group_that_the_consumer_needs_is_given_or_the_pull_is_refused() {
    needs!(PriorityGroups);
    let (_server, nc, js) = start().await;
    let group = r#""priority_groups":["A"],"priority_policy":"overflow""#;
    let consumer = bound(&nc, &js, 3, group).await;
    let first = soon(consumer.next().group("A").into_future()).await.unwrap().unwrap();
    let error = soon(first.ack_next()).await.unwrap_err();
    assert!(matches!(&error, AckError::NoNext { end: ConsumeEnd::BadRequest { .. }, .. }), "{error:?}");
    assert_eq!(floor(&nc).await, 1, "it is acknowledged all the same");
    let second = soon(consumer.next().group("A").into_future()).await.unwrap().unwrap();
    let third = soon(second.ack_next().group("A")).await.unwrap().unwrap();
    assert_eq!(third.text().unwrap(), "3");
}

#[tokio::test]
async fn what_cannot_be_asked_for_is_reported_before_anything_is_sent() {
    let (_server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 1, "").await;
    let message = one(&consumer).await;
    let before = nc.statistics().published;
    let none = message.ack_next().expires(Duration::ZERO).await.unwrap_err();
    assert!(matches!(none, AckError::Option { option: "expires", .. }), "{none:?}");
    let high = message.ack_next().group("A").priority(10).await.unwrap_err();
    assert!(matches!(high, AckError::Option { option: "priority", .. }), "{high:?}");
    let slow = message.ack_next().heartbeat(Duration::from_secs(20)).await.unwrap_err();
    assert!(matches!(slow, AckError::Option { option: "heartbeat", .. }), "{slow:?}");
    drop(message.ack_next());
    assert!(!message.is_settled());
    assert_eq!(nc.statistics().published, before);
    message.ack().await.unwrap();
    assert!(message.ack_next().await.unwrap_err().is_already_acked());
    let plain = JsMessage::from(nc.request("$JS.API.INFO", "").await.unwrap());
    assert!(matches!(plain.ack_next().await, Err(AckError::NoReply { .. })));
}

#[tokio::test]
async fn a_consumer_without_acknowledgements_has_no_next_by_one() {
    let (_server, nc, js) = start().await;
    stream(&nc, "S", "").await;
    let body = r#"{"stream_name":"S","config":{"durable_name":"C","ack_policy":"none"}}"#;
    raw(&nc, "CONSUMER.CREATE.S.C", body).await;
    fill(&nc, "S", 2).await;
    let consumer = js.bind_stream("S").unwrap().consumer("C").await.unwrap();
    let message = one(&consumer).await;
    assert_eq!(message.ack_next().await.unwrap_err(), AckError::NotExpected { subject: "S.a".into() });
}

#[tokio::test]
async fn a_next_message_that_nobody_takes_is_given_back_at_once() {
    let (_server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 1, "").await;
    let message = one(&consumer).await;
    let mut asking = Box::pin(message.ack_next().into_future());
    let arrived = async {
        let acked = async || (floor(&nc).await == 1).then_some(());
        eventually_async("the message to be acknowledged", SOON, acked).await.unwrap();
    };
    tokio::select! {
        biased;
        next = &mut asking => panic!("{next:?}"),
        () = arrived => {}
    }
    let received = nc.statistics().received;
    nc.request("S.a", "2").timeout(SOON).await.unwrap();
    let there = || nc.statistics().received == received + 2;
    nuncio_testkit::eventually("the next message to arrive", SOON, there).await.unwrap();
    drop(asking);
    let again = soon(consumer.next().timeout(Duration::from_secs(10)).into_future()).await.unwrap().unwrap();
    assert_eq!((again.text().unwrap(), again.info().unwrap().delivered), ("2", 2));
}

#[tokio::test]
async fn it_works_on_a_bare_thread() {
    let (_server, nc, js) = start().await;
    let consumer = bound(&nc, &js, 2, "").await;
    let first = one(&consumer).await;
    let text = bare(move || {
        block_on(async {
            let second = first.ack_next().await.unwrap().unwrap();
            assert!(second.ack_next().expires(Duration::from_millis(50)).await.unwrap().is_none());
            second.text().unwrap().to_owned()
        })
    });
    assert_eq!(text.await, "2");
}
