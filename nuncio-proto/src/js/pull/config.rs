//! What a continuous pull asks for, and its request.

use std::time::Duration;

use serde::Serialize;

use crate::js::status::RequestLimit;

/// How many messages a pull that is bound by bytes alone asks for: more than can come.
pub(crate) const UNBOUNDED: u64 = 1_000_000;
/// How many are asked for unless told.
const MESSAGES: u64 = 500;
/// The shortest expiry of a pull. nats-server refuses heartbeats above half of it.
pub const MIN_EXPIRES: Duration = Duration::from_secs(1);

/// No wait is longer: 100 years, which a clock can be ahead of now.
pub(crate) const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// The interval of heartbeats while it matters that silence is noticed soon.
const LIVELY: Duration = Duration::from_millis(1500);

/// What a continuous pull asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PullConfig {
    /// The most messages that are asked for and have not come. Default: 500, or no limit of messages if
    /// [`max_bytes`](Self::max_bytes) is set.
    pub max_messages: Option<u64>,
    /// The most bytes that are asked for and have not come, as the server counts them: subject, reply, headers, payload.
    pub max_bytes: Option<u64>,
    /// More is asked for once no more than so many messages are to come. Default: half of `max_messages`.
    pub threshold_messages: Option<u64>,
    /// More is asked for once no more than so many bytes are to come. Default: half of `max_bytes`.
    pub threshold_bytes: Option<u64>,
    /// How long a pull waits at the server. Default: 30 seconds; at least [`MIN_EXPIRES`].
    pub expires: Duration,
    /// How often the server says that it is there while it has nothing to deliver. Default: 1.5 seconds for pulls that
    /// are sent while messages come or after trouble, since a pull that is sent to a leader in the moment of its change is
    /// lost without a word; and where none came during the pull before, what [`calm_heartbeat`](Self::calm_heartbeat) says.
    pub heartbeat: Option<Duration>,
    /// How often it says so where no message came during the pull before, unless `heartbeat` is set. Default: half of
    /// `expires`, within 0.5 to 30 seconds.
    pub calm_heartbeat: Option<Duration>,
    /// Ends by itself after so many messages.
    pub stop_after: Option<u64>,
    /// What consumers with priority groups want to know.
    pub priority: Priority,
    /// What gives way to the consumer's limits on single pulls when it refuses one for being too large; else that is
    /// the end.
    pub adapt: Adapt,
    /// Decides what is left to chance.
    pub seed: u64,
}

/// What of a pull gives way to the limits of the consumer. Default: everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Adapt {
    /// How many messages it asks for.
    pub messages: bool,
    /// How many bytes it asks for.
    pub bytes: bool,
    /// How long it waits.
    pub expires: bool,
}

impl Default for Adapt {
    fn default() -> Self {
        Self { messages: true, bytes: true, expires: true }
    }
}

impl PullConfig {
    /// Makes what may give way fit the limits of a consumer that are known beforehand.
    pub fn fit(&mut self, max_batch: Option<u64>, max_expires: Option<Duration>) {
        let most = if self.max_bytes.is_some() { UNBOUNDED } else { MESSAGES };
        if let Some(batch) =
            max_batch.filter(|batch| self.max_messages.is_none() && (1..most).contains(batch))
        {
            self.adapt_to(RequestLimit::Batch(batch));
        }
        max_expires.into_iter().for_each(|expires| _ = self.adapt_to(RequestLimit::Expires(expires)));
    }
}

impl Default for PullConfig {
    fn default() -> Self {
        Self {
            max_messages: None,
            max_bytes: None,
            threshold_messages: None,
            threshold_bytes: None,
            expires: Duration::from_secs(30),
            heartbeat: None,
            calm_heartbeat: None,
            stop_after: None,
            priority: Priority::default(),
            adapt: Adapt::default(),
            seed: 0,
        }
    }
}

/// What a pull says to a consumer with priority groups (ADR-42).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Priority {
    /// The group.
    pub group: Option<String>,
    /// Only if at least so many messages are pending.
    pub min_pending: Option<u64>,
    /// Only if at least so many acknowledgements are pending.
    pub min_ack_pending: Option<u64>,
    /// From 0, the default and the first served, to 9.
    pub priority: Option<u8>,
}

/// The request.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Body<'a> {
    pub(crate) batch: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) expires: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_bytes: Option<u64>,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) no_wait: bool,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) idle_heartbeat: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) group: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) min_pending: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) min_ack_pending: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) priority: Option<u8>,
}

fn is_zero(value: &i64) -> bool {
    *value == 0
}

fn is_false(value: &bool) -> bool {
    !value
}

impl<'a> Body<'a> {
    /// A body with what the group needs; the pin counts within a group only.
    pub(crate) fn of(priority: &'a Priority, pin: Option<&'a str>) -> Self {
        Self {
            group: priority.group.as_deref(),
            id: pin.filter(|_| priority.group.is_some()),
            min_pending: priority.min_pending,
            min_ack_pending: priority.min_ack_pending,
            priority: priority.priority.filter(|priority| *priority > 0),
            ..Self::default()
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        // A struct of numbers and texts always has a JSON form.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl PullConfig {
    pub(super) fn normal(mut self) -> Self {
        if self.max_messages.is_none() && self.max_bytes.is_none() {
            self.max_messages = Some(MESSAGES);
        }
        self.max_messages = self.max_messages.map(|max| max.clamp(1, UNBOUNDED));
        self.max_bytes = self.max_bytes.map(|max| max.max(1));
        self.expires = self.expires.clamp(MIN_EXPIRES, LONGEST);
        self
    }

    /// The interval of heartbeats for the next pull; `calm` if nothing came during the one before.
    pub(super) fn heartbeat(&self, calm: bool) -> Duration {
        let fitting = if calm { self.calm_heartbeat } else { Some(LIVELY) };
        heartbeat(self.heartbeat.or(fitting), self.expires)
    }

    pub(super) fn threshold_messages(&self) -> Option<u64> {
        let max = self.max_messages?;
        Some(self.threshold_messages.unwrap_or(max / 2).min(max - 1))
    }

    pub(super) fn threshold_bytes(&self) -> Option<u64> {
        let max = self.max_bytes?;
        Some(self.threshold_bytes.unwrap_or(max / 2).min(max - 1))
    }

    /// Keeps to a limit that the consumer tells; false if that is known already, or insisted on.
    pub(super) fn adapt_to(&mut self, limit: RequestLimit) -> bool {
        let Adapt { messages, bytes, expires } = self.adapt;
        match limit {
            RequestLimit::Batch(most)
                if messages && most > 0 && self.max_messages.is_none_or(|max| max > most) =>
            {
                self.max_messages = Some(most);
            }
            RequestLimit::Bytes(most)
                if bytes && most > 0 && self.max_bytes.is_some_and(|max| max > most) =>
            {
                self.max_bytes = Some(most);
            }
            RequestLimit::Expires(most) if expires && !most.is_zero() && self.expires > most => {
                self.expires = most;
            }
            _ => return false,
        }
        true
    }
}

/// What was asked for, or half of the expiry within 0.5 to 30 seconds; never above half of the expiry, which the
/// server refuses.
pub(crate) fn heartbeat(wanted: Option<Duration>, expires: Duration) -> Duration {
    let half = expires / 2;
    wanted.unwrap_or_else(|| half.clamp(Duration::from_millis(500), Duration::from_secs(30))).min(half)
}
