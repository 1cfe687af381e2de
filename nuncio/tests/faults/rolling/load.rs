//! The work: requests at a steady rate, and jobs for a queue group.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nuncio::{Client, Event, RequestError, Statistics, Subscription};
use nuncio_testkit::{Cluster, eventually};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::{interval, timeout};

use crate::clock::work;

const LIMIT: Duration = Duration::from_secs(60);

/// How long a request waits for its reply.
pub const PATIENCE: Duration = Duration::from_secs(2);

const REQUESTERS: usize = 4;
const RESPONDERS: usize = 6;
const WORKERS: usize = 3;
const TICK: Duration = Duration::from_millis(10);

/// What the slower half of the requests takes.
const WORK: Duration = Duration::from_millis(30);

/// How a request went.
pub struct Asked {
    pub number: u64,
    pub at: Instant,
    pub took: Duration,
    pub error: Option<RequestError>,
}

impl Asked {
    pub fn ended(&self) -> Instant {
        self.at + self.took
    }
}

#[derive(Default)]
struct Ledger {
    answered: AtomicU64,
    asked: Mutex<Vec<Asked>>,
    /// The numbers of the requests that responders got.
    served: Mutex<Vec<u64>>,
    /// The numbers of the jobs that workers got.
    done: Mutex<Vec<u64>>,
    /// The numbers of the jobs that some server had.
    seen: Mutex<BTreeSet<u64>>,
}

pub struct Load {
    pub requesters: Vec<Client>,
    pub responders: Vec<Client>,
    pub workers: Vec<Client>,
    /// At each server one that stays there, and sees which jobs that server has.
    pub taps: Vec<Client>,
    publisher: Client,
    ledger: Arc<Ledger>,
    stop: Arc<AtomicBool>,
    asking: Vec<JoinHandle<u64>>,
    publishing: JoinHandle<Vec<Instant>>,
    watching: Vec<JoinHandle<Vec<(Instant, Event)>>>,
    /// Each worker's: what comes on it comes behind all jobs.
    ends: Vec<Subscription>,
    _served: Vec<nuncio::CallbackSubscription>,
}

/// What there is when the work is over.
pub struct Ended {
    pub asked: Vec<Asked>,
    pub served: Vec<u64>,
    /// When each job was published.
    pub jobs: Vec<Instant>,
    pub done: Vec<u64>,
    /// The jobs that reached the cluster.
    pub seen: BTreeSet<u64>,
    /// Of each client.
    pub events: Vec<Vec<(Instant, Event)>>,
    pub requesters: Vec<Statistics>,
    pub publisher: Statistics,
    pub others: Vec<Statistics>,
}

impl Load {
    /// `rate` requests a second altogether, and a quarter as many jobs.
    pub async fn start(cluster: &Cluster, rate: u32) -> Self {
        let connect = async |count: usize, role: &str| {
            let mut clients = Vec::new();
            for n in 0..count {
                // Spread over the cluster; the others are learnt of.
                let url = cluster.nodes()[n % cluster.nodes().len()].url();
                let connect = nuncio::connect(url).name(format!("{role} {n}")).max_reconnects(None);
                clients.push(connect.move_on_lame_duck(true).await.unwrap());
            }
            clients
        };
        let ledger = Arc::new(Ledger::default());
        let stop = Arc::new(AtomicBool::new(false));
        let (responders, workers) =
            (connect(RESPONDERS, "responder").await, connect(WORKERS, "worker").await);
        let mut served = Vec::new();
        for nc in &responders {
            served.push(serve(nc, &ledger).await);
            let probe = nc.subscribe("probe").queue("q");
            served.push(probe.callback(|m| m.respond("").try_send().unwrap()).await.unwrap());
        }
        let mut ends = Vec::new();
        for nc in &workers {
            let ledger = Arc::clone(&ledger);
            let work = nc.subscribe("jobs").queue("q");
            served.push(work.callback(move |m| ledger.done.lock().unwrap().push(number(&m))).await.unwrap());
            ends.push(nc.subscribe("jobs.end").await.unwrap());
        }
        let taps = tap(cluster, &ledger, &mut served).await;
        for nc in responders.iter().chain(&workers).chain(&taps) {
            nc.flush().await.unwrap();
        }
        let requesters = connect(REQUESTERS, "requester").await;
        let publisher = connect(1, "publisher").await.remove(0);
        // A server learns of subscriptions at another one a moment later.
        for nc in &requesters {
            let known = async || nc.request("probe", "").await.ok();
            nuncio_testkit::eventually_async("a responder", LIMIT, known).await.unwrap();
        }
        let every = |clients: u32| TICK.as_millis() as u32 * rate / 1000 / clients;
        let watched = requesters.iter().chain(&responders).chain(&workers).chain([&publisher]);
        let watching = watched.map(watch).collect();
        let asking = requesters.iter().enumerate().map(|(n, nc)| {
            ask(nc.clone(), n as u64, every(REQUESTERS as u32), Arc::clone(&ledger), Arc::clone(&stop))
        });
        let asking = asking.collect();
        let publishing = publish(publisher.clone(), every(4), Arc::clone(&stop));
        Self {
            requesters,
            responders,
            workers,
            taps,
            publisher,
            ledger,
            stop,
            asking,
            publishing,
            watching,
            ends,
            _served: served,
        }
    }

