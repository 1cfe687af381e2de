//! Options that pulls of every kind have.

use std::time::Duration;

use nuncio_proto::js::pull::{MIN_EXPIRES, Priority, PullConfig};

use crate::jetstream::{AckError, ConsumeError};

/// How many bytes are asked for and how often the server is to be heard, of a builder that has these fields below this
/// path.
macro_rules! pull_options {
    ($($path:ident).+) => {
        /// How many bytes may be asked for and not yet taken, counted as the server does: subject, reply, headers and
        /// payload. Default: no limit. A message that is larger is the end.
        pub fn max_bytes(mut self, bytes: u64) -> Self {
            self.$($path).+.max_bytes = Some(bytes);
            self
        }

        /// How often the server shows that it is there while it has nothing to deliver; twice that without a word makes the
        /// client ask anew. Half of [`expires`](Self::expires) at most. The default is told above.
        pub fn heartbeat(mut self, interval: Duration) -> Self {
            self.$($path).+.heartbeat = Some(interval);
            self
        }
    };
}
pub(crate) use pull_options;

/// How many messages are asked for, for a builder of what goes on without end, with a [`PullConfig`] at this path.
macro_rules! buffer_options {
    ($($path:ident).+) => {
        /// How many messages may be asked for and not yet taken. Default: 500, or no limit of messages where
        /// [`max_bytes`](Self::max_bytes) is set.
        pub fn max_messages(mut self, messages: u64) -> Self {
            self.$($path).+.max_messages = Some(messages);
            self
        }

        /// Ends by itself after so many messages. Default: never.
        pub fn stop_after(mut self, messages: u64) -> Self {
            self.$($path).+.stop_after = Some(messages);
            self
        }
    };
}
pub(crate) use buffer_options;

/// The options for priority groups, of a builder with a field `priority` below this path.
macro_rules! priority_options {
    ($($path:ident).+) => {
        /// Pulls for this priority group, which a consumer with groups needs (ADR-42). Needs 2.11.
        pub fn group(mut self, group: impl Into<String>) -> Self {
            self.$($path).+.priority.group = Some(group.into());
            self
        }

        /// Is only served while at least so many messages are pending, for the policy `overflow`. Needs 2.11.
        pub fn min_pending(mut self, messages: u64) -> Self {
            self.$($path).+.priority.min_pending = Some(messages);
            self
        }

        /// Is only served while at least so many acknowledgements are pending, for the policy `overflow`. Needs 2.11.
        pub fn min_ack_pending(mut self, acknowledgements: u64) -> Self {
            self.$($path).+.priority.min_ack_pending = Some(acknowledgements);
            self
        }

        /// From 0, the default and the first served, to 9, for the policy `prioritized`. Needs 2.12.
        pub fn priority(mut self, priority: u8) -> Self {
            self.$($path).+.priority.priority = Some(priority);
            self
        }
    };
}
pub(crate) use priority_options;

pub(crate) fn check_priority(priority: &Priority) -> Result<(), BadOption> {
    if priority.priority.is_some_and(|priority| priority > 9) {
        return Err(option("priority", "it has to be from 0 to 9"));
    }
    let grouped = priority.group.is_some();
    if !grouped && (priority.min_pending.is_some() || priority.min_ack_pending.is_some()) {
        return Err(option("min_pending", "it counts within a priority group: set `group` as well"));
    }
    Ok(())
}

pub(crate) fn check_heartbeat(heartbeat: Option<Duration>, expires: Duration) -> Result<(), BadOption> {
    if heartbeat.is_some_and(|heartbeat| heartbeat > expires / 2) {
        return Err(option("heartbeat", "the server takes half of `expires` at most"));
    }
    Ok(())
}

/// Whether something can come of it without end.
pub(crate) fn check_pull(config: &PullConfig) -> Result<(), BadOption> {
    if config.max_messages == Some(0) || config.max_bytes == Some(0) {
        return Err(option("max_messages", "without room nothing can come"));
    }
    check_stop_after(config.stop_after)?;
    if config.expires < MIN_EXPIRES {
        return Err(option("expires", "it has to be 1 second or more"));
    }
    check_heartbeat(config.heartbeat, config.expires)?;
    check_priority(&config.priority)
}

pub(crate) fn check_stop_after(messages: Option<u64>) -> Result<(), BadOption> {
    if messages == Some(0) {
        return Err(option("stop_after", "consuming 0 messages has no use"));
    }
    Ok(())
}

/// An option that cannot work.
pub(crate) struct BadOption {
    option: &'static str,
    problem: &'static str,
}

pub(crate) fn option(option: &'static str, problem: &'static str) -> BadOption {
    BadOption { option, problem }
}

impl From<BadOption> for ConsumeError {
    fn from(BadOption { option, problem }: BadOption) -> Self {
        Self::Option { option, problem }
    }
}

impl From<BadOption> for AckError {
    fn from(BadOption { option, problem }: BadOption) -> Self {
        Self::Option { option, problem }
    }
}
