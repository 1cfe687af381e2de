//! How long nothing is heard of the server.

use std::time::{Duration, Instant};

use crate::js::output::Event;

/// Whether the connection stands, and since when nothing was heard on it.
#[derive(Debug)]
pub(crate) struct Hearing {
    connected: bool,
    waiting: bool,
    /// When something was heard last, or waiting began.
    quiet_since: Instant,
    heard: Instant,
}

impl Hearing {
    /// Of a connection that stands, for an application that does not wait yet.
    pub(crate) fn new(now: Instant) -> Self {
        Self { connected: true, waiting: false, quiet_since: now, heard: now }
    }

    /// Whether the application waits with nothing queued: only then silence means something.
    pub(crate) fn wait(&mut self, waiting: bool, now: Instant) {
        if waiting && !self.waiting {
            self.quiet_since = now;
        }
        self.waiting = waiting;
    }

    /// The application has a message.
    #[inline]
    pub(crate) fn served(&mut self) {
        self.waiting = false;
    }

    /// Something has arrived.
    pub(crate) fn hear(&mut self, now: Instant) {
        self.heard = now;
        self.quiet_since = now;
    }

    /// Nothing is to be expected from before `now`.
    pub(crate) fn restart(&mut self, now: Instant) {
        self.quiet_since = now;
    }

    /// The connection was lost, which is told once.
    pub(crate) fn lose(&mut self) -> Option<Event> {
        std::mem::replace(&mut self.connected, false).then_some(Event::Disconnected)
    }

    /// The connection stands again, which is told once.
    pub(crate) fn regain(&mut self, now: Instant) -> Option<Event> {
        if std::mem::replace(&mut self.connected, true) {
            return None;
        }
        self.hear(now);
        Some(Event::Reconnected)
    }

    /// When the second heartbeat in a row is missing.
    pub(crate) fn alarm(&self, heartbeat: Duration) -> Instant {
        self.quiet_since + heartbeat * 2
    }

    /// The alarm has gone off.
    pub(crate) fn miss(&mut self, now: Instant) -> Event {
        let silent = now.saturating_duration_since(self.quiet_since);
        self.quiet_since = now;
        Event::MissedHeartbeat { silent }
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.connected
    }

    pub(crate) fn is_waiting(&self) -> bool {
        self.waiting
    }

    /// When something was heard last, or waiting began.
    pub(crate) fn quiet_since(&self) -> Instant {
        self.quiet_since
    }

    /// When something was heard last.
    pub(crate) fn heard(&self) -> Instant {
        self.heard
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn silence_counts_from_the_last_word_or_from_when_waiting_began() {
        let begin = Instant::now();
        let mut hearing = Hearing::new(begin);
        hearing.wait(true, begin + SECOND);
        assert_eq!(hearing.alarm(SECOND), begin + SECOND * 3);
        hearing.wait(true, begin + SECOND * 2);
        assert_eq!(hearing.alarm(SECOND), begin + SECOND * 3, "it has waited all along");
        assert_eq!(hearing.heard(), begin);
        hearing.hear(begin + SECOND * 2);
        assert_eq!(hearing.alarm(SECOND), begin + SECOND * 4);
        assert_eq!(hearing.miss(begin + SECOND * 5), Event::MissedHeartbeat { silent: SECOND * 3 });
        assert_eq!(hearing.alarm(SECOND), begin + SECOND * 7);
        assert_eq!(hearing.heard(), begin + SECOND * 2);
    }

    #[test]
    fn a_connection_is_lost_and_regained_once() {
        let begin = Instant::now();
        let mut hearing = Hearing::new(begin);
        assert_eq!(hearing.regain(begin + SECOND), None);
        assert_eq!(hearing.heard(), begin);
        assert_eq!((hearing.lose(), hearing.lose()), (Some(Event::Disconnected), None));
        assert!(!hearing.is_connected());
        assert_eq!(hearing.regain(begin + SECOND), Some(Event::Reconnected));
        assert_eq!(hearing.heard(), begin + SECOND);
    }
}
