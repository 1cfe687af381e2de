//! Frames around what is written.

use std::io;
use std::io::IoSlice;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use nuncio_proto::inbox::random_bytes;
use nuncio_proto::websocket::{Control, Header, Opcode, apply_mask};
use tokio::io::AsyncWrite;

use super::deflate::Deflater;

/// The largest frame that is sent, before it is compressed. While as much waits, no more is taken.
const WRITE: usize = 64 * 1024;

/// What is no larger is sent as it is, as by nats-server.
const WORTH_COMPRESSING: usize = 64;

/// So many slices are written at once at most.
const SLICES: usize = 16;

/// Frames that wait to be written.
#[derive(Debug)]
pub(super) struct Outgoing {
    waiting: Vec<u8>,
    /// So many bytes of them are written.
    written: usize,
    masks: Option<Masks>,
    deflater: Option<Deflater>,
    /// No larger message may be compressed.
    most_compressed: usize,
    closed: bool,
}

impl Outgoing {
    pub(super) fn new(masked: bool, deflater: Option<Deflater>) -> Outgoing {
        let masks = masked.then(Masks::default);
        Outgoing { waiting: Vec::new(), written: 0, masks, deflater, most_compressed: 0, closed: false }
    }

    /// How large a message may be that is compressed. nats-server inflates no more than its `max_payload`, whatever number
    /// of operations is in it.
    pub(super) fn set_most_compressed(&mut self, bytes: usize) {
        self.most_compressed = bytes;
    }

    /// Whether the last frame has been made.
    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Appends a control frame; nothing follows a close frame.
    pub(super) fn control(&mut self, control: &Control) {
        if !self.closed {
            control.encode(self.mask(), &mut self.waiting);
            self.closed = control.opcode == Opcode::Close;
        }
    }

    fn mask(&mut self) -> Option<[u8; 4]> {
        self.masks.as_mut().map(Masks::next)
    }

    /// Writes all that waits.
    pub(super) fn poll_drain<S: AsyncWrite + Unpin>(
        &mut self,
        io: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while let Some(rest) = self.waiting.get(self.written..).filter(|rest| !rest.is_empty()) {
            match ready!(Pin::new(&mut *io).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.written += count,
            }
        }
        self.waiting.clear();
        self.written = 0;
        Poll::Ready(Ok(()))
    }

    /// Makes one frame of what is written, as much as it can hold.
    pub(super) fn poll_write<S: AsyncWrite + Unpin>(
        &mut self,
        io: &mut S,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.closed {
            let text = "the WebSocket connection is closed";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::BrokenPipe, text)));
        }
        if self.waiting.len() >= WRITE {
            ready!(self.poll_drain(io, cx))?;
        }
        let size = bufs.iter().map(|buf| buf.len()).sum::<usize>().min(self.most());
        if size == 0 {
            return Poll::Ready(Ok(0));
        }
        if self.masks.is_none() && self.deflater.is_none() && io.is_write_vectored() {
            return self.poll_past(io, cx, bufs, size);
        }
        self.frame(pieces(bufs, size), size);
        Poll::Ready(Ok(size))
    }

    /// The most that goes into one frame.
    fn most(&self) -> usize {
        let limited = self.deflater.is_some() && self.most_compressed > WORTH_COMPRESSING;
        if limited { self.most_compressed.min(WRITE) } else { WRITE }
    }

    /// Appends a frame. What is masked has to be copied; what is compressed is so anyway.
    fn frame<'a>(&mut self, pieces: impl Iterator<Item = &'a [u8]> + Clone, size: usize) {
        let mask = self.mask();
        let worth = (WORTH_COMPRESSING + 1..=self.most_compressed).contains(&size);
        let deflater = self.deflater.as_mut().filter(|_| worth);
        let compressed = deflater.and_then(|deflater| deflater.deflate(pieces.clone(), size));
        let len = compressed.map_or(size, <[u8]>::len);
        let header = Header { compressed: compressed.is_some(), ..Header::whole(Opcode::Binary, len, mask) };
        header.encode(&mut self.waiting);
        let start = self.waiting.len();
        match compressed {
            Some(compressed) => self.waiting.extend_from_slice(compressed),
            None => pieces.for_each(|piece| self.waiting.extend_from_slice(piece)),
        }
        if let (Some(mask), Some(payload)) = (mask, self.waiting.get_mut(start..)) {
            apply_mask(payload, mask, 0);
        }
    }

    /// Writes a frame from where the bytes are. If it is not taken whole, the rest is kept: a frame that has begun has
    /// to go on before another.
    fn poll_past<S: AsyncWrite + Unpin>(
        &mut self,
        io: &mut S,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
        size: usize,
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_drain(io, cx))?;
        let size = pieces(bufs, size).take(SLICES - 1).map(<[u8]>::len).sum();
        Header::whole(Opcode::Binary, size, None).encode(&mut self.waiting);
        let mut slices = [IoSlice::new(&[]); SLICES];
        let all = std::iter::once(self.waiting.as_slice()).chain(pieces(bufs, size));
        slices.iter_mut().zip(all).for_each(|(to, from)| *to = IoSlice::new(from));
        let written = match Pin::new(io).poll_write_vectored(cx, &slices) {
            Poll::Ready(Ok(written)) if written > 0 => written,
            Poll::Ready(Ok(_)) => return self.undo(Err(io::ErrorKind::WriteZero.into())),
            Poll::Ready(Err(error)) => return self.undo(Err(error)),
            Poll::Pending => {
                self.waiting.clear();
                return Poll::Pending;
            }
        };
        let header = self.waiting.len();
        if written == header + size {
            self.waiting.clear();
            return Poll::Ready(Ok(size));
        }
        // Of what is kept, only that which is not written yet.
        self.written = written.min(header);
        let mut skip = written.saturating_sub(header);
        for piece in pieces(bufs, size) {
            let (_, rest) = piece.split_at_checked(skip).unwrap_or((piece, &[]));
            skip = skip.saturating_sub(piece.len());
            self.waiting.extend_from_slice(rest);
        }
        Poll::Ready(Ok(size))
    }

    fn undo(&mut self, result: io::Result<usize>) -> Poll<io::Result<usize>> {
        self.waiting.clear();
        Poll::Ready(result)
    }
}

/// The first `size` bytes.
fn pieces<'a>(bufs: &'a [IoSlice<'_>], size: usize) -> impl Iterator<Item = &'a [u8]> + Clone {
    bufs.iter().filter(|buf| !buf.is_empty()).scan(size, |left, buf| {
        let piece = buf.get(..*left).unwrap_or(buf);
        *left -= piece.len();
        (!piece.is_empty()).then_some(piece)
    })
}

/// Masks that nobody can foretell (RFC 6455, section 10.3), fetched from the operating system many at a time.
struct Masks {
    fetched: [u8; 256],
    used: usize,
}

impl Default for Masks {
    fn default() -> Masks {
        Masks { fetched: [0; 256], used: 256 }
    }
}

impl Masks {
    fn next(&mut self) -> [u8; 4] {
        loop {
            if let Some(mask) = self.fetched.get(self.used..).and_then(|rest| rest.first_chunk()) {
                self.used += mask.len();
                return *mask;
            }
            random_bytes(&mut self.fetched);
            self.used = 0;
        }
    }
}

impl std::fmt::Debug for Masks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Masks")
    }
}
