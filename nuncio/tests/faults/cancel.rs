//! Every future of the public interface, polled some times and then dropped, in every state of the connection.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use nuncio::{
    Backoff, CallbackSubscription, Client, Connect, Connection, ConnectionState, Event, Events, Subscription,
    WhenFull,
};
use nuncio_server::Server;
use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::clock::pass;
use crate::evil::{event, limited, lost};

/// Polls `future` so often, drops it, and tells whether it was complete by then.
async fn cut_short<F: Future>(future: F, mut polls: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| {
        if polls == 0 {
            return Poll::Ready(None);
        }
        polls -= 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if polls == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

const VERBS: [&str; 24] = [
    "publish",
    "publish large",
    "publish when full",
    "publish confirmed",
    "respond",
    "request",
    "request nobody",
    "request when full",
    "request many",
    "replies",
    "subscribe",
    "subscribe callback",
    "subscribe confirmed",
    "subscribe callback confirmed",
    "limit",
    "flush",
    "rtt",
    "next",
    "next timeout",
    "events",
    "drain subscription",
    "drain callback",
    "drain",
    "close",
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Up,
    Reconnecting,
    Draining,
    Closed,
}

struct Room {
    server: Arc<Server>,
    away: Arc<AtomicBool>,
    nc: Client,
    s: Subscription,
    callback: CallbackSubscription,
    events: Events,
}

fn connect(server: &Arc<Server>, away: &Arc<AtomicBool>) -> Connect {
    let (server, away) = (Arc::clone(server), Arc::clone(away));
    nuncio::connect("in-memory")
        .connector(move |_| {
            let io: io::Result<Box<dyn Connection>> = match away.load(Ordering::Relaxed) {
                true => Err(io::ErrorKind::ConnectionRefused.into()),
                false => Ok(Box::new(server.pipe())),
            };
            async { io }
        })
        .max_reconnects(None)
        .backoff(Backoff::fixed(Duration::from_millis(50), Duration::ZERO))
        .outbox_limit(50_000)
        .when_full(WhenFull::Wait(Duration::from_secs(2)))
        .request_timeout(Duration::from_secs(3))
}

impl Room {
    async fn new(state: State) -> Self {
        let server = Arc::new(Server::builder().in_memory().seed(1).start().await.unwrap());
        let away = Arc::new(AtomicBool::new(false));
        let nc = connect(&server, &away).await.unwrap();
        let s = nc.subscribe("s").await.unwrap();
        let callback = nc.subscribe("service").callback(|m| drop(m.respond("ok").try_send())).await.unwrap();
        nc.flush().await.unwrap();
        let events = nc.events();
        match state {
            State::Up => {}
            State::Reconnecting => {
                let mut events = nc.events();
                away.store(true, Ordering::Relaxed);
                server.disconnect_all();
                lost(&mut events, "the loss").await;
            }
            State::Draining => {
                // A request without an answer keeps the drain waiting; nothing else does.
                let silent = nc.clone();
                let _asking = tokio::spawn(async move { silent.request("s", "").await });
                tokio::task::yield_now().await;
                let drained = nc.clone();
                tokio::spawn(async move { drained.drain().await });
                while nc.state() != ConnectionState::Draining {
                    tokio::task::yield_now().await;
                }
            }
            State::Closed => nc.close().await,
        }
        Self { server, away, nc, s, callback, events }
    }

    /// What comes of it is of no interest here, only that it may be dropped at any point.
    async fn act(&mut self, verb: &str) {
        let nc = &self.nc;
        match verb {
            "publish" => drop(nc.publish("x", "y").header("a", "b").await),
            "publish large" => drop(nc.publish("x", vec![0; 20_000]).await),
            "publish when full" => {
                for _ in 0..4 {
                    drop(nc.publish("x", vec![0; 20_000]).await);
                }
            }
            "publish confirmed" => drop(nc.publish("x", "y").confirmed().await),
            "respond" => {
                if let Some(message) = self.s.try_next() {
                    drop(message.respond("y").await);
                }
            }
            "request" => drop(nc.request("service", "").await),
            "request nobody" => drop(nc.request("nobody", "").await),
            "request when full" => {
                for _ in 0..4 {
                    drop(nc.request("service", vec![0; 20_000]).await);
                }
            }
            "request many" => drop(nc.request("service", "").many().max_messages(1).await),
            "replies" => {
                if let Ok(mut replies) =
                    nc.request("service", "").many().stall(Duration::from_millis(50)).await
                {
                    while replies.next().await.is_some() {}
                }
            }
            "subscribe" => drop(nc.subscribe("more").queue("q").max(3).await),
            "subscribe callback" => drop(nc.subscribe("more").callback(drop).await),
            "subscribe confirmed" => drop(nc.subscribe("more").confirmed().await),
            "subscribe callback confirmed" => drop(nc.subscribe("more").confirmed().callback(drop).await),
            "limit" => {
                self.s.unsubscribe_after(u64::MAX);
                self.callback.unsubscribe_after(1_000_000);
            }
            "flush" => drop(nc.flush().await),
            "rtt" => drop(nc.rtt().await),
            "next" => drop(self.s.next().await),
            "next timeout" => drop(self.s.next_timeout(Duration::from_secs(1)).await),
            "events" => drop(self.events.next().await),
            "drain subscription" => drop(self.s.drain().await),
            "drain callback" => drop(self.callback.drain().await),
            "drain" => drop(nc.drain().await),
            "close" => nc.close().await,
            other => panic!("{other}"),
        }
    }

    /// Nothing is left of what was dropped.
    async fn check(self, verb: &str, state: State, polls: usize, label: &str) {
        let Self { server, away, nc, s, callback, .. } = self;
        let ends = polls > 0 && ["drain", "close"].contains(&verb);
        if state != State::Draining {
            assert_eq!(nc.statistics().requests, 0, "{label}: a request is left");
        }
        away.store(false, Ordering::Relaxed);
        match state {
            State::Up | State::Reconnecting if !ends => {
                limited(label, async {
                    while nc.flush().await.is_err() {
                        pass(Duration::from_millis(10)).await;
                    }
                })
                .await;
                let subscriptions = server.connections().remove(0).subscriptions;
                let mut subjects: Vec<&str> = subscriptions.iter().map(|s| s.subject.as_str()).collect();
                subjects.retain(|subject| !subject.starts_with("_INBOX."));
                let mut expected = vec!["s", "service"];
                expected.retain(|subject| {
                    !(polls > 0
                        && (verb == "drain subscription" && *subject == "s"
                            || verb == "drain callback" && *subject == "service"))
                });
                assert_eq!(subjects, expected, "{label}");
                let reply = nc.request("service", "").await;
                assert_eq!(reply.is_ok(), expected.contains(&"service"), "{label}: {reply:?}");
                assert_eq!(nc.statistics().subscriptions as usize, expected.len() + 1, "{label}");
            }
            _ => {
                limited(label, nc.closed()).await;
            }
        }
        drop((s, callback));
        limited(label, nc.close()).await;
        let statistics = nc.statistics();
        assert_eq!((statistics.requests, statistics.buffered), (0, 0), "{label}: {statistics:?}");
        let s = statistics;
        assert_eq!(s.published, s.written + s.lost + s.maybe_lost, "{label}: {s:?}");
        limited(label, server.wait_for_connections(0)).await;
    }
}

async fn in_state(state: State) {
    let before = Handle::current().metrics().num_alive_tasks();
    for verb in VERBS {
        // Nothing comes that would wake these a second time.
        let most = if ["next", "events"].contains(&verb) && state != State::Closed { 2 } else { 40 };
        for polls in 0..most {
            let label = format!("{verb} while {state:?}, dropped after {polls} polls");
            let mut room = Room::new(state).await;
            if state == State::Up && verb == "respond" {
                room.nc.publish("s", "").reply("r").await.unwrap();
                room.nc.flush().await.unwrap();
            }
            let complete = limited(&label, cut_short(room.act(verb), polls)).await.is_some();
            room.check(verb, state, polls, &label).await;
            let gone = timeout(Duration::from_secs(10), async {
                while Handle::current().metrics().num_alive_tasks() > before {
                    pass(Duration::from_millis(1)).await;
                }
            });
            assert!(gone.await.is_ok(), "{label}: tasks are left");
            if complete {
                break;
            }
            assert!(polls < 39, "{label}: not complete");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_future_dropped_at_any_point_leaves_nothing_while_connected() {
    in_state(State::Up).await;
}

#[tokio::test(start_paused = true)]
async fn a_future_dropped_at_any_point_leaves_nothing_while_reconnecting() {
    in_state(State::Reconnecting).await;
}

#[tokio::test(start_paused = true)]
async fn a_future_dropped_at_any_point_leaves_nothing_while_draining() {
    in_state(State::Draining).await;
}

#[tokio::test(start_paused = true)]
async fn a_future_dropped_at_any_point_leaves_nothing_once_closed() {
    in_state(State::Closed).await;
}

#[tokio::test(start_paused = true)]
async fn connecting_dropped_at_any_point_leaves_nothing() {
    let before = Handle::current().metrics().num_alive_tasks();
    for polls in 0..40 {
        let server = Arc::new(Server::builder().in_memory().seed(1).start().await.unwrap());
        let complete = cut_short(connect(&server, &Arc::default()).into_future(), polls).await.is_some();
        limited("no connection", server.wait_for_connections(0)).await;
        let gone = timeout(Duration::from_secs(10), async {
            while Handle::current().metrics().num_alive_tasks() > before {
                pass(Duration::from_millis(1)).await;
            }
        });
        assert!(gone.await.is_ok(), "{polls} polls: tasks are left");
        if complete {
            return;
        }
    }
    panic!("never complete");
}

#[tokio::test(start_paused = true)]
async fn dropped_reads_lose_no_message() {
    let mut room = Room::new(State::Up).await;
    let mut rng = fastrand::Rng::with_seed(5);
    let publisher = tokio::spawn({
        let nc = room.nc.clone();
        async move {
            for n in 0_u32..2000 {
                nc.publish("s", n.to_string()).await.unwrap();
                if n % 7 == 0 {
                    nc.flush().await.unwrap();
                }
            }
        }
    });
    let mut next = 0_u32;
    while next < 2000 {
        let message = match rng.u8(..4) {
            0 => cut_short(room.s.next(), rng.usize(0..3)).await.flatten(),
            1 => cut_short(room.s.next_timeout(Duration::from_millis(1)), rng.usize(0..3)).await.flatten(),
            2 => tokio::select! {
                biased;
                () = tokio::task::yield_now() => None,
                message = room.s.next() => message,
            },
            _ => room.s.try_next(),
        };
        if let Some(message) = message {
            assert_eq!(message.text().unwrap(), next.to_string());
            next += 1;
        }
        tokio::task::yield_now().await;
    }
    publisher.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn dropped_waits_for_events_lose_no_event() {
    let mut room = Room::new(State::Up).await;
    for polls in [0, 1, 1, 0, 1] {
        assert!(cut_short(room.events.next(), polls).await.is_none());
    }
    room.server.disconnect_all();
    event(&mut room.events, "the loss", |event| matches!(event, Event::Disconnected { .. }).then_some(()))
        .await;
    for polls in [0, 1, 0] {
        drop(cut_short(room.events.next(), polls).await);
    }
    limited("the return", async {
        while room.nc.flush().await.is_err() {
            pass(Duration::from_millis(1)).await
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_hundred_thousand_dropped_and_late_requests_leave_no_slot() {
    let room = Room::new(State::Up).await;
    for n in 0..100_000_u32 {
        let request = room.nc.request(if n % 2 == 0 { "service" } else { "s" }, "");
        drop(cut_short(request.timeout(Duration::from_millis(1)).into_future(), (n % 4) as usize).await);
        if n % 1000 == 0 {
            assert_eq!(room.nc.statistics().requests, 0);
            room.nc.flush().await.unwrap();
        }
    }
    assert_eq!(room.nc.statistics().requests, 0);
    room.nc.flush().await.unwrap();
    // A late reply finds no other request.
    let reply = room.nc.request("service", "").await.unwrap();
    assert_eq!(reply.payload(), b"ok");
}
