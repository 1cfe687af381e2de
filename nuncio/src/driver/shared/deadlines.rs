//! The deadlines of those who wait: none of them costs anything once it is met.

use std::sync::atomic::Ordering;
use std::task::Waker;
use std::time::{Duration, Instant};

use nuncio_proto::inbox::Token;

use super::{Failure, Shared, now};
use crate::driver::wait::FOR_EVER;

impl Shared {
    /// Opens a request for one reply and tells its number. Its time begins when the driver has its next turn, which reads the
    /// clock for all that were opened before it.
    #[inline]
    pub(crate) fn open_request(&self, subject: u64, after: Duration, waker: Waker) -> (Token, u64) {
        let (token, number) = {
            let mut waits = self.waits();
            let (token, first) = waits.requests.open_for(subject, after.min(FOR_EVER), waker);
            let number = waits.requests.newest();
            if !first {
                return (token, number);
            }
            self.unstarted.store(true, Ordering::Release);
            (token, number)
        };
        self.wake_driver();
        (token, number)
    }

    /// Begins the time of the requests that were opened since the last turn of the driver.
    #[inline]
    pub(crate) fn start_requests(&self) {
        if self.unstarted.load(Ordering::Acquire) {
            self.start_requests_at(now());
        }
    }

    fn start_requests_at(&self, now: Instant) {
        let earliest = {
            let mut waits = self.waits();
            self.unstarted.store(false, Ordering::Release);
            waits.requests.start(now)
        };
        if let Some(earliest) = earliest {
            self.earliest.fetch_min(self.since_base(earliest), Ordering::AcqRel);
        }
    }

    /// There is a new deadline in `waits`.
    pub(crate) fn note_deadline(&self, deadline: Instant) {
        let nanos = self.since_base(deadline);
        // Mostly something else is due before; that is told without writing.
        if self.earliest.load(Ordering::Acquire) <= nanos {
            return;
        }
        if self.earliest.fetch_min(nanos, Ordering::AcqRel) > nanos {
            self.wake_driver();
        }
    }

    /// The earliest deadline of `waits`.
    pub(crate) fn earliest(&self) -> Option<Instant> {
        match self.earliest.load(Ordering::Acquire) {
            u64::MAX => None,
            nanos => Some(self.base + Duration::from_nanos(nanos)),
        }
    }

    /// Fails and fires what is due.
    pub(crate) fn expire(&self, now: Instant, wakers: &mut Vec<Waker>) {
        let mut waits = self.waits();
        // A deadline that is armed from here on is after `now`, or lowers the figure again.
        self.earliest.store(u64::MAX, Ordering::Release);
        let requests = waits.requests.expire(now, &Failure::Timeout, wakers);
        let timers = waits.timers.expire(now, wakers);
        drop(waits);
        if let Some(next) = requests.into_iter().chain(timers).min() {
            self.earliest.fetch_min(self.since_base(next), Ordering::AcqRel);
        }
    }

    fn since_base(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.base).as_nanos()).unwrap_or(u64::MAX - 1)
    }
}
