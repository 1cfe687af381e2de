//! What a publisher asks of the stream by headers: an id, expectations, a roll-up, a time to live.

use crate::header::{HeaderMap, HeaderView};
use crate::js::headers;
use crate::js::name::{NameKind, validate_name};
pub use crate::js::options::OptionError;
use crate::js::options::set;
use crate::js::ttl::Ttl;
use crate::subject::{self, excerpt};

/// What goes when a message with a roll-up is stored. The stream must allow it (`allow_rollup_hdrs`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rollup {
    /// All earlier messages of the same subject.
    Subject,
    /// All earlier messages of the stream.
    All,
}

/// Sets the id under which the stream stores the message once, within its duplicate window.
///
/// # Errors
///
/// If it is empty or no header value.
pub fn message_id(map: &mut HeaderMap, id: &str) -> Result<(), OptionError> {
    if id.is_empty() {
        return Err(OptionError::EmptyId);
    }
    set(map, headers::MESSAGE_ID, id)
}

/// The message is meant for this stream and no other.
///
/// # Errors
///
/// If it is no name of a stream.
pub fn stream(map: &mut HeaderMap, name: &str) -> Result<(), OptionError> {
    validate_name(NameKind::Stream, name)?;
    set(map, headers::EXPECTED_STREAM, name)
}

/// The last message of the stream has this sequence; 0 for an empty stream.
///
/// # Errors
///
/// None: to go with the others.
pub fn last_sequence(map: &mut HeaderMap, sequence: u64) -> Result<(), OptionError> {
    set(map, headers::EXPECTED_LAST_SEQUENCE, itoa::Buffer::new().format(sequence))
}

/// The last message of the stream has this id.
///
/// # Errors
///
/// If it is empty or no header value.
pub fn last_message_id(map: &mut HeaderMap, id: &str) -> Result<(), OptionError> {
    if id.is_empty() {
        return Err(OptionError::EmptyId);
    }
    set(map, headers::EXPECTED_LAST_MESSAGE_ID, id)
}

/// The last message of the same subject has this sequence; 0 for none.
///
/// # Errors
///
/// None: to go with the others.
pub fn last_subject_sequence(map: &mut HeaderMap, sequence: u64) -> Result<(), OptionError> {
    set(map, headers::EXPECTED_LAST_SUBJECT_SEQUENCE, itoa::Buffer::new().format(sequence))
}

/// The last message of the subjects that match `filter`, which may hold wildcards, has this sequence; 0 for none.
///
/// # Errors
///
/// If `filter` is no subject.
pub fn last_sequence_of(map: &mut HeaderMap, filter: &str, sequence: u64) -> Result<(), OptionError> {
    subject::validate_subscribe(filter.as_bytes())?;
    last_subject_sequence(map, sequence)?;
    set(map, headers::EXPECTED_LAST_SUBJECT_SEQUENCE_SUBJECT, filter)
}

/// Earlier messages go when this one is stored.
///
/// # Errors
///
/// None: to go with the others.
pub fn rollup(map: &mut HeaderMap, rollup: Rollup) -> Result<(), OptionError> {
    let value = match rollup {
        Rollup::Subject => "sub",
        Rollup::All => "all",
    };
    set(map, headers::ROLLUP, value)
}

/// How long the message is kept. The stream must allow it (`allow_msg_ttl`).
///
/// # Errors
///
/// If it is shorter than a second.
pub fn ttl(map: &mut HeaderMap, ttl: Ttl) -> Result<(), OptionError> {
    set(map, headers::TTL, &ttl.validate()?.to_string())
}

/// What is added to a counter: a whole number of any length, with or without a sign (ADR-49).
///
/// # Errors
///
/// If it is something else.
pub fn increment(map: &mut HeaderMap, delta: &str) -> Result<(), OptionError> {
    let digits = delta.strip_prefix(['+', '-']).unwrap_or(delta);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(OptionError::Increment(excerpt(delta.as_bytes())));
    }
    if digits.len() == delta.len() {
        // Servers before 2.15 want a sign.
        return set(map, headers::INCREMENT, &["+", delta].concat());
    }
    set(map, headers::INCREMENT, delta)
}

