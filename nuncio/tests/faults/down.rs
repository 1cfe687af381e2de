//! What the handles do while there is no connection.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use nuncio::{
    Backoff, Client, CloseReason, Connect, ConnectError, Connection, ConnectionState, DisconnectCause, Event,
    FlushError, PublishError, RequestError, SubscriptionEnd,
};
use nuncio_server::Server;
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout};

use crate::clock::pass;
use crate::evil::{event, limited, lost};

/// A server in memory that can be taken away.
pub struct Away {
    pub server: Arc<Server>,
    away: Arc<AtomicBool>,
    dials: Arc<AtomicUsize>,
}

impl Away {
    pub async fn new() -> Self {
        let server = Arc::new(Server::builder().in_memory().seed(1).start().await.unwrap());
        Self { server, away: Arc::default(), dials: Arc::default() }
    }

    pub fn connect(&self) -> Connect {
        let (server, away, dials) =
            (Arc::clone(&self.server), Arc::clone(&self.away), Arc::clone(&self.dials));
        let connector = move |_| {
            dials.fetch_add(1, Ordering::Relaxed);
            let io: io::Result<Box<dyn Connection>> = match away.load(Ordering::Relaxed) {
                true => Err(io::ErrorKind::ConnectionRefused.into()),
                false => Ok(Box::new(server.pipe())),
            };
            async { io }
        };
        nuncio::connect("in-memory")
            .connector(connector)
            .max_reconnects(None)
            .backoff(Backoff::fixed(Duration::from_millis(100), Duration::ZERO))
    }

    pub async fn leave(&self, nc: &Client) {
        let mut events = nc.events();
        self.away.store(true, Ordering::Relaxed);
        self.server.disconnect_all();
        lost(&mut events, "the loss").await;
    }

    pub async fn come_back(&self, nc: &Client) {
        let mut events = nc.events();
        self.away.store(false, Ordering::Relaxed);
        event(&mut events, "the return", |event| matches!(event, Event::Reconnected { .. }).then_some(()))
            .await;
    }
}

pub async fn down(connect: impl FnOnce(Connect) -> Connect) -> (Away, Client) {
    let away = Away::new().await;
    let nc = connect(away.connect()).await.unwrap();
    away.leave(&nc).await;
    (away, nc)
}

