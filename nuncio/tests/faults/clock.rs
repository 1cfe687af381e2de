//! Time that passes in these tests. None of it waits for something to happen: conditions are polled with a deadline.

use std::time::Duration;

/// Lets time pass. Under `start_paused` that takes no time at all; elsewhere it sets the pace of a load, or the
/// interval at which a condition is polled.
pub async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}
