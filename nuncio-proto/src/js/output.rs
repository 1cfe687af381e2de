//! What the consuming machines ask for and tell.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use thiserror::Error as ThisError;

use crate::js::status::RequestLimit;

/// What a machine asks for or tells. Outputs are to be acted on in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Output {
    /// Send this pull; statuses about it have to come back with its id.
    Pull {
        /// Its id, the last token of its reply subject.
        id: u64,
        /// The payload of the request.
        body: Vec<u8>,
    },
    /// Ask the server whether the consumer is still there, and report what it says by `probed`.
    Probe,
    /// Publish an empty message to this subject: a push consumer waits for it.
    Respond {
        /// The subject.
        subject: Vec<u8>,
    },
    /// Make the server's part of an ordered consumer, and report by `created` or `create_failed`.
    Create {
        /// The number of this attempt; it is to be part of the consumer's name.
        serial: u64,
        /// Where it has to begin.
        start: Start,
        /// Look first whether the stream is still the same one, by when it was created.
        verify: bool,
    },
    /// Delete the server's part of an ordered consumer, without waiting for it.
    Delete {
        /// The number it was made with.
        serial: u64,
    },
    /// Something happened that the consumer recovers from by itself.
    Event(Event),
    /// It is over; the last output.
    End(End),
}

/// Outputs that are to be polled; the end is the last one that is added.
#[derive(Debug, Default)]
pub(crate) struct Outputs {
    queue: VecDeque<Output>,
    ended: bool,
}

impl Outputs {
    pub(crate) fn push(&mut self, output: Output) {
        self.queue.push_back(output);
    }

    pub(crate) fn pop(&mut self) -> Option<Output> {
        self.queue.pop_front()
    }

    /// Tells of something, unless it has ended.
    pub(crate) fn tell(&mut self, event: Event) {
        if !self.ended {
            self.push(Output::Event(event));
        }
    }

    /// Ends it, once.
    pub(crate) fn finish(&mut self, end: End) {
        if !std::mem::replace(&mut self.ended, true) {
            self.push(Output::End(end));
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.ended
    }
}

/// Where an ordered consumer has to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// As the application wants it.
    Initial,
    /// At this sequence of the stream, without a start time.
    Sequence(u64),
}

/// Something happened that the consumer recovers from by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Nothing was heard for two heartbeats; the consumer asks anew.
    MissedHeartbeat {
        /// The time without a word.
        silent: Duration,
    },
    /// The connection was lost.
    Disconnected,
    /// The connection stands again.
    Reconnected,
    /// The consumer has a new leader.
    LeadershipChange,
    /// The consumer's server is shutting down.
    ServerShutdown,
    /// Nobody listens to pulls: the consumer is gone, or between two leaders. Told after some attempts.
    NoResponders {
        /// Attempts in a row without an answer.
        attempts: u32,
    },
    /// Too many pulls wait at the consumer already; see its `max_waiting`.
    TooManyWaiting,
    /// The consumer allows less than was asked for; the consumer keeps to it from here on.
    Adapted {
        /// What it allows.
        limit: RequestLimit,
    },
    /// This client is the pinned one of its group.
    Pinned {
        /// The pin.
        id: String,
    },
    /// This client is no longer the pinned one of its group.
    Unpinned,
    /// Messages of an ordered or push consumer were missed.
    Gap {
        /// The number of the delivery that was due.
        expected: u64,
        /// The number of the delivery that came, or the last one that the server tells of.
        got: u64,
    },
    /// An ordered consumer is made anew, to go on where it was.
    Recreating {
        /// Why.
        cause: Recreation,
    },
    /// An ordered consumer could not be made; it is tried again.
    CreateFailed {
        /// Attempts in a row that failed.
        attempts: u32,
        /// What the server said.
        error: String,
    },
    /// This listener was too slow and missed that many events.
    Missed {
        /// How many.
        events: u64,
    },
    /// The server said something unknown.
    Status {
        /// The code, 0 if it was none.
        code: u16,
        /// The text.
        description: String,
    },
}

