//! What pulls say to a consumer with priority groups.

use nuncio_proto::js::pull::Priority;

use crate::jetstream::ConsumeError;

/// The options of a builder with a field `config.priority` for priority groups.
macro_rules! priority_options {
    () => {
        /// Pulls for this priority group, which a consumer with groups needs (ADR-42). Needs 2.11.
        pub fn group(mut self, group: impl Into<String>) -> Self {
            self.config.priority.group = Some(group.into());
            self
        }

        /// Is only served while at least so many messages are pending, for the policy `overflow`. Needs 2.11.
        pub fn min_pending(mut self, messages: u64) -> Self {
            self.config.priority.min_pending = Some(messages);
            self
        }

        /// Is only served while at least so many acknowledgements are pending, for the policy `overflow`. Needs 2.11.
        pub fn min_ack_pending(mut self, acknowledgements: u64) -> Self {
            self.config.priority.min_ack_pending = Some(acknowledgements);
            self
        }

        /// From 0, the default and the first served, to 9, for the policy `prioritized`. Needs 2.12.
        pub fn priority(mut self, priority: u8) -> Self {
            self.config.priority.priority = Some(priority);
            self
        }
    };
}
pub(crate) use priority_options;

pub(crate) fn check(priority: &Priority) -> Result<(), ConsumeError> {
    if priority.priority.is_some_and(|priority| priority > 9) {
        return Err(option("priority", "it has to be from 0 to 9"));
    }
    let grouped = priority.group.is_some();
    if !grouped && (priority.min_pending.is_some() || priority.min_ack_pending.is_some()) {
        return Err(option("min_pending", "it counts within a priority group: set `group` as well"));
    }
    Ok(())
}

pub(crate) fn option(option: &'static str, problem: &'static str) -> ConsumeError {
    ConsumeError::Option { option, problem }
}
