//! What many rules need.

use std::time::Duration;

use nuncio::{Backoff, Client, Connect, Message, Subscription, SubscriptionEnd};
use tokio::time::timeout;

pub(crate) use crate::listening::*;

/// What must happen has this long, on however busy a machine.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// For rules that break one connection after the other: the wait before the next does not grow.
pub(crate) fn quick(connect: Connect) -> Connect {
    connect.backoff(Backoff::fixed(Duration::from_millis(20), Duration::ZERO)).max_reconnects(None)
}

/// A subject that no other rule uses.
pub(crate) fn unique() -> String {
    nuncio::nuid()
}

pub(crate) fn text(message: &Message) -> String {
    String::from_utf8_lossy(message.payload()).into_owned()
}

/// Whether the server is of that version or a later one.
pub(crate) fn is_since(client: &Client, version: (u64, u64)) -> bool {
    let info = client.server_info();
    let mut parts = info.version.split('.').map_while(|part| part.parse().ok());
    (parts.next().unwrap(), parts.next().unwrap()) >= version
}

/// The next message, which has to come.
pub(crate) async fn next(subscription: &mut Subscription) -> Message {
    timeout(SOON, subscription.next()).await.expect("no message").expect("the subscription ended")
}

/// The payloads of the next `count` messages, which have to come.
pub(crate) async fn texts(subscription: &mut Subscription, count: usize) -> Vec<String> {
    let mut all = Vec::new();
    for _ in 0..count {
        all.push(text(&next(subscription).await));
    }
    all
}

/// All payloads up to the end of the subscription, and why it ended.
pub(crate) async fn rest(subscription: &mut Subscription) -> (Vec<String>, SubscriptionEnd) {
    let mut all = Vec::new();
    while let Some(message) = timeout(SOON, subscription.next()).await.expect("neither a message nor an end")
    {
        all.push(text(&message));
    }
    (all, subscription.ended().expect("a subscription that yields nothing more has ended"))
}

/// The payloads that are there already.
pub(crate) fn present(subscription: &mut Subscription) -> Vec<String> {
    std::iter::from_fn(|| subscription.try_next()).map(|m| text(&m)).collect()
}

/// Waits until everything that these clients did has been processed, and all that came of it has arrived at them.
///
/// The first round brings all to the server, the second brings back what it sent before its last answer.
pub(crate) async fn settle(clients: &[&Client]) {
    for _ in 0..2 {
        for client in clients {
            client.flush().await.unwrap();
        }
    }
}

/// Waits until something holds.
pub(crate) async fn until(what: &str, condition: impl FnMut() -> bool) {
    nuncio_testkit::eventually(what, SOON, condition).await.unwrap();
}
