//! Events that a test waits for.

use nuncio::{Event, Events};
use tokio::time::timeout;

use crate::support::SOON;

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

/// Waits for a connection that stands again, and tells with which server.
pub(crate) async fn reconnected(events: &mut Events) -> String {
    event(events, |e| if let Event::Reconnected { server } = e { Some(server) } else { None }).await
}

/// The events so far.
#[allow(dead_code, reason = "not every suite asks for it")]
pub(crate) fn so_far(events: &mut Events) -> Vec<Event> {
    use futures_core::Stream as _;
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let mut all = Vec::new();
    while let std::task::Poll::Ready(Some(event)) = std::pin::Pin::new(&mut *events).poll_next(&mut cx) {
        all.push(event);
    }
    all
}
