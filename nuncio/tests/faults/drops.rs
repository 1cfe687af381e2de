//! Handles dropped in every order, on every kind of thread, before and after the runtime.

use std::any::Any;
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use bytes::Bytes;
use nuncio::{Client, CloseReason, Event, PublishError, RequestError, SubscriptionEnd, WhenFull};
use nuncio_server::Server;
use tokio::runtime::{Builder, Handle};
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::clock::pass;
use crate::evil::{Stage, event, limited, script, settle};
use crate::session::through;

/// A value of any type, to be dropped.
type Thing = Box<dyn Any + Send>;

thread_local! {
    /// Where this thread says that it has come to wait, which it does once.
    static WAITS: Cell<Option<Arc<AtomicUsize>>> = const { Cell::new(None) };
}

/// Drives a future to its end on a plain thread, for five seconds at most.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = std::pin::pin!(future);
    let began = Instant::now();
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        if let Some(waits) = WAITS.take() {
            waits.fetch_add(1, Ordering::SeqCst);
        }
        thread::park_timeout(Duration::from_secs(5));
        assert!(began.elapsed() < Duration::from_secs(5), "nobody woke it");
    }
}

async fn server() -> Arc<Server> {
    Arc::new(Server::builder().in_memory().seed(1).start().await.unwrap())
}

async fn client(server: &Arc<Server>) -> Client {
    let server = Arc::clone(server);
    through(move || Box::new(server.pipe())).await.unwrap()
}

/// Two handles, two subscriptions, a message, a listener, and a request that waits.
async fn things(nc: Client) -> [Thing; 7] {
    let mut s = nc.subscribe("s").await.unwrap();
    nc.publish("s", "x").reply("r").await.unwrap();
    let message = s.next().await.unwrap();
    let callback = nc.subscribe("c").callback(drop).await.unwrap();
    let replies = nc.request("s", "").timeout(Duration::from_secs(3600)).many().await.unwrap();
    let events = nc.events();
    [
        Box::new(nc.clone()),
        Box::new(nc),
        Box::new(s),
        Box::new(message),
        Box::new(callback),
        Box::new(events),
        Box::new(replies),
    ]
}

/// All orders of `n` things, by Heap's method.
fn orders(n: usize) -> Vec<Vec<usize>> {
    fn permute(k: usize, order: &mut Vec<usize>, all: &mut Vec<Vec<usize>>) {
        if k <= 1 {
            return all.push(order.clone());
        }
        for i in 0..k {
            permute(k - 1, order, all);
            order.swap(if k.is_multiple_of(2) { i } else { 0 }, k - 1);
        }
    }
    let mut all = Vec::new();
    permute(n, &mut (0..n).collect(), &mut all);
    all
}

fn drop_in(order: &[usize], things: [Thing; 7]) {
    let mut things = things.map(Some);
    for at in order {
        drop(things[*at].take());
    }
}

