//! Short-lived credentials in a file that somebody replaces in time.

use std::time::Duration;

use nuncio::{Auth, Client, DisconnectCause, Event, Events, Message, RequestError};
use nuncio_testkit::{Proxy, eventually};
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval, sleep_until};

use crate::operator::{Operator, text, write};
use crate::support::*;

/// Credentials valid for five seconds are replaced every three; a publisher and a requester live on them. The ordinary run is
/// short; `NUNCIO_SOAK=1` makes it a minute.
#[tokio::test]
async fn rotating_short_lived_credentials_costs_one_reconnect_a_time_and_no_message() {
    let rotations = if std::env::var("NUNCIO_SOAK").is_ok_and(|value| value == "1") { 20 } else { 2 };
    let op = Operator::start().await;
    let path = op.path("user.creds");
    write(&path, &text(&op.expiring(in_secs(5))));
    let began = Instant::now();
    let observer = nuncio::connect(op.server.url()).auth(Auth::creds(text(&op.user(|_| ())))).await.unwrap();
    let mut seen = observer.subscribe("n").limits(usize::MAX, usize::MAX).await.unwrap();
    let answer = observer.subscribe("q").callback(|m| m.respond(m.payload()).try_send().unwrap());
    let _answer = answer.await.unwrap();
    observer.flush().await.unwrap();
    let nc = nuncio::connect(op.server.url()).auth(Auth::creds_file(&path)).await.unwrap();
    let mut events = nc.events();

    let until = began + secs(3) * rotations + Duration::from_millis(2500);
    let publishing = tokio::spawn(every(Duration::from_millis(2), until, {
        let nc = nc.clone();
        async move |n| nc.publish("n", n.to_string()).await.unwrap()
    }));
    let asking = tokio::spawn(every(Duration::from_millis(2), until, {
        let nc = nc.clone();
        async move |n| {
            let reply = nc.request("q", n.to_string()).timeout(SOON).await.unwrap();
            assert_eq!(reply.text().unwrap(), n.to_string());
        }
    }));
    for rotation in 1..=rotations {
        sleep_until(began + secs(3) * rotation).await;
        write(&path, &text(&op.expiring(in_secs(5))));
    }
    let (published, asked) = (publishing.await.unwrap(), asking.await.unwrap());
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
    let stats = nc.statistics();
    println!("{rotations} rotations, {} reconnects, {asked} requests answered: {stats:?}", causes.len());
    assert!(!causes.is_empty() && causes.len() <= rotations as usize, "{causes:?}");
    assert!(causes.iter().all(|c| *c == (&DisconnectCause::CredentialsRenewed, 0, 0)), "{causes:?}");
    assert!(!events.iter().any(|e| matches!(e, Event::ConnectFailed { .. })), "{events:?}");

    assert_eq!((stats.published, stats.written), (published + asked, published + asked));
    assert_eq!((stats.lost, stats.maybe_lost, stats.buffered, stats.requests), (0, 0, 0, 0));
    for n in 0..published {
        assert_eq!(seen.try_next().expect("a message is missing").text().unwrap(), n.to_string());
    }
    assert!(seen.try_next().is_none());
}

/// Does `act` at that pace, with the number of the time, and counts the times.
async fn every(pace: Duration, until: Instant, act: impl AsyncFn(u64)) -> u64 {
    let mut tick = interval(pace);
    let mut n = 0;
    while Instant::now() < until {
        tick.tick().await;
        act(n).await;
        n += 1;
    }
    n
}

/// A requester whose credentials are about to be renewed, and a request of its that is open.
struct Renewing {
    nc: Client,
    events: Events,
    asking: JoinHandle<Result<Message, RequestError>>,
    open: Message,
    _op: Operator,
    _service: Client,
}

impl Renewing {
    async fn new(fail_requests_on_disconnect: bool) -> Self {
        let op = Operator::start().await;
        let path = op.path("user.creds");
        write(&path, &text(&op.expiring(in_secs(4))));
        let service = nuncio::connect(op.server.url()).auth(Auth::creds(text(&op.user(|_| ()))));
        let service = service.await.unwrap();
        let mut asked = service.subscribe("q").confirmed().await.unwrap();
        let connect = nuncio::connect(op.server.url()).auth(Auth::creds_file(&path));
        let nc = connect.fail_requests_on_disconnect(fail_requests_on_disconnect).await.unwrap();
        let events = nc.events();
        let asking = tokio::spawn({
            let nc = nc.clone();
            async move { nc.request("q", "").timeout(SOON).await }
        });
        let open = asked.next().await.unwrap();
        write(&path, &text(&op.expiring(in_secs(1000))));
        Self { nc, events, asking, open, _op: op, _service: service }
    }
}

#[tokio::test]
async fn a_request_that_is_open_when_the_time_is_over_fails_as_disconnected() {
    let mut r = Renewing::new(true).await;
    let began = Instant::now();
    let error = r.asking.await.unwrap().unwrap_err();
    assert!(matches!(error, RequestError::Disconnected { .. }), "{error:?}");
    assert!(began.elapsed() < secs(8), "{:?}", began.elapsed());
    reconnected(&mut r.events).await;
    assert_eq!(r.nc.statistics().requests, 0);
}

#[tokio::test]
async fn a_request_that_does_not_fail_on_disconnect_gets_its_reply_on_the_renewed_connection() {
    let mut r = Renewing::new(false).await;
    reconnected(&mut r.events).await;
    // The subscription for replies is in place.
    r.nc.flush().await.unwrap();
    r.open.respond("late").await.unwrap();
    assert_eq!(r.asking.await.unwrap().unwrap().payload(), b"late");
}

#[tokio::test]
async fn a_request_made_in_the_middle_of_a_renewal_goes_out_with_the_new_credentials() {
    let op = Operator::start().await;
    let proxy = Proxy::start(op.server.addr()).await.unwrap();
    let path = op.path("user.creds");
    write(&path, &text(&op.expiring(in_secs(8))));
    let service = nuncio::connect(op.server.url()).auth(Auth::creds(text(&op.user(|_| ())))).await.unwrap();
    let answer = service.subscribe("q").callback(|m| m.respond("answer").try_send().unwrap());
    let _answer = answer.await.unwrap();
    service.flush().await.unwrap();
    let nc = nuncio::connect(proxy.url()).auth(Auth::creds_file(&path)).await.unwrap();
    let mut events = nc.events();
    nc.flush().await.unwrap();
    write(&path, &text(&op.expiring(in_secs(1000))));
    // The question whether the server has got everything is the next that is written; the answer does not come yet.
    proxy.to_client().stall();
    let before = nc.statistics().out_bytes;
    let asked = || nc.statistics().out_bytes > before;
    eventually("the question", SOON, asked).await.unwrap();
    let asking = tokio::spawn({
        let nc = nc.clone();
        async move { nc.request("q", "").timeout(SOON).await }
    });
    eventually("the request", SOON, || nc.statistics().buffered == 1).await.unwrap();
    proxy.to_client().flow();
    assert_eq!(asking.await.unwrap().unwrap().payload(), b"answer");
    let renewed = event(&mut events, |e| match e {
        Event::Disconnected { cause, kept, .. } => Some((cause, kept)),
        _ => None,
    });
    assert_eq!(renewed.await, (DisconnectCause::CredentialsRenewed, 1));
}

#[tokio::test]
async fn an_open_request_gets_its_reply_before_the_connection_is_renewed() {
    let op = Operator::start().await;
    let path = op.path("user.creds");
    write(&path, &text(&op.expiring(in_secs(6))));
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