#[tokio::test(start_paused = true)]
async fn a_subscription_drained_while_down_is_drained_at_once() {
    let (away, nc) = down(|c| c).await;
    let mut s = nc.subscribe("s").await.unwrap();
    let began = Instant::now();
    limited("the drain", s.drain()).await.unwrap();
    assert!(began.elapsed() < Duration::from_millis(50), "{:?}", began.elapsed());
    assert!(limited("the end", s.next()).await.is_none());
    assert_eq!(s.ended(), Some(SubscriptionEnd::Drained));
    away.come_back(&nc).await;
    nc.flush().await.unwrap();
    assert_eq!(away.server.subscriptions_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_subscription_in_the_middle_of_a_drain_is_drained_by_the_loss_and_not_sent_again() {
    let away = Away::new().await;
    let nc = away.connect().await.unwrap();
    let mut s = nc.subscribe("s").await.unwrap();
    nc.publish("s", "arrived").await.unwrap();
    nc.flush().await.unwrap();
    away.server.faults().mute(true);
    let drain = tokio::spawn(async move {
        s.drain().await.unwrap();
        s
    });
    pass(Duration::from_secs(1)).await;
    assert!(!drain.is_finished());
    away.leave(&nc).await;
    let mut s = limited("the drain", drain).await.unwrap();
    assert_eq!(s.next().await.unwrap().payload(), b"arrived");
    assert!(s.next().await.is_none());
    away.server.faults().mute(false);
    away.come_back(&nc).await;
    nc.flush().await.unwrap();
    assert_eq!(away.server.subscriptions_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn subscriptions_made_changed_and_dropped_while_down_are_right_afterwards() {
    let (away, nc) = down(|c| c).await;
    let mut kept = nc.subscribe("kept").await.unwrap();
    let dropped = nc.subscribe("dropped").await.unwrap();
    let mut limited_to = nc.subscribe("limited").await.unwrap();
    limited_to.unsubscribe_after(2);
    drop(dropped);
    away.come_back(&nc).await;
    nc.flush().await.unwrap();
    let connections = away.server.connections();
    let subscriptions: Vec<(&str, Option<u64>)> =
        connections[0].subscriptions.iter().map(|s| (s.subject.as_str(), s.max)).collect();
    assert_eq!(subscriptions, [("kept", None), ("limited", Some(2))]);
    for _ in 0..3 {
        nc.publish("limited", "").await.unwrap();
        nc.publish("kept", "").await.unwrap();
    }
    nc.flush().await.unwrap();
    assert_eq!(std::iter::from_fn(|| limited_to.try_next()).count(), 2);
    assert_eq!(limited_to.ended(), Some(SubscriptionEnd::Max));
    assert_eq!(std::iter::from_fn(|| kept.try_next()).count(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_flush_fails_at_once_while_down_and_when_the_connection_is_lost() {
    let (away, nc) = down(|c| c).await;
    assert_eq!(nc.flush().await.unwrap_err(), FlushError::Disconnected);
    away.come_back(&nc).await;
    away.server.faults().mute(true);
    let flush = tokio::spawn({
        let nc = nc.clone();
        async move { nc.flush().await }
    });
    pass(Duration::from_secs(1)).await;
    away.server.disconnect_all();
    assert_eq!(limited("the flush", flush).await.unwrap().unwrap_err(), FlushError::Disconnected);
}

#[tokio::test(start_paused = true)]
async fn a_request_made_while_down_is_sent_later_or_times_out_and_leaves_nothing() {
    let (away, nc) = down(|c| c).await;
    let began = Instant::now();
    let error = nc.request("service", "").timeout(Duration::from_secs(2)).await.unwrap_err();
    assert!(error.is_timeout(), "{error}");
    assert!((2000..2050).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    let later = tokio::spawn({
        let nc = nc.clone();
        async move { nc.request("nobody", "").timeout(Duration::from_secs(5)).await }
    });
    pass(Duration::from_millis(500)).await;
    away.come_back(&nc).await;
    assert!(limited("the request", later).await.unwrap().unwrap_err().is_no_responders());
    assert_eq!(nc.statistics().requests, 0);
}

#[tokio::test(start_paused = true)]
async fn a_request_fails_with_the_connection_unless_told_to_wait() {
    for fail in [true, false] {
        let away = Away::new().await;
        let nc = away.connect().fail_requests_on_disconnect(fail).await.unwrap();
        let _silent = nc.subscribe("silent").await.unwrap();
        let request = tokio::spawn({
            let nc = nc.clone();
            async move { nc.request("silent", "").timeout(Duration::from_secs(5)).await }
        });
        pass(Duration::from_secs(1)).await;
        let began = Instant::now();
        away.leave(&nc).await;
        let error = limited("the request", request).await.unwrap().unwrap_err();
        assert_eq!(matches!(error, RequestError::Disconnected { .. }), fail, "{error}");
        assert_eq!(began.elapsed().as_secs() >= 3, !fail, "{:?}", began.elapsed());
        assert_eq!(nc.statistics().requests, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn close_during_reconnecting_ends_at_once() {
    let before = Handle::current().metrics().num_alive_tasks();
    let (away, nc) = down(|c| c).await;
    nc.publish("s", "never sent").await.unwrap();
    pass(Duration::from_millis(1234)).await;
    assert_eq!(nc.state(), ConnectionState::Connecting);
    let began = Instant::now();
    limited("close", nc.close()).await;
    assert!(began.elapsed() < Duration::from_millis(10), "{:?}", began.elapsed());
    assert_eq!(nc.state(), ConnectionState::Closed(CloseReason::Closed));
    assert_eq!((nc.statistics().lost, nc.statistics().buffered), (1, 0));
    let dials = away.dials.load(Ordering::Relaxed);
    pass(Duration::from_secs(60)).await;
    assert_eq!(away.dials.load(Ordering::Relaxed), dials, "it dials on");
    drop((away, nc));
    settled(before).await;
}

#[tokio::test(start_paused = true)]
async fn close_during_a_dial_that_hangs_ends_at_once() {
    let hanging = |_| std::future::pending::<io::Result<Box<dyn Connection>>>();
    let nc = nuncio::connect("x").connector(hanging).retry_on_initial_connect(true).await.unwrap();
    pass(Duration::from_secs(1)).await;
    let began = Instant::now();
    limited("close", nc.close()).await;
    assert!(began.elapsed() < Duration::from_millis(10), "{:?}", began.elapsed());
}

/// Waits, in virtual time, until there are only so many tasks.
async fn settled(tasks: usize) {
    let settle = async {
        while Handle::current().metrics().num_alive_tasks() > tasks {
            pass(Duration::from_millis(10)).await;
        }
    };
    let done = timeout(Duration::from_secs(10), settle).await;
    assert!(done.is_ok(), "{} tasks, {tasks} before", Handle::current().metrics().num_alive_tasks());
}

#[tokio::test(start_paused = true)]
async fn the_last_handle_dropped_while_down_leaves_no_task_and_no_dialling() {
    let before = Handle::current().metrics().num_alive_tasks();
    for buffered in [false, true] {
        let (away, nc) = down(|c| c).await;
        let s = nc.subscribe("s").await.unwrap();
        if buffered {
            nc.publish("s", "never sent").await.unwrap();
        }
        let mut events = nc.events();
        let began = Instant::now();
        drop(nc);
        pass(Duration::from_secs(30)).await;
        drop(s);
        let closed = event(&mut events, "the end", |event| match event {
            Event::Closed { reason } => Some(reason),
            _ => None,
        });
        assert_eq!(closed.await, CloseReason::Dropped);
        // What is buffered is given the close timeout of two seconds.
        let most = if buffered { 32_010 } else { 30_010 };
        assert!((30_000..=most).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
        let dials = away.dials.load(Ordering::Relaxed);
        pass(Duration::from_secs(60)).await;
        assert_eq!(away.dials.load(Ordering::Relaxed), dials, "it dials on");
        drop(away);
        settled(before).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_handle_dropped_sends_what_is_buffered_if_the_server_comes_back_in_time() {
    let (away, nc) = down(|c| c).await;
    nc.publish("s", "sent in the end").await.unwrap();
    drop(nc);
    pass(Duration::from_secs(1)).await;
    let witness = nuncio::connect("in-memory").connector({
        let server = Arc::clone(&away.server);
        move |_| {
            let pipe = server.pipe();
            async { Ok(Box::new(pipe) as Box<dyn Connection>) }
        }
    });
    let witness = witness.await.unwrap();
    let mut s = witness.subscribe("s").await.unwrap();
    witness.flush().await.unwrap();
    away.away.store(false, Ordering::Relaxed);
    let message = limited("the message", s.next_timeout(Duration::from_secs(5))).await;
    assert_eq!(message.unwrap().payload(), b"sent in the end");
}

#[tokio::test(start_paused = true)]
async fn a_dropped_attempt_to_connect_leaves_nothing() {
    let before = Handle::current().metrics().num_alive_tasks();
    let away = Away::new().await;
    away.server.faults().mute(true);
    let connecting = timeout(Duration::from_millis(500), away.connect().into_future()).await;
    assert!(connecting.is_err());
    away.server.faults().mute(false);
    drop(away);
    settled(before).await;
}

#[tokio::test(start_paused = true)]
async fn the_allowed_attempts_used_up_end_the_connection_with_what_the_last_one_failed_with() {
    let (away, nc) = down(|c| c.max_reconnects(4)).await;
    let mut s = nc.subscribe("s").await.unwrap();
    let reason = limited("the end", nc.closed()).await;
    let CloseReason::Exhausted { last } = &reason else { panic!("{reason:?}") };
    assert!(matches!(&**last, ConnectError::Io { kind: io::ErrorKind::ConnectionRefused, .. }), "{last:?}");
    assert_eq!(away.dials.load(Ordering::Relaxed), 5, "one at first, four in vain");
    assert!(s.next().await.is_none());
    assert_eq!(s.ended(), Some(SubscriptionEnd::Closed(reason.clone())));
    assert!(matches!(nc.publish("s", "").await.unwrap_err(), PublishError::Closed(c) if c.reason == reason));
}

#[tokio::test(start_paused = true)]
async fn without_reconnecting_the_first_loss_is_the_end() {
    let away = Away::new().await;
    let nc = away.connect().reconnect(false).await.unwrap();
    away.server.disconnect_all();
    let reason = limited("the end", nc.closed()).await;
    assert_eq!(reason, CloseReason::ReconnectOff(DisconnectCause::Eof));
}

#[tokio::test(start_paused = true)]
async fn drain_while_down_waits_for_the_server_only_to_send_what_is_buffered() {
    let (away, nc) = down(|c| c.drain_timeout(Duration::from_secs(5))).await;
    let mut s = nc.subscribe("s").await.unwrap();
    let began = Instant::now();
    limited("a drain of nothing", nc.drain()).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert!(s.next().await.is_none());
    drop(away);

    let (away, nc) = down(|c| c.drain_timeout(Duration::from_secs(5))).await;
    nc.publish("s", "lost").await.unwrap();
    let began = Instant::now();
    let report = limited("a drain in vain", nc.drain()).await.unwrap();
    assert!((5000..5100).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    assert_eq!((report.flushed, report.lost), (false, 1));
    drop(away);

    let (away, nc) = down(|c| c.drain_timeout(Duration::from_secs(5))).await;
    nc.publish("s", "sent").await.unwrap();
    let drain = tokio::spawn({
        let nc = nc.clone();
        async move { nc.drain().await }
    });
    pass(Duration::from_secs(1)).await;
    away.away.store(false, Ordering::Relaxed);
    let report = limited("a drain with a return", drain).await.unwrap().unwrap();
    assert_eq!((report.flushed, report.lost, report.maybe_lost), (true, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn close_during_a_drain_and_drain_after_close_both_end() {
    let (_away, nc) = down(|c| c).await;
    nc.publish("s", "x").await.unwrap();
    let drain = tokio::spawn({
        let nc = nc.clone();
        async move { nc.drain().await }
    });
    pass(Duration::from_secs(1)).await;
    limited("close", nc.close()).await;
    assert!(limited("the drain", drain).await.unwrap().is_err());
    assert!(nc.drain().await.is_err());
    nc.close().await;
}

#[tokio::test(start_paused = true)]
async fn the_first_connection_is_retried_when_asked_for() {
    let away = Away::new().await;
    away.away.store(true, Ordering::Relaxed);
    let error = away.connect().await.unwrap_err();
    assert!(matches!(error, ConnectError::Io { kind: io::ErrorKind::ConnectionRefused, .. }), "{error:?}");
    let nc = away.connect().retry_on_initial_connect(true).await.unwrap();
    assert_eq!(nc.state(), ConnectionState::Connecting);
    let mut s = nc.subscribe("s").await.unwrap();
    nc.publish("s", "early").await.unwrap();
    pass(Duration::from_secs(5)).await;
    away.away.store(false, Ordering::Relaxed);
    assert_eq!(limited("the message", s.next()).await.unwrap().payload(), b"early");
    assert_eq!((nc.statistics().connects, nc.state()), (1, ConnectionState::Connected));
}

#[tokio::test(start_paused = true)]
async fn a_reconnect_that_is_wanted_again_and_again_never_waits() {
    let away = Away::new().await;
    let hour = Backoff::fixed(Duration::from_secs(3600), Duration::ZERO);
    let nc = away.connect().backoff(hour).await.unwrap();
    let (mut events, began) = (nc.events(), Instant::now());
    for _ in 0..5 {
        nc.force_reconnect();
        event(&mut events, "the return", |e| matches!(e, Event::Reconnected { .. }).then_some(())).await;
    }
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_reconnect_that_is_wanted_while_waiting_for_the_next_attempt_ends_the_wait() {
    let hour = Backoff::fixed(Duration::from_secs(3600), Duration::ZERO);
    let (away, nc) = down(|c| c.backoff(hour)).await;
    pass(Duration::from_secs(1)).await;
    let began = Instant::now();
    let returns = away.come_back(&nc);
    nc.force_reconnect();
    returns.await;
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
}