#[tokio::test(start_paused = true)]
async fn handles_dropped_in_any_order_leave_no_connection_and_no_task() {
    let server = server().await;
    let before = Handle::current().metrics().num_alive_tasks();
    let orders = orders(7);
    assert_eq!(orders.len(), 5040);
    for (n, order) in orders.iter().enumerate() {
        let things = things(client(&server).await).await;
        drop_in(order, things);
        if n % 20 == 0 {
            limited("no connection", server.wait_for_connections(0)).await;
            let gone = timeout(Duration::from_secs(1), async {
                while Handle::current().metrics().num_alive_tasks() > before {
                    pass(Duration::from_millis(1)).await;
                }
            });
            assert!(gone.await.is_ok(), "{order:?}: tasks are left");
        }
    }
    limited("no connection", server.wait_for_connections(0)).await;
    assert_eq!(server.subscriptions_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn each_handle_alone_keeps_the_connection_or_lets_it_go() {
    for (kept, keeps) in [(0, true), (1, true), (2, true), (3, false), (4, true), (5, false), (6, false)] {
        let server = server().await;
        let mut things = things(client(&server).await).await.map(Some);
        let last = things[kept].take();
        drop(things);
        pass(Duration::from_secs(10)).await;
        assert_eq!(server.connections().len(), usize::from(keeps), "{kept}");
        drop(last);
        limited("no connection", server.wait_for_connections(0)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn handles_may_be_dropped_on_plain_threads_in_any_order() {
    let server = server().await;
    for order in orders(7).iter().step_by(41) {
        let (order, things) = (order.clone(), things(client(&server).await).await);
        let dropped = tokio::task::spawn_blocking(|| thread::spawn(move || drop_in(&order, things)).join());
        dropped.await.unwrap().expect("dropping does not panic");
    }
    timeout(Duration::from_secs(10), server.wait_for_connections(0)).await.unwrap();
}

#[test]
fn handles_outlive_their_runtime_in_any_order() {
    for order in orders(7).iter().step_by(101) {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let (_server, things) = runtime.block_on(async {
            let server = server().await;
            let things = things(client(&server).await).await;
            (server, things)
        });
        drop(runtime);
        drop_in(order, things);
    }
}

#[test]
fn handles_may_be_dropped_by_a_panic() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let server = server().await;
        let panicking = tokio::spawn({
            let server = Arc::clone(&server);
            async move {
                let _things = things(client(&server).await).await;
                std::panic::resume_unwind(Box::new("on purpose"));
            }
        });
        assert!(panicking.await.unwrap_err().is_panic());
        timeout(Duration::from_secs(10), server.wait_for_connections(0)).await.unwrap();
    });
}

#[test]
fn everyone_who_waits_is_told_when_the_runtime_ends() {
    for threads in [0, 2] {
        let mut builder =
            if threads == 0 { Builder::new_current_thread() } else { Builder::new_multi_thread() };
        let runtime = builder.enable_all().build().unwrap();
        let (server, nc) = runtime.block_on(async {
            let server = server().await;
            let pipes = Arc::clone(&server);
            let connect = through(move || Box::new(pipes.pipe()));
            let wait = WhenFull::Wait(Duration::from_secs(3600));
            let nc = connect.outbox_limit(10_000).when_full(wait).await.unwrap();
            nc.flush().await.unwrap();
            (server, nc)
        });
        let mut s = block_on(nc.subscribe("s").into_future()).unwrap();
        let mut callback = block_on(nc.subscribe("c").callback(drop)).unwrap();
        let mut events = nc.events();
        // Nothing is written from here on.
        server.faults().mute(true);
        let arrived = Arc::new(AtomicUsize::new(0));
        let waiting = |name: &str, wait: Box<dyn FnOnce(Client) + Send>| {
            let (nc, arrived) = (nc.clone(), Arc::clone(&arrived));
            let wait = move || {
                WAITS.set(Some(arrived));
                wait(nc);
            };
            thread::Builder::new().name(name.into()).spawn(wait).unwrap()
        };
        let hour = Duration::from_secs(3600);
        let over = CloseReason::RuntimeEnded;
        let waits = [
            waiting(
                "next",
                Box::new(move |_| {
                    assert!(block_on(s.next()).is_none());
                    assert_eq!(s.ended(), Some(SubscriptionEnd::Closed(CloseReason::RuntimeEnded)));
                }),
            ),
            waiting(
                "ended",
                Box::new(move |_| {
                    assert_eq!(
                        block_on(callback.ended()),
                        SubscriptionEnd::Closed(CloseReason::RuntimeEnded)
                    );
                }),
            ),
            waiting(
                "request",
                Box::new(move |nc| {
                    let error = block_on(nc.request("s", "").timeout(hour).into_future()).unwrap_err();
                    assert!(
                        matches!(error, RequestError::Closed(c) if c.reason == CloseReason::RuntimeEnded)
                    );
                }),
            ),
            waiting(
                "flush",
                Box::new(move |nc| {
                    let error = block_on(nc.flush_timeout(hour)).unwrap_err();
                    assert!(error.to_string().contains("runtime"), "{error}");
                }),
            ),
            waiting("closed", Box::new(|nc| assert_eq!(block_on(nc.closed()), CloseReason::RuntimeEnded))),
            waiting(
                "publish",
                Box::new(|nc| {
                    let error = loop {
                        if let Err(error) = block_on(nc.publish("s", vec![0; 5000]).into_future()) {
                            break error;
                        }
                    };
                    assert!(matches!(error, PublishError::Closed(_)), "{error}");
                }),
            ),
            waiting(
                "events",
                Box::new(move |_| {
                    let mut last = None;
                    while let Some(event) = block_on(events.next()) {
                        last = Some(event);
                    }
                    assert_eq!(last, Some(nuncio::Event::Closed { reason: CloseReason::RuntimeEnded }));
                }),
            ),
        ];
        let began = Instant::now();
        while arrived.load(Ordering::SeqCst) < waits.len() {
            assert!(began.elapsed() < Duration::from_secs(5), "not all of them wait");
            thread::yield_now();
        }
        drop(runtime);
        for wait in waits {
            let name = wait.thread().name().unwrap_or_default().to_owned();
            assert!(wait.join().is_ok(), "{name}");
        }
        assert_eq!(nc.state(), nuncio::ConnectionState::Closed(over));
        assert!(block_on(nc.subscribe("x").into_future()).is_err());
        assert!(block_on(nc.drain()).is_err());
        block_on(nc.close());
        assert_eq!(nc.statistics().requests, 0);
    }
}

#[test]
fn a_message_handled_after_the_end_of_its_connection_is_still_whole() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let message = runtime.block_on(async {
        let nc = client(&server().await).await;
        let mut s = nc.subscribe("s").await.unwrap();
        nc.publish("s", "x").reply("r").header("a", "b").await.unwrap();
        s.next().await.unwrap()
    });
    drop(runtime);
    assert_eq!((message.payload(), message.header("a")), (&b"x"[..], Some("b")));
    assert!(matches!(block_on(message.respond("late").into_future()), Err(PublishError::Closed(_))));
}

/// Bytes whose owner uses the client when they are dropped, and notes whether it could.
struct Owner(Client, Arc<AtomicBool>, Vec<u8>);

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        &self.2
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let nc = self.0.clone();
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let _ = nc.state();
            let _ = tell.send(());
        });
        if told.recv_timeout(Duration::from_millis(500)).is_err() {
            self.1.store(true, Ordering::SeqCst);
        }
    }
}

#[tokio::test]
async fn what_is_dropped_after_a_cut_may_use_the_client() {
    let cut = Arc::new(Notify::new());
    let cut2 = Arc::clone(&cut);
    let stage = Stage::new([script(move |mut peer| async move {
        peer.shake_hands().await;
        peer.hear(b"PUB p 5000\r\n").await;
        cut2.notified().await;
    })])
    .await
    .capacity(1024);
    let nc = stage.client().await;
    let mut events = nc.events();
    let held = Arc::new(AtomicBool::new(false));
    let owner = Owner(nc.clone(), Arc::clone(&held), vec![0; 5000]);
    nc.publish("p", Bytes::from_owner(owner)).await.unwrap();
    settle().await;
    cut.notify_one();
    event(&mut events, "lost", |e| matches!(e, Event::Disconnected { .. }).then_some(())).await;
    assert!(!held.load(Ordering::SeqCst));
}
