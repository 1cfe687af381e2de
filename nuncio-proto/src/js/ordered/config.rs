//! What an ordered consumer is told.

use crate::js::pull::PullConfig;

/// What an ordered consumer is to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OrderedConfig {
    /// Whether it begins with the last message of each subject.
    pub last_per_subject: bool,
    /// Whether to wait for the stream when it is missing, and to begin anew when it is another one; else that is the end.
    pub wait_for_stream: bool,
    /// How it pulls.
    pub pull: PullConfig,
}

/// What is to be done with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// It is the next one.
    Accept,
    /// It is none of this consumer's, or was handed out before.
    Drop,
}

/// Why the server's consumer could not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CreateFailure {
    /// There is no such stream.
    StreamMissing,
    /// There is another stream of that name.
    StreamReplaced,
    /// The server refuses, and would again.
    Refused(String),
    /// It may work later.
    Unavailable(String),
}
