//! What a server that is played by hand complains of.

use nuncio::{DisconnectCause, Event, ServerError};

use super::{Fake, lost};
use crate::support::*;

#[tokio::test]
async fn every_complaint_of_a_server_that_stays_leaves_the_connection_alone() {
    let complaints = [
        "-ERR\r\n",
        "-ERR \r\n",
        "-ERR ''\r\n",
        "-ERR 'Something that nobody has heard of'\r\n",
        "-ERR no quotes\r\n",
        "-ERR 'Invalid Subject'\r\n",
        "-ERR 'Permissions Violation for Publish to \"never.published\"'\r\n",
        "-ERR 'Permissions Violation for Subscription to \"never.subscribed\" (sid \"99\")'\r\n",
        "-ERR 'maximum subscriptions exceeded'\r\n",
        "-err 'PERMISSIONS VIOLATION FOR PUBLISH TO \"x\"'\r\n",
        "-ERR 'Permissions Violation for Publish to \"\\xzz\\\"'\r\n",
    ];
    let fake = Fake::new().await;
    let (nc, mut peer) = fake.pair().await;
    let mut events = nc.events();
    let mut sub = nc.subscribe("s").await.unwrap();
    for complaint in complaints {
        peer.send(complaint).await;
        event(&mut events, |e| matches!(e, Event::ServerError(_)).then_some(())).await;
    }
    peer.send(format!("MSG s {} 2\r\nok\r\n", sub.sid())).await;
    assert_eq!(texts(&mut sub, 1).await, ["ok"]);
    assert_eq!(nc.statistics().connects, 1);
}

#[tokio::test]
async fn a_violation_with_an_id_ends_that_subscription_of_several_equal_ones() {
    let fake = Fake::new().await;
    let (nc, mut peer) = fake.pair().await;
    let (first, mut second) = (nc.subscribe("s").await.unwrap(), nc.subscribe("s").await.unwrap());
    peer.send(format!(
        "-ERR 'Permissions Violation for Subscription to \"s\" (sid \"{}\")'\r\n",
        second.sid()
    ))
    .await;
    assert_eq!(rest(&mut second).await.1, nuncio::SubscriptionEnd::Denied { subject: "s".into() });
    assert_eq!(first.ended(), None);
}

#[tokio::test]
async fn a_loss_after_a_complaint_tells_the_complaint() {
    let fake = Fake::new().await;
    for (complaint, expected) in [
        ("Stale Connection", ServerError::StaleConnection),
        ("Unknown Protocol Operation", ServerError::UnknownOperation),
        ("User Authentication Expired", ServerError::AuthenticationExpired),
        ("Account Authentication Expired", ServerError::AccountAuthenticationExpired),
        ("maximum connections exceeded", ServerError::MaxConnections),
    ] {
        let (nc, mut peer) = fake.pair().await;
        let mut events = nc.events();
        peer.send(format!("-ERR '{complaint}'\r\n")).await;
        drop(peer);
        assert_eq!(lost(&mut events).await, DisconnectCause::Server(expected));
        // And the client comes back.
        fake.welcome().await;
        reconnected(&mut events).await;
        nc.close().await;
    }
}

#[tokio::test]
async fn a_loss_after_a_violation_is_not_told_as_one_for_it() {
    let fake = Fake::new().await;
    for violation in [
        "Permissions Violation for Publish to \"p\"",
        "Permissions Violation for Subscription to \"s\"",
        "maximum subscriptions exceeded",
        "Invalid Subject",
    ] {
        let (nc, mut peer) = fake.pair().await;
        let mut events = nc.events();
        peer.send(format!("-ERR '{violation}'\r\n")).await;
        drop(peer);
        assert_eq!(lost(&mut events).await, DisconnectCause::Eof, "{violation}");
        fake.welcome().await;
        reconnected(&mut events).await;
        nc.close().await;
    }
}
