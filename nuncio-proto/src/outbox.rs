//! What waits to be written: encoded frames in one buffer, large payloads chained between them by reference.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::Bytes;

use crate::encode;
use crate::header::HeaderMap;
use frames::{Frame, Frames};

mod frames;

/// Payloads of at least this many bytes are chained instead of copied, when they are handed over as [`Bytes`].
///
/// Below it a copy into the hot buffer is cheaper than one more slice of a vectored write.
pub const CHAIN_FROM: usize = 4096;

/// A payload on its way out.
#[derive(Clone, Debug)]
pub enum Payload<'a> {
    /// Borrowed bytes: copied into the buffer.
    Borrowed(&'a [u8]),
    /// Shared bytes: copied when small, chained when large.
    Shared(Bytes),
    /// As `Shared`; the share is taken only where it is chained.
    Share(&'a Bytes),
}

impl Payload<'_> {
    /// Bytes of the payload.
    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// Whether the payload is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The payload's bytes.
    pub fn as_slice(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Shared(bytes) => bytes,
            Self::Share(bytes) => bytes,
        }
    }

    /// What it costs to hold and to write, by which bursts are measured: half its bytes where it is not copied.
    pub fn weight(&self) -> usize {
        let len = self.len();
        if self.is_chained() { len / 2 } else { len }
    }

    #[inline]
    fn is_chained(&self) -> bool {
        !matches!(self, Self::Borrowed(_)) && self.len() >= CHAIN_FROM
    }

    /// A share to be chained, where that is cheaper than a copy.
    #[inline]
    fn chain(&self) -> Option<Bytes> {
        match self {
            Self::Shared(data) if self.is_chained() => Some(data.clone()),
            Self::Share(data) if self.is_chained() => Some(Bytes::clone(data)),
            _ => None,
        }
    }
}

/// Whole frames in the order in which they go over the wire, and how much of them has been written.
///
/// No boundary is kept a frame: after a cut the frames are walked once, which costs the hot path nothing.
#[derive(Debug, Default)]
pub struct Batch {
    /// All bytes but those of chained payloads.
    bytes: Vec<u8>,
    /// Payloads by reference, each before byte `at` of `bytes`.
    chained: VecDeque<Chained>,
    /// Bytes in all, chained ones included.
    len: usize,
    /// `PUB` and `HPUB` frames.
    messages: u64,
    /// Bytes written so far, of all.
    written: usize,
    cursor: Cursor,
}

#[derive(Clone, Debug)]
struct Chained {
    at: usize,
    data: Bytes,
}

/// Where writing goes on.
#[derive(Debug, Default, Clone, Copy)]
struct Cursor {
    /// Next byte of `bytes`.
    byte: usize,
    /// Next entry of `chained`.
    chain: usize,
    /// Bytes written of that entry.
    in_chain: usize,
}

/// What became of the messages of a batch that was cut off.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Salvage {
    /// Messages of which every byte was written.
    pub written: u64,
    /// Messages of which some bytes were written, others not: the server cannot have taken them.
    pub torn: u64,
    /// Messages of which no byte was written, kept for the next connection.
    pub kept: u64,
}

