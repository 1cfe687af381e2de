//! How many calls of the API are made at once.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Instant;

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::driver::wait::Deadline;
use crate::jetstream::{Error, JetStream};

/// Calls at once unless told otherwise.
const CALLS: usize = 64;

/// The room for calls that the clones of a context share.
#[derive(Debug)]
pub(super) struct Calls {
    limit: usize,
    room: Semaphore,
}

impl Default for Calls {
    fn default() -> Self {
        Self::new(CALLS)
    }
}

impl Calls {
    pub(super) fn new(limit: usize) -> Self {
        let limit = limit.clamp(1, Semaphore::MAX_PERMITS);
        Self { limit, room: Semaphore::new(limit) }
    }
}

impl JetStream {
    /// Waits for room for a call, in the order of coming. It is free again when the answer is dropped.
    pub(super) async fn room(
        &self,
        operation: &str,
        deadline: Instant,
    ) -> Result<SemaphorePermit<'_>, Error> {
        let Calls { limit, room } = &*self.calls;
        if let Ok(permit) = room.try_acquire() {
            return Ok(permit);
        }
        let alarm = Deadline::at(&self.client.handle.shared, deadline);
        let mut turn = pin!(room.acquire());
        poll_fn(|cx| {
            // It is never closed.
            if let Poll::Ready(Ok(permit)) = turn.as_mut().poll(cx) {
                return Poll::Ready(Some(permit));
            }
            alarm.poll(cx).map(|()| None)
        })
        .await
        .ok_or_else(|| self.no_room(operation, *limit))
    }

    fn no_room(&self, operation: &str, limit: usize) -> Error {
        match self.client.handle.shared.core().closed() {
            Some(closed) => crate::RequestError::Closed(closed).into(),
            None => Error::TooManyCalls { operation: operation.into(), limit, after: self.timeout },
        }
    }
}
