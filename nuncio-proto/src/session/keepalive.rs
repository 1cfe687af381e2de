//! Finding out that a server no longer answers.

use std::time::{Duration, Instant};

/// What keepalive asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beat {
    /// Nothing until this instant.
    Wait(Instant),
    /// Send a `PING` now.
    Ping,
    /// Too many pings went unanswered: the connection is dead.
    Stale,
}

/// Sends a `PING` each interval, whatever else is sent, and gives up after too many of them stay unanswered.
///
/// Anything that arrives shows that the server lives; what the client itself sends does not, so steady publishing
/// into a dead link is found out as fast as silence.
#[derive(Debug)]
pub struct Keepalive {
    interval: Duration,
    max_out: u32,
    next: Instant,
    out: u32,
}

impl Keepalive {
    /// Starts at `now`. `max_out` pings may be unanswered (0 counts as 1, since without any nothing would be known); the
    /// next beat after that is [`Beat::Stale`].
    pub fn new(interval: Duration, max_out: u32, now: Instant) -> Self {
        let mut keepalive = Self { interval, max_out: max_out.max(1), next: now, out: 0 };
        keepalive.schedule(now);
        keepalive
    }

    fn schedule(&mut self, now: Instant) {
        // A century is as good as never, and does not overflow the clock.
        let century = Duration::from_secs(100 * 365 * 24 * 3600);
        self.next = now + self.interval.min(century).max(Duration::from_millis(1));
    }

    /// When [`poll`](Self::poll) has something to say.
    pub fn deadline(&self) -> Instant {
        self.next
    }

    /// Bytes arrived from the server.
    pub fn heard(&mut self) {
        self.out = 0;
    }

    /// `PING`s since something arrived from the server.
    pub fn unanswered(&self) -> u32 {
        self.out
    }

    /// Puts the beat that is due at `now` off by an interval: the `PING` of the last one is still on its way out, and the
    /// server takes what is before it.
    pub fn put_off(&mut self, now: Instant) {
        self.schedule(now);
    }

    /// What to do at `now`.
    pub fn poll(&mut self, now: Instant) -> Beat {
        if now < self.next {
            return Beat::Wait(self.next);
        }
        if self.out >= self.max_out {
            return Beat::Stale;
        }
        self.out += 1;
        self.schedule(now);
        Beat::Ping
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_silent_server_is_stale_after_max_out_unanswered_pings() {
        let start = Instant::now();
        let mut keepalive = Keepalive::new(SECOND, 2, start);
        assert_eq!(keepalive.poll(start), Beat::Wait(start + SECOND));
        assert_eq!(keepalive.poll(start + SECOND), Beat::Ping);
        assert_eq!(keepalive.poll(start + 2 * SECOND), Beat::Ping);
        assert_eq!(keepalive.poll(start + 3 * SECOND), Beat::Stale);
    }

    #[test]
    fn anything_heard_resets_the_count() {
        let start = Instant::now();
        let mut keepalive = Keepalive::new(SECOND, 1, start);
        for i in 1..10 {
            assert_eq!(keepalive.poll(start + i * SECOND), Beat::Ping);
            keepalive.heard();
        }
    }

    #[test]
    fn a_beat_that_is_put_off_counts_nothing() {
        let start = Instant::now();
        let mut keepalive = Keepalive::new(SECOND, 1, start);
        assert_eq!(keepalive.poll(start + SECOND), Beat::Ping);
        keepalive.put_off(start + 2 * SECOND);
        assert_eq!(keepalive.poll(start + 2 * SECOND), Beat::Wait(start + 3 * SECOND));
        assert_eq!(keepalive.poll(start + 3 * SECOND), Beat::Stale);
    }

    #[test]
    fn an_endless_interval_never_overflows_the_clock() {
        let start = Instant::now();
        let mut keepalive = Keepalive::new(Duration::MAX, 2, start);
        assert!(matches!(keepalive.poll(start + SECOND), Beat::Wait(_)));
    }
}
