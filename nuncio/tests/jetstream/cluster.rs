//! What only a cluster can do.

use std::time::Duration;

use nuncio::jetstream::{ConsumerConfig, StorageType, Stream, StreamConfig};
use nuncio_testkit::{Cluster, eventually_async};

use crate::support::*;

async fn leader(stream: &Stream) -> Option<String> {
    stream.info().await.ok()?.cluster?.leader
}

#[tokio::test]
async fn streams_and_consumers_change_their_leaders_and_servers() {
    let mut cluster = Cluster::of(3).jetstream().start().await.unwrap();
    cluster.jetstream_ready(Duration::from_secs(60)).await.unwrap();
    let nc = client(&cluster.urls()[0]).await;
    let js = nc.jetstream().timeout(SOON);
    let config = StreamConfig::new("A").subjects(["a.>"]).storage(StorageType::Memory).num_replicas(3);
    let stream = js.create_stream(config).await.unwrap();
    let info = stream.info().await.unwrap();
    let peers = info.cluster.unwrap().replicas;
    assert_eq!(peers.len(), 2);

    // The one that is asked for leads, once it is current.
    let preferred = peers[0].name.clone();
    eventually_async("the preferred leader", Duration::from_secs(60), async || {
        if leader(&stream).await.as_deref() != Some(&preferred) {
            let _ = stream.step_down(Some(&preferred)).await;
            return None;
        }
        Some(())
    })
    .await
    .unwrap();

    // Any other one.
    stream.step_down(None).await.unwrap();
    eventually_async("another leader", Duration::from_secs(60), async || {
        leader(&stream).await.filter(|leader| *leader != preferred)
    })
    .await
    .unwrap();

    let consumer = stream.create_consumer(ConsumerConfig::durable("c")).await.unwrap();
    let led = consumer.info().await.unwrap().cluster.unwrap().leader;
    consumer.step_down(None).await.unwrap();
    eventually_async("another leader of the consumer", Duration::from_secs(60), async || {
        let now = consumer.info().await.ok()?.cluster?.leader;
        (now.is_some() && now != led).then_some(())
    })
    .await
    .unwrap();

    // With three servers there is none to take the place of the one that is removed.
    let removed = stream.remove_peer(&peers[1].name).await;
    assert!(removed.is_ok() || removed.unwrap_err().api_error().is_some());
}
