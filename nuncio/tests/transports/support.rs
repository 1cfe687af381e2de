//! What many rules need.

use std::time::Duration;

use nuncio::{Backoff, Client, DisconnectCause, Event, Events, Message, Subscription};
use tokio::time::timeout;

pub(crate) use crate::listening::*;

/// What must happen has this long, on however busy a machine.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// A client that reconnects at once and for ever.
pub(crate) fn connect(url: impl Into<nuncio::Servers>) -> nuncio::Connect {
    nuncio::connect(url)
        .max_reconnects(None)
        .backoff(Backoff::fixed(Duration::from_millis(5), Duration::ZERO))
        .request_timeout(SOON)
}

/// The next message, which has to come.
pub(crate) async fn next(subscription: &mut Subscription) -> Message {
    timeout(SOON, subscription.next()).await.expect("no message").expect("the subscription ended")
}

pub(crate) async fn disconnected(events: &mut Events) -> DisconnectCause {
    event(events, |e| if let Event::Disconnected { cause, .. } = e { Some(cause) } else { None }).await
}

/// That a connection carries messages both ways.
pub(crate) async fn works(nc: &Client) {
    let mut sub = nc.subscribe("works").await.unwrap();
    nc.publish("works", "both ways").await.unwrap();
    assert_eq!(next(&mut sub).await.payload(), b"both ways".as_slice());
}
