//! On which servers of a cluster a stream is, and how it gets to others.

use std::collections::BTreeSet;
use std::time::Duration;

use nuncio::Client;
use nuncio::jetstream::{
    ClusterInfo, ConsumerConfig, ErrorCode, JetStream, Placement, StorageType, Stream, StreamConfig,
    StreamSource,
};
use nuncio_testkit::{Cluster, eventually_async};

use crate::support::*;

const MINUTE: Duration = Duration::from_secs(60);

async fn cluster() -> (Cluster, Client, JetStream) {
    let cluster = Cluster::of(3).jetstream().config("server_tags: [blue]").start().await.unwrap();
    let nc = client(cluster.urls().join(",")).await;
    let js = nc.jetstream().timeout(SOON);
    settled(&js).await;
    (cluster, nc, js)
}

fn config() -> StreamConfig {
    StreamConfig::new("A").subjects(["a.>"]).storage(StorageType::Memory)
}

/// As it is told within a short time: between two leaders nobody answers.
async fn now(stream: &Stream) -> Option<ClusterInfo> {
    let js = stream.jetstream().clone().timeout(Duration::from_secs(1));
    js.get_stream(stream.name()).await.ok()?.cached_info()?.cluster.clone()
}

/// The servers that it is on, and up to date, once there is a leader.
async fn servers(stream: &Stream) -> Option<BTreeSet<String>> {
    let cluster = now(stream).await?;
    let current = cluster.replicas.iter().all(|peer| peer.current);
    let replicas = cluster.replicas.into_iter().map(|peer| peer.name);
    current.then(|| replicas.chain(cluster.leader).collect())
}

