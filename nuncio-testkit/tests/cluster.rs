//! Clusters of real servers.

use std::time::Duration;

use nuncio_testkit::{Cluster, Error};
use serde_json::Value;

const SOON: Duration = Duration::from_secs(60);

#[tokio::test]
async fn three_nodes_mesh_and_tell_their_clients_of_each_other() {
    for version in ["2.10.25", "2.15.1"] {
        let cluster = Cluster::of(3).version(version).start().await.unwrap();
        for node in cluster.nodes() {
            let info: Value = serde_json::from_str(&node.info().await.unwrap()).unwrap();
            let urls: Vec<&str> =
                info["connect_urls"].as_array().unwrap().iter().flat_map(Value::as_str).collect();
            assert!(cluster.nodes().iter().all(|other| urls.contains(&other.addr().as_str())), "{urls:?}");
        }
    }
}

#[tokio::test]
async fn a_killed_node_rejoins_after_its_restart() {
    let mut cluster = Cluster::of(3).start().await.unwrap();
    let urls = cluster.urls();
    for index in 0..3 {
        cluster.kill(index).unwrap();
        cluster.meshed(SOON).await.unwrap();
        cluster.restart(index).await.unwrap();
        cluster.meshed(SOON).await.unwrap();
    }
    assert_eq!(cluster.urls(), urls);
}

#[tokio::test]
async fn a_jetstream_cluster_elects_another_leader_when_its_leader_stops() {
    let mut cluster = Cluster::of(3).jetstream().start().await.unwrap();
    let first = cluster.jetstream_leader().await.unwrap();
    cluster.stop(first).await.unwrap();
    cluster.jetstream_ready(SOON).await.unwrap();
    let second = cluster.jetstream_leader().await.unwrap();
    assert_ne!(first, second);
    cluster.restart(first).await.unwrap();
    cluster.meshed(SOON).await.unwrap();
    cluster.jetstream_ready(SOON).await.unwrap();
}

#[tokio::test]
async fn a_node_that_is_not_there_is_an_error() {
    let mut cluster = Cluster::of(1).start().await.unwrap();
    assert_eq!(cluster.kill(1), Err(Error::NoSuchNode { index: 1, nodes: 1 }));
}
