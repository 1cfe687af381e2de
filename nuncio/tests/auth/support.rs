//! What many rules need.

use std::time::{Duration, SystemTime};

use nuncio::{Backoff, Connect, Event, Events};
use nuncio_testkit::NatsServer;
use tokio::time::timeout;

/// What must happen has this long, on however busy a machine.
pub(crate) const SOON: Duration = Duration::from_secs(20);

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// So many whole seconds from now, rounded up: never earlier than asked for.
pub(crate) fn in_secs(seconds: u64) -> SystemTime {
    SystemTime::now() + secs(seconds)
}

pub(crate) async fn server(config: &str) -> NatsServer {
    NatsServer::builder().config(config).start().await.unwrap()
}

/// A connection that retries for ever, and soon.
pub(crate) fn eager(server: &NatsServer) -> Connect {
    nuncio::connect(server.url())
        .max_reconnects(None)
        .backoff(Backoff::fixed(Duration::from_millis(20), Duration::ZERO))
}

/// The next event that `pick` wants.
pub(crate) async fn event<T>(events: &mut Events, mut pick: impl FnMut(Event) -> Option<T>) -> T {
    let mut seen = Vec::new();
    let found = timeout(SOON, async {
        loop {
            let event = events.next().await.unwrap_or_else(|| panic!("no more events after {seen:?}"));
            seen.push(event.clone());
            if let Some(found) = pick(event) {
                return found;
            }
        }
    });
    match found.await {
        Ok(found) => found,
        Err(_) => panic!("the event did not come, but: {seen:?}"),
    }
}

pub(crate) async fn reconnected(events: &mut Events) {
    event(events, |e| matches!(e, Event::Reconnected { .. }).then_some(())).await;
}

/// The events so far.
pub(crate) fn so_far(events: &mut Events) -> Vec<Event> {
    use futures_core::Stream as _;
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let mut all = Vec::new();
    while let std::task::Poll::Ready(Some(event)) = std::pin::Pin::new(&mut *events).poll_next(&mut cx) {
        all.push(event);
    }
    all
}
