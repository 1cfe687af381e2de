//! The work: a publisher, a consumer that acknowledges, and an ordered one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nuncio::Client;
use nuncio::jetstream::{ConsumeEvents, JsMessage, Publisher};
use nuncio_testkit::eventually;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use super::watch::Led;
use super::{CONSUMER, LIMIT, STREAM};

const TICK: Duration = Duration::from_millis(20);

/// How far somebody has come.
pub(super) struct Tally {
    pub(super) who: &'static str,
    /// What has to lead for it to go on.
    pub(super) led: fn(Led) -> bool,
    progress: AtomicU64,
    /// The highest sequence of the stream that it has seen.
    reached: AtomicU64,
    /// There is something for it to do as long as it has not reached this.
    goal: Arc<AtomicU64>,
}

impl Tally {
    fn new(who: &'static str, goal: &Arc<AtomicU64>, led: fn(Led) -> bool) -> Arc<Self> {
        let (progress, reached) = (AtomicU64::new(0), AtomicU64::new(0));
        Arc::new(Self { who, led, progress, reached, goal: Arc::clone(goal) })
    }

    pub(super) fn progress(&self) -> u64 {
        self.progress.load(Ordering::Relaxed)
    }

    pub(super) fn has_work(&self) -> bool {
        self.reached.load(Ordering::Relaxed) < self.goal.load(Ordering::Relaxed)
    }

    fn note(&self, reached: u64) {
        self.progress.fetch_add(1, Ordering::Relaxed);
        self.reached.fetch_max(reached, Ordering::Relaxed);
    }
}

/// A message that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) sequence: u64,
    pub(super) number: u64,
}

impl Seen {
    pub(super) fn of(message: &JsMessage) -> Self {
        let number = message.text().unwrap().parse().unwrap();
        Self { sequence: message.info().unwrap().stream_sequence, number }
    }
}

/// What came of the publishing.
#[derive(Default)]
struct Published {
    sent: u64,
    /// The number and the sequence of each message that is stored.
    acked: Vec<(u64, u64)>,
    unknown: u64,
    refused: u64,
}

pub(super) struct Load {
    stop: Arc<AtomicBool>,
    tallies: [Arc<Tally>; 3],
    publishing: JoinHandle<Published>,
    consuming: JoinHandle<Vec<Seen>>,
    ordering: JoinHandle<Vec<Seen>>,
    /// Those who consume go on until they are told.
    over: Arc<tokio::sync::Notify>,
}

pub(super) struct Ended {
    pub(super) published: u64,
    pub(super) acked: Vec<(u64, u64)>,
    pub(super) unknown: u64,
    pub(super) refused: u64,
    pub(super) consumed: Vec<Seen>,
    pub(super) ordered: Vec<Seen>,
}

async fn connect(urls: &str, name: &str) -> Client {
    nuncio::connect(urls).name(name).max_reconnects(None).await.unwrap()
}

impl Load {
    pub(super) async fn start(urls: &str, rate: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (sent, stored) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let publisher = Tally::new("publisher", &sent, |led| led.stream);
        let consume = Tally::new("consume", &stored, |led| led.stream && led.consumer);
        let ordered = Tally::new("ordered", &stored, Led::all);
        let over = Arc::new(tokio::sync::Notify::new());
        let consuming =
            consume_all(connect(urls, "consume").await, Arc::clone(&consume), Arc::clone(&over)).await;
        let ordering =
            order_all(connect(urls, "ordered").await, Arc::clone(&ordered), Arc::clone(&over)).await;
        let nc = connect(urls, "publisher").await;
        // The time that a message has covers several elections.
        let window = nc.jetstream().publisher().window(256).timeout(LIMIT).retries(300).build();
        let publish = publish_all(window, rate, Arc::clone(&publisher), sent, stored, Arc::clone(&stop));
        let publishing = tokio::spawn(publish);
        Self { stop, tallies: [publisher, consume, ordered], publishing, consuming, ordering, over }
    }

