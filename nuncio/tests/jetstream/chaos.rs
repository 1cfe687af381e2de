//! A cluster of three servers whose leaders step down and whose servers are killed while it is worked.
//!
//! Every two seconds a leader steps down, every five a server is killed without a word and comes back. The ordinary run is
//! short; `NUNCIO_SOAK=1` makes it two minutes.

mod load;
mod trouble;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use nuncio::jetstream::{ConsumerConfig, JetStream};
use nuncio_testkit::{Cluster, eventually_async};

use crate::support::*;
use load::{Load, Seen};

/// Elections of several seconds each, one after the other, on however busy a machine.
const LIMIT: Duration = Duration::from_secs(90);
/// The longest that nothing may come while there is a leader to serve it.
const LONGEST_STALL: Duration = Duration::from_secs(5);
const STREAM: &str = "S";
const CONSUMER: &str = "C";
/// Messages a second.
const RATE: u32 = 500;

async fn prepare(js: &JetStream) {
    let made = async || {
        let config = nuncio::jetstream::StreamConfig::new(STREAM).subjects(["S.>"]).num_replicas(3);
        js.create_stream(config).await.ok()
    };
    let stream = eventually_async("the stream to be made", LIMIT, made).await.unwrap();
    let made = async || {
        // What was delivered over a connection that was cut comes again after this time.
        let config = ConsumerConfig::durable(CONSUMER).ack_wait(Duration::from_secs(5));
        stream.create_consumer(config).await.ok()
    };
    eventually_async("the consumer to be made", LIMIT, made).await.unwrap();
}

/// The names of all consumers that the servers have.
async fn consumers(js: &JetStream) -> Vec<String> {
    let all = async || {
        let mut names = Vec::new();
        let mut list = js.bind_stream(STREAM).ok()?.consumer_names();
        while let Some(name) = list.next().await {
            names.push(name.ok()?);
        }
        Some(names)
    };
    eventually_async("the consumers to be told", LIMIT, all).await.unwrap()
}

/// Everything in the stream: the number in each message by its sequence.
async fn content(js: &JetStream) -> Vec<Seen> {
    let stream = js.bind_stream(STREAM).unwrap();
    let wanted = stream.info().await.unwrap().state.messages;
    let config = ConsumerConfig::new().name("content").ack_policy(nuncio::jetstream::AckPolicy::None);
    let consumer = stream.create_consumer(config.inactive_threshold(LIMIT)).await.unwrap();
    let mut found = Vec::new();
    while (found.len() as u64) < wanted {
        let mut batch = consumer.fetch(1000).expires(Duration::from_secs(2)).await.unwrap();
        while let Some(message) = batch.next().await {
            found.push(Seen::of(&message.unwrap()));
        }
    }
    consumer.delete().await.unwrap();
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_and_nothing_stalls_while_leaders_step_down_and_servers_are_killed() {
    let soak = std::env::var("NUNCIO_SOAK").is_ok_and(|value| value == "1");
    let time = Duration::from_secs(if soak { 120 } else { 25 });
    let mut cluster = Cluster::of(3).jetstream().start().await.unwrap();
    let urls = cluster.urls().join(",");
    let nc = nuncio::connect(&urls).max_reconnects(None).await.unwrap();
    let js = nc.jetstream().timeout(SOON);
    prepare(&js).await;
    let before = consumers(&js).await;

    let load = Load::start(&urls, RATE).await;
    let watch = watch::Watch::start(&cluster, load.tallies());
    let trouble = trouble::run(&mut cluster, &nc, time).await;
    cluster.jetstream_ready(LIMIT).await.unwrap();
    let ended = load.end().await;
    let stalls = watch.end().await;

    let stored = content(&js).await;
    let nobody_left = async || (consumers(&js).await == before).then_some(());
    let baseline = eventually_async("the consumers of before", LIMIT, nobody_left).await;
    let after = consumers(&js).await;

    let mut copies: BTreeMap<u64, u32> = BTreeMap::new();
    stored.iter().for_each(|seen| *copies.entry(seen.number).or_default() += 1);
    let consumed = BTreeSet::from_iter(ended.consumed.iter().map(|seen| seen.number));
    println!(
        "{time:?}: kills {}, step-downs {}; the stream had no leader for {:?} in all",
        trouble.kills, trouble.step_downs, stalls.leaderless
    );
    println!(
        "published {}, acked {}, unknown {}, refused {}, in the stream {}",
        ended.published,
        ended.acked.len(),
        ended.unknown,
        ended.refused,
        stored.len(),
    );
    println!(
        "consume: delivered {}, duplicates {}; ordered: delivered {}",
        ended.consumed.len(),
        ended.consumed.len() - consumed.len(),
        ended.ordered.len()
    );
    println!("longest stalls with a leader: {:?}", stalls.longest);
    println!("consumers: {} before, {} after", before.len(), after.len());

    for (number, sequence) in &ended.acked {
        assert_eq!(copies.get(number), Some(&1), "message {number}, stored as {sequence}");
    }
    assert_eq!(ended.acked.len() as u64, ended.published, "each was stored in the end");
    assert_eq!(stored.len() as u64, ended.published);
    let missing = Vec::from_iter(copies.keys().filter(|number| !consumed.contains(number)));
    assert_eq!(missing, [&0u64; 0], "not delivered by consume");
    let differs = ended.ordered.iter().zip(&stored).find(|(one, other)| one != other);
    assert_eq!((ended.ordered.len(), differs), (stored.len(), None), "the order of the stream");
    for (who, stall) in stalls.longest {
        assert!(stall < LONGEST_STALL, "{who} stood still for {stall:?} with a leader");
    }
    baseline.unwrap();
}
