//! One session that uses everything, and what must be true of it however the connection fares.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use nuncio::{Backoff, Client, Connect, Connection, DrainReport, Message, Statistics, Subscription};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// A payload of this length is chained to the outbox instead of copied.
const LARGE: usize = 4100;

/// What a session leaves behind.
#[derive(Debug)]
pub struct Outcome {
    pub statistics: Statistics,
    pub report: DrainReport,
    /// Numbers of the messages that the plain, the queue and the limited subscription received.
    pub received: [Vec<u64>; 3],
    /// Numbers of the messages that the server took, in its order.
    pub taken: Vec<u64>,
    /// Messages that the server took, replies and requests included.
    pub witnessed: u64,
    pub answered: u64,
}

/// A client on a connection that is never cut, which sees what the server takes.
pub struct Witness {
    client: Client,
    all: Subscription,
}

impl Witness {
    async fn new(connect: Connect) -> Self {
        let client = connect.await.unwrap();
        let all = client.subscribe(">").await.unwrap();
        client.flush().await.unwrap();
        Self { client, all }
    }

    async fn taken(&mut self) -> Vec<Message> {
        self.client.flush().await.unwrap();
        std::iter::from_fn(|| self.all.try_next()).collect()
    }
}

/// Runs the session; panics where it takes too long. `cut` is called before the client's first connection, which
/// `session` makes; `witness` connects to the same server by an undisturbed way.
pub async fn run(
    session: Connect,
    witness: Connect,
    cut: impl FnOnce(),
    limit: Duration,
    label: &str,
) -> Outcome {
    let mut witness = Witness::new(witness).await;
    cut();
    let (statistics, report, received, answered) =
        timeout(limit, script(session, label)).await.unwrap_or_else(|_| panic!("{label}: the session hangs"));
    let taken = witness.taken().await;
    let witnessed = taken.len() as u64;
    let numbers = taken.iter().filter(|m| m.subject().starts_with("t.")).map(number).collect();
    Outcome { statistics, report, received, taken: numbers, witnessed, answered }
}

/// Connects through connections that `dial` makes.
pub fn through(dial: impl Fn() -> Box<dyn Connection> + Send + Sync + 'static) -> Connect {
    nuncio::connect("in-memory").connector(move |_| {
        let io = dial();
        async { Ok(io) }
    })
}

async fn script(connect: Connect, label: &str) -> (Statistics, DrainReport, [Vec<u64>; 3], u64) {
    let connect = connect.name("session").retry_on_initial_connect(true).seed(7);
    let nc = connect.backoff(Backoff::fixed(Duration::from_millis(20), Duration::ZERO)).await.unwrap();
    let plain = nc.subscribe("t.plain.*").await.unwrap();
    let queue = nc.subscribe("t.queue").queue("workers").await.unwrap();
    let limited = nc.subscribe("t.limited").max(3).await.unwrap();
    let service = nc.subscribe("service").callback(|m| {
        // A full outbox would be the only reason to refuse.
        m.respond("pong").try_send().unwrap();
    });
    let service = service.await.unwrap();
    let readers = [collect(plain), collect(queue), collect(limited)];
    let mut answered = 0;
    let mut next = 0;
    let mut payload = |len: usize| {
        next += 1;
        let mut bytes = format!("{next:06}").into_bytes();
        bytes.resize(len.max(6), b'x');
        Bytes::from(bytes)
    };

    nc.publish("t.plain.a", payload(6)).await.unwrap();
    nc.publish("t.plain.b", payload(40)).header("trace", "1").reply("audit").await.unwrap();
    nc.publish("t.plain.c", payload(LARGE)).await.unwrap();
    nc.publish("t.plain.d", payload(0)).header("a", "b").header("a", "c").await.unwrap();
    for _ in 0..3 {
        nc.publish("t.queue", payload(10)).await.unwrap();
    }
    answered += u64::from(nc.request("service", "ping").await.is_ok());
    // A flush fails if the connection is away; that is its business.
    let _ = nc.flush().await;
    for _ in 0..5 {
        nc.publish("t.limited", payload(6)).await.unwrap();
    }
    answered += u64::from(nc.request("service", "ping").header("n", "2").await.is_ok());
    nc.publish("t.plain.e", payload(16)).await.unwrap();
    let _ = nc.flush().await;
    drop(service);
    nc.publish("t.queue", payload(6)).await.unwrap();
    let report = nc.drain().await.unwrap_or_else(|error| panic!("{label}: {error}"));
    let mut received = [const { Vec::new() }; 3];
    for (numbers, reader) in received.iter_mut().zip(readers) {
        *numbers = reader.await.unwrap();
    }
    (nc.statistics(), report, received, answered)
}