impl Batch {
    /// An empty batch; nothing is allocated.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty batch with room for so many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), ..Self::default() }
    }

    /// Appends a message. The arguments have been validated.
    #[inline]
    pub fn publish(
        &mut self,
        subject: &[u8],
        reply: Option<&[u8]>,
        headers: Option<&HeaderMap>,
        payload: &Payload<'_>,
    ) {
        let before = self.bytes.len();
        match payload.chain() {
            Some(data) => {
                encode::publish_head(&mut self.bytes, subject, reply, headers, data.len());
                self.len += data.len();
                self.chained.push_back(Chained { at: self.bytes.len(), data });
                self.bytes.extend_from_slice(b"\r\n");
            }
            None => encode::publish(&mut self.bytes, subject, reply, headers, payload.as_slice()),
        }
        self.len += self.bytes.len() - before;
        self.messages += 1;
    }

    /// Appends a message with a header block as it was received.
    pub fn forward(&mut self, subject: &[u8], reply: Option<&[u8]>, block: &[u8], payload: &Payload<'_>) {
        let before = self.bytes.len();
        encode::forward_head(&mut self.bytes, subject, reply, block, payload.len());
        match payload.chain() {
            Some(data) => {
                self.len += data.len();
                self.chained.push_back(Chained { at: self.bytes.len(), data });
            }
            None => self.bytes.extend_from_slice(payload.as_slice()),
        }
        self.bytes.extend_from_slice(b"\r\n");
        self.len += self.bytes.len() - before;
        self.messages += 1;
    }

    /// Appends frames that are not messages: `SUB`, `UNSUB`, `PING`, `PONG`, `CONNECT`.
    pub fn control(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let before = self.bytes.len();
        write(&mut self.bytes);
        self.len += self.bytes.len() - before;
    }

    /// Bytes in all.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing was appended.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What it costs to hold and to write: a chained payload, which is not copied, counts half its bytes.
    pub fn weight(&self) -> usize {
        let copied = self.bytes.len();
        copied + (self.len - copied) / 2
    }

    /// Bytes that are not written yet.
    pub fn remaining(&self) -> usize {
        self.len - self.written
    }

    /// Whether no byte has been written.
    pub fn is_untouched(&self) -> bool {
        self.written == 0
    }

    /// Messages in all.
    pub fn messages(&self) -> u64 {
        self.messages
    }

    /// Memory that the copied part occupies.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Empties the batch and keeps at most `keep` bytes of its memory, and of what keeps chained payloads a 32nd of that.
    pub fn clear(&mut self, keep: usize) {
        let (mut bytes, mut chained) = (std::mem::take(&mut self.bytes), std::mem::take(&mut self.chained));
        bytes.clear();
        bytes.shrink_to(keep);
        chained.clear();
        chained.shrink_to(keep / 32 / size_of::<Chained>());
        *self = Self { bytes, chained, ..Self::default() };
    }

    /// What is left to write, where that is one piece.
    pub fn rest(&self) -> Option<&[u8]> {
        if self.cursor.chain < self.chained.len() { None } else { self.bytes.get(self.cursor.byte..) }
    }

    /// Fills `out` with what to write next and returns how many slices were set.
    pub fn slices<'a>(&'a self, out: &mut [IoSlice<'a>]) -> usize {
        let Cursor { mut byte, mut chain, mut in_chain } = self.cursor;
        let mut used = 0;
        for slot in out.iter_mut() {
            let next = self.chained.get(chain);
            let stop = next.map_or(self.bytes.len(), |c| c.at);
            if byte < stop {
                *slot = IoSlice::new(self.bytes.get(byte..stop).unwrap_or_default());
                byte = stop;
            } else if let Some(c) = next {
                *slot = IoSlice::new(c.data.get(in_chain..).unwrap_or_default());
                in_chain = 0;
                chain += 1;
            } else {
                break;
            }
            used += 1;
        }
        used
    }

    /// Tells that `n` more bytes were written.
    pub fn advance(&mut self, n: usize) {
        self.written = (self.written + n).min(self.len);
        if self.written == self.len {
            self.cursor = Cursor { byte: self.bytes.len(), chain: self.chained.len(), in_chain: 0 };
            return;
        }
        let mut left = n;
        let cursor = &mut self.cursor;
        while left > 0 {
            let next = self.chained.get(cursor.chain);
            let stop = next.map_or(self.bytes.len(), |c| c.at);
            if cursor.byte < stop {
                let step = left.min(stop - cursor.byte);
                cursor.byte += step;
                left -= step;
            } else if let Some(c) = next {
                let step = left.min(c.data.len() - cursor.in_chain);
                cursor.in_chain += step;
                left -= step;
                if cursor.in_chain == c.data.len() {
                    cursor.chain += 1;
                    cursor.in_chain = 0;
                }
            } else {
                return;
            }
        }
    }

    /// After a cut: moves the messages of which no byte was written to `keep`, and counts all of them.
    ///
    /// Other frames are dropped: subscriptions are sent anew, and nobody waits for a `PONG` any more.
    pub fn salvage(mut self, keep: &mut Batch) -> Salvage {
        let mut count = Salvage::default();
        let (written, mut offset) = (self.written, 0);
        let bytes = std::mem::take(&mut self.bytes);
        for frame in Frames::new(&bytes, &mut self.chained) {
            let end = offset + frame.len();
            if frame.message {
                if end <= written {
                    count.written += 1;
                } else if offset < written {
                    count.torn += 1;
                } else {
                    count.kept += 1;
                    keep.append(frame);
                }
            }
            offset = end;
        }
        count
    }

    /// Drops the oldest messages until at most `limit` bytes are left and returns how many went.
    ///
    /// Only for a batch of which nothing has been written. Frames that are not messages stay.
    pub fn drop_oldest(&mut self, limit: usize) -> u64 {
        let excess = self.len.saturating_sub(limit);
        if excess == 0 {
            return 0;
        }
        let mut gone = 0;
        self.drop_messages(|frame| {
            let drop = gone < excess;
            gone += if drop { frame.len() } else { 0 };
            drop
        })
    }

    /// Drops the messages whose header block and payload have more than `max` bytes and returns how many went.
    ///
    /// Only for a batch of which nothing has been written.
    pub fn drop_larger(&mut self, max: usize) -> u64 {
        self.drop_messages(|frame| frame.body > max)
    }

    /// Tells the reply subject of each message that has one.
    pub fn replies(&self, mut each: impl FnMut(&[u8])) {
        let mut chained = self.chained.clone();
        for frame in Frames::new(&self.bytes, &mut chained) {
            frame.reply().into_iter().for_each(&mut each);
        }
    }

    fn drop_messages(&mut self, mut which: impl FnMut(&Frame<'_>) -> bool) -> u64 {
        let mut old = std::mem::take(self);
        let bytes = std::mem::take(&mut old.bytes);
        let mut dropped = 0;
        for frame in Frames::new(&bytes, &mut old.chained) {
            if frame.message && which(&frame) {
                dropped += 1;
            } else {
                self.append(frame);
            }
        }
        dropped
    }

    fn append(&mut self, frame: Frame<'_>) {
        let total = frame.len();
        self.bytes.extend_from_slice(frame.head);
        if let Some(data) = frame.chained {
            self.chained.push_back(Chained { at: self.bytes.len(), data });
        }
        self.bytes.extend_from_slice(frame.tail);
        self.len += total;
        self.messages += u64::from(frame.message);
    }
}

#[cfg(test)]
#[path = "outbox_tests.rs"]
mod tests;