async fn until_away_from(stream: &Stream, server: &str) {
    eventually_async("the stream to be on other servers", MINUTE, async || {
        servers(stream).await.filter(|servers| servers.len() == 2 && !servers.contains(server))
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_server_that_is_taken_from_a_stream_is_replaced() {
    let (_cluster, nc, js) = cluster().await;
    let stream = js.create_stream(config().num_replicas(2)).await.unwrap();
    nc.request("a.1", "x").timeout(SOON).await.unwrap();
    let follower = stream.info().await.unwrap().cluster.unwrap().replicas[0].name.clone();
    stream.remove_peer(&follower).await.unwrap();
    until_away_from(&stream, &follower).await;
    assert_eq!(stream.get_message(1).await.unwrap().text(), Ok("x"));
    let error = stream.remove_peer("nobody").await.unwrap_err();
    assert_eq!(error.api_error().unwrap().err_code, ErrorCode::CLUSTER_PEER_NOT_MEMBER, "{error}");
}

#[tokio::test]
async fn a_stream_moves_away_from_a_server_that_is_evacuated() {
    needs!(PeerEvacuate);
    let (_cluster, nc, js) = cluster().await;
    let stream = js.create_stream(config().num_replicas(2)).await.unwrap();
    nc.request("a.1", "x").timeout(SOON).await.unwrap();
    let leader = stream.info().await.unwrap().cluster.unwrap().leader.unwrap();
    stream.evacuate_peer(&leader).await.unwrap();
    until_away_from(&stream, &leader).await;
    assert_eq!(stream.get_message(1).await.unwrap().text(), Ok("x"));
    let error = stream.cancel_move().await.unwrap_err();
    assert_eq!(error.api_error().unwrap().err_code, ErrorCode::STREAM_MOVE_NOT_IN_PROGRESS, "{error}");
}

#[tokio::test]
async fn a_change_of_replicas_that_is_under_way_is_told_and_called_off() {
    needs!(CancelMove);
    let (mut cluster, _nc, js) = cluster().await;
    let stream = js.create_stream(config()).await.unwrap();
    let own = now(&stream).await.unwrap().leader.unwrap();
    // A server that does not answer cannot catch up, so that it stays under way.
    let leads = cluster.jetstream_leader().await.unwrap();
    let names: Vec<String> = cluster.nodes().iter().map(|node| node.name().to_owned()).collect();
    let asleep = (0..3).find(|node| *node != leads && names[*node] != own).unwrap();
    cluster.node_mut(asleep).unwrap().pause().await.unwrap();
    let nc = client(cluster.nodes().iter().find(|node| node.name() == own).unwrap().url()).await;
    let js = nc.jetstream().timeout(SOON);
    let stream = js.bind_stream(stream.name()).unwrap();
    stream.update(config().num_replicas(3)).await.unwrap();
    let desired = async || now(&stream).await?.desired;
    eventually_async("the change to be told", MINUTE, desired).await.unwrap();
    stream.cancel_move().await.unwrap();
    let settled = async || {
        let cluster = now(&stream).await?;
        (cluster.desired.is_none() && cluster.replicas.is_empty()).then_some(())
    };
    eventually_async("the change to be called off", MINUTE, settled).await.unwrap();
    assert_eq!(stream.info().await.unwrap().config.num_replicas, 1);
    cluster.node_mut(asleep).unwrap().resume().await.unwrap();
}

#[tokio::test]
async fn a_stream_is_placed_and_replicated_as_it_was_said() {
    let (_cluster, nc, js) = cluster().await;
    let name = js.create_stream(config()).await.unwrap().info().await.unwrap().cluster.unwrap().name.unwrap();
    js.delete_stream("A").await.unwrap();
    let placement = Placement::new().cluster(&name).tags(["blue"]);
    let config = config().placement(placement.clone()).num_replicas(3);
    let stream = js.create_stream(config.clone()).await.unwrap();
    let kept = raw(&nc, "STREAM.INFO.A", "").await["config"].take();
    assert_eq!(kept["placement"], serde_json::json!({"cluster": name, "tags": ["blue"]}));
    assert_eq!(kept["num_replicas"], 3);
    let info = stream.info().await.unwrap();
    assert_eq!((&info.config.placement, config.diff(&info.config)), (&Some(placement), vec![]));

    let one = stream.create_consumer(ConsumerConfig::durable("c").num_replicas(1)).await.unwrap();
    let cluster = one.info().await.unwrap().cluster.unwrap();
    assert_eq!((cluster.replicas.len(), cluster.leader.is_some()), (0, true));

    let plain = js.create_stream(StreamConfig::new("C").storage(StorageType::Memory)).await.unwrap();
    let error = plain.create_consumer(ConsumerConfig::durable("c").num_replicas(3)).await.unwrap_err();
    assert_eq!(error.api_error().unwrap().err_code, ErrorCode::CONSUMER_REPLICAS_EXCEEDS_STREAM, "{error}");

    let elsewhere = StreamConfig::new("B").placement(Placement::new().tags(["red"]));
    let error = js.create_stream(elsewhere).await.unwrap_err();
    assert_eq!(error.api_error().unwrap().err_code, ErrorCode::CLUSTER_NO_PEERS, "{error}");
}

#[tokio::test]
async fn a_stream_tells_its_mirrors_too() {
    let (_cluster, _nc, js) = cluster().await;
    let stream = js.create_stream(config()).await.unwrap();
    let mirror = StreamConfig::new("M").storage(StorageType::Memory).mirror(StreamSource::new("A"));
    js.create_stream(mirror).await.unwrap();
    let both = async || {
        let alternates = stream.info().await.ok()?.alternates;
        let names: BTreeSet<_> = alternates.iter().map(|alternate| alternate.name.as_str()).collect();
        let clusters = alternates.iter().all(|alternate| alternate.cluster.starts_with("nuncio-"));
        (names == BTreeSet::from(["A", "M"]) && clusters).then_some(())
    };
    eventually_async("both to be told", MINUTE, both).await.unwrap();
}

#[tokio::test]
async fn a_list_tells_which_streams_did_not_answer() {
    let (mut cluster, _nc, js) = cluster().await;
    js.create_stream(config().num_replicas(3)).await.unwrap();
    let lost = js.create_stream(StreamConfig::new("B")).await.unwrap();
    let server = now(&lost).await.unwrap().leader.unwrap();
    let node = cluster.nodes().iter().position(|node| node.name() == server).unwrap();
    cluster.kill(node).unwrap();
    let nc = client(&cluster.urls()[(node + 1) % 3]).await;
    let js = nc.jetstream().timeout(SOON);
    let missing = async || {
        let mut streams = js.streams();
        let mut found = Vec::new();
        while let Some(info) = streams.next().await {
            found.push(info.ok()?.config.name);
        }
        (found.contains(&"A".to_owned()) && streams.missing() == ["B"]).then_some(())
    };
    eventually_async("the stream to be told as missing", MINUTE, missing).await.unwrap();
}
