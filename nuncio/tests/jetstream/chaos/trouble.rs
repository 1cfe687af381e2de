//! What happens to the cluster.

use std::time::Duration;

use nuncio::Client;
use nuncio_testkit::Cluster;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::{CONSUMER, STREAM};

/// How often a leader steps down.
const STEP_DOWN: Duration = Duration::from_secs(2);
/// How often a server is killed.
const KILL: Duration = Duration::from_secs(5);

/// How much of it there was.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    pub(super) kills: u32,
    pub(super) step_downs: u32,
}

/// Makes trouble for so long; then all servers run.
pub(super) async fn run(cluster: &mut Cluster, nc: &Client, time: Duration) -> Trouble {
    let end = Instant::now() + time;
    let (kills, step_downs) = tokio::join!(kill(cluster, end), step_down(nc, end));
    Trouble { kills, step_downs }
}

async fn kill(cluster: &mut Cluster, end: Instant) -> u32 {
    let mut kills = 0;
    let mut tick = interval(KILL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tick.tick().await;
    while tick.tick().await < end {
        let node = fastrand::usize(..cluster.nodes().len());
        cluster.kill(node).unwrap();
        cluster.restart(node).await.unwrap();
        kills += 1;
    }
    kills
}

async fn step_down(nc: &Client, end: Instant) -> u32 {
    let mut done = 0;
    let mut tick = interval(STEP_DOWN);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tick.tick().await;
    let whose =
        [format!("STREAM.LEADER.STEPDOWN.{STREAM}"), format!("CONSUMER.LEADER.STEPDOWN.{STREAM}.{CONSUMER}")];
    for what in whose.iter().cycle() {
        if tick.tick().await >= end {
            break;
        }
        let answer = nc.request(format!("$JS.API.{what}"), "").timeout(Duration::from_secs(1)).await;
        let answer = answer.ok().and_then(|answer| answer.json::<serde_json::Value>().ok());
        done += u32::from(answer.is_some_and(|answer| answer["success"] == true));
    }
    done
}
