//! The frames of a batch, found again.

use std::collections::VecDeque;

use bytes::Bytes;
use memchr::memchr;

use super::Chained;

/// One frame of a batch: what lies before a chained payload, the payload, what lies behind.
pub(super) struct Frame<'a> {
    pub(super) head: &'a [u8],
    pub(super) chained: Option<Bytes>,
    pub(super) tail: &'a [u8],
    /// Bytes of header block and payload.
    pub(super) body: usize,
    pub(super) message: bool,
}

impl Frame<'_> {
    pub(super) fn len(&self) -> usize {
        self.head.len() + self.chained.as_ref().map_or(0, Bytes::len) + self.tail.len()
    }

    pub(super) fn reply(&self) -> Option<&[u8]> {
        let line = self.head.split(|byte| *byte == b'\n').next().filter(|_| self.message)?;
        // Before the sizes, of which there is one more with headers.
        let before = if line.starts_with(b"HPUB ") { 4 } else { 3 };
        let mut words = line.split(|byte| *byte == b' ');
        let reply = words.nth(2)?;
        (words.count() + 3 > before).then_some(reply)
    }
}

/// Walks over frames that `encode` wrote; it relies on their exact form and stops where that is not met.
pub(super) struct Frames<'a> {
    bytes: &'a [u8],
    at: usize,
    chained: &'a mut VecDeque<Chained>,
}

impl<'a> Frames<'a> {
    pub(super) fn new(bytes: &'a [u8], chained: &'a mut VecDeque<Chained>) -> Self {
        Self { bytes, at: 0, chained }
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Frame<'a>;

    fn next(&mut self) -> Option<Frame<'a>> {
        let rest = self.bytes.get(self.at..).filter(|rest| !rest.is_empty())?;
        let line_len = memchr(b'\n', rest)? + 1;
        let line = rest.get(..line_len)?;
        let has_headers = line.starts_with(b"HPUB ");
        if !has_headers && !line.starts_with(b"PUB ") {
            self.at += line_len;
            return Some(Frame { head: line, chained: None, tail: &[], body: 0, message: false });
        }
        let mut numbers = line.trim_ascii_end().rsplit(|b| *b == b' ').map(decimal);
        let total = numbers.next()??;
        let header = if has_headers { numbers.next()?? } else { 0 };
        let body_at = self.at + line_len + header;
        let chained = match self.chained.front() {
            Some(c) if c.at == body_at => self.chained.pop_front().map(|c| c.data),
            _ => None,
        };
        let copied = if chained.is_some() { 0 } else { total.checked_sub(header)? };
        let head = self.bytes.get(self.at..body_at)?;
        let end = body_at + copied + 2;
        let tail = self.bytes.get(body_at..end)?;
        self.at = end;
        Some(Frame { head, chained, tail, body: total, message: true })
    }
}

fn decimal(digits: &[u8]) -> Option<usize> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}
