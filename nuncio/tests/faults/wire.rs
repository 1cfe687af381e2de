//! Connections that count their bytes, or move them in small and uneven pieces.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes that went through a [`Metered`] connection.
#[derive(Debug, Default)]
pub struct Meter {
    pub read: AtomicUsize,
    pub written: AtomicUsize,
}

impl Meter {
    pub fn read(&self) -> usize {
        self.read.load(Ordering::Relaxed)
    }

    pub fn written(&self) -> usize {
        self.written.load(Ordering::Relaxed)
    }
}

/// A connection whose bytes are counted.
pub struct Metered<S> {
    pub io: S,
    pub meter: Arc<Meter>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let ready = Pin::new(&mut self.io).poll_read(cx, buf);
        self.meter.read.fetch_add(buf.filled().len() - before, Ordering::Relaxed);
        ready
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, buf);
        if let Poll::Ready(Ok(n)) = &written {
            self.meter.written.fetch_add(*n, Ordering::Relaxed);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// A connection that reads and writes at most `most` bytes at once, and now and then none.
pub struct Crumbs<S> {
    io: S,
    rng: fastrand::Rng,
    most: usize,
}

impl<S> Crumbs<S> {
    pub fn new(io: S, most: usize, seed: u64) -> Self {
        Self { io, rng: fastrand::Rng::with_seed(seed), most }
    }

    /// How many bytes to move now; `None` means to wait for another turn.
    fn ration(&mut self, cx: &Context<'_>) -> Option<usize> {
        if self.rng.u8(..4) == 0 {
            cx.waker().wake_by_ref();
            return None;
        }
        Some(self.rng.usize(1..=self.most))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Crumbs<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(ration) = self.ration(cx) else { return Poll::Pending };
        let mut bytes = vec![0; ration.min(buf.remaining())];
        let mut crumb = ReadBuf::new(&mut bytes);
        match Pin::new(&mut self.io).poll_read(cx, &mut crumb) {
            Poll::Ready(Ok(())) => {
                buf.put_slice(crumb.filled());
                Poll::Ready(Ok(()))
            }
            other => other,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Crumbs<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let Some(ration) = self.ration(cx) else { return Poll::Pending };
        Pin::new(&mut self.io).poll_write(cx, &buf[..ration.min(buf.len())])
    }

    /// Takes its ration across the borders of the slices.
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Some(ration) = self.ration(cx) else { return Poll::Pending };
        let bytes: Vec<u8> = bufs.iter().flat_map(|buf| buf.iter().copied()).take(ration).collect();
        Pin::new(&mut self.io).poll_write(cx, &bytes)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// A connection that repeats the same bytes without end and is always ready, and takes whatever is written.
pub struct Babbler {
    start: Vec<u8>,
    bytes: &'static [u8],
    at: usize,
}

impl Babbler {
    /// `start` comes once, before the endless repetition of `bytes`.
    pub fn new(start: &[u8], bytes: &'static [u8]) -> Self {
        Self { start: start.to_vec(), bytes, at: 0 }
    }
}

impl AsyncRead for Babbler {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.start.is_empty() {
            buf.put_slice(&this.bytes[this.at..=this.at]);
            this.at = (this.at + 1) % this.bytes.len();
        } else {
            let n = this.start.len().min(buf.remaining());
            buf.put_slice(&this.start.drain(..n).collect::<Vec<u8>>());
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Babbler {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
