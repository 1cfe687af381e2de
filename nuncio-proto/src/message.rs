//! One received message: a share of the bytes it was decoded from, and where its parts lie.

use std::sync::Arc;

use bytes::Bytes;

use crate::op::Layout;

/// Bytes that several messages were decoded from, with what those messages have in common.
///
/// A batch of messages shares one chunk, so a message costs one reference count and no allocation.
#[derive(Debug)]
pub struct Chunk<C = ()> {
    bytes: Bytes,
    context: C,
}

impl<C> Chunk<C> {
    /// A chunk of received bytes; `context` is what every message made from it can reach.
    pub fn new(bytes: Bytes, context: C) -> Arc<Self> {
        Arc::new(Self { bytes, context })
    }
}

/// One received message.
///
/// Subject, reply and headers are kept as the bytes that arrived; nothing is checked or parsed until asked for,
/// so that no message can fail to be delivered.
///
/// A message keeps the chunk that it was decoded from alive; [`Message::detach`] ends that.
#[derive(Debug)]
pub struct Message<C = ()> {
    chunk: Arc<Chunk<C>>,
    at: u32,
    layout: Layout,
}

impl<C> Clone for Message<C> {
    fn clone(&self) -> Self {
        Self { chunk: Arc::clone(&self.chunk), at: self.at, layout: self.layout }
    }
}

impl<C> Message<C> {
    /// The message whose frame begins at byte `at` of the chunk.
    #[inline]
    pub fn new(chunk: Arc<Chunk<C>>, at: u32, layout: Layout) -> Self {
        Self { chunk, at, layout }
    }

    #[inline]
    fn part(&self, at: u32, len: u32) -> &[u8] {
        let start = self.at as usize + at as usize;
        self.chunk.bytes.get(start..start + len as usize).unwrap_or_default()
    }

    /// The subscription that the server delivered this to.
    pub fn sid(&self) -> u64 {
        self.layout.sid
    }

    /// The subject, as the bytes that arrived.
    #[inline]
    pub fn subject(&self) -> &[u8] {
        self.part(self.layout.subject_at, self.layout.subject_len)
    }

    /// The reply subject, if the sender gave one.
    pub fn reply(&self) -> Option<&[u8]> {
        (self.layout.reply_len > 0).then(|| self.part(self.layout.reply_at, self.layout.reply_len))
    }

    /// The header block, from `NATS/1.0` to its empty line, if there is one.
    #[inline]
    pub fn header_block(&self) -> Option<&[u8]> {
        (self.layout.header_len > 0).then(|| self.part(self.layout.body_at, self.layout.header_len))
    }

    /// The payload.
    #[inline]
    pub fn payload(&self) -> &[u8] {
        self.part(self.layout.body_at + self.layout.header_len, self.layout.payload_len)
    }

    /// The payload as a share of the chunk: no copy, but it keeps the chunk alive as the message does.
    pub fn payload_bytes(&self) -> Bytes {
        self.chunk.bytes.slice_ref(self.payload())
    }

    /// What the chunk's messages have in common.
    pub fn context(&self) -> &C {
        &self.chunk.context
    }

    /// Bytes of subject, reply, headers and payload together.
    pub fn len(&self) -> usize {
        let l = &self.layout;
        l.subject_len as usize + l.reply_len as usize + l.header_len as usize + l.payload_len as usize
    }

    /// Whether all parts of the message are empty, which no server sends.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that this message keeps alive: those of its whole chunk.
    pub fn pinned(&self) -> usize {
        self.chunk.bytes.len()
    }

    /// Copies the message into bytes of its own, so that keeping it does not keep its whole chunk.
    ///
    /// Does nothing when the message already has its bytes to itself.
    pub fn detach(&mut self)
    where
        C: Clone,
    {
        let l = self.layout;
        let end = (l.body_at + l.header_len + l.payload_len) as usize;
        let at = self.at as usize;
        if self.chunk.bytes.len() <= end + 2 {
            return;
        }
        let own = Bytes::copy_from_slice(self.chunk.bytes.get(at..at + end).unwrap_or_default());
        self.chunk = Chunk::new(own, self.chunk.context.clone());
        self.at = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Message {
        // Two frames in one chunk; the second one is taken.
        let frame = b"MSG a 1 1\r\nx\r\nHMSG subj 7 inbox 14 19\r\nNATS/1.0\r\n\r\n  hello\r\n";
        let layout = Layout {
            sid: 7,
            subject_at: 5,
            subject_len: 4,
            reply_at: 12,
            reply_len: 5,
            body_at: 25,
            header_len: 14,
            payload_len: 5,
        };
        Message::new(Chunk::new(Bytes::from_static(frame), ()), 14, layout)
    }

    #[test]
    fn parts_are_found_relative_to_the_frame() {
        let m = sample();
        assert_eq!(m.subject(), b"subj");
        assert_eq!(m.reply(), Some(&b"inbox"[..]));
        assert_eq!(m.header_block(), Some(&b"NATS/1.0\r\n\r\n  "[..]));
        assert_eq!(m.payload(), b"hello");
        assert_eq!(m.payload_bytes(), Bytes::from_static(b"hello"));
        assert_eq!(m.len(), 4 + 5 + 14 + 5);
    }

    #[test]
    fn detaching_keeps_the_parts_and_frees_the_chunk() {
        let mut m = sample();
        let before = (m.subject().to_vec(), m.payload().to_vec());
        let weak = Arc::downgrade(&m.chunk);
        m.detach();
        assert_eq!((m.subject().to_vec(), m.payload().to_vec()), before);
        assert_eq!(weak.strong_count(), 0);
        let pinned = m.pinned();
        m.detach();
        assert_eq!(m.pinned(), pinned);
    }

    #[test]
    fn a_layout_beyond_the_chunk_yields_empty_parts() {
        let layout = Layout { subject_at: 100, subject_len: 5, ..Layout::default() };
        let m = Message::new(Chunk::new(Bytes::from_static(b"short"), ()), 3, layout);
        assert_eq!(m.subject(), b"");
    }
}
