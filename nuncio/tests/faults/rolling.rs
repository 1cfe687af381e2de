//! A cluster whose servers are replaced one by one while it is worked.
//!
//! Each round announces the end of one server (lame duck mode) and kills another one without a word. The ordinary run
//! is short; `NUNCIO_SOAK=1` makes it ten rounds.

mod books;
mod load;

use std::time::{Duration, Instant};

use nuncio::Client;
use nuncio_testkit::{Cluster, NatsServer, eventually, eventually_async};

use books::{Books, Trouble};
use load::Load;

const LIMIT: Duration = Duration::from_secs(60);

/// Dials by one client to one server within a second. A round of attempts has each server once, and the waits between
/// rounds grow.
const MOST_DIALS: usize = 3;

fn on(clients: impl Iterator<Item = Client>, addr: &str) -> usize {
    clients.filter(|nc| nc.server().as_deref() == Some(addr)).count()
}

/// The node that most clients are connected to, of those that `may` be chosen.
fn busiest(cluster: &Cluster, load: &Load, may: impl Fn(&str) -> bool) -> usize {
    let addrs = Vec::from_iter(cluster.nodes().iter().map(NatsServer::addr));
    let among = (0..addrs.len()).filter(|node| may(&addrs[*node]));
    among.max_by_key(|node| on(load.clients().cloned(), &addrs[*node])).unwrap()
}

/// Waits until that many more requests have been answered.
async fn go_on(load: &Load, requests: u64) {
    let enough = load.answered() + requests;
    eventually("more answers", LIMIT, || load.answered() >= enough).await.unwrap();
}

/// The cluster is whole again, and looked into everywhere.
async fn restart(cluster: &mut Cluster, node: usize, load: &Load) {
    cluster.restart(node).await.unwrap();
    cluster.meshed(LIMIT).await.unwrap();
    for nc in &load.taps {
        eventually_async("an answer of the server", LIMIT, async || nc.flush().await.ok()).await.unwrap();
    }
}

/// Every client has a server that answers, and every requester a responder.
async fn recovered(load: &Load) {
    for nc in load.clients() {
        eventually_async("an answer of the server", LIMIT, async || nc.flush().await.ok()).await.unwrap();
    }
    for nc in &load.requesters {
        let asked = async || nc.request("probe", "").await.ok();
        eventually_async("a responder", LIMIT, asked).await.unwrap();
    }
}

async fn leave_a_lame_server(cluster: &mut Cluster, load: &Load, books: &mut Books) {
    // Some of each group stay where they are: those that move hear nothing while they do.
    let some_stay = |group: &[Client], addr: &str| on(group.iter().cloned(), addr) < group.len();
    let groups_live = |addr: &str| some_stay(&load.responders, addr) && some_stay(&load.workers, addr);
    let node = busiest(cluster, load, groups_live);
    let addr = cluster.nodes()[node].addr();
    let (clients, began) = (on(load.clients().cloned(), &addr), Instant::now());
    cluster.node_mut(node).unwrap().lame_duck().await.unwrap();
    let left = || load.clients().all(|nc| nc.server().is_some_and(|server| server != addr));
    eventually("every client at another server", LIMIT, left).await.unwrap();
    recovered(load).await;
    books.note(Trouble::LameDuck, clients, began, load.told());
    // Nobody is there any more.
    cluster.kill(node).unwrap();
    restart(cluster, node, load).await;
}

async fn lose_a_server(cluster: &mut Cluster, load: &Load, books: &mut Books) {
    let node = busiest(cluster, load, |_| true);
    let addr = cluster.nodes()[node].addr();
    let (clients, began) = (on(load.clients().cloned(), &addr), Instant::now());
    cluster.kill(node).unwrap();
    recovered(load).await;
    books.note(Trouble::Kill, clients, began, load.told());
    restart(cluster, node, load).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_fails_no_request_on_lame_duck_and_costs_nothing_uncounted_on_a_crash() {
    let soak = std::env::var("NUNCIO_SOAK").is_ok_and(|value| value == "1");
    // Between two troubles there are requests of ten seconds in the long run.
    let (rounds, rate, between) = if soak { (10, 2000, 20_000) } else { (2, 1000, 1500) };
    let mut cluster = Cluster::of(3).start().await.unwrap();
    let load = Load::start(&cluster, rate).await;
    let mut books = Books::default();
    for round in 1..=rounds {
        go_on(&load, between).await;
        leave_a_lame_server(&mut cluster, &load, &mut books).await;
        go_on(&load, between).await;
        lose_a_server(&mut cluster, &load, &mut books).await;
        println!("round {round} of {rounds}: {} requests answered so far", load.answered());
    }
    go_on(&load, between).await;
    let ended = load.end().await;
    println!("{}", books.account(&ended));
    books.check(&ended);
}
