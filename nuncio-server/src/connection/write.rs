//! From the queue to the client.

use std::collections::VecDeque;

use tokio::io::{AsyncWrite, AsyncWriteExt, WriteHalf};
use tokio::time::{Instant, sleep_until, timeout};

use super::unmuted;
use crate::core::Link;
use crate::server::Shared;

/// Writes what is queued until the connection is to close. `left` is after how many bytes to cut.
pub(super) async fn run<S: AsyncWrite>(
    shared: &Shared,
    id: u64,
    link: &Link,
    writer: &mut WriteHalf<S>,
    mut left: Option<usize>,
) {
    let deadline = shared.config.settings.write_deadline;
    let mut waiting = VecDeque::new();
    while left != Some(0) {
        unmuted(shared).await;
        let closing = take(shared, id, &mut waiting);
        match waiting.front() {
            None if closing => break,
            None => {
                link.wake.notified().await;
                continue;
            }
            Some((due, _)) if *due > Instant::now() => {
                tokio::select! {
                    biased;
                    () = link.wake.notified() => {}
                    () = sleep_until(*due) => {}
                }
                continue;
            }
            Some(_) => {}
        }
        let Some((_, mut bytes)) = waiting.pop_front() else { continue };
        if let Some(left) = &mut left {
            bytes.truncate(*left);
            *left -= bytes.len();
        }
        if !matches!(timeout(deadline, writer.write_all(&bytes)).await, Ok(Ok(()))) {
            return;
        }
        if let Some(client) = shared.lock().clients.get_mut(&id) {
            client.in_flight = client.in_flight.saturating_sub(bytes.len());
            client.bytes_out += bytes.len() as u64;
        }
    }
    // The peer may be gone already.
    let _ = timeout(deadline, writer.shutdown()).await;
}

/// Moves what is queued behind what waits; answers whether the connection is to close.
fn take(shared: &Shared, id: u64, waiting: &mut VecDeque<(Instant, Vec<u8>)>) -> bool {
    let mut core = shared.lock();
    let delay = core.faults.delay;
    let Some(client) = core.clients.get_mut(&id) else { return true };
    if !client.out.is_empty() {
        let bytes = std::mem::take(&mut client.out);
        client.in_flight += bytes.len();
        waiting.push_back((Instant::now() + delay, bytes));
    }
    client.closing.is_some()
}
