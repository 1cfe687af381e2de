//! Subjects, queue groups and wildcards.
//!
//! A subject is a run of *tokens* with dots between them. In a pattern the token `*` stands for exactly one
//! token, and `>` as the last token for one or more. A `*` or `>` inside a longer token is an ordinary byte.
//!
//! The checks refuse what would break the protocol or could never be delivered, and nothing else: the server
//! splits control lines at space and tab and ends them at CRLF, so those four bytes are refused, and so are
//! empty tokens. ADR-6 recommends printable ASCII; other bytes pass, because the server passes them on.

mod error;

pub(crate) use error::excerpt;
use error::{Role, fault};
pub use error::{SubjectError, SubjectErrorKind};

use crate::words;

/// Checks a subject to publish to.
///
/// Wildcard tokens are accepted, as the server accepts them: such a message reaches only those whose
/// subscription matches the very tokens `*` or `>`. Use [`is_literal`] to refuse them.
///
/// # Errors
///
/// If the subject is empty, holds a space, tab, CR or LF, or has an empty token (a dot at either end, or two in
/// a row).
///
/// # Examples
///
/// ```
/// use nuncio_proto::subject::{SubjectErrorKind, validate_publish};
///
/// assert!(validate_publish(b"orders.eu").is_ok());
/// let refused = validate_publish(b"orders eu").unwrap_err();
/// assert_eq!(refused.kind(), SubjectErrorKind::Whitespace);
/// ```
#[inline]
pub fn validate_publish(s: &[u8]) -> Result<(), SubjectError> {
    if is_plain(s) { Ok(()) } else { validate_slowly(s, Role::Subject) }
}

/// Checks a subject to subscribe to, which may hold wildcards.
///
/// # Errors
///
/// As [`validate_publish`], and if the token `>` stands anywhere but at the end.
pub fn validate_subscribe(s: &[u8]) -> Result<(), SubjectError> {
    validate_publish(s)?;
    let mut rest = tokens(s).skip_while(|token| *token != b">");
    match (rest.next(), rest.next()) {
        (Some(_), Some(_)) => Err(SubjectError::new(SubjectErrorKind::MisplacedWildcard, Role::Subject, s)),
        _ => Ok(()),
    }
}

/// Checks the name of a queue group.
///
/// # Errors
///
/// If it is empty or holds a space, tab, CR or LF.
pub fn validate_queue(s: &[u8]) -> Result<(), SubjectError> {
    let kind = if s.is_empty() {
        SubjectErrorKind::Empty
    } else if s.iter().any(|b| is_whitespace(*b)) {
        SubjectErrorKind::Whitespace
    } else {
        return Ok(());
    };
    Err(SubjectError::new(kind, Role::Queue, s))
}

/// Checks a subject that others build on, where wildcards would catch foreign messages.
pub(crate) fn validate_inbox_prefix(s: &[u8]) -> Result<(), SubjectError> {
    validate_slowly(s, Role::InboxPrefix)?;
    if is_literal(s) {
        Ok(())
    } else {
        Err(SubjectError::new(SubjectErrorKind::Wildcard, Role::InboxPrefix, s))
    }
}

/// Whether `subject` is one of those that `pattern` stands for.
///
/// Both are taken to be valid. A wildcard in `subject` is an ordinary token that only an equal token or a
/// wildcard matches.
///
/// # Examples
///
/// ```
/// use nuncio_proto::subject::matches;
///
/// assert!(matches(b"orders.*.new", b"orders.eu.new"));
/// assert!(matches(b"orders.>", b"orders.eu.new"));
/// assert!(!matches(b"orders.>", b"orders"));
/// ```
pub fn matches(pattern: &[u8], subject: &[u8]) -> bool {
    if pattern == subject {
        return true;
    }
    if subject.is_empty() {
        return false;
    }
    let mut subject = tokens(subject);
    let mut pattern = tokens(pattern).peekable();
    while let Some(wanted) = pattern.next() {
        let Some(token) = subject.next() else { return false };
        if wanted == b">" && pattern.peek().is_none() {
            return true;
        }
        if wanted != b"*" && wanted != token {
            return false;
        }
    }
    subject.next().is_none()
}

/// Whether no token of the subject is a wildcard.
pub fn is_literal(s: &[u8]) -> bool {
    tokens(s).all(|token| token != b"*" && token != b">")
}

/// The tokens of a subject, in order.
///
/// An empty subject has one token, which is empty.
pub fn tokens(s: &[u8]) -> impl Iterator<Item = &[u8]> {
    s.split(|b| *b == b'.')
}

/// The bytes that break a control line.
const fn is_whitespace(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | b'\r' | b'\n')
}

/// Decides what the fast check could not, and says what is wrong.
#[cold]
fn validate_slowly(s: &[u8], role: Role) -> Result<(), SubjectError> {
    fault(s).map_or(Ok(()), |kind| Err(SubjectError::new(kind, role, s)))
}

/// The fast check: true only for a valid subject with no byte below `!`.
///
/// Reads eight bytes at a time and marks bytes by their high bit. False means "look closer", since a control
/// byte is legal.
#[inline]
fn is_plain(s: &[u8]) -> bool {
    let Some(last_word) = s.last_chunk::<8>() else { return is_plain_short(s) };
    let (words, rest) = s.as_chunks::<8>();
    // The start of the subject counts as a dot, so that a leading dot makes two in a row.
    let mut dot_before = 0x80;
    let mut bad = 0;
    for word in words {
        let (faults, dots) = inspect(*word, dot_before);
        bad |= faults;
        dot_before = dots >> 56;
    }
    if !rest.is_empty() {
        // Overlaps the last whole word, so the pair of bytes on the seam is inside.
        bad |= inspect(*last_word, 0).0;
    }
    let [.., last] = last_word;
    bad == 0 && *last != b'.'
}

/// Marks the bytes at fault (exact while there are none), and the dots (exact), of one word.
#[inline]
fn inspect(word: [u8; 8], dot_before: u64) -> (u64, u64) {
    let word = u64::from_le_bytes(word);
    let dots = words::equal(word, b'.');
    (words::below(word, b'!') | (dots & ((dots << 8) | dot_before)), dots)
}

#[inline]
fn is_plain_short(s: &[u8]) -> bool {
    let mut dot_before = true;
    let mut bad = false;
    for b in s {
        let dot = *b == b'.';
        bad |= (dot & dot_before) | (*b < b'!');
        dot_before = dot;
    }
    !(bad | dot_before)
}

#[cfg(test)]
mod tests;
