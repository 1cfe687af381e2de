//! A quick look at a header block, for what nearly all blocks are: well-formed.

use super::status::{after_version, trim};
use super::{FIRST_LINE, HeaderView, control, not_of_name};
use crate::words;

/// The first value of the name in a header block: what [`HeaderView::parse`] and then [`HeaderView::get`] say, in one
/// pass and without a view.
///
/// The whole block is checked all the same: `None` if it is malformed, be it behind the entry, as well as if there is no
/// such entry.
///
/// # Examples
///
/// ```
/// use nuncio_proto::header::look_up;
///
/// assert_eq!(look_up(b"NATS/1.0\r\nTrace: 1\r\nTag: a\r\n\r\n", "tag"), Some("a"));
/// assert_eq!(look_up(b"NATS/1.0\r\nTag: a\r\nno colon\r\n\r\n", "Tag"), None);
/// ```
pub fn look_up<'a>(block: &'a [u8], name: &str) -> Option<&'a str> {
    let mut scan = Scan::new(block);
    let (mut exact, mut similar) = (None, None);
    while let Some((candidate, value)) = scan.entry() {
        if candidate.len() != name.len() {
            continue;
        }
        if candidate == name.as_bytes() {
            exact = exact.or(Some(value));
        } else if candidate.eq_ignore_ascii_case(name.as_bytes()) {
            similar = similar.or(Some(value));
        }
    }
    if !scan.is_well_formed() {
        return look_up_strictly(block, name);
    }
    str::from_utf8(trim(exact.or(similar)?)).ok()
}

#[cold]
fn look_up_strictly<'a>(block: &'a [u8], name: &str) -> Option<&'a str> {
    HeaderView::check(block).ok()?.get(name)
}

/// Whether a block is well-formed beyond doubt. A few that are not found to be are well-formed too.
pub(super) fn is_well_formed(block: &[u8]) -> bool {
    let mut scan = Scan::new(block);
    while scan.entry().is_some() {}
    scan.is_well_formed()
}

/// Reads a block a line at a time, and stops at its end or at whatever is odd.
struct Scan<'a> {
    block: &'a [u8],
    /// What has not been read.
    rest: &'a [u8],
    /// The last eight bytes of the block.
    last: u64,
    /// All words that were read, one over the other: whether any byte is not ASCII.
    seen: u64,
}

impl<'a> Scan<'a> {
    /// Begins with the first entry, or with nothing left if the version line is odd.
    #[inline(always)]
    fn new(block: &'a [u8]) -> Self {
        let last = block.last_chunk().map_or(0, |last| u64::from_le_bytes(*last));
        match block.strip_prefix(FIRST_LINE) {
            Some(rest) => Self { block, rest, last, seen: 0 },
            // The first line has not been looked at for what is not ASCII.
            None => Self { block, rest: behind_status(block).unwrap_or_default(), last, seen: words::HIGH },
        }
    }

    /// Name and value of the next line; `None` if it is none.
    #[inline(always)]
    fn entry(&mut self) -> Option<(&'a [u8], &'a [u8])> {
        if self.rest.len() <= 2 {
            return None;
        }
        let (name, behind) = self.split(self.rest, not_of_name)?;
        let (value, rest) = self.line(behind.strip_prefix(b":").filter(|_| !name.is_empty())?)?;
        self.rest = rest;
        Some((name, value))
    }

    /// What stands before the next CRLF, and what behind it; `None` if the line ends otherwise.
    #[inline(always)]
    fn line(&mut self, text: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        let (line, behind) = self.split(text, control)?;
        match behind.strip_prefix(b"\r\n") {
            Some(rest) => Some((line, rest)),
            None => {
                // Not all of it has been looked at.
                self.seen |= words::HIGH;
                odd_line(text)
            }
        }
    }

    /// What stands before the first byte that `eight` marks, and the rest. It has to mark a 0.
    #[inline(always)]
    fn split(&mut self, text: &'a [u8], eight: impl Fn(u64) -> u64) -> Option<(&'a [u8], &'a [u8])> {
        let mut rest = text;
        loop {
            let (word, tail) = match rest.split_first_chunk() {
                Some((word, tail)) => (u64::from_le_bytes(*word), tail),
                // The end of the last word, and zeros behind it.
                None => (self.last >> 8 >> (56 - 8 * rest.len()), [].as_slice()),
            };
            self.seen |= word;
            let marks = eight(word);
            if marks != 0 {
                return text.split_at_checked(text.len() - rest.len() + marks.trailing_zeros() as usize / 8);
            }
            rest = tail;
        }
    }

    /// Whether what was read to its end is a well-formed block.
    #[inline(always)]
    fn is_well_formed(&self) -> bool {
        self.rest == b"\r\n" && (self.seen & words::HIGH == 0 || str::from_utf8(self.block).is_ok())
    }
}

/// What stands before the next CRLF, and what behind it, where other control characters may stand before it.
#[cold]
#[inline(never)]
fn odd_line(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (line, behind) = text.split_at_checked(memchr::memchr2(b'\r', b'\n', text)?)?;
    Some((line, behind.strip_prefix(b"\r\n")?))
}

/// What follows a version line with a status.
#[cold]
#[inline(never)]
fn behind_status(block: &[u8]) -> Option<&[u8]> {
    let (line, rest) = odd_line(block)?;
    after_version(line).map(|_| rest)
}
