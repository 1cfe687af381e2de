//! Time that passes in these tests. None of it waits for something to happen: conditions are polled with a deadline.

use std::time::Duration;

/// Lets virtual time pass, which takes no time at all. Only for tests with `start_paused`.
pub async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

/// Does work that takes that long, as a service does before it responds.
pub async fn work(time: Duration) {
    tokio::time::sleep(time).await;
}
