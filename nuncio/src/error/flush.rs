//! Why a round trip or a drain came to nothing.

use std::time::Duration;

use thiserror::Error as ThisError;

use super::ConnectionClosed;

/// A round trip to the server failed.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum FlushError {
    /// There is no connection now, or it was lost before the server answered: what was published before may be lost.
    #[error("the connection was lost before the server confirmed; await Event::Reconnected and flush again")]
    Disconnected,
    /// The server did not answer in time.
    #[error("the server did not answer within {after:?}")]
    Timeout {
        /// The timeout.
        after: Duration,
    },
    /// The connection is closed.
    #[error(transparent)]
    Closed(#[from] ConnectionClosed),
}

impl FlushError {
    /// Whether the server did not answer in time.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout { .. })
    }
}

/// A drain could not be started or completed.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum DrainError {
    /// The subscription has ended already.
    #[error("the subscription has ended already: {0}")]
    Ended(crate::SubscriptionEnd),
    /// The server did not confirm in time.
    #[error("the server did not confirm the drain within {after:?}")]
    Timeout {
        /// The timeout.
        after: Duration,
    },
    /// The connection is closed.
    #[error(transparent)]
    Closed(#[from] ConnectionClosed),
}
