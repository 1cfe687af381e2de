//! Draining a connection: the handle's side.

use std::sync::Arc;
use std::task::Waker;

use crate::driver::shared::{DrainOrder, Shared};
use crate::driver::wait::instant_after;
use crate::error::{CloseReason, ConnectionClosed, DrainError};
use crate::queue::Poller;

/// What a drain achieved, as [`Client::drain`](crate::Client::drain) tells.
///
/// ```no_run
/// # async fn f(nc: nuncio::Client) -> Result<(), nuncio::Error> {
/// let report = nc.drain().await?;
/// if !report.flushed || report.undelivered > 0 {
///     eprintln!("the drain ran out of time: {report:?}");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DrainReport {
    /// The server confirmed everything that was published.
    pub flushed: bool,
    /// Messages that had arrived and were not handed out, since nobody read them in time. Subscriptions still hand
    /// them out after the connection has closed.
    pub undelivered: usize,
    /// Requests that had no reply when the time was over.
    pub unanswered: usize,
    /// Published messages that are certainly lost, since the connection was made.
    pub lost: u64,
    /// Published messages that may be lost, since the connection was made.
    pub maybe_lost: u64,
}

pub(crate) async fn drain(shared: &Arc<Shared>) -> Result<DrainReport, DrainError> {
    let waker = {
        let mut core = shared.core();
        if let Some(closed) = core.closed() {
            return Err(closed.into());
        }
        let deadline = instant_after(shared.config.drain_timeout);
        core.orders.drain.get_or_insert(DrainOrder { deadline, caller: Poller::current() });
        core.driver.take()
    };
    waker.into_iter().for_each(Waker::wake);
    let mut closed = shared.closed();
    let reason = match closed.wait_for(Option::is_some).await {
        Ok(reason) => reason.clone().unwrap_or(CloseReason::RuntimeEnded),
        Err(_) => CloseReason::RuntimeEnded,
    };
    match (reason, shared.core().drain_report) {
        (CloseReason::Drained, Some(report)) => Ok(report),
        (reason, _) => Err(ConnectionClosed { reason }.into()),
    }
}
