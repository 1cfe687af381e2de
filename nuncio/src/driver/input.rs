//! What has been read and not been used up: the read buffer and its decoder.

use std::io;
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use nuncio_proto::decode::{DecodeError, Limits, ServerDecoder};
use nuncio_proto::op::{Layout, ServerOp};
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};

use crate::transport::Transport;

/// Read sizes: a calm connection reads to the stack and keeps no buffer, a flooded one reads much at once.
const SMALLEST: usize = 4 * 1024;
const LARGEST: usize = 128 * 1024;

/// A burst of up to so many bytes is copied out of the read buffer, so that a message of it that is kept for long
/// keeps no more than that.
const COPIED: usize = 4 * 1024;

/// After so many small reads in a row the read buffer shrinks again.
const CALM: u32 = 64;

#[derive(Debug)]
pub(crate) struct Input {
    buf: BytesMut,
    decoder: ServerDecoder,
    chunk: usize,
    small_reads: u32,
    /// The buffer has what one small read brought, and room for no more.
    fits: bool,
}

impl Input {
    pub(crate) fn new() -> Self {
        Self {
            buf: BytesMut::new(),
            decoder: ServerDecoder::new(Limits::default()),
            chunk: SMALLEST,
            small_reads: 0,
            fits: false,
        }
    }

    /// Reads once. Ready with the bytes read, and whether there is likely more; 0 bytes are the end.
    pub(crate) fn poll_fill(
        &mut self,
        io: &mut Transport,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(usize, bool)>> {
        let (n, full) = if self.chunk == SMALLEST && self.buf.is_empty() {
            ready!(self.poll_little(io, cx))?
        } else {
            ready!(self.poll_much(io, cx))?
        };
        crate::wire::received(self.buf.get(self.buf.len() - n..).unwrap_or_default());
        self.adapt(n, full);
        Poll::Ready(Ok((n, full)))
    }

    /// Reads by way of the stack, so that there is no buffer while nothing comes.
    fn poll_little(&mut self, io: &mut Transport, cx: &mut Context<'_>) -> Poll<io::Result<(usize, bool)>> {
        self.buf = BytesMut::new();
        let mut space = [const { MaybeUninit::uninit() }; SMALLEST];
        let mut read = ReadBuf::uninit(&mut space);
        ready!(Pin::new(io).poll_read(cx, &mut read))?;
        self.buf = BytesMut::from(read.filled());
        self.fits = true;
        Poll::Ready(Ok((self.buf.len(), read.remaining() == 0)))
    }

    fn poll_much(&mut self, io: &mut Transport, cx: &mut Context<'_>) -> Poll<io::Result<(usize, bool)>> {
        self.make_room();
        self.fits = false;
        let room = self.buf.capacity() - self.buf.len();
        // `read_buf` is cancel safe: the future holds nothing between polls.
        let read = pin!(Pin::new(io).get_mut().read_buf(&mut self.buf));
        let n = ready!(std::future::Future::poll(read, cx))?;
        Poll::Ready(Ok((n, n == room)))
    }

    fn adapt(&mut self, n: usize, full: bool) {
        if full {
            self.chunk = (self.chunk * 4).min(LARGEST);
            self.small_reads = 0;
        } else if n < SMALLEST {
            self.small_reads += 1;
            if self.small_reads >= CALM && self.chunk > SMALLEST {
                self.shrink();
            }
        } else {
            self.small_reads = 0;
        }
    }

    /// Begins again with small reads, and gives the room for large ones back at the next.
    pub(crate) fn shrink(&mut self) {
        self.chunk = SMALLEST;
        self.small_reads = 0;
    }

    fn make_room(&mut self) {
        let have = self.buf.len();
        let room = self.buf.capacity() - have;
        // A large message gets its room step by step, as its bytes arrive: an announced length alone costs nothing.
        let missing = self.decoder.needed().saturating_sub(have);
        let want = if missing > 0 { missing.min(have.max(LARGEST)) } else { self.chunk };
        if room < want.min(self.chunk / 2) || missing > 0 && room < want {
            self.buf.reserve(want.max(self.chunk));
        }
    }

    /// Decodes the ordinary messages from `at` on and returns where the first byte behind them is.
    #[inline]
    pub(crate) fn decode_messages(&mut self, at: usize, frames: &mut Vec<(u32, Layout)>) -> usize {
        let rest = self.buf.get(at..).unwrap_or_default();
        let found = |offset, layout| frames.push((u32::try_from(at + offset).unwrap_or(u32::MAX), layout));
        at + self.decoder.decode_messages(rest, found)
    }

    /// Decodes the operation at `at`; the length of its frame comes with it.
    #[inline]
    pub(crate) fn decode(&mut self, at: usize) -> Result<Option<(ServerOp<'_>, usize)>, DecodeError> {
        self.decoder.decode(self.buf.get(at..).unwrap_or_default())
    }

    /// What has been read and not been used up.
    pub(crate) fn rest(&self) -> &[u8] {
        &self.buf
    }

    /// Uses up the first `n` bytes, which held nothing that is kept.
    pub(crate) fn skip(&mut self, n: usize) {
        self.buf.advance(n.min(self.buf.len()));
    }

    /// Uses up the first `n` bytes and hands them out.
    pub(crate) fn take(&mut self, n: usize) -> Bytes {
        let n = n.min(self.buf.len());
        if n == self.buf.len() && self.fits {
            std::mem::take(&mut self.buf).freeze()
        } else if n <= COPIED {
            let copy = Bytes::copy_from_slice(self.buf.get(..n).unwrap_or_default());
            self.buf.advance(n);
            copy
        } else {
            self.buf.split_to(n).freeze()
        }
    }
}
