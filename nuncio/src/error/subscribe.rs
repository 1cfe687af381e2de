//! Why there is no subscription.

use nuncio_proto::server_error::ServerError;
use nuncio_proto::subject::SubjectError;
use thiserror::Error as ThisError;

use super::{ConnectionClosed, FlushError};

/// A subscription could not be made.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum SubscribeError {
    /// The subject or the queue group breaks a rule.
    #[error(transparent)]
    Subject(#[from] SubjectError),
    /// Subject and queue group are longer than a control line may be.
    #[error("subject and queue group of {size} bytes do not fit a control line of {max} bytes")]
    SubjectTooLong {
        /// Bytes of subject and queue group.
        size: usize,
        /// What fits.
        max: usize,
    },
    /// An option has a value that cannot work.
    #[error("option {option}: {problem}")]
    Option {
        /// The option's name.
        option: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The server does not let this user subscribe to the subject. Only a
    /// [confirmed](crate::Subscribe::confirmed) subscription waits to learn that.
    #[error("the server denies subscribing to \"{subject}\": the user's permissions do not allow it")]
    Denied {
        /// The subject.
        subject: String,
    },
    /// The server refuses the subscription for another reason: say, that the connection has as many as it may have.
    #[error("the server refuses to subscribe to \"{subject}\": {error}")]
    Refused {
        /// The subject.
        subject: String,
        /// What it said.
        error: ServerError,
    },
    /// The server did not confirm: nothing is subscribed to.
    #[error("subscribing was not confirmed: nothing is subscribed to")]
    Unconfirmed(#[source] FlushError),
    /// The connection is draining: no more subscriptions are accepted.
    #[error("the connection is draining: no more subscriptions are accepted")]
    Draining,
    /// The connection is closed.
    #[error(transparent)]
    Closed(#[from] ConnectionClosed),
}
