//! The text of a map: a whole header block at any time, with room behind it.

use super::VERSION;
use super::error::{HeaderError, validate};
use super::{control, not_of_name};
use crate::words;

const CRLF: [u8; 2] = *b"\r\n";
/// The version line of a block without a status.
pub(super) const FIRST_LINE: &[u8; 10] = b"NATS/1.0\r\n";
/// Room for the version line and a few short entries, so that the usual map allocates once.
const FIRST_ROOM: usize = 128;

/// A header block that is UTF-8.
///
/// The room behind it has been written before, so that a line is put together in place; a line is written over the
/// empty one that ends the block, and writes that again behind itself.
#[derive(Default)]
pub(super) struct Wire {
    /// The block and the room behind it.
    bytes: Vec<u8>,
    /// Where the empty line at the end of the block is; 0 if not even the version line has been written.
    end: usize,
}

impl Wire {
    pub(super) const fn new() -> Self {
        Self { bytes: Vec::new(), end: 0 }
    }

    /// Room for a block of so many bytes.
    pub(super) fn with_room(room: usize) -> Self {
        let mut wire = Self { bytes: vec![0; room], end: 0 };
        if room >= FIRST_LINE.len() + CRLF.len() {
            wire.push_lines(&[FIRST_LINE]);
        }
        wire
    }

    /// The block up to its empty line, which is not in it; empty in place of a bare version line.
    #[inline]
    pub(super) fn lines(&self) -> &[u8] {
        self.bytes.get(..self.end).unwrap_or_default()
    }

    /// The whole block.
    #[inline]
    pub(super) fn block(&self) -> &[u8] {
        match self.end {
            0 => b"NATS/1.0\r\n\r\n",
            end => self.bytes.get(..end + CRLF.len()).unwrap_or_default(),
        }
    }

    /// Bytes of [`lines`](Self::lines).
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.end
    }

    /// Bytes that there is room for, those of the block among them.
    pub(super) fn room(&self) -> usize {
        self.bytes.len()
    }

    /// Cuts the lines off behind so many bytes.
    pub(super) fn truncate(&mut self, len: usize) {
        self.end = self.end.min(len);
        self.finish();
    }

    /// Removes all lines; a bare version line stays.
    pub(super) fn clear(&mut self) {
        let bare = self.bytes.starts_with(FIRST_LINE);
        self.truncate(if bare { FIRST_LINE.len() } else { 0 });
    }

    /// Appends lines as they are, each with its CRLF.
    pub(super) fn push_lines(&mut self, lines: &[&[u8]]) {
        let added: usize = lines.iter().map(|line| line.len()).sum();
        self.make_room(added);
        for line in lines {
            if let Some(room) = self.bytes.get_mut(self.end..).and_then(|room| room.get_mut(..line.len())) {
                room.copy_from_slice(line);
                self.end += line.len();
            }
        }
        self.finish();
    }

    /// Appends an entry, if its name and its value are what they may be.
    #[inline]
    pub(super) fn push(&mut self, name: &str, value: &str) -> Result<(), HeaderError> {
        let room = self.bytes.get_mut(self.end..).unwrap_or_default();
        match write_entry(room, name.as_bytes(), value.as_bytes()) {
            Some(0) if self.end != 0 && !name.is_empty() => {
                self.end += entry_len(name, value);
                Ok(())
            }
            _ => self.push_slowly(name, value),
        }
    }

    /// Appends an entry that there is no room for, or that has to be looked at closely.
    #[cold]
    #[inline(never)]
    fn push_slowly(&mut self, name: &str, value: &str) -> Result<(), HeaderError> {
        let valid = validate(name, value);
        if valid.is_ok() {
            if self.end == 0 {
                self.push_lines(&[FIRST_LINE]);
            }
            self.push_lines(&[name.as_bytes(), b": ", value.as_bytes(), &CRLF]);
        }
        // What was tried went over the end.
        self.finish();
        valid
    }

    /// Makes room for so many more bytes.
    fn make_room(&mut self, added: usize) {
        let needed = self.end + added + CRLF.len();
        if needed > self.bytes.len() {
            let room = needed.max(self.bytes.len().saturating_mul(2)).max(FIRST_ROOM);
            self.bytes.resize(room, 0);
        }
    }

    /// Writes the empty line that ends the block.
    fn finish(&mut self) {
        if self.end != 0
            && let Some(end) = self.bytes.get_mut(self.end..).and_then(|room| room.first_chunk_mut())
        {
            *end = CRLF;
        }
    }
}

/// A copy has no room behind the block.
impl Clone for Wire {
    fn clone(&self) -> Self {
        let bytes = if self.end == 0 { Vec::new() } else { self.block().to_vec() };
        Self { bytes, end: self.end }
    }
}

/// Whether an entire version line is the bare one.
pub(super) fn is_bare(lines: &[u8]) -> bool {
    lines.get(VERSION.len()) == Some(&b'\r')
}

/// Bytes of an entry on the wire: name, colon, space, value, CRLF.
pub(super) fn entry_len(name: &str, value: &str) -> usize {
    name.len() + value.len() + 4
}

/// Writes an entry and the empty line behind it, and marks what may be at fault in it; `None` if there is no room.
#[inline]
fn write_entry(room: &mut [u8], name: &[u8], value: &[u8]) -> Option<u64> {
    let (to, room) = room.split_at_mut_checked(name.len())?;
    let of_name = words::copy(to, name, not_of_name);
    let (to, room) = room.split_first_chunk_mut()?;
    *to = *b": ";
    let (to, room) = room.split_at_mut_checked(value.len())?;
    let of_value = words::copy(to, value, control);
    *room.first_chunk_mut()? = *b"\r\n\r\n";
    Some(of_name | of_value)
}
