//! Real servers behind a proxy that cuts, slows and swallows.

use std::time::{Duration, Instant};

use nuncio::{Backoff, Connect, DisconnectCause, Event, PublishError, WhenFull};
use nuncio_testkit::{Cut, NatsServer, Proxy, eventually};
use tokio::time::{interval, timeout};

use crate::session;

const LIMIT: Duration = Duration::from_secs(30);

/// Bytes of the session each way, about: those behind are cuts that never come.
const SESSION: u64 = 9000;

fn connect(url: String) -> Connect {
    nuncio::connect(url)
        .max_reconnects(None)
        .ignore_discovered_servers(true)
        .backoff(Backoff::fixed(Duration::from_millis(20), Duration::from_millis(20)))
}

async fn start() -> (NatsServer, Proxy) {
    let server = NatsServer::start().await.unwrap();
    let proxy = Proxy::start(server.addr()).await.unwrap();
    (server, proxy)
}

async fn within<F: Future>(what: &str, future: F) -> F::Output {
    timeout(LIMIT, future).await.unwrap_or_else(|_| panic!("{what}: not within {LIMIT:?}"))
}

async fn sampled_cuts(how: Cut, from_client: bool) {
    let (server, proxy) = start().await;
    let mut reconnected = 0;
    for bytes in (0..SESSION).step_by(211) {
        let label = format!("{how:?} after {bytes} bytes, from client: {from_client}");
        let toxics = if from_client { proxy.to_server() } else { proxy.to_client() };
        let cut = || toxics.cut_once_after(bytes, how);
        let outcome = session::run(connect(proxy.url()), connect(server.url()), cut, LIMIT, &label).await;
        outcome.check_unordered(&label);
        reconnected += u64::from(outcome.statistics.connects > 1);
        proxy.clear();
    }
    assert!(reconnected > 15, "only {reconnected} sessions met a cut");
}

#[tokio::test]
async fn an_end_of_the_stream_to_the_server_costs_nothing_uncounted() {
    sampled_cuts(Cut::Fin, true).await;
}

#[tokio::test]
async fn a_reset_on_the_way_to_the_server_costs_nothing_uncounted() {
    sampled_cuts(Cut::Rst, true).await;
}

#[tokio::test]
async fn an_end_of_the_stream_to_the_client_costs_nothing_uncounted() {
    sampled_cuts(Cut::Fin, false).await;
}

#[tokio::test]
async fn a_reset_on_the_way_to_the_client_costs_nothing_uncounted() {
    sampled_cuts(Cut::Rst, false).await;
}

#[tokio::test]
async fn a_drain_over_a_slow_line_sends_everything() {
    let (server, proxy) = start().await;
    let nc = connect(proxy.url()).await.unwrap();
    let witness = connect(server.url()).await.unwrap();
    let mut all = witness.subscribe("s").await.unwrap();
    witness.flush().await.unwrap();
    proxy.to_server().throttle(2 << 20);
    for n in 0_u32..3000 {
        nc.publish("s", format!("{n:1000}")).await.unwrap();
    }
    let report = within("the drain", nc.drain()).await.unwrap();
    assert!(report.flushed && report.lost == 0 && report.maybe_lost == 0, "{report:?}");
    witness.flush().await.unwrap();
    assert_eq!(std::iter::from_fn(|| all.try_next()).count(), 3000);
}

#[tokio::test]
async fn a_drain_over_a_slow_line_receives_everything_that_was_on_its_way() {
    let (server, proxy) = start().await;
    let nc = connect(proxy.url()).await.unwrap();
    let other = connect(server.url()).await.unwrap();
    let mut s = nc.subscribe("s").await.unwrap();
    nc.flush().await.unwrap();
    proxy.to_client().throttle(1 << 20);
    for n in 0_u32..1000 {
        other.publish("s", format!("{n:1000}")).await.unwrap();
    }
    other.flush().await.unwrap();
    let reader = tokio::spawn(async move {
        let mut received = 0;
        while s.next().await.is_some() {
            received += 1;
        }
        received
    });
    let report = within("the drain", nc.drain()).await.unwrap();
    assert!(report.flushed && report.undelivered == 0, "{report:?}");
    assert_eq!(within("the reader", reader).await.unwrap(), 1000);
}

