//! Clients that move within a cluster of real servers.

use std::time::Duration;

use nuncio::{Client, Event};
use nuncio_testkit::Cluster;

use crate::real::*;

#[tokio::test]
async fn a_client_of_a_cluster_moves_to_a_server_that_it_was_told_of() {
    let mut cluster = Cluster::of(3).start().await.unwrap();
    let node = |cluster: &Cluster, nc: &Client| {
        let server = nc.server().unwrap();
        cluster.nodes().iter().position(|node| node.addr() == server).unwrap()
    };
    let nc = connect(cluster.node(0).unwrap()).await.unwrap();
    let mut s = nc.subscribe("s").await.unwrap();
    nc.flush().await.unwrap();
    let mut events = nc.events();
    for _ in 0..2 {
        let at = node(&cluster, &nc);
        cluster.kill(at).unwrap();
        event(&mut events, "the loss", cause).await;
        let server = event(&mut events, "the move", reconnected).await;
        let now = node(&cluster, &nc);
        assert_ne!(now, at);
        assert_eq!(cluster.node(now).unwrap().addr(), server);
        cluster.restart(at).await.unwrap();
        cluster.meshed(LIMIT).await.unwrap();
    }
    // From another node than the client's.
    let now = node(&cluster, &nc);
    let from = connect(cluster.node((now + 1) % 3).unwrap()).ignore_discovered_servers(true).await.unwrap();
    let heard = async || {
        from.publish("s", "across").await.ok()?;
        s.next_timeout(Duration::from_millis(100)).await
    };
    let message = within("a message", async {
        let mut heard = heard;
        loop {
            if let Some(message) = heard().await {
                return message;
            }
        }
    });
    assert_eq!(message.await.payload(), b"across");
}

#[tokio::test]
async fn a_client_that_ignores_discovered_servers_stays_with_those_given() {
    let mut cluster = Cluster::of(2).start().await.unwrap();
    let nc = connect(cluster.node(0).unwrap()).ignore_discovered_servers(true).await.unwrap();
    let mut events = nc.events();
    cluster.kill(0).unwrap();
    let dialled = |event: &Event| match event {
        Event::Reconnecting { server, .. } => Some(server.clone()),
        _ => None,
    };
    for _ in 0..5 {
        let server = event(&mut events, "a dial", dialled).await;
        assert_eq!(server, cluster.node(0).unwrap().addr());
    }
    cluster.restart(0).await.unwrap();
    event(&mut events, "the return", reconnected).await;
}

#[tokio::test]
async fn a_lame_duck_is_told_of_and_left_for_another_server() {
    let mut cluster = Cluster::of(2)
        .config("lame_duck_grace_period: \"1s\"\nlame_duck_duration: \"30s\"")
        .start()
        .await
        .unwrap();
    let nc = connect(cluster.node(0).unwrap()).await.unwrap();
    let mut events = nc.events();
    cluster.node_mut(0).unwrap().lame_duck().await.unwrap();
    let lame = |event: &Event| match event {
        Event::LameDuck { server } => Some(server.clone()),
        _ => None,
    };
    assert_eq!(event(&mut events, "the news", lame).await, cluster.node(0).unwrap().addr());
    nc.force_reconnect();
    assert_eq!(event(&mut events, "the move", reconnected).await, cluster.node(1).unwrap().addr());
    nc.flush().await.unwrap();
}
