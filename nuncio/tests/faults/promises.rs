//! Promises about time and loss that span all verbs.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use nuncio::{Client, Connect, FlushError, OnFull, RequestError, SubscribeError, WhenFull};
use nuncio_server::Server;
use tokio::time::Instant;
use tracing::span::{Attributes, Id, Record};
use tracing::{Level, Metadata, Subscriber};

use crate::down::{Away, down};
use crate::evil::{Stage, limited};

const SLACK: Duration = Duration::from_millis(50);

/// Runs a call, which has to end within its deadline.
async fn in_time<F: IntoFuture>(what: &str, deadline: Duration, call: F) -> F::Output {
    let began = Instant::now();
    let output = limited(what, call.into_future()).await;
    assert!(began.elapsed() <= deadline + SLACK, "{what} took {:?} of {deadline:?}", began.elapsed());
    output
}

fn impatient(connect: Connect) -> Connect {
    let second = Duration::from_secs(1);
    let connect = connect.outbox_limit(1000).when_full(WhenFull::Wait(2 * second));
    connect.flush_timeout(3 * second).drain_timeout(4 * second).close_timeout(2 * second)
}

/// With a server that is gone, or one that is there and says nothing.
async fn every_call_ends(nc: &Client, silent: bool) {
    let second = Duration::from_secs(1);
    let at_once = |deadline| if silent { deadline } else { Duration::ZERO };
    for n in 0..100 {
        // At first there is room, then there is none.
        let publish = in_time("a publish", 2 * second, nc.publish("s", vec![0; 88])).await;
        assert_eq!(publish.is_ok(), n < 10 || silent, "{n}: {publish:?}");
        if publish.is_err() {
            break;
        }
    }
    let request = in_time("a request", second, nc.request("s", "").timeout(second)).await;
    assert!(request.as_ref().is_err_and(RequestError::is_timeout), "{request:?}");
    let own = nc.request("s", "").no_mux().timeout(second);
    assert!(in_time("a request of its own", second, own).await.is_err_and(|error| error.is_timeout()));
    let flush = in_time("a flush", at_once(3 * second), nc.flush()).await;
    assert_eq!(flush.as_ref().is_err_and(|error| *error == FlushError::Disconnected), !silent, "{flush:?}");
    let subscribe = nc.subscribe("s").confirmed();
    let subscribe = in_time("a confirmed subscription", at_once(3 * second), subscribe).await;
    assert!(matches!(subscribe, Err(SubscribeError::Unconfirmed(_))), "{subscribe:?}");
    let mut s = nc.subscribe("s").await.unwrap();
    assert!(in_time("a read", second, s.next_timeout(second)).await.is_none());
    // The rest is given the close timeout of two seconds at least.
    assert!(!in_time("the drain", 6 * second, nc.drain()).await.unwrap().flushed);
}

#[tokio::test(start_paused = true)]
async fn no_call_outlasts_its_deadline_while_the_server_is_gone() {
    let (_away, nc) = down(impatient).await;
    every_call_ends(&nc, false).await;
}

#[tokio::test(start_paused = true)]
async fn no_call_outlasts_its_deadline_while_the_server_is_silent() {
    let away = Away::new().await;
    let nc = impatient(away.connect()).await.unwrap();
    away.server.faults().mute(true);
    every_call_ends(&nc, true).await;
}

#[tokio::test(start_paused = true)]
async fn the_timeout_of_a_request_covers_waiting_for_room() {
    let patience = WhenFull::Wait(Duration::from_secs(60));
    let (_away, nc) = down(|c| c.outbox_limit(1000).when_full(patience)).await;
    for _ in 0..10 {
        nc.publish("s", vec![0; 88]).await.unwrap();
    }
    let second = Duration::from_secs(1);
    let request = nc.request("s", vec![0; 200]).timeout(second);
    let request = in_time("the request", second, request).await;
    assert!(request.is_err_and(|error| error.is_timeout()));
    assert_eq!((nc.statistics().published, nc.statistics().requests), (10, 0));
}

