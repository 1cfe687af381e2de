//! What many rules need.

use std::time::{Duration, SystemTime};

use nuncio::{Backoff, Connect};
use nuncio_testkit::NatsServer;

pub(crate) use crate::listening::*;

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
