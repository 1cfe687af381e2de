//! Looks who leads, and how long nothing came though somebody did.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nuncio_testkit::{Cluster, NatsServer};
use serde_json::Value;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::load::Tally;
use super::{CONSUMER, STREAM};

const LOOK: Duration = Duration::from_millis(200);

/// Whether there is a leader with another server behind it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Led {
    /// Of JetStream.
    meta: bool,
    pub(super) stream: bool,
    pub(super) consumer: bool,
}

impl Led {
    /// What a server that is to be made needs.
    pub(super) fn all(self) -> bool {
        self.meta && self.stream
    }

    fn or(self, other: Self) -> Self {
        Self {
            meta: self.meta || other.meta,
            stream: self.stream || other.stream,
            consumer: self.consumer || other.consumer,
        }
    }

    fn and(self, other: Self) -> Self {
        Self {
            meta: self.meta && other.meta,
            stream: self.stream && other.stream,
            consumer: self.consumer && other.consumer,
        }
    }
}

/// The longest time that each stood still while there was a leader, leaders that came and went in between not counted anew.
pub(super) struct Stalls {
    pub(super) longest: Vec<(&'static str, Duration)>,
    /// How long the stream had no leader in all.
    pub(super) leaderless: Duration,
}

pub(super) struct Watch {
    stop: Arc<AtomicBool>,
    watching: JoinHandle<Stalls>,
}

struct Clock {
    tally: Arc<Tally>,
    progress: u64,
    stalled: Duration,
    longest: Duration,
}

impl Watch {
    pub(super) fn start(cluster: &Cluster, tallies: Vec<Arc<Tally>>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let addrs = Vec::from_iter(cluster.nodes().iter().map(monitor));
        let clocks = tallies.into_iter().map(|tally| Clock {
            progress: 0,
            stalled: Duration::ZERO,
            longest: Duration::ZERO,
            tally,
        });
        let watching = tokio::spawn(watch(addrs, clocks.collect(), Arc::clone(&stop)));
        Self { stop, watching }
    }

    pub(super) async fn end(self) -> Stalls {
        self.stop.store(true, Ordering::Relaxed);
        self.watching.await.unwrap()
    }
}

/// The name and the monitoring address.
fn monitor(node: &NatsServer) -> (String, String) {
    (node.name().to_owned(), node.monitor_url().trim_start_matches("http://").to_owned())
}

async fn watch(addrs: Vec<(String, String)>, mut clocks: Vec<Clock>, stop: Arc<AtomicBool>) -> Stalls {
    let mut tick = interval(LOOK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut before, mut at) = (Led::default(), Instant::now());
    let (began, mut leaderless) = (at, Duration::ZERO);
    while !stop.load(Ordering::Relaxed) {
        tick.tick().await;
        let now = look(&addrs).await;
        let passed = at.elapsed();
        at = Instant::now();
        let led = now.and(before);
        before = now;
        if !led.stream {
            leaderless += passed;
        }
        for clock in &mut clocks {
            clock.note(led, passed, began);
        }
    }
    let longest = clocks.into_iter().map(|clock| (clock.tally.who, clock.longest)).collect();
    Stalls { longest, leaderless }
}

impl Clock {
    fn note(&mut self, led: Led, passed: Duration, began: Instant) {
        let progress = self.tally.progress();
        if progress != self.progress || !self.tally.has_work() {
            if self.stalled > Duration::from_secs(2) {
                println!("{:?}: {} stood still for {:?}", began.elapsed(), self.tally.who, self.stalled);
            }
            (self.progress, self.stalled) = (progress, Duration::ZERO);
        } else if (self.tally.led)(led) {
            self.stalled += passed;
            self.longest = self.longest.max(self.stalled);
        }
    }
}

async fn look(addrs: &[(String, String)]) -> Led {
    let mut looks = JoinSet::new();
    for (name, addr) in addrs {
        let (name, addr) = (name.clone(), addr.clone());
        looks.spawn(async move {
            let jsz = nuncio_testkit::get(&addr, "/jsz?acc=$G&streams=true&consumers=true");
            let jsz = timeout(Duration::from_secs(1), jsz).await.ok()?.ok()?;
            Some(told_by(&name, &serde_json::from_str(&jsz).ok()?))
        });
    }
    looks.join_all().await.into_iter().flatten().fold(Led::default(), Led::or)
}

/// What a server leads by its own account; what it says of others may be old.
fn told_by(name: &str, jsz: &Value) -> Led {
    let leads = |cluster: &Value| cluster["leader"] == name;
    let has_quorum = |cluster: &Value| {
        let replicas = cluster["replicas"].as_array();
        let follows = |replica: &Value| replica["current"] == true && replica["offline"] != true;
        replicas.is_some_and(|replicas| replicas.iter().any(follows))
    };
    let mut led = Led { meta: leads(&jsz["meta_cluster"]), ..Led::default() };
    let streams = jsz["account_details"][0]["stream_detail"].as_array();
    let named = |what: &Value, name: &str| what["name"] == name;
    for stream in streams.into_iter().flatten().filter(|stream| named(stream, STREAM)) {
        led.stream = leads(&stream["cluster"]) && has_quorum(&stream["cluster"]);
        let consumers = stream["consumer_detail"].as_array();
        led.consumer = consumers.into_iter().flatten().any(|consumer| {
            named(consumer, CONSUMER) && leads(&consumer["cluster"]) && has_quorum(&consumer["cluster"])
        });
    }
    led
}
