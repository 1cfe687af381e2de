//! The round trip to the server.

use std::future::Future;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::driver::shared::{Shared, Waiter, now};
use crate::driver::wait::Deadline;
use crate::error::FlushError;

pub(crate) async fn flush(shared: &Arc<Shared>, after: Duration) -> Result<Duration, FlushError> {
    let (done, answered) = oneshot::channel();
    let start = now();
    let waker = {
        let mut core = shared.core();
        if let Some(closed) = core.closed() {
            return Err(closed.into());
        }
        if !core.up {
            return Err(FlushError::Disconnected);
        }
        core.ping(Waiter::Flush(done))
    };
    waker.into_iter().for_each(Waker::wake);
    let deadline = Deadline::after(shared, after);
    let mut answered = std::pin::pin!(answered);
    std::future::poll_fn(|cx| match answered.as_mut().poll(cx) {
        Poll::Ready(Ok(at)) => Poll::Ready(Ok(at.saturating_duration_since(start))),
        // The waiter was dropped with the connection.
        Poll::Ready(Err(_)) => Poll::Ready(Err(match shared.core().closed() {
            Some(closed) => closed.into(),
            None => FlushError::Disconnected,
        })),
        Poll::Pending => deadline.poll(cx).map(|()| Err(FlushError::Timeout { after })),
    })
    .await
}
