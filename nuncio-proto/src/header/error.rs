//! What can be wrong with a header.

use super::{breaks_line, is_valid_name};
use crate::subject::excerpt;

/// A header that cannot be sent, or a received block that is malformed.
///
/// The texts inside are made printable and at most 128 bytes long; a cut shows as `…` at the end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// The name of a header is empty.
    #[error("a header name must not be empty")]
    EmptyName,
    /// The name of a header holds more than printable ASCII without colon.
    #[error("invalid header name \"{name}\": use printable ASCII without spaces and without ':'")]
    InvalidName {
        /// The name.
        name: String,
    },
    /// The value of a header holds a CR or LF.
    #[error("the value of header \"{name}\" holds a CR or LF; encode it or use two headers")]
    InvalidValue {
        /// The name of the header.
        name: String,
    },
    /// The description of a status holds a CR or LF.
    #[error("the status description \"{description}\" holds a CR or LF; a status is one line")]
    InvalidDescription {
        /// The description.
        description: String,
    },
    /// The first line does not start with `NATS/1.0`.
    #[error("malformed header block: it starts with \"{line}\" where \"NATS/1.0\" is due")]
    MissingVersion {
        /// The first line.
        line: String,
    },
    /// A line has no colon between name and value.
    #[error("malformed header line \"{line}\": it has no ':' behind the name")]
    MissingColon {
        /// The line.
        line: String,
    },
    /// A line starts with a space or tab. Folded values are no part of ADR-4.
    #[error("malformed header line \"{line}\": it starts with a space or tab; values may not be folded")]
    ContinuationLine {
        /// The line.
        line: String,
    },
    /// A line ends in LF without CR.
    #[error("malformed header line \"{line}\": it ends in LF where CRLF is due")]
    MissingCarriageReturn {
        /// The line.
        line: String,
    },
    /// A line is not UTF-8.
    #[error("malformed header line \"{line}\": it is not UTF-8")]
    NotUtf8 {
        /// The line.
        line: String,
    },
    /// The block does not end with an empty line.
    #[error("malformed header block: the empty line at the end is missing")]
    MissingEnd,
    /// There is more behind the empty line that ends the block.
    #[error("malformed header block: \"{text}\" follows the empty line that ends it")]
    TrailingBytes {
        /// What follows.
        text: String,
    },
}

impl HeaderError {
    #[cold]
    pub(super) fn name(name: &[u8]) -> Self {
        if name.is_empty() { Self::EmptyName } else { Self::InvalidName { name: excerpt(name) } }
    }

    #[cold]
    pub(super) fn value(name: &[u8]) -> Self {
        Self::InvalidValue { name: excerpt(name) }
    }

    #[cold]
    pub(super) fn description(description: &str) -> Self {
        Self::InvalidDescription { description: excerpt(description.as_bytes()) }
    }

    #[cold]
    pub(super) fn version(line: &[u8]) -> Self {
        Self::MissingVersion { line: excerpt(line) }
    }

    #[cold]
    pub(super) fn colon(line: &[u8]) -> Self {
        Self::MissingColon { line: excerpt(line) }
    }

    #[cold]
    pub(super) fn continuation(line: &[u8]) -> Self {
        Self::ContinuationLine { line: excerpt(line) }
    }

    #[cold]
    pub(super) fn line_end(line: &[u8]) -> Self {
        Self::MissingCarriageReturn { line: excerpt(line) }
    }

    /// The fault of a block that is valid up to a byte.
    #[cold]
    pub(super) fn utf8(block: &[u8], valid_up_to: usize) -> Self {
        let (before, behind) = block.split_at_checked(valid_up_to).unwrap_or_default();
        let start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
        let end = memchr::memchr(b'\n', behind).map_or(block.len(), |at| valid_up_to + at);
        let line = block.get(start..end).unwrap_or_default();
        Self::NotUtf8 { line: excerpt(line.strip_suffix(b"\r").unwrap_or(line)) }
    }

    #[cold]
    pub(super) fn trailing(text: &[u8]) -> Self {
        Self::TrailingBytes { text: excerpt(text) }
    }
}

/// Checks one entry of a map.
#[inline]
pub(super) fn validate(name: &str, value: &str) -> Result<(), HeaderError> {
    if !is_valid_name(name.as_bytes()) {
        return Err(HeaderError::name(name.as_bytes()));
    }
    if breaks_line(value.as_bytes()) {
        return Err(HeaderError::value(name.as_bytes()));
    }
    Ok(())
}
