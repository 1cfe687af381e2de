//! Losing a connection and making it again.

use nuncio::{DisconnectCause, Event};

use crate::support::*;

#[tokio::test]
async fn subscriptions_last_and_are_not_doubled() {
    let mut rig = Rig::new().await;
    let nc = rig.client().await;
    let mut sub = nc.subscribe("s").await.unwrap();
    let mut events = nc.events();
    for round in 0..3 {
        rig.server.restart().await.unwrap();
        reconnected(&mut events).await;
        for i in 0..20 {
            nc.publish("s", format!("{round}.{i}")).await.unwrap();
        }
        nc.flush().await.unwrap();
        for i in 0..20 {
            assert_eq!(next(&mut sub).await, format!("{round}.{i}"));
        }
        assert!(sub.try_next().is_none(), "a message came twice");
        assert_eq!(rig.seen(&nc).await.as_deref(), Some("1.3"));
    }
}

#[tokio::test]
async fn a_server_that_is_killed_is_no_error_of_tls() {
    let mut rig = Rig::new().await;
    let nc = rig.client().await;
    let mut events = nc.events();
    rig.server.kill();
    let cause = event(&mut events, |e| match e {
        Event::Disconnected { cause, .. } => Some(cause),
        _ => None,
    })
    .await;
    assert!(
        matches!(cause, DisconnectCause::Eof)
            || matches!(cause, DisconnectCause::Io { kind: std::io::ErrorKind::ConnectionReset, .. }),
        "{cause:?}"
    );
    rig.server.restart().await.unwrap();
    reconnected(&mut events).await;
    round_trip(&nc).await;
}

#[tokio::test]
async fn what_is_published_meanwhile_is_sent_later() {
    let mut rig = Rig::new().await;
    let nc = rig.client().await;
    let mut sub = nc.subscribe("s").await.unwrap();
    nc.flush().await.unwrap();
    rig.server.stop().await.unwrap();
    nuncio_testkit::eventually("the loss", SOON, || nc.state() == nuncio::ConnectionState::Connecting)
        .await
        .unwrap();
    nc.publish("s", "meanwhile").await.unwrap();
    rig.server.restart().await.unwrap();
    assert_eq!(next(&mut sub).await, "meanwhile");
}