#[tokio::test]
async fn a_cut_in_the_middle_of_much_keeps_what_was_not_written() {
    for how in [Cut::Fin, Cut::Rst] {
        let (server, proxy) = start().await;
        let nc = connect(proxy.url()).outbox_limit(64 << 20).await.unwrap();
        let witness = connect(server.url()).await.unwrap();
        let mut all = witness.subscribe("s").await.unwrap();
        witness.flush().await.unwrap();
        let mut events = nc.events();
        // Far more than the sockets hold.
        proxy.to_server().throttle(4 << 20);
        let publisher = tokio::spawn({
            let nc = nc.clone();
            async move {
                for n in 0_u32..10_000 {
                    nc.publish("s", format!("{n:2000}")).await.unwrap();
                }
            }
        });
        // Until the sockets are full: what is unwritten stays unwritten for some looks in a row.
        let mut looks = 0;
        let stuck = || {
            looks = if nc.statistics().buffered > 0 { looks + 1 } else { 0 };
            looks >= 10
        };
        eventually("a backlog", LIMIT, stuck).await.unwrap();
        proxy.clear();
        proxy.cut_all(how);
        let kept = async {
            loop {
                if let Event::Disconnected { kept, .. } = events.next().await.unwrap() {
                    return kept;
                }
            }
        };
        let kept = within("the loss", kept).await;
        assert!(kept > 0, "the test cut at a moment when nothing was unwritten");
        within("the publisher", publisher).await.unwrap();
        let report = within("the drain", nc.drain()).await.unwrap();
        assert!(report.flushed, "{report:?}");
        witness.flush().await.unwrap();
        let taken: Vec<u32> = std::iter::from_fn(|| all.try_next())
            .map(|m| m.text().unwrap().trim().parse().unwrap())
            .collect();
        let distinct: std::collections::BTreeSet<u32> = taken.iter().copied().collect();
        assert_eq!(distinct.len(), taken.len(), "{how:?}: doubled");
        let missing = 10_000 - taken.len() as u64;
        let s = nc.statistics();
        assert!(s.lost <= 1, "{how:?}: only one message can be half written: {s:?}");
        assert!((s.lost..=s.lost + s.maybe_lost).contains(&missing), "{how:?}: {missing} missing: {s:?}");
    }
}

#[tokio::test]
async fn a_line_that_swallows_everything_is_found_stale() {
    for from_client in [true, false] {
        let (_server, proxy) = start().await;
        let connect = connect(proxy.url()).ping_interval(Duration::from_millis(100)).max_pings_out(2);
        let nc = connect.connect_timeout(Duration::from_millis(300)).await.unwrap();
        let mut events = nc.events();
        let mut s = nc.subscribe("s").await.unwrap();
        nc.flush().await.unwrap();
        let began = Instant::now();
        if from_client {
            proxy.to_server().blackhole()
        } else {
            proxy.to_client().blackhole()
        }
        let publisher = tokio::spawn({
            let nc = nc.clone();
            async move {
                let mut pace = interval(Duration::from_millis(20));
                loop {
                    pace.tick().await;
                    nc.publish("other", "x").await.unwrap();
                }
            }
        });
        let lost = async {
            loop {
                if let Event::Disconnected { cause, maybe_lost, .. } = events.next().await.unwrap() {
                    return (cause, maybe_lost);
                }
            }
        };
        let (cause, maybe_lost) = within("the loss", lost).await;
        assert_eq!(cause, DisconnectCause::Stale);
        assert!(maybe_lost > 0, "what was swallowed is in doubt");
        assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
        publisher.abort();
        proxy.clear();
        nc.publish("s", "well").await.unwrap();
        assert_eq!(within("the message", s.next()).await.unwrap().payload(), b"well");
    }
}

#[tokio::test]
async fn a_server_that_stops_reading_costs_a_publisher_no_more_than_its_deadline_and_its_limit() {
    let (server, proxy) = start().await;
    let wait = Duration::from_millis(300);
    let nc = connect(proxy.url()).outbox_limit(1 << 20).when_full(WhenFull::Wait(wait)).await.unwrap();
    let witness = connect(server.url()).await.unwrap();
    let mut all = witness.subscribe("s").await.unwrap();
    witness.flush().await.unwrap();
    proxy.stall();
    let mut accepted = 0_u64;
    let error = within("a refusal", async {
        loop {
            let began = Instant::now();
            match nc.publish("s", vec![b'x'; 10_000]).await {
                Ok(()) => accepted += 1,
                Err(error) => {
                    assert!(began.elapsed() < wait + Duration::from_millis(500), "{:?}", began.elapsed());
                    return error;
                }
            }
        }
    });
    assert!(matches!(error.await, PublishError::Timeout { .. }));
    assert!(nc.statistics().buffered_bytes <= (1 << 20) + 11_000, "{:?}", nc.statistics());
    proxy.flow();
    let report = within("the drain", nc.drain()).await.unwrap();
    assert!(report.flushed, "{report:?}");
    witness.flush().await.unwrap();
    assert_eq!(std::iter::from_fn(|| all.try_next()).count() as u64, accepted);
}
