//! Real servers that stop, crash, freeze, move and refuse.

use std::time::{Duration, Instant};

use nuncio::{
    Backoff, Client, CloseReason, Connect, ConnectError, DisconnectCause, Event, Events, ServerError,
    Subscription, SubscriptionEnd,
};
use nuncio_testkit::{Cluster, NatsServer, eventually, eventually_async};
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};

const LIMIT: Duration = Duration::from_secs(30);

/// Reconnects without much delay and for ever.
fn connect(server: &NatsServer) -> Connect {
    nuncio::connect(server.url())
        .max_reconnects(None)
        .backoff(Backoff::fixed(Duration::from_millis(20), Duration::from_millis(20)))
}

async fn within<F: Future>(what: &str, future: F) -> F::Output {
    timeout(LIMIT, future).await.unwrap_or_else(|_| panic!("{what}: not within {LIMIT:?}"))
}

async fn event<T>(events: &mut Events, what: &str, mut pick: impl FnMut(&Event) -> Option<T>) -> T {
    within(what, async {
        loop {
            let event = events.next().await.unwrap_or_else(|| panic!("{what}: no such event"));
            if let Some(found) = pick(&event) {
                return found;
            }
        }
    })
    .await
}

fn cause(event: &Event) -> Option<DisconnectCause> {
    match event {
        Event::Disconnected { cause, .. } => Some(cause.clone()),
        _ => None,
    }
}

fn reconnected(event: &Event) -> Option<String> {
    match event {
        Event::Reconnected { server } => Some(server.clone()),
        _ => None,
    }
}

fn collect(mut subscription: Subscription) -> JoinHandle<Vec<u64>> {
    tokio::spawn(async move {
        let mut numbers = Vec::new();
        while let Some(message) = subscription.next().await {
            numbers.push(message.text().unwrap().trim().parse().unwrap());
        }
        numbers
    })
}

