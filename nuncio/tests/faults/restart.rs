//! Real servers that stop, crash and freeze.

use std::time::{Duration, Instant};

use nuncio::{Client, CloseReason, ConnectError, DisconnectCause, Event, Subscription, SubscriptionEnd};
use nuncio_testkit::{NatsServer, eventually, eventually_async};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use crate::real::*;

fn collect(mut subscription: Subscription) -> JoinHandle<Vec<u64>> {
    tokio::spawn(async move {
        let mut numbers = Vec::new();
        while let Some(message) = subscription.next().await {
            numbers.push(message.text().unwrap().trim().parse().unwrap());
        }
        numbers
    })
}

/// Until the load has gone on for so many messages.
async fn more_published(nc: &Client, messages: u64) {
    let enough = nc.statistics().published + messages;
    eventually("traffic", LIMIT, || nc.statistics().published >= enough).await.unwrap();
}

/// Publishes while `disturb` does its worst, and reads what comes back on the same connection.
async fn disturbed(server: &mut NatsServer, how: How, times: usize) {
    let nc = connect(server).await.unwrap();
    let other = connect(server).await.unwrap();
    let own = collect(nc.subscribe("t").await.unwrap());
    let elsewhere = collect(other.subscribe("t").queue("q").await.unwrap());
    other.flush().await.unwrap();
    let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
    let publisher = tokio::spawn({
        let nc = nc.clone();
        async move {
            let (mut next, mut pace) = (0_u64, interval(Duration::from_millis(1)));
            // What was missed is not made up for.
            pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
            while stopped.try_recv().is_err() {
                pace.tick().await;
                for _ in 0..50 {
                    // Large enough for confirmations in between, and for unwritten rests at a loss.
                    nc.publish("t", format!("{next:1000}")).await.unwrap();
                    next += 1;
                }
            }
            next
        }
    });
    let mut events = nc.events();
    for _ in 0..times {
        more_published(&nc, 500).await;
        match how {
            How::Stop => server.stop().await.unwrap(),
            How::Kill => server.kill(),
        }
        event(&mut events, "the loss", cause).await;
        server.restart().await.unwrap();
        event(&mut events, "the return", reconnected).await;
    }
    // Both are in place again. That a client believes in its connection is not enough: the server has to answer, and
    // whatever is published from then on reaches both.
    let answers = async || other.flush().await.is_ok().then_some(());
    eventually_async("the other's return", LIMIT, answers).await.unwrap();
    more_published(&nc, 500).await;
    stop.send(()).unwrap();
    let published = within("the publisher", publisher).await.unwrap();
    let report = within("the drain", nc.drain()).await.unwrap();
    assert!(report.flushed, "{report:?}");
    within("the other's drain", other.drain()).await.unwrap();
    let (own, elsewhere) = (own.await.unwrap(), elsewhere.await.unwrap());
    for numbers in [&own, &elsewhere] {
        assert!(numbers.is_sorted_by(|a, b| a < b), "doubled or out of order");
        assert!(
            numbers.last().is_some_and(|last| *last + 500 > published),
            "it stopped after {:?}",
            numbers.last()
        );
    }
    let s = nc.statistics();
    assert_eq!((s.published, s.buffered, s.connects), (published, 0, times as u64 + 1), "{s:?}");
    assert_eq!(s.published, s.written + s.lost + s.maybe_lost, "{s:?}");
    // A PONG comes behind the client's own messages, so that what is confirmed has been received as well.
    let missing = published - own.len() as u64;
    assert!((s.lost..=s.lost + s.maybe_lost).contains(&missing), "{missing} missing: {s:?}");
    let left =
        eventually_async("no connection", LIMIT, async || connz(server).await?.is_empty().then_some(()));
    left.await.unwrap();
}

#[derive(Clone, Copy)]
enum How {
    Stop,
    Kill,
}