/// Counts what the library tells those who do not ask for details.
#[derive(Clone, Default)]
struct Lines(Arc<AtomicUsize>);

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("nuncio") && *metadata.level() <= Level::INFO
    }

    fn event(&self, _: &tracing::Event<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[tokio::test(start_paused = true)]
async fn an_episode_of_slowness_writes_at_most_two_lines_however_much_is_dropped() {
    let away = Away::new().await;
    let nc = away.connect().await.unwrap();
    let episode = async || {
        let mut s = nc.subscribe("s").limits(10, usize::MAX).on_full(OnFull::DropNewest).await.unwrap();
        for _ in 0..100 {
            for _ in 0..100 {
                nc.publish("s", "").await.unwrap();
            }
            nc.flush().await.unwrap();
        }
        assert_eq!(s.stats().dropped, 9990);
        while s.try_next().is_some() {}
        nc.publish("s", "").await.unwrap();
        nc.flush().await.unwrap();
        assert!(s.try_next().is_some());
    };
    // Once without listening, so that no other test is just about to be the first at a place that tells.
    episode().await;
    let lines = Lines::default();
    // With a second listener, each place that tells asks both, whichever thread comes there first.
    let _second = tracing::Dispatch::new(Lines::default());
    let _listening = tracing::subscriber::set_default(lines.clone());
    tracing::callsite::rebuild_interest_cache();
    episode().await;
    let lines = lines.0.load(Ordering::Relaxed);
    assert!((1..=2).contains(&lines), "{lines} lines");
}

#[test]
fn a_program_may_end_right_after_a_drain() {
    const RUNS: usize = 200;
    const EACH: usize = 50;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let server = runtime.block_on(async { Server::start().await.unwrap() });
    let taken = Arc::new(AtomicUsize::new(0));
    let witness = runtime.block_on(async {
        let taken = Arc::clone(&taken);
        let nc = nuncio::connect(server.url()).await.unwrap();
        let count = nc.subscribe("s").callback(move |_| {
            taken.fetch_add(1, Ordering::Relaxed);
        });
        let s = count.await.unwrap();
        nc.flush().await.unwrap();
        (nc, s)
    });
    let url = server.url();
    let start = Arc::new(Barrier::new(4));
    let programs = [(); 4].map(|()| {
        let (url, start) = (url.clone(), Arc::clone(&start));
        std::thread::spawn(move || {
            start.wait();
            for _ in 0..RUNS / 4 {
                let program = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                program.block_on(async {
                    let nc = nuncio::connect(&*url).await.unwrap();
                    for _ in 0..EACH {
                        nc.publish("s", "").await.unwrap();
                    }
                    assert!(nc.drain().await.unwrap().flushed);
                });
            }
        })
    });
    programs.into_iter().for_each(|program| program.join().unwrap());
    runtime.block_on(async { witness.0.flush().await.unwrap() });
    assert_eq!(taken.load(Ordering::Relaxed), RUNS * EACH);
}

#[tokio::test(start_paused = true)]
async fn what_is_on_its_way_out_shows_its_subject_and_lengths_and_no_content() {
    let stage = Stage::new([]).await;
    let nc = stage.client().await;
    let publish = nc.publish("to.all", "hush!").header("Key", "hush!").reply("to.me");
    let shown = format!("{publish:?}");
    for part in ["subject: \"to.all\"", "reply: Some(\"to.me\")", "payload_bytes: 5", "header_bytes: 24"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    let confirmed = format!("{:?}", publish.confirmed());
    let request = format!("{:?}", nc.request("to.all", "hush!").header("Key", "hush!"));
    let payload = format!("{:?}", nuncio::Payload::from("hush!"));
    let secret = format!("{:?}", b"hush!");
    for shown in [shown, confirmed, request, payload] {
        assert!(!shown.contains("hush") && !shown.contains(secret.trim_matches(['[', ']'])), "{shown}");
    }
}
