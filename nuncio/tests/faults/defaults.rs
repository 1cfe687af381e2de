//! The defaults that only time or the end of patience shows.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nuncio::{
    Backoff, Client, CloseReason, Connect, ConnectError, Connection, DisconnectCause, Event, ServerAddr,
};
use nuncio_server::Server;
use tokio::time::{Instant, timeout};

use crate::clock::pass;
use crate::evil::{Stage, limited, script};

/// Every dial after the first one fails, and is noted with its time.
#[derive(Default)]
struct Dials {
    noted: Mutex<Vec<(ServerAddr, Instant)>>,
}

impl Dials {
    /// The seconds between one dial and the next.
    fn waits(&self) -> Vec<u64> {
        let noted = self.noted.lock().unwrap();
        noted.windows(2).map(|pair| (pair[1].1 - pair[0].1).as_secs()).collect()
    }

    fn of_each_host(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for (server, _) in &*self.noted.lock().unwrap() {
            *counts.entry(server.host().to_owned()).or_default() += 1;
        }
        counts
    }
}

/// A client whose server has just gone for good, to be connected with these options.
async fn deserted(servers: &str, options: impl FnOnce(Connect) -> Connect) -> (Client, Arc<Dials>) {
    let server = Arc::new(Server::builder().in_memory().seed(1).start().await.unwrap());
    let dials = Arc::new(Dials::default());
    let (pipes, note) = (Mutex::new(vec![server.pipe()]), Arc::clone(&dials));
    let connector = move |addr: ServerAddr| {
        let made = pipes.lock().unwrap().pop();
        if made.is_none() {
            note.noted.lock().unwrap().push((addr, Instant::now()));
        }
        let io: io::Result<Box<dyn Connection>> = match made {
            Some(pipe) => Ok(Box::new(pipe)),
            None => Err(io::ErrorKind::ConnectionRefused.into()),
        };
        async { io }
    };
    let nc = options(nuncio::connect(servers).connector(connector).seed(5)).await.unwrap();
    server.disconnect_all();
    (nc, dials)
}

#[tokio::test(start_paused = true)]
async fn a_ping_goes_out_every_two_minutes_and_two_may_stay_unanswered() {
    let stage = Stage::new([script(|mut peer| async move {
        peer.shake_hands().await;
        peer.listen().await;
    })])
    .await;
    let nc = stage.client().await;
    let mut events = nc.events();
    let began = Instant::now();
    for (minutes, expected) in [(2, Event::Ping { unanswered: 1 }), (4, Event::Ping { unanswered: 2 })] {
        let event = timeout(Duration::from_secs(1000), events.next()).await.unwrap();
        assert_eq!(event, Some(expected));
        let late = began.elapsed() - Duration::from_secs(60 * minutes);
        assert!(late < Duration::from_secs(1), "{late:?}");
    }
    match timeout(Duration::from_secs(1000), events.next()).await.unwrap() {
        Some(Event::Disconnected { cause, .. }) => assert_eq!(cause, DisconnectCause::Stale),
        other => panic!("{other:?}"),
    }
    assert!(began.elapsed() - Duration::from_secs(360) < Duration::from_secs(1), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_attempt_takes_twenty_seconds_at_most() {
    let stage = Stage::new([script(|peer| peer.listen())]).await;
    let began = Instant::now();
    let error = limited("connecting", stage.connect().into_future()).await.unwrap_err();
    let after = Duration::from_secs(20);
    assert_eq!(error, ConnectError::Timeout { server: "evil:4222".into(), after, stage: "INFO" });
    assert!(error.to_string().contains("evil:4222"), "{error}");
    assert_eq!(began.elapsed().as_secs(), 20);
}

#[tokio::test(start_paused = true)]
async fn each_server_is_tried_as_often_as_allowed() {
    let (nc, dials) = deserted("a,b,c", |c| c.max_reconnects(10)).await;
    let reason = limited("the end", nc.closed()).await;
    assert!(
        matches!(&reason, CloseReason::Exhausted { last } if matches!(**last, ConnectError::Io { .. })),
        "{reason:?}"
    );
    assert_eq!(dials.of_each_host(), ["a", "b", "c"].map(|host| (host.to_owned(), 10)).into());
}

#[tokio::test(start_paused = true)]
async fn without_a_limit_servers_are_tried_on_and_on() {
    let (nc, dials) = deserted("a,b", |c| c).await;
    pass(Duration::from_secs(24 * 3600)).await;
    assert!(dials.of_each_host().values().all(|count| *count > 1000), "{:?}", dials.of_each_host());
    nc.close().await;
    let before = dials.noted.lock().unwrap().len();
    pass(Duration::from_secs(24 * 3600)).await;
    assert_eq!(dials.noted.lock().unwrap().len(), before, "and not once it is closed");
}

#[tokio::test(start_paused = true)]
async fn a_fixed_wait_with_its_jitter_lies_between_two_rounds() {
    let backoff = Backoff::fixed(Duration::from_millis(2000), Duration::from_millis(100));
    let (nc, dials) = deserted("a", |c| c.max_reconnects(200).backoff(backoff)).await;
    let lost = Instant::now();
    timeout(Duration::from_secs(1000), nc.closed()).await.unwrap();
    let noted: Vec<_> = dials.noted.lock().unwrap().iter().map(|(_, at)| *at).collect();
    assert!(noted[0] - lost < Duration::from_millis(50), "the first attempt is made at once");
    let waits: Vec<_> = noted.windows(2).map(|pair| (pair[1] - pair[0]).as_millis()).collect();
    assert_eq!(waits.len(), 199);
    assert!(waits.iter().all(|wait| (1999..=2110).contains(wait)), "{waits:?}");
    let spread = waits.iter().max().unwrap() - waits.iter().min().unwrap();
    assert!(spread > 80, "{waits:?}");
}

#[tokio::test(start_paused = true)]
async fn a_wait_of_the_applications_own_is_asked_for_at_each_round_and_taken_as_it_is() {
    let backoff = Backoff::custom(|round| Duration::from_secs(u64::from(round) * 10));
    // A round has three attempts, between which there is no wait.
    let (nc, dials) = deserted("a,b,c", |c| c.max_reconnects(6).backoff(backoff)).await;
    timeout(Duration::from_secs(1000), nc.closed()).await.unwrap();
    assert_eq!(dials.waits(), [0, 0, 10, 0, 0, 20, 0, 0, 30, 0, 0, 40, 0, 0, 50, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn where_the_function_for_the_wait_panics_it_is_eight_seconds() {
    let backoff = Backoff::custom(|round| match round {
        2 => panic!("on purpose"),
        _ => Duration::from_secs(1),
    });
    let (nc, dials) = deserted("a", |c| c.max_reconnects(4).backoff(backoff)).await;
    timeout(Duration::from_secs(1000), nc.closed()).await.unwrap();
    assert_eq!(dials.waits(), [1, 8, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_first_connect_that_fails_is_not_repeated() {
    let stage = Stage::new([script(|peer| async move { drop(peer) })]).await;
    stage.refused().await;
    assert_eq!(stage.server.connections().len(), 0);
}