    pub(super) fn tallies(&self) -> Vec<Arc<Tally>> {
        self.tallies.to_vec()
    }

    /// Lets what is under way come to its end.
    pub(super) async fn end(self) -> Ended {
        self.stop.store(true, Ordering::Relaxed);
        let Published { sent, acked, unknown, refused } = self.publishing.await.unwrap();
        let [_, consume, ordered] = &self.tallies;
        let all = acked.len() as u64;
        // Whatever was delivered and not acknowledged comes again.
        let come = || consume.progress() >= all && !consume.has_work() && !ordered.has_work();
        // What is missing is told with all figures.
        let _ = eventually("every message to be delivered", LIMIT, come).await;
        self.over.notify_waiters();
        let (consumed, ordered) = (self.consuming.await.unwrap(), self.ordering.await.unwrap());
        Ended { published: sent, acked, unknown, refused, consumed, ordered }
    }
}

/// Prints what happens besides messages.
fn tell(who: &'static str, mut events: ConsumeEvents) {
    let began = Instant::now();
    tokio::spawn(async move {
        while let Some(event) = events.next().await {
            println!("{:?}: {who}: {event:?}", began.elapsed());
        }
    });
}

async fn publish_all(
    publisher: Publisher,
    rate: u32,
    tally: Arc<Tally>,
    sent: Arc<AtomicU64>,
    stored: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
) -> Published {
    let mut results = publisher.results();
    let noting = tokio::spawn(async move {
        let mut published = Published::default();
        while let Some((number, outcome)) = results.next().await {
            match outcome {
                Ok(ack) => {
                    published.acked.push((number, ack.sequence));
                    stored.fetch_max(ack.sequence, Ordering::Relaxed);
                    tally.note(number + 1);
                }
                Err(error) => {
                    println!("message {number}: {error}");
                    if error.is_stored_unknown() { published.unknown += 1 } else { published.refused += 1 }
                }
            }
        }
        published
    });
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut number = 0u64;
    while !stop.load(Ordering::Relaxed) {
        tick.tick().await;
        for _ in 0..rate * TICK.as_millis() as u32 / 1000 {
            let text = number.to_string();
            drop(publisher.send("S.a", &text).message_id(&text).await.unwrap());
            number += 1;
            sent.store(number, Ordering::Relaxed);
        }
    }
    publisher.flush().await.unwrap();
    drop(publisher);
    Published { sent: number, ..noting.await.unwrap() }
}

async fn consume_all(nc: Client, tally: Arc<Tally>, over: Arc<tokio::sync::Notify>) -> JoinHandle<Vec<Seen>> {
    let consumer = nc.jetstream().bind_consumer(STREAM, CONSUMER).unwrap();
    let mut messages = consumer.consume().await.unwrap();
    tell("consume", messages.events());
    tokio::spawn(async move {
        let mut all = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        loop {
            let message = tokio::select! {
                message = messages.next() => message.unwrap().unwrap(),
                () = over.notified() => break,
            };
            let one = Seen::of(&message);
            message.ack().await.unwrap();
            all.push(one);
            // Duplicates are no progress.
            if seen.insert(one.sequence) {
                tally.note(one.sequence);
            }
        }
        messages.stop();
        nc.drain().await.unwrap();
        all
    })
}

async fn order_all(nc: Client, tally: Arc<Tally>, over: Arc<tokio::sync::Notify>) -> JoinHandle<Vec<Seen>> {
    let mut messages = nc.jetstream().ordered_consumer(STREAM).await.unwrap();
    tell("ordered", messages.events());
    tokio::spawn(async move {
        let mut all = Vec::new();
        loop {
            let message = tokio::select! {
                message = messages.next() => message.unwrap().unwrap(),
                () = over.notified() => break,
            };
            let one = Seen::of(&message);
            all.push(one);
            tally.note(one.sequence);
        }
        messages.stop();
        nc.drain().await.unwrap();
        all
    })
}
