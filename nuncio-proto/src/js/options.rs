//! What the headers of a message may not ask for.

use std::time::Duration;

use crate::header::{HeaderError, HeaderMap};
use crate::js::name::NameError;
use crate::js::ttl::TtlError;
use crate::subject::SubjectError;

/// An option of a message that the stream would refuse, or that would do something else than meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OptionError {
    /// A message id is empty, which the server takes as none.
    #[error("a message id must not be empty: the stream would not look for duplicates")]
    EmptyId,
    /// A header cannot hold the value.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The name of a stream is not one.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A subject is not one.
    #[error(transparent)]
    Subject(#[from] SubjectError),
    /// The time to live is too short.
    #[error(transparent)]
    Ttl(#[from] TtlError),
    /// A schedule that cannot be.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// A message that does not belong into its batch.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// No number: what is added to a counter has digits and perhaps a sign.
    #[error("{0:?} cannot be added to a counter: write a whole number")]
    Increment(String),
}

/// A message that does not belong into a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BatchError {
    /// The batch was committed, or a message of it failed.
    #[error("the batch is over: it was committed, or a message of it failed; begin another one")]
    Over,
    /// There is nothing to commit.
    #[error("the batch is empty: there is nothing to commit")]
    Empty,
    /// An expected sequence of the stream on a later message.
    #[error("only the first message of a batch may expect a last sequence of the stream")]
    LastSequence,
    /// An expected message id.
    #[error("no message of a batch may expect a last message id")]
    LastMessageId,
}

/// A schedule that the server would refuse.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScheduleError {
    /// The interval is too short.
    #[error("a schedule cannot repeat every {0:?}: a second is the shortest interval")]
    Interval(Duration),
    /// A cron expression has the wrong number of fields.
    #[error("the cron expression {0:?} has {1} fields, the server reads six: seconds first")]
    Cron(String, usize),
    /// Only cron expressions have a time zone.
    #[error("a time zone goes with a cron expression; say what you mean by the time itself")]
    TimeZone,
    /// A subject of the schedule holds wildcards.
    #[error("a schedule needs literal subjects, but {0:?} holds a wildcard")]
    Wildcard(String),
    /// A schedule cannot send to itself.
    #[error("the target of a schedule must be another subject than its own, {0:?}")]
    Itself(String),
}

pub(super) fn set(map: &mut HeaderMap, name: &str, value: &str) -> Result<(), OptionError> {
    map.insert(name, value)?;
    Ok(())
}
