//! Pausing a consumer. It needs 2.11 (level 1).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::js::time::{self, Timestamp, nanos_option};

/// Pauses a consumer, or lets it go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct PauseRequest {
    /// Until when; it goes on at once if that is not set or has passed.
    #[serde(with = "time::option", skip_serializing_if = "Option::is_none")]
    pub pause_until: Option<Timestamp>,
}

impl PauseRequest {
    /// Pauses it until this time.
    pub fn until(time: impl Into<Timestamp>) -> Self {
        Self { pause_until: Some(time.into()) }
    }

    /// Lets it go on.
    pub fn resume() -> Self {
        Self::default()
    }
}

/// Whether a consumer is paused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct PauseState {
    /// Whether it is.
    pub paused: bool,
    /// Until when.
    #[serde(with = "time::option", skip_serializing_if = "Option::is_none")]
    pub pause_until: Option<Timestamp>,
    /// For how long still.
    #[serde(with = "nanos_option", skip_serializing_if = "Option::is_none")]
    pub pause_remaining: Option<Duration>,
}
