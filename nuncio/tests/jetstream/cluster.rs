//! What only a cluster can do.

use std::time::Duration;

use nuncio::jetstream::{ConsumerConfig, ErrorCode, Feature, StorageType, Stream, StreamConfig};
use nuncio_testkit::{Cluster, eventually_async};

use crate::support::*;

/// Who leads, as it is told within a short time: between two leaders nobody answers.
async fn leader(stream: &Stream) -> Option<String> {
    let js = stream.jetstream().clone().timeout(Duration::from_millis(300));
    js.get_stream(stream.name()).await.ok()?.cached_info()?.cluster.as_ref()?.leader.clone()
}

#[tokio::test]
async fn streams_and_consumers_change_their_leaders_and_servers() {
    let mut cluster = Cluster::of(3).jetstream().start().await.unwrap();
    cluster.jetstream_ready(Duration::from_secs(60)).await.unwrap();
    let nc = client(&cluster.urls()[0]).await;
    let js = nc.jetstream().timeout(SOON);
    settled(&js).await;
    let config = StreamConfig::new("A").subjects(["a.>"]).storage(StorageType::Memory).num_replicas(3);
    let stream = js.create_stream(config).await.unwrap();
    let info = stream.info().await.unwrap();
    let peers = info.cluster.unwrap().replicas;
    assert_eq!(peers.len(), 2);

    // The one that is asked for leads, once it is current.
    let mut preferred = peers[0].name.clone();
    if level() < Feature::PreferredLeader.level() {
        too_low(stream.step_down(Some(&preferred)).await, Feature::PreferredLeader, level());
        preferred = leader(&stream).await.unwrap();
    }
    eventually_async("the preferred leader", Duration::from_secs(60), async || {
        // Without a leader nobody would answer.
        let now = leader(&stream).await?;
        if now != preferred {
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
        let js = stream.jetstream().clone().timeout(Duration::from_millis(300));
        let now = js.bind_consumer("A", "c").ok()?.info().await.ok()?.cluster?.leader;
        (now.is_some() && now != led).then_some(())
    })
    .await
    .unwrap();

    // With three servers there is none to take the place of the one that is removed.
    let error = stream.remove_peer(&peers[1].name).await.unwrap_err();
    assert!(error.api_error().is_some_and(|error| error.err_code == ErrorCode::PEER_REMAP), "{error:?}");
}

#[tokio::test]
async fn who_loses_a_race_on_a_replicated_stream_is_told_of_a_wrong_sequence() {
    let mut cluster = Cluster::of(3).jetstream().start().await.unwrap();
    cluster.jetstream_ready(Duration::from_secs(60)).await.unwrap();
    let nc = client(&cluster.urls()[0]).await;
    let js = nc.jetstream().timeout(SOON);
    settled(&js).await;
    let config = StreamConfig::new("R").subjects(["r.>"]).storage(StorageType::Memory).num_replicas(3);
    js.create_stream(config).await.unwrap();
    let mut last = 0;
    for _ in 0..30 {
        let publish = || js.publish("r.a", "").expect_last_subject_sequence(last);
        let (one, other) = tokio::join!(publish(), publish());
        let (winner, loser) = if one.is_ok() { (one, other) } else { (other, one) };
        last = winner.unwrap().sequence;
        let error = loser.unwrap_err();
        assert!(error.is_wrong_last_sequence() && !error.is_stored_unknown(), "{error:?}");
    }
}
