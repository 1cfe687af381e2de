//! Message headers (ADR-4).
//!
//! On the wire a header block is a version line, which may carry a status, then a line for each entry, then an
//! empty line:
//!
//! ```text
//! NATS/1.0 503 No Responders␍␊
//! Name: value␍␊
//! ␍␊
//! ```
//!
//! [`HeaderMap`] is what one sends, [`HeaderView`] what one received. Both keep the block as the text that it is
//! on the wire: a map is sent with one copy, and a view is parsed without an allocation. The order of entries
//! and the case of names are kept, and a name may have several values, each on a line of its own.
//!
//! # Which name is which
//!
//! On the wire names are case-sensitive. Reading is forgiving: `get`, `get_all`, `get_last` and `contains` take
//! the entries that are spelled exactly as asked, and if there are none, those that differ in ASCII case only.
//! `get_exact` takes nothing but the exact spelling, and `get_canonical` the MIME spelling of the name asked for
//! (`nats-msg-id` finds `Nats-Msg-Id`). What changes a map (`insert`, `remove`) goes by the exact spelling.
//!
//! # Spaces
//!
//! Spaces and tabs around a value have no meaning: a map sends them as they were given, and every getter leaves
//! them out.
//!
//! # Malformed blocks
//!
//! A publisher can send any bytes as a header block and the server passes them on. [`HeaderView::parse`] is strict and
//! says what is wrong; [`raw_lines`] and [`status`] get out of such a block what can be got.

mod error;
mod map;
mod raw;
mod scan;
mod status;
mod view;

use crate::words;

pub use error::HeaderError;
pub use map::HeaderMap;
pub use raw::{RawLines, raw_lines};
pub use scan::look_up;
pub use status::{Status, is_no_responders, status};
pub use view::{Entries, HeaderView, Keys, Values};

/// The start of every header block.
const VERSION: &str = "NATS/1.0";

/// The version line of a block without a status.
const FIRST_LINE: &[u8; 10] = b"NATS/1.0\r\n";

/// What carries no meaning around a value, and ends a status code.
const BLANKS: [char; 2] = [' ', '\t'];

/// Marks what no name holds: all but printable ASCII, and the colon (ADR-4). The lowest mark is exact.
#[inline(always)]
fn not_of_name(word: u64) -> u64 {
    (words::below(word, b'!') | words::first_equal(word, b':') | word.wrapping_add(words::splat(1)) | word)
        & words::HIGH
}

/// Marks control characters. The lowest mark is exact.
#[inline(always)]
fn control(word: u64) -> u64 {
    words::below(word, b' ')
}

/// Whether a name is printable ASCII without colon, and not empty (ADR-4).
fn is_valid_name(name: &[u8]) -> bool {
    !name.is_empty() && !words::any(name, not_of_name)
}

/// Whether a value holds what would end its line.
#[inline]
fn breaks_line(value: &[u8]) -> bool {
    // Few values have any control character: those with one are looked at again.
    words::any(value, control) && memchr::memchr2(b'\r', b'\n', value).is_some()
}

#[cfg(test)]
mod tests;