fn collect(mut subscription: Subscription) -> JoinHandle<Vec<u64>> {
    tokio::spawn(async move {
        let mut numbers = Vec::new();
        while let Some(message) = subscription.next().await {
            numbers.push(number(&message));
        }
        numbers
    })
}

fn number(message: &Message) -> u64 {
    std::str::from_utf8(&message.payload()[..6]).unwrap().parse().unwrap()
}

impl Outcome {
    /// What holds whatever happened to the connection.
    pub fn check(&self, label: &str) {
        for numbers in self.received.iter().chain([&self.taken]) {
            assert!(numbers.is_sorted_by(|a, b| a < b), "{label}: doubled or out of order: {numbers:?}");
        }
        self.check_unordered(label);
    }

    /// As [`Outcome::check`], for a server that may still be reading a dead connection while the next one is open.
    pub fn check_unordered(&self, label: &str) {
        let s = &self.statistics;
        for numbers in self.received.iter().chain([&self.taken]) {
            let distinct: BTreeSet<&u64> = numbers.iter().collect();
            assert_eq!(distinct.len(), numbers.len(), "{label}: doubled: {numbers:?}");
        }
        for numbers in &self.received {
            let all_taken = numbers.iter().all(|n| self.taken.contains(n));
            assert!(all_taken, "{label}: received {numbers:?}, taken {:?}", self.taken);
        }
        assert!(self.received[2].len() <= 3, "{label}: more than the maximum: {:?}", self.received[2]);
        assert_eq!(s.buffered, 0, "{label}: {s:?}");
        assert_eq!(s.buffered_bytes, 0, "{label}: {s:?}");
        assert_eq!(s.published, s.written + s.lost + s.maybe_lost, "{label}: {s:?}");
        assert_eq!(s.requests, 0, "{label}: a request was left behind: {s:?}");
        let missing = s.published.checked_sub(self.witnessed);
        let missing = missing.unwrap_or_else(|| panic!("{label}: more taken than published: {self:?}"));
        assert!(
            (s.lost..=s.lost + s.maybe_lost).contains(&missing),
            "{label}: {missing} missing, reported {} to {}: {self:?}",
            s.lost,
            s.lost + s.maybe_lost
        );
    }

    /// What holds where the connection never broke.
    pub fn check_whole(&self, label: &str) {
        self.check(label);
        let s = &self.statistics;
        assert_eq!((s.lost, s.maybe_lost, s.dropped, s.unclaimed), (0, 0, 0, 0), "{label}: {s:?}");
        assert_eq!(self.received[0], [1, 2, 3, 4, 13], "{label}");
        assert_eq!(self.received[1], [5, 6, 7, 14], "{label}");
        assert_eq!(self.received[2], [8, 9, 10], "{label}");
        assert_eq!((self.answered, self.witnessed, s.published, s.connects), (2, 18, 18, 1), "{label}");
        assert!(self.report.flushed, "{label}: {:?}", self.report);
        assert_eq!((self.report.undelivered, self.report.unanswered), (0, 0), "{label}");
    }
}
