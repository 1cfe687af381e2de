//! Why no more messages come.

use nuncio_proto::js::output::End;
use thiserror::Error as ThisError;

use crate::error::ConnectionClosed;
use crate::jetstream::Error;
use crate::{SubscribeError, SubscriptionEnd};

/// A consumer gives no more messages, or cannot be consumed from.
///
/// What a consumer recovers from by itself is no error, but an event; so this is the end.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum ConsumeError {
    /// The consumer has ended.
    #[error("consumer \"{consumer}\" of stream \"{stream}\": {end}")]
    Ended {
        /// The stream.
        stream: String,
        /// The consumer.
        consumer: String,
        /// Why.
        end: End,
    },
    /// The server does not let this user pull from the consumer.
    #[error("the server denies publishing to \"{subject}\": the user's permissions do not allow to pull")]
    Denied {
        /// The subject that pulls are sent to.
        subject: String,
    },
    /// The subscription that the messages come on has ended.
    #[error(
        "the subscription for the messages of consumer \"{consumer}\" of stream \"{stream}\" has ended: {end}"
    )]
    Subscription {
        /// The stream.
        stream: String,
        /// The consumer.
        consumer: String,
        /// Why.
        end: Box<SubscriptionEnd>,
    },
    /// The subscription that the messages were to come on cannot be made.
    #[error(transparent)]
    Subscribe(#[from] SubscribeError),
    /// The connection is closed.
    #[error(transparent)]
    Closed(#[from] ConnectionClosed),
    /// An option has a value that cannot work.
    #[error("option {option}: {problem}")]
    Option {
        /// The option's name.
        option: &'static str,
        /// What is wrong with it, and what would be right.
        problem: &'static str,
    },
    /// A call of the API failed.
    #[error(transparent)]
    Api(Box<Error>),
}

impl From<Error> for ConsumeError {
    fn from(error: Error) -> Self {
        Self::Api(Box::new(error))
    }
}

impl ConsumeError {
    /// Why the consumer has ended, if it is that.
    pub fn end(&self) -> Option<&End> {
        match self {
            Self::Ended { end, .. } => Some(end),
            _ => None,
        }
    }

    /// Whether the consumer was deleted.
    pub fn is_consumer_deleted(&self) -> bool {
        match self {
            Self::Ended { end, .. } => *end == End::ConsumerDeleted,
            Self::Api(error) => error.is_consumer_not_found(),
            _ => false,
        }
    }

    /// Whether the stream was deleted.
    pub fn is_stream_deleted(&self) -> bool {
        match self {
            Self::Ended { end, .. } => matches!(end, End::StreamDeleted | End::StreamReplaced),
            Self::Api(error) => error.is_stream_not_found(),
            _ => false,
        }
    }

    /// Whether nobody answered for the consumer.
    pub fn is_no_responders(&self) -> bool {
        self.end() == Some(&End::NoResponders)
    }

    /// Whether no answer came in time.
    pub fn is_timeout(&self) -> bool {
        match self {
            Self::Ended { end, .. } => matches!(end, End::Timeout { .. }),
            Self::Api(error) => error.is_timeout(),
            _ => false,
        }
    }

    /// Whether there was no connection.
    pub fn is_disconnected(&self) -> bool {
        match self {
            Self::Ended { end, .. } => *end == End::Disconnected,
            Self::Api(error) => error.is_disconnected(),
            _ => false,
        }
    }
}
