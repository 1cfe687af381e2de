//! Leaving a server that announces its end.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nuncio::{Client, Connect, DisconnectCause, Event, Events};
use nuncio_testkit::Cluster;

use crate::support::*;
use crate::target::{Setup, Target};

/// Longer than any part of a move may take, shorter than the server's patience.
const PATIENCE: Duration = Duration::from_secs(8);

async fn cluster() -> Cluster {
    Cluster::of(3).start().await.unwrap()
}

/// To one node, learning of the others from it.
fn to(cluster: &Cluster, node: usize) -> Connect {
    nuncio::connect(cluster.urls()[node].as_str()).move_on_lame_duck(true)
}

async fn moved(events: &mut Events) -> (DisconnectCause, u64, u64) {
    let lost = event(events, |e| match e {
        Event::Disconnected { cause, lost, maybe_lost, .. } => Some((cause, lost, maybe_lost)),
        _ => None,
    })
    .await;
    reconnected(events).await;
    lost
}

fn respond(nc: &Client, subject: &str) -> tokio::task::JoinHandle<()> {
    let (nc, subject) = (nc.clone(), subject.to_owned());
    tokio::spawn(async move {
        let mut requests = nc.subscribe(subject).queue("workers").confirmed().await.unwrap();
        while let Some(request) = requests.next().await {
            request.respond(request.payload()).await.unwrap();
        }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_when_requester_and_responders_leave_a_lame_server() {
    let mut cluster = cluster().await;
    let asker = to(&cluster, 0).await.unwrap();
    let (worker, other) = (to(&cluster, 0).await.unwrap(), to(&cluster, 1).await.unwrap());
    let _workers = [respond(&worker, "work"), respond(&other, "work")];
    let known = async || asker.request("work", "").await.ok().map(|_| ());
    nuncio_testkit::eventually_async("a first reply", SOON, known).await.unwrap();
    let (mut asker_events, mut worker_events) = (asker.events(), worker.events());
    let stop = Arc::new(AtomicBool::new(false));
    let asking: Vec<_> = (0..20)
        .map(|task| {
            let (nc, stop) = (asker.clone(), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut count = 0;
                while !stop.load(Ordering::Relaxed) {
                    let payload = format!("{task} {count}");
                    let reply = nc.request("work", &payload).timeout(PATIENCE).await.unwrap();
                    assert_eq!(text(&reply), payload);
                    count += 1;
                }
                count
            })
        })
        .collect();
    cluster.node_mut(0).unwrap().lame_duck().await.unwrap();
    for events in [&mut asker_events, &mut worker_events] {
        assert_eq!(moved(events).await, (DisconnectCause::LameDuck, 0, 0), "nothing is lost or in doubt");
    }
    for _ in 0..100 {
        asker.request("work", "").timeout(PATIENCE).await.unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    let mut asked = 0;
    for task in asking {
        asked += task.await.unwrap();
    }
    assert!(asked > 0);
    let lame = cluster.nodes()[0].addr();
    let now: BTreeSet<_> = [&asker, &worker].map(|nc| nc.server().unwrap()).into();
    assert!(!now.contains(&lame), "{now:?} without {lame}");
    assert_eq!([&asker, &worker, &other].map(|nc| nc.statistics().connects), [2, 2, 1]);
    let figures = asker.statistics();
    assert_eq!((figures.lost, figures.maybe_lost, figures.requests), (0, 0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_in_flight_gets_its_reply_before_the_server_is_left() {
    let mut cluster = cluster().await;
    let (asker, worker) =
        (to(&cluster, 0).await.unwrap(), to(&cluster, 1).move_on_lame_duck(false).await.unwrap());
    let mut requests = worker.subscribe("slow").confirmed().await.unwrap();
    // The other node knows of the subscription once a request is not refused any more.
    let known = async || {
        let probe = asker.request("slow", "probe").timeout(Duration::from_millis(50)).await;
        probe.is_err_and(|error| error.is_timeout()).then_some(())
    };
    nuncio_testkit::eventually_async("interest at the other node", SOON, known).await.unwrap();
    next(&mut requests).await;
    let mut events = asker.events();
    let asking = tokio::spawn({
        let nc = asker.clone();
        async move { nc.request("slow", "").timeout(PATIENCE).await }
    });
    let request = next(&mut requests).await;
    cluster.node_mut(0).unwrap().lame_duck().await.unwrap();
    event(&mut events, |e| matches!(e, Event::LameDuck { .. }).then_some(())).await;
    // A new one waits, and goes to the next server.
    let later = tokio::spawn({
        let nc = asker.clone();
        async move { nc.request("slow", "later").timeout(PATIENCE).await }
    });
    asker.publish("slow", "not held up").await.unwrap();
    assert_eq!(texts(&mut requests, 1).await, ["not held up"]);
    assert_eq!(asker.statistics().connects, 1);
    request.respond("in time").await.unwrap();
    assert_eq!(text(&asking.await.unwrap().unwrap()), "in time");
    assert_eq!(moved(&mut events).await.0, DisconnectCause::LameDuck);
    let request = next(&mut requests).await;
    assert_eq!(text(&request), "later");
    request.respond("there").await.unwrap();
    assert_eq!(text(&later.await.unwrap().unwrap()), "there");
}

rules! {
    on Setup::new().own() =>
    async fn a_lame_server_is_kept_when_there_is_no_other(t: Target) {
        let mut t = t;
        let nc = t.connect().move_on_lame_duck(true).await.unwrap();
        let mut events = nc.events();
        let mut sub = nc.subscribe("a").await.unwrap();
        nc.flush().await.unwrap();
        t.lame_duck().await;
        event(&mut events, |e| matches!(e, Event::LameDuck { .. }).then_some(())).await;
        nc.publish("a", "still").await.unwrap();
        assert_eq!(texts(&mut sub, 1).await, ["still"]);
        assert_eq!(nc.statistics().connects, 1);
    }
}