#[tokio::test]
async fn a_server_that_restarts_under_load_costs_no_uncounted_message() {
    let mut server = NatsServer::start().await.unwrap();
    disturbed(&mut server, How::Stop, 4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_crashes_under_load_costs_no_uncounted_message() {
    let mut server = NatsServer::start().await.unwrap();
    disturbed(&mut server, How::Kill, 6).await;
}

#[tokio::test]
async fn a_frozen_server_is_found_stale_and_taken_up_again_when_it_thaws() {
    let mut server = NatsServer::start().await.unwrap();
    let connect = connect(&server).ping_interval(Duration::from_millis(100)).max_pings_out(2);
    let nc = connect.connect_timeout(Duration::from_millis(300)).await.unwrap();
    let mut s = nc.subscribe("s").await.unwrap();
    nc.flush().await.unwrap();
    let mut events = nc.events();
    server.pause().await.unwrap();
    let began = Instant::now();
    assert_eq!(event(&mut events, "the loss", cause).await, DisconnectCause::Stale);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    let late = event(&mut events, "a dial in vain", |event| match event {
        Event::ConnectFailed { error, .. } => Some(error.clone()),
        _ => None,
    });
    assert!(matches!(late.await, ConnectError::Timeout { .. }));
    nc.publish("s", "kept").await.unwrap();
    server.resume().await.unwrap();
    event(&mut events, "the return", reconnected).await;
    assert_eq!(within("the message", s.next()).await.unwrap().payload(), b"kept");
}

async fn subscribed(server: &NatsServer) -> Option<usize> {
    Some(connz(server).await?.iter().map(|c| c["subscriptions_list"].as_array().map_or(0, Vec::len)).sum())
}

#[tokio::test]
async fn subscriptions_are_neither_lost_nor_doubled_by_reconnecting() {
    let mut server = NatsServer::start().await.unwrap();
    let nc = connect(&server).await.unwrap();
    let mut subscriptions = Vec::new();
    for n in 0..50 {
        subscriptions.push(nc.subscribe(format!("s.{n}.>")).await.unwrap());
        subscriptions.push(nc.subscribe("jobs").queue(format!("q{n}")).await.unwrap());
    }
    assert!(nc.request("nobody", "").await.is_err());
    let mut events = nc.events();
    for round in 0..3 {
        drop(subscriptions.pop());
        if round == 1 {
            server.kill();
            subscriptions.push(nc.subscribe("made.while.away").await.unwrap());
        } else {
            server.stop().await.unwrap();
        }
        server.restart().await.unwrap();
        event(&mut events, "the return", reconnected).await;
        nc.flush().await.unwrap();
        // That for the replies to requests is one more.
        let expected = subscriptions.len() + 1;
        assert_eq!(nc.statistics().subscriptions, expected as u64);
        let look = async || (subscribed(&server).await? == expected).then_some(());
        let found = eventually_async("the subscriptions", LIMIT, look).await;
        assert!(found.is_ok(), "{:?} instead of {expected}", subscribed(&server).await);
        nc.publish("s.7.x", "").await.unwrap();
        nc.flush().await.unwrap();
        assert_eq!(std::iter::from_fn(|| subscriptions[14].try_next()).count(), 1);
    }
}

#[tokio::test]
async fn a_maximum_counts_over_restarts() {
    let mut server = NatsServer::start().await.unwrap();
    let nc = connect(&server).await.unwrap();
    let mut s = nc.subscribe("s").max(5).await.unwrap();
    let mut events = nc.events();
    for _ in 0..2 {
        nc.publish("s", "").await.unwrap();
        nc.publish("s", "").await.unwrap();
        nc.flush().await.unwrap();
        server.kill();
        server.restart().await.unwrap();
        event(&mut events, "the return", reconnected).await;
    }
    for _ in 0..4 {
        nc.publish("s", "").await.unwrap();
    }
    nc.flush().await.unwrap();
    assert_eq!(std::iter::from_fn(|| s.try_next()).count(), 5);
    assert_eq!(s.ended(), Some(SubscriptionEnd::Max));
    eventually_async("the end of it", LIMIT, async || (subscribed(&server).await? == 0).then_some(()))
        .await
        .unwrap();
}

#[tokio::test]
async fn the_end_of_a_client_whose_server_is_dead_is_quick_and_leaves_no_task() {
    let mut server = NatsServer::start().await.unwrap();
    let before = Handle::current().metrics().num_alive_tasks();
    let closed = connect(&server).await.unwrap();
    let dropped = connect(&server).await.unwrap();
    let exhausted = connect(&server).max_reconnects(3).await.unwrap();
    let mut events = [closed.events(), dropped.events(), exhausted.events()];
    server.kill();
    for events in &mut events {
        event(events, "the loss", cause).await;
    }
    let began = Instant::now();
    closed.close().await;
    assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
    drop(dropped);
    let ends = |event: &Event| match event {
        Event::Closed { reason } => Some(reason.clone()),
        _ => None,
    };
    assert_eq!(event(&mut events[0], "the first end", ends).await, CloseReason::Closed);
    assert_eq!(event(&mut events[1], "the second end", ends).await, CloseReason::Dropped);
    let third = event(&mut events[2], "the third end", ends).await;
    assert!(matches!(third, CloseReason::Exhausted { .. }), "{third:?}");
    let none_left = || Handle::current().metrics().num_alive_tasks() == before;
    eventually("the end of the tasks", Duration::from_secs(1), none_left).await.unwrap();
}

#[tokio::test]
async fn the_first_connection_waits_for_a_server_that_starts_later() {
    let mut server = NatsServer::start().await.unwrap();
    server.stop().await.unwrap();
    let error = connect(&server).await.unwrap_err();
    assert!(
        matches!(error, ConnectError::Io { kind: std::io::ErrorKind::ConnectionRefused, .. }),
        "{error:?}"
    );
    let nc = connect(&server).retry_on_initial_connect(true).await.unwrap();
    let mut s = nc.subscribe("s").await.unwrap();
    nc.publish("s", "early").await.unwrap();
    server.restart().await.unwrap();
    assert_eq!(within("the message", s.next()).await.unwrap().payload(), b"early");
}

#[tokio::test]
async fn a_thousand_requests_over_a_crash_all_end_and_leave_nothing() {
    let mut server = NatsServer::start().await.unwrap();
    let nc = connect(&server).await.unwrap();
    let service = connect(&server).await.unwrap();
    let service =
        service.subscribe("service").callback(|m| m.respond("ok").try_send().unwrap()).await.unwrap();
    let askers: Vec<_> = (0..20)
        .map(|_| {
            let nc = nc.clone();
            tokio::spawn(async move {
                let mut answered = 0;
                for _ in 0..50 {
                    let reply = nc.request("service", "").timeout(Duration::from_secs(2)).await;
                    answered += u32::from(reply.is_ok());
                }
                answered
            })
        })
        .collect();
    more_published(&nc, 100).await;
    server.kill();
    server.restart().await.unwrap();
    let mut answered = 0;
    for asker in askers {
        answered += within("the requests", asker).await.unwrap();
    }
    assert!(answered > 0);
    assert_eq!(nc.statistics().requests, 0);
    drop(service);
    within("a drain", nc.drain()).await.unwrap();
}
