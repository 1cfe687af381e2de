//! The reply subject of a delivered message, and what is answered to it.

use std::borrow::Cow;
use std::time::Duration;

use crate::js::time::{Timestamp, to_nanos};

/// What the reply subject of a message from a consumer tells about its delivery.
///
/// Both forms are read: the one with nine tokens, and the one with eleven or more that has domain and account as well
/// (nats-server sends it with the feature flag `js_ack_fc_v2`). Nothing is copied.
///
/// To acknowledge, the reply subject is published to as it is, never a rebuilt one.
///
/// # Examples
///
/// ```
/// use nuncio_proto::js::ack::Delivery;
///
/// let delivery = Delivery::parse(b"$JS.ACK.ORDERS.worker.1.42.7.1795492361452366662.3").unwrap();
/// assert_eq!(delivery.stream, b"ORDERS");
/// assert_eq!(delivery.stream_sequence, 42);
/// assert_eq!(delivery.pending, 3);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivery<'a> {
    /// The domain of the stream, where the longer form names one.
    pub domain: Option<&'a [u8]>,
    /// The hash of the account, in the longer form.
    pub account: Option<&'a [u8]>,
    /// The stream.
    pub stream: &'a [u8],
    /// The consumer.
    pub consumer: &'a [u8],
    /// How often the message has been delivered, this time included.
    pub delivered: u64,
    /// The message's sequence in the stream.
    pub stream_sequence: u64,
    /// The number of this delivery within the consumer. A reset of the consumer begins again at 1.
    pub consumer_sequence: u64,
    /// When the stream took the message, in nanoseconds since the epoch.
    pub timestamp: i64,
    /// Messages behind this one that match the consumer's filter; 0 when it was the newest.
    pub pending: u64,
}

const PREFIX: &[u8] = b"$JS.ACK.";

impl<'a> Delivery<'a> {
    /// Reads a reply subject; `None` if it is not that of a message from a consumer.
    pub fn parse(reply: &'a [u8]) -> Option<Self> {
        let rest = reply.strip_prefix(PREFIX)?;
        let dots = memchr::memchr_iter(b'.', rest).count();
        let mut tokens = Tokens(rest);
        let (domain, account) = match dots {
            6 => (None, None),
            8.. => (Some(tokens.name()?).filter(|domain| *domain != b"_"), Some(tokens.name()?)),
            _ => return None,
        };
        Some(Self {
            domain,
            account,
            stream: tokens.name()?,
            consumer: tokens.name()?,
            delivered: tokens.number()?,
            stream_sequence: tokens.number()?,
            consumer_sequence: tokens.number()?,
            timestamp: i64::try_from(tokens.number()?).ok()?,
            pending: tokens.number()?,
        })
    }

    /// When the stream took the message.
    pub fn published(&self) -> Timestamp {
        Timestamp::from_nanos(self.timestamp)
    }
}

struct Tokens<'a>(&'a [u8]);

impl<'a> Tokens<'a> {
    fn name(&mut self) -> Option<&'a [u8]> {
        let end = memchr::memchr(b'.', self.0).unwrap_or(self.0.len());
        let (token, rest) = self.0.split_at_checked(end)?;
        self.0 = rest.strip_prefix(b".").unwrap_or(rest);
        Some(token).filter(|token| !token.is_empty())
    }

    /// In one pass, since ordered consumers read every delivery.
    fn number(&mut self) -> Option<u64> {
        let (mut value, mut digits) = (0u64, 0);
        while let [byte, rest @ ..] = self.0 {
            self.0 = rest;
            match byte {
                b'.' => break,
                b'0'..=b'9' => value = value.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?,
                _ => return None,
            }
            digits += 1;
        }
        (digits > 0).then_some(value)
    }
}

/// A decimal number with nothing around it.
pub(crate) fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u64, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

/// What is answered to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ack<'a> {
    /// Done with it.
    Ack,
    /// Deliver it again, at once.
    Nak,
    /// Deliver it again, after this time.
    NakDelay(Duration),
    /// Still at it: the time for acknowledging begins anew.
    Progress,
    /// Never deliver it again.
    Term,
    /// Never deliver it again, for this reason, which the server's advisory repeats.
    TermReason(&'a str),
}

/// What acknowledges a message and pulls the next one: the server answers to the reply subject as it does to a pull with
/// that body.
pub fn next(pull: &[u8]) -> Vec<u8> {
    [b"+NXT ", pull].concat()
}

impl Ack<'_> {
    /// The payload that says so.
    pub fn payload(&self) -> Cow<'static, [u8]> {
        let fixed: &'static [u8] = match self {
            Self::Ack => b"+ACK",
            Self::Nak => b"-NAK",
            Self::NakDelay(delay) => {
                let nanos = to_nanos(*delay);
                return Cow::Owned(format!("-NAK {{\"delay\":{nanos}}}").into_bytes());
            }
            Self::Progress => b"+WPI",
            Self::Term => b"+TERM",
            Self::TermReason(reason) => return Cow::Owned([b"+TERM ", reason.as_bytes()].concat()),
        };
        Cow::Borrowed(fixed)
    }

    /// Whether the message is settled by it: all but [`Ack::Progress`].
    pub fn is_final(&self) -> bool {
        !matches!(self, Self::Progress)
    }
}

#[cfg(test)]
mod tests;