/// Why an ordered consumer is made anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Recreation {
    /// Messages were missed.
    Gap,
    /// Nothing was heard for two heartbeats.
    MissedHeartbeat,
    /// The server's consumer was deleted.
    ConsumerDeleted,
    /// Nobody answers for the server's consumer.
    NoResponders,
    /// The connection was lost and stands again.
    Reconnected,
}

/// Why a consumer has ended.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum End {
    /// A fetch got all that there was to get.
    #[error("the fetch is complete")]
    Complete,
    /// The application stopped it.
    #[error("stopped by the application")]
    Stopped,
    /// The application drained it.
    #[error("drained by the application")]
    Drained,
    /// All messages asked for have come.
    #[error("all messages asked for have come")]
    StopAfter,
    /// The consumer was deleted.
    #[error("the consumer was deleted")]
    ConsumerDeleted,
    /// The stream was deleted.
    #[error("the stream was deleted")]
    StreamDeleted,
    /// The stream was deleted and another one of that name was made, whose sequences mean something else.
    #[error("the stream was deleted and made anew: its sequences have begun again")]
    StreamReplaced,
    /// The consumer pushes its messages.
    #[error("the consumer pushes its messages to a subject: it cannot be pulled from")]
    PushBased,
    /// The server does not accept the pull.
    #[error("the server does not accept the pull: {description}")]
    BadRequest {
        /// What the server says.
        description: String,
    },
    /// The consumer's configuration does not allow so large or long a pull.
    #[error(
        "the consumer does not allow this pull: {description}; ask for less, or raise the consumer's limit"
    )]
    LimitExceeded {
        /// What the server says.
        description: String,
    },
    /// Too many pulls wait at the consumer.
    #[error("too many pulls wait at the consumer already; raise its max_waiting")]
    TooManyWaiting,
    /// The next message is larger than the room for bytes.
    #[error("the next message does not fit into max_bytes of {max_bytes}; raise it")]
    MessageTooLarge {
        /// The room for bytes.
        max_bytes: u64,
    },
    /// The server is too old for what was asked.
    #[error("the server does not support the API level that the request requires")]
    ApiLevel,
    /// Nobody answers: the consumer is gone, or without a leader for long.
    #[error("nobody answers for the consumer: it was deleted, or has no leader")]
    NoResponders,
    /// The server did not answer in time.
    #[error("no answer within {after:?}")]
    Timeout {
        /// The time allowed.
        after: Duration,
    },
    /// There was no connection when the time was over.
    #[error("there is no connection to a server")]
    Disconnected,
    /// The ordered consumer cannot be made.
    #[error("the ordered consumer cannot be made: {error}")]
    CreateFailed {
        /// What the server said.
        error: String,
    },
    /// A fetch was answered in an unknown way.
    #[error("the server answered: {code} {description}")]
    Status {
        /// The code, 0 if it was none.
        code: u16,
        /// The text.
        description: String,
    },
}

impl End {
    /// Whether it ended as the application wanted.
    pub fn is_wanted(&self) -> bool {
        matches!(self, Self::Complete | Self::Stopped | Self::Drained | Self::StopAfter)
    }
}

/// What the server says about a consumer when asked by [`Output::Probe`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It is there.
    Present,
    /// It is not there.
    ConsumerMissing,
    /// Not even its stream is there.
    StreamMissing,
    /// There was no answer, or one that says nothing about it.
    Unknown,
}

impl fmt::Display for Recreation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gap => "messages were missed",
            Self::MissedHeartbeat => "nothing was heard for two heartbeats",
            Self::ConsumerDeleted => "the consumer was deleted",
            Self::NoResponders => "nobody answers for the consumer",
            Self::Reconnected => "the connection was lost and stands again",
        })
    }
}
