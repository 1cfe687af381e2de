//! Clients of real servers, and what happens to them.

use std::time::Duration;

use nuncio::{Backoff, Connect, DisconnectCause, Event, Events};
use nuncio_testkit::NatsServer;
use serde_json::Value;
use tokio::time::timeout;

/// What must happen has this long, on however busy a machine.
pub const LIMIT: Duration = Duration::from_secs(30);

/// Reconnects without much delay and for ever.
pub fn connect(server: &NatsServer) -> Connect {
    nuncio::connect(server.url())
        .max_reconnects(None)
        .backoff(Backoff::fixed(Duration::from_millis(20), Duration::from_millis(20)))
}

pub async fn within<F: Future>(what: &str, future: F) -> F::Output {
    timeout(LIMIT, future).await.unwrap_or_else(|_| panic!("{what}: not within {LIMIT:?}"))
}

pub async fn event<T>(events: &mut Events, what: &str, mut pick: impl FnMut(&Event) -> Option<T>) -> T {
    within(what, async {
        loop {
            let event = events.next().await.unwrap_or_else(|| panic!("{what}: no such event"));
            if let Some(found) = pick(&event) {
                return found;
            }
        }
    })
    .await
}

pub fn cause(event: &Event) -> Option<DisconnectCause> {
    match event {
        Event::Disconnected { cause, .. } => Some(cause.clone()),
        _ => None,
    }
}

pub fn reconnected(event: &Event) -> Option<String> {
    match event {
        Event::Reconnected { server } => Some(server.clone()),
        _ => None,
    }
}

/// The connections that the server shows, with their subscriptions.
pub async fn connz(server: &NatsServer) -> Option<Vec<Value>> {
    let connz: Value = serde_json::from_str(&server.connz().await.ok()?).ok()?;
    Some(connz["connections"].as_array()?.clone())
}
