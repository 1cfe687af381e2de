//! What time does to a connection.

use std::future::pending;
use std::time::Duration;

use tokio::time::sleep;

use crate::errors;
use crate::server::Shared;

/// When the first PING is sent at the latest; it measures the round trip.
const FIRST_PING: Duration = Duration::from_secs(2);

/// Sends PINGs and watches over the credentials, for ever.
pub(super) async fn run(shared: &Shared, id: u64) {
    tokio::join!(watch_credentials(shared, id), ping(shared, id));
    pending().await
}

async fn watch_credentials(shared: &Shared, id: u64) {
    if !shared.config.access.wants_credentials() {
        return;
    }
    sleep(shared.config.settings.auth_timeout).await;
    super::unmuted(shared).await;
    let mut core = shared.lock();
    if core.open_client(id).is_some_and(|client| !client.authenticated) {
        core.fail(id, errors::AUTHENTICATION_TIMEOUT);
    }
}

async fn ping(shared: &Shared, id: u64) {
    let interval = shared.config.settings.ping_interval;
    if interval.is_zero() {
        return;
    }
    sleep(interval.min(FIRST_PING)).await;
    super::unmuted(shared).await;
    shared.lock().ping(id, true);
    loop {
        sleep(interval).await;
        super::unmuted(shared).await;
        shared.lock().ping(id, false);
    }
}
