//! What a server that is played by hand tells of itself and of its cluster.

use std::future::IntoFuture;

use nuncio::Event;

use super::{Fake, Peer};
use crate::support::*;

#[tokio::test]
async fn a_limit_that_the_server_lowers_holds_from_then_on() {
    let fake = Fake::new().await;
    let (nc, mut peer) = fake.pair().await;
    assert_eq!(nc.max_payload(), 1_048_576);
    peer.send("INFO {\"max_payload\":10,\"headers\":true}\r\n").await;
    until("the new limit", || nc.max_payload() == 10).await;
    assert!(matches!(
        nc.publish("a", "01234567890").await,
        Err(nuncio::PublishError::TooLarge { max: 10, .. })
    ));
    peer.send("INFO {\"max_payload\":-1,\"headers\":true}\r\n").await;
    until("no limit", || nc.max_payload() == usize::MAX).await;
    nc.publish("a", "01234567890").await.unwrap();
}

#[tokio::test]
async fn odd_infos_are_ignored_field_by_field() {
    let fake = Fake::new().await;
    let (nc, mut peer) = fake.pair().await;
    for info in [
        "INFO []\r\n",
        "INFO {\r\n",
        "INFO {\"connect_urls\":null,\"max_payload\":\"many\",\"unknown\":{}}\r\n",
    ] {
        peer.send(info).await;
    }
    peer.send("PING\r\n").await;
    peer.until("PONG").await;
    assert_eq!(nc.statistics().connects, 1);
}

#[tokio::test]
async fn servers_come_and_go_with_the_gossip_of_the_cluster() {
    let fake = Fake::new().await;
    let (nc, mut peer) = fake.pair().await;
    let mut events = nc.events();
    let mut told = async |peer: &mut Peer, urls: &str| {
        peer.send(format!("INFO {{\"headers\":true,\"connect_urls\":{urls}}}\r\n")).await;
        event(&mut events, |e| match e {
            Event::ServersChanged { added, removed } => Some((added, removed)),
            _ => None,
        })
        .await
    };
    let own = fake.addr();
    let (added, removed) = told(&mut peer, &format!(r#"["{own}","10.0.0.1:4222","10.0.0.2:4222"]"#)).await;
    assert_eq!((added.len(), removed.len()), (2, 0), "{added:?}");
    let (added, removed) = told(&mut peer, &format!(r#"["{own}","10.0.0.2:4222","10.0.0.3:4222"]"#)).await;
    assert!(added.len() == 1 && added[0].contains("10.0.0.3"), "{added:?}");
    assert!(removed.len() == 1 && removed[0].contains("10.0.0.1"), "{removed:?}");
}

#[tokio::test]
async fn servers_that_the_cluster_tells_of_are_used_when_the_known_one_is_gone() {
    let (fake, other) = (Fake::new().await, Fake::new().await);
    let (nc, mut peer) = fake.pair().await;
    let mut events = nc.events();
    peer.send(format!("INFO {{\"headers\":true,\"connect_urls\":[\"{}\"]}}\r\n", other.addr())).await;
    event(&mut events, |e| matches!(e, Event::ServersChanged { .. }).then_some(())).await;
    drop((peer, fake));
    other.welcome().await;
    reconnected(&mut events).await;
    assert_eq!(nc.server(), Some(other.addr()));
}

#[tokio::test]
async fn servers_that_the_cluster_tells_of_may_be_ignored() {
    let fake = Fake::new().await;
    let (nc, mut peer) =
        tokio::join!(fake.connect().ignore_discovered_servers(true).into_future(), fake.welcome());
    let nc = nc.unwrap();
    let mut events = nc.events();
    peer.send("INFO {\"headers\":true,\"connect_urls\":[\"10.0.0.1:4222\"]}\r\nPING\r\n").await;
    peer.until("PONG").await;
    assert_eq!(nc.server_info().connect_urls, ["10.0.0.1:4222"]);
    assert_eq!(so_far(&mut events), []);
    assert_eq!(nc.servers().len(), 1);
}

#[tokio::test]
async fn a_lame_duck_is_told_once_though_the_server_repeats_it() {
    let fake = Fake::new().await;
    let (nc, mut peer) = fake.pair().await;
    let mut events = nc.events();
    for _ in 0..3 {
        peer.send("INFO {\"ldm\":true,\"headers\":true}\r\n").await;
    }
    peer.send("INFO {\"headers\":true}\r\nPING\r\n").await;
    peer.until("PONG").await;
    let ducks = so_far(&mut events).into_iter().filter(|e| matches!(e, Event::LameDuck { .. })).count();
    assert_eq!(ducks, 1);
}
