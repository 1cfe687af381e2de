//! What is different where a number of messages is the end.

use std::time::Duration;

use super::Pull;
use crate::js::status::Pending;

impl Pull {
    /// The interval of heartbeats for what is asked for.
    pub(super) fn heartbeat(&self, asked: Pending) -> Duration {
        let fitting = self.config.heartbeat(self.calm);
        let all = self.delivered + self.ledger.left().messages + asked.messages;
        // Pulls are served in turns: the last one may be used up before the others, whose heartbeats are then what comes.
        let last = self.config.stop_after.is_some_and(|after| all >= after);
        self.ledger.longest_heartbeat().filter(|_| last).map_or(fitting, |longest| longest.max(fitting))
    }

    /// A message has been taken; whether it counts for the end is for others to say. True if there is an output to poll for.
    pub(crate) fn message_that_counts(&mut self, size: usize, counts: bool) -> bool {
        if let Some(after) = self.config.stop_after.as_mut().filter(|_| !counts) {
            *after = after.saturating_add(1);
        }
        self.message(size, None)
    }
}