    pub fn clients(&self) -> impl Iterator<Item = &Client> {
        self.requesters.iter().chain(&self.responders).chain(&self.workers).chain([&self.publisher])
    }

    pub fn answered(&self) -> u64 {
        self.ledger.answered.load(Ordering::Relaxed)
    }

    /// How many jobs the publisher was told of as lost or in doubt.
    pub fn told(&self) -> u64 {
        let s = self.publisher.statistics();
        s.lost + s.maybe_lost
    }

    /// Lets what is under way come to its end.
    pub async fn end(mut self) -> Ended {
        self.stop.store(true, Ordering::Relaxed);
        let mut asked = 0;
        for asking in self.asking {
            asked += asking.await.unwrap();
        }
        let over = || self.ledger.asked.lock().unwrap().len() as u64 == asked;
        eventually("the end of every request", LIMIT, over).await.unwrap();
        let jobs = self.publishing.await.unwrap();
        self.publisher.publish("jobs.end", "").await.unwrap();
        for end in &mut self.ends {
            timeout(LIMIT, end.next()).await.expect("no end of the jobs").unwrap();
        }
        let ended = Vec::from_iter(self.requesters.iter().chain([&self.publisher]).cloned());
        for nc in &ended {
            assert!(nc.drain().await.unwrap().flushed);
        }
        let others = Vec::from_iter(self.responders.iter().chain(&self.workers).chain(&self.taps).cloned());
        for nc in &others {
            assert!(nc.drain().await.unwrap().flushed);
        }
        let mut events = Vec::new();
        for watching in self.watching {
            events.push(watching.await.unwrap());
        }
        let take = |numbers: &Mutex<Vec<u64>>| std::mem::take(&mut *numbers.lock().unwrap());
        Ended {
            asked: std::mem::take(&mut *self.ledger.asked.lock().unwrap()),
            served: take(&self.ledger.served),
            jobs,
            done: take(&self.ledger.done),
            seen: std::mem::take(&mut *self.ledger.seen.lock().unwrap()),
            events,
            requesters: self.requesters.iter().map(Client::statistics).collect(),
            publisher: self.publisher.statistics(),
            others: others.iter().map(Client::statistics).collect(),
        }
    }
}

fn number(message: &nuncio::Message) -> u64 {
    message.text().unwrap().parse().unwrap()
}

async fn tap(
    cluster: &Cluster,
    ledger: &Arc<Ledger>,
    served: &mut Vec<nuncio::CallbackSubscription>,
) -> Vec<Client> {
    let mut taps = Vec::new();
    for node in cluster.nodes() {
        let connect = nuncio::connect(node.url()).ignore_discovered_servers(true).max_reconnects(None);
        let nc = connect.await.unwrap();
        let ledger = Arc::clone(ledger);
        let see = nc.subscribe("jobs").callback(move |m| {
            ledger.seen.lock().unwrap().insert(number(&m));
        });
        served.push(see.await.unwrap());
        taps.push(nc);
    }
    taps
}

/// Every other request is answered after a while, so that at any time many are open.
async fn serve(nc: &Client, ledger: &Arc<Ledger>) -> nuncio::CallbackSubscription {
    let ledger = Arc::clone(ledger);
    let runtime = Handle::current();
    let serve = nc.subscribe("work").queue("q").callback(move |request| {
        let number = number(&request);
        ledger.served.lock().unwrap().push(number);
        if number.is_multiple_of(2) {
            return request.respond(request.payload()).try_send().unwrap();
        }
        runtime.spawn(async move {
            work(WORK).await;
            request.respond(request.payload()).await.unwrap();
        });
    });
    serve.await.unwrap()
}

fn ask(nc: Client, own: u64, every: u32, ledger: Arc<Ledger>, stop: Arc<AtomicBool>) -> JoinHandle<u64> {
    tokio::spawn(async move {
        let mut tick = interval(TICK);
        let mut asked = 0;
        while !stop.load(Ordering::Relaxed) {
            tick.tick().await;
            for _ in 0..every {
                let (nc, ledger) = (nc.clone(), Arc::clone(&ledger));
                let number = own << 32 | asked;
                asked += 1;
                tokio::spawn(async move {
                    let at = Instant::now();
                    let text = number.to_string();
                    let reply = nc.request("work", &text).timeout(PATIENCE).await;
                    let took = at.elapsed();
                    if let Ok(reply) = &reply {
                        assert_eq!(reply.payload(), text.as_bytes(), "the reply to another request");
                        ledger.answered.fetch_add(1, Ordering::Relaxed);
                    }
                    ledger.asked.lock().unwrap().push(Asked { number, at, took, error: reply.err() });
                });
            }
        }
        asked
    })
}

fn publish(nc: Client, every: u32, stop: Arc<AtomicBool>) -> JoinHandle<Vec<Instant>> {
    tokio::spawn(async move {
        let mut tick = interval(TICK);
        let mut jobs = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            tick.tick().await;
            for _ in 0..every {
                let number = jobs.len().to_string();
                jobs.push(Instant::now());
                nc.publish("jobs", number).await.unwrap();
            }
        }
        jobs
    })
}

fn watch(nc: &Client) -> JoinHandle<Vec<(Instant, Event)>> {
    let mut events = nc.events();
    tokio::spawn(async move {
        let mut seen = Vec::new();
        while let Some(event) = events.next().await {
            seen.push((Instant::now(), event));
        }
        seen
    })
}
