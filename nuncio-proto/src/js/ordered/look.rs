//! What can be seen of an ordered consumer.

use std::time::Instant;

use super::{Ordered, Stage};
use crate::js::pull::Pull;
use crate::js::status::Pending;

impl Ordered {
    /// The number of the present consumer, or of the last one.
    pub fn serial(&self) -> u64 {
        self.serial
    }

    /// The stream sequence of the last message; before one came, of the last one that is not to come.
    pub fn cursor(&self) -> Option<u64> {
        self.cursor
    }

    /// What has been asked for and has not come.
    pub fn pending(&self) -> Pending {
        self.pull.as_ref().map(Pull::pending).unwrap_or_default()
    }

    /// Whether it waits for a stream that is missing.
    pub fn waits_for_stream(&self) -> bool {
        self.config.wait_for_stream
    }

    /// Messages accepted.
    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    /// When something was heard last from the server.
    pub fn heard(&self) -> Instant {
        self.pull.as_ref().map_or(self.heard, |pull| pull.heard().max(self.heard))
    }

    /// Whether [`Output::End`](crate::js::output::Output::End) has been put out, or is about to be.
    pub fn is_ended(&self) -> bool {
        self.stage == Stage::Ended
    }
}