/// The connections that the server shows, with their subscriptions.
async fn connz(server: &NatsServer) -> Option<Vec<Value>> {
    let connz: Value = serde_json::from_str(&server.connz().await.ok()?).ok()?;
    Some(connz["connections"].as_array()?.clone())
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
async fn a_client_of_a_cluster_moves_to_a_server_that_it_was_told_of() {
    let mut cluster = Cluster::of(3).start().await.unwrap();
    let node = |cluster: &Cluster, nc: &Client| {
        let server = nc.server().unwrap();
        cluster.nodes().iter().position(|node| node.addr() == server).unwrap()
    };
    let nc = connect(cluster.node(0).unwrap()).await.unwrap();
    let mut s = nc.subscribe("s").await.unwrap();
    nc.flush().await.unwrap();
    let mut events = nc.events();
    for _ in 0..2 {
        let at = node(&cluster, &nc);
        cluster.kill(at).unwrap();
        event(&mut events, "the loss", cause).await;
        let server = event(&mut events, "the move", reconnected).await;
        let now = node(&cluster, &nc);
        assert_ne!(now, at);
        assert_eq!(cluster.node(now).unwrap().addr(), server);
        cluster.restart(at).await.unwrap();
        cluster.meshed(LIMIT).await.unwrap();
    }
    // From another node than the client's.
    let now = node(&cluster, &nc);
    let from = connect(cluster.node((now + 1) % 3).unwrap()).ignore_discovered_servers(true).await.unwrap();
    let heard = async || {
        from.publish("s", "across").await.ok()?;
        s.next_timeout(Duration::from_millis(100)).await
    };
    let message = within("a message", async {
        let mut heard = heard;
        loop {
            if let Some(message) = heard().await {
                return message;
            }
        }
    });
    assert_eq!(message.await.payload(), b"across");
}

#[tokio::test]
async fn a_client_that_ignores_discovered_servers_stays_with_those_given() {
    let mut cluster = Cluster::of(2).start().await.unwrap();
    let nc = connect(cluster.node(0).unwrap()).ignore_discovered_servers(true).await.unwrap();
    let mut events = nc.events();
    cluster.kill(0).unwrap();
    let dialled = |event: &Event| match event {
        Event::Reconnecting { server, .. } => Some(server.clone()),
        _ => None,
    };
    for _ in 0..5 {
        let server = event(&mut events, "a dial", dialled).await;
        assert_eq!(server, cluster.node(0).unwrap().addr());
    }
    cluster.restart(0).await.unwrap();
    event(&mut events, "the return", reconnected).await;
}

#[tokio::test]
async fn a_lame_duck_is_told_of_and_left_for_another_server() {
    let mut cluster = Cluster::of(2)
        .config("lame_duck_grace_period: \"1s\"\nlame_duck_duration: \"30s\"")
        .start()
        .await
        .unwrap();
    let nc = connect(cluster.node(0).unwrap()).await.unwrap();
    let mut events = nc.events();
    cluster.node_mut(0).unwrap().lame_duck().await.unwrap();
    let lame = |event: &Event| match event {
        Event::LameDuck { server } => Some(server.clone()),
        _ => None,
    };
    assert_eq!(event(&mut events, "the news", lame).await, cluster.node(0).unwrap().addr());
    nc.force_reconnect();
    assert_eq!(event(&mut events, "the move", reconnected).await, cluster.node(1).unwrap().addr());
    nc.flush().await.unwrap();
}

const PASSWORDS: [&str; 2] = ["before", "after"];

fn users(password: &str) -> String {
    format!("authorization {{ user: u, password: {password} }}\n")
}

#[tokio::test]
async fn credentials_refused_twice_end_the_connection() {
    let mut server = NatsServer::builder().config(users(PASSWORDS[0])).start().await.unwrap();
    let nc = connect(&server).user_and_password("u", PASSWORDS[0]).await.unwrap();
    let mut s = nc.subscribe("s").await.unwrap();
    let mut events = nc.events();
    nc.flush().await.unwrap();
    server.set_config(users(PASSWORDS[1]));
    server.reload().await.unwrap();
    let reason = within("the end", nc.closed()).await;
    let CloseReason::Rejected { server: at, error } = &reason else { panic!("{reason:?}") };
    assert_eq!((at, error), (&server.addr(), &ServerError::AuthorizationViolation));
    assert!(s.next().await.is_none());
    let mut refused = 0;
    while let Some(event) = events.next().await {
        refused += u32::from(matches!(event, Event::ConnectFailed { error, .. } if error.is_auth()));
    }
    assert_eq!(refused, 2);
    assert!(server.is_running());
}

#[tokio::test]
async fn credentials_that_become_right_again_are_tried_where_asked_for() {
    let mut server = NatsServer::builder().config(users(PASSWORDS[0])).start().await.unwrap();
    let connect = connect(&server).user_and_password("u", PASSWORDS[0]).ignore_auth_error_abort(true);
    let nc = connect.await.unwrap();
    let mut events = nc.events();
    nc.flush().await.unwrap();
    server.set_config(users(PASSWORDS[1]));
    server.reload().await.unwrap();
    let refusal = |event: &Event| matches!(event, Event::ConnectFailed { .. }).then_some(());
    for _ in 0..4 {
        event(&mut events, "a refusal", refusal).await;
    }
    server.set_config(users(PASSWORDS[0]));
    server.reload().await.unwrap();
    event(&mut events, "the return", reconnected).await;
    nc.flush().await.unwrap();
}

#[tokio::test]
async fn wrong_credentials_are_a_typed_error_at_once() {
    let server = NatsServer::builder().config(users(PASSWORDS[0])).start().await.unwrap();
    for connect in
        [connect(&server), connect(&server).user_and_password("u", "wrong"), connect(&server).token("t")]
    {
        let error = within("a refusal", connect.into_future()).await.unwrap_err();
        assert!(error.is_auth() && !error.is_retryable(), "{error:?}");
        assert!(!error.to_string().contains("wrong"), "{error}");
    }
}

#[tokio::test]
async fn a_full_server_refuses_and_is_tried_again() {
    let server = NatsServer::builder().config("max_connections: 1").start().await.unwrap();
    let first = connect(&server).await.unwrap();
    let error = within("a refusal", connect(&server).into_future()).await.unwrap_err();
    assert!(matches!(&error, ConnectError::Refused { error: ServerError::MaxConnections, .. }), "{error:?}");
    assert!(error.is_retryable());
    let second = connect(&server).retry_on_initial_connect(true).await.unwrap();
    let mut events = second.events();
    first.close().await;
    event(&mut events, "room", |event| matches!(event, Event::Connected { .. }).then_some(())).await;
    second.flush().await.unwrap();
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
