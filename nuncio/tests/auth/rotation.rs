//! Short-lived credentials in a file that somebody replaces in time.

use std::time::Duration;

use nuncio::{Auth, DisconnectCause, Event};
use tokio::time::{Instant, interval, sleep_until};

use crate::operator::{Operator, text, write};
use crate::support::*;

const ROTATIONS: u32 = 4;

/// Credentials valid for five seconds are replaced every three; a publisher and a subscriber live on them.
#[tokio::test]
async fn rotating_short_lived_credentials_costs_one_reconnect_a_time_and_no_message() {
    let op = Operator::start().await;
    let path = op.path("user.creds");
    write(&path, &text(&op.expiring(in_secs(5))));
    let began = Instant::now();
    let observer = nuncio::connect(op.server.url()).auth(Auth::creds(text(&op.user(|_| ())))).await.unwrap();
    let mut seen = observer.subscribe("n").await.unwrap();
    observer.flush().await.unwrap();
    let nc = nuncio::connect(op.server.url()).auth(Auth::creds_file(&path)).await.unwrap();
    let mut events = nc.events();

    let publisher = nc.clone();
    let until = began + Duration::from_secs(3) * ROTATIONS + Duration::from_millis(2500);
    let publishing = tokio::spawn(async move {
        let mut tick = interval(Duration::from_millis(2));
        let mut n = 0u64;
        while Instant::now() < until {
            tick.tick().await;
            publisher.publish("n", n.to_string()).await.unwrap();
            n += 1;
        }
        n
    });
    for rotation in 1..=ROTATIONS {
        sleep_until(began + Duration::from_secs(3) * rotation).await;
        write(&path, &text(&op.expiring(in_secs(5))));
    }
    let published = publishing.await.unwrap();
    nc.flush().await.unwrap();
    observer.flush().await.unwrap();

    let events = so_far(&mut events);
    let causes: Vec<_> = events
        .iter()
        .filter_map(|e| match e {
            Event::Disconnected { cause, lost, maybe_lost, .. } => Some((cause, *lost, *maybe_lost)),
            _ => None,
        })
        .collect();
    assert!(!causes.is_empty() && causes.len() <= ROTATIONS as usize, "{causes:?}");
    assert!(causes.iter().all(|c| *c == (&DisconnectCause::CredentialsRenewed, 0, 0)), "{causes:?}");
    assert!(!events.iter().any(|e| matches!(e, Event::ConnectFailed { .. })), "{events:?}");

    let stats = nc.statistics();
    assert_eq!((stats.published, stats.written), (published, published));
    assert_eq!((stats.lost, stats.maybe_lost, stats.buffered), (0, 0, 0));
    for n in 0..published {
        assert_eq!(seen.try_next().expect("a message is missing").text().unwrap(), n.to_string());
    }
    assert!(seen.try_next().is_none());
}

#[tokio::test]
async fn an_open_request_gets_its_reply_before_the_connection_is_renewed() {
    let op = Operator::start().await;
    let path = op.path("user.creds");
    write(&path, &text(&op.expiring(in_secs(12))));
    let server = nuncio::connect(op.server.url()).auth(Auth::creds(text(&op.user(|_| ())))).await.unwrap();
    let mut asked = server.subscribe("q").await.unwrap();
    server.flush().await.unwrap();
    let nc = nuncio::connect(op.server.url()).auth(Auth::creds_file(&path)).await.unwrap();
    let mut events = nc.events();
    write(&path, &text(&op.expiring(in_secs(1000))));
    // A request is open for most of the time, with short pauses between one and the next.
    let asking = tokio::spawn(async move {
        let mut answered = 0u32;
        loop {
            let done = so_far(&mut events).iter().any(|e| matches!(e, Event::Reconnected { .. }));
            nc.request("q", "").timeout(SOON).await.unwrap();
            answered += 1;
            if done {
                return answered;
            }
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
    });
    let answering = async {
        while let Some(m) = asked.next().await {
            tokio::time::sleep(Duration::from_millis(60)).await;
            m.respond("").await.unwrap();
        }
    };
    tokio::select! {
        answered = asking => assert!(answered.unwrap() > 1),
        () = answering => panic!("the subscription ended"),
    }
}