/// Whether the message has an id that the stream knows it by.
pub fn has_message_id(map: HeaderView<'_>) -> bool {
    map.get_exact(headers::MESSAGE_ID).is_some_and(|id| !id.is_empty())
}

/// Whether a message is stored once even when it is sent twice: it has an id, or expects a sequence or an id of the stream
/// that are others once it is stored.
///
/// The expected sequence of a subject does not do: when the first copy is taken from a work queue, purged or aged out before
/// the second comes, the subject is as it was.
pub fn is_idempotent(map: HeaderView<'_>) -> bool {
    has_message_id(map)
        || map.get_exact(headers::EXPECTED_LAST_SEQUENCE).is_some()
        || map.get_exact(headers::EXPECTED_LAST_MESSAGE_ID).is_some()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn entries(map: &HeaderMap) -> Vec<(&str, &str)> {
        map.iter().collect()
    }

    #[test]
    fn each_option_sets_its_header_once() {
        let mut map = HeaderMap::new();
        for id in ["a", "b"] {
            message_id(&mut map, id).unwrap();
        }
        stream(&mut map, "S").unwrap();
        last_sequence(&mut map, 0).unwrap();
        last_message_id(&mut map, "z").unwrap();
        last_sequence_of(&mut map, "a.*", u64::MAX).unwrap();
        rollup(&mut map, Rollup::Subject).unwrap();
        ttl(&mut map, Duration::from_secs(90).into()).unwrap();
        increment(&mut map, "7").unwrap();
        assert_eq!(
            entries(&map),
            [
                ("Nats-Msg-Id", "b"),
                ("Nats-Expected-Stream", "S"),
                ("Nats-Expected-Last-Sequence", "0"),
                ("Nats-Expected-Last-Msg-Id", "z"),
                ("Nats-Expected-Last-Subject-Sequence", "18446744073709551615"),
                ("Nats-Expected-Last-Subject-Sequence-Subject", "a.*"),
                ("Nats-Rollup", "sub"),
                ("Nats-TTL", "1m30s"),
                ("Nats-Incr", "+7"),
            ]
        );
    }

    #[test]
    fn what_the_stream_would_refuse_is_refused() {
        let map = &mut HeaderMap::new();
        assert_eq!(message_id(map, ""), Err(OptionError::EmptyId));
        assert_eq!(last_message_id(map, ""), Err(OptionError::EmptyId));
        assert!(matches!(message_id(map, "a\r\nb: c"), Err(OptionError::Header(_))));
        assert!(matches!(stream(map, "a.b"), Err(OptionError::Name(_))));
        assert!(matches!(last_sequence_of(map, "a..b", 1), Err(OptionError::Subject(_))));
        assert!(matches!(ttl(map, Duration::ZERO.into()), Err(OptionError::Ttl(_))));
        for bad in ["", "+", "1.5", "--1", "1 ", "0x1"] {
            assert_eq!(increment(map, bad), Err(OptionError::Increment(bad.into())));
        }
        assert!(map.is_empty());
    }

    #[test]
    fn what_may_be_sent_twice_is_told() {
        type Option = fn(&mut HeaderMap) -> Result<(), OptionError>;
        let table: [(Option, bool); 8] = [
            (|map| message_id(map, "a"), true),
            (|map| last_sequence(map, 1), true),
            (|map| last_message_id(map, "a"), true),
            // The message may be gone again before it is sent the second time.
            (|map| last_subject_sequence(map, 1), false),
            (|map| last_sequence_of(map, "a.*", 1), false),
            (|map| stream(map, "S"), false),
            (|map| rollup(map, Rollup::All), false),
            (|_| Ok(()), false),
        ];
        for (at, (option, wanted)) in table.into_iter().enumerate() {
            let mut map = HeaderMap::new();
            option(&mut map).unwrap();
            assert_eq!(is_idempotent(map.view()), wanted, "{at}");
        }
    }

    #[test]
    fn any_whole_number_may_be_added() {
        for (delta, sent) in [
            ("-3", "-3"),
            ("+3", "+3"),
            ("123456789012345678901234567890", "+123456789012345678901234567890"),
        ] {
            let mut map = HeaderMap::new();
            increment(&mut map, delta).unwrap();
            assert_eq!(entries(&map), [("Nats-Incr", sent)]);
        }
    }
}
