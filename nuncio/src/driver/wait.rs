//! A deadline that the driver keeps and its owner forgets by dropping it. It is met when the connection is over.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use nuncio_proto::inbox::Token;

use crate::driver::shared::{Shared, now};

#[derive(Debug)]
pub(crate) struct Deadline {
    shared: Arc<Shared>,
    token: Token,
    /// The connection was over already: nobody would keep the time.
    over: bool,
}

impl Deadline {
    pub(crate) fn at(shared: &Arc<Shared>, deadline: Instant) -> Self {
        let token = shared.waits().timers.arm(deadline);
        shared.note_deadline(deadline);
        let over = shared.core().closed().is_some();
        Self { shared: Arc::clone(shared), token, over }
    }

    pub(crate) fn after(shared: &Arc<Shared>, wait: Duration) -> Self {
        Self::at(shared, instant_after(wait))
    }

    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.over { Poll::Ready(()) } else { self.shared.waits().timers.poll(self.token, cx) }
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        self.shared.waits().timers.disarm(self.token);
    }
}

/// Longer durations are beyond all sense, and would overflow the clock.
pub(crate) const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// Now and that much, but no more than a century.
pub(crate) fn instant_after(wait: Duration) -> Instant {
    now() + wait.min(FOR_EVER)
}
