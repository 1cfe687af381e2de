//! WebSocket: the bytes of NATS in frames, whose borders mean nothing to it.

use std::io;
use std::io::IoSlice;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use nuncio_proto::addr::ServerAddr;
use nuncio_proto::websocket::{Control, Opcode};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader, ReadBuf};

use crate::config::Config;
use crate::error::ConnectError;
use crate::transport::dial::host_port;
use crate::transport::http::{read_head, shown};
use crate::transport::{Connection, exposure};

#[cfg(feature = "websocket-deflate")]
mod deflate;
#[cfg(not(feature = "websocket-deflate"))]
#[path = "no_deflate.rs"]
mod deflate;
#[cfg(all(any(test, feature = "fuzzing"), feature = "websocket-deflate"))]
pub(crate) mod fuzzing;
mod incoming;
mod options;
mod outgoing;
mod upgrade;

use incoming::{Broken, Incoming, Progress};
pub(crate) use options::Options;
use outgoing::Outgoing;
use upgrade::Agreed;

/// The largest message in all its fragments, inflated if it is compressed: nats-server sends in one message what waits
/// for a client, and this much may wait unless its `max_pending` is raised.
const LARGEST: u64 = 64 * 1024 * 1024;

/// So many pings are answered before the server has read any answer.
const MOST_PONGS: u32 = 64;

/// Asks for WebSocket on a new stream of bytes, which are encrypted or not.
pub(crate) async fn open<S: Connection>(
    stream: S,
    config: &Config,
    server: &ServerAddr,
    encrypted: bool,
) -> Result<WebSocket<S>, ConnectError> {
    let options = &config.websocket;
    let headers = options.headers.as_ref().map(|make| make(server)).unwrap_or_default();
    exposure::check(config, server, encrypted, exposure::of_headers(&headers))?;
    let key = upgrade::key();
    let request = upgrade::request(server, &key, &headers, options)
        .map_err(|problem| ConnectError::Option { option: "websocket_headers", problem })?;
    let mut stream = BufReader::new(stream);
    let answer = async {
        stream.write_all(&request).await?;
        stream.flush().await?;
        read_head(&mut stream).await
    };
    let refused = |status, problem| ConnectError::Upgrade { server: host_port(server), status, problem };
    let head = answer.await.map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => refused(None, error.to_string()),
        kind => ConnectError::Io { server: host_port(server), kind, message: error.to_string() },
    })?;
    let agreed =
        upgrade::check(&head, &key, options).map_err(|refusal| refused(refusal.status, refusal.problem))?;
    tracing::debug!(server = %host_port(server), ?agreed, "WebSocket");
    let read = stream.buffer().to_vec();
    Ok(WebSocket::new(stream.into_inner(), &read, agreed, LARGEST))
}

/// A WebSocket connection as a stream of bytes.
#[derive(Debug)]
pub(crate) struct WebSocket<S> {
    io: S,
    incoming: Incoming,
    outgoing: Outgoing,
    /// Answers to pings that may not have been written.
    pongs: u32,
    /// What reading ends with, once what came before has been handed out.
    ended: Option<io::Result<()>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// Goes on behind the upgrade; `read` is what came behind it.
    fn new(io: S, read: &[u8], agreed: Agreed, largest: u64) -> Self {
        #[cfg(feature = "websocket-deflate")]
        let (inflater, deflater) = (
            agreed.deflate.then(|| deflate::Inflater::new(largest)),
            agreed.deflate.then(deflate::Deflater::new),
        );
        #[cfg(not(feature = "websocket-deflate"))]
        let (inflater, deflater) = (None, None);
        let incoming = Incoming::new(read, largest, inflater);
        let outgoing = Outgoing::new(agreed.masked, deflater);
        Self { io, incoming, outgoing, pongs: 0, ended: None }
    }

    /// What it runs on.
    pub(crate) fn get_ref(&self) -> &S {
        &self.io
    }

    /// Compresses no more at once than the server inflates, its `max_payload`. Until then nothing is compressed.
    pub(crate) fn set_max_payload(&mut self, bytes: usize) {
        self.outgoing.set_most_compressed(bytes);
    }

    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let drained = ready!(self.outgoing.poll_drain(&mut self.io, cx));
        self.pongs = 0;
        Poll::Ready(drained)
    }

    /// Sends the answers to pings. A server that only ever pings, and reads no answer, is not read from any further.
    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.pongs == 0 {
            return Poll::Ready(Ok(()));
        }
        match self.poll_drain(cx) {
            Poll::Pending if self.pongs < MOST_PONGS => Poll::Ready(Ok(())),
            drained => drained,
        }
    }

    fn control(&mut self, control: &Control) -> Result<(), Broken> {
        match control.opcode {
            Opcode::Ping => {
                self.outgoing.control(&Control::new(Opcode::Pong, control.payload()));
                self.pongs += 1;
            }
            Opcode::Close => {
                let (code, reason) = control.reason()?;
                self.outgoing.control(&Control::new(Opcode::Close, control.payload()));
                self.ended = Some(closed(code, reason));
            }
            _ => {}
        }
        Ok(())
    }

    /// Ends reading, and tells the server why if there is room for it.
    fn give_up(&mut self, broken: Broken, cx: &mut Context<'_>) {
        self.outgoing.control(&Control::close(broken.code, ""));
        let _ = self.poll_drain(cx);
        self.ended = Some(Err(broken.error));
    }

    /// What reading ends with: an error comes once, behind it is the end.
    fn end(&mut self, cx: &mut Context<'_>) -> Option<io::Result<()>> {
        let ended = self.ended.as_mut()?;
        let ended = std::mem::replace(ended, Ok(()));
        // The answer to a close frame goes out if there is room.
        let _ = self.poll_drain(cx);
        Some(ended)
    }
}

/// A close with a code that says more than that the server leaves.
fn closed(code: u16, reason: &str) -> io::Result<()> {
    if let 1000 | 1001 | 1005 = code {
        return Ok(());
    }
    let text =
        format!("the server closed the WebSocket connection with code {code}: {}", shown(reason.as_bytes()));
    Err(io::Error::new(io::ErrorKind::ConnectionAborted, text))
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for WebSocket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buf.filled().len();
        while buf.remaining() > 0 {
            if this.ended.is_some() {
                // What came before is handed out first.
                let any = buf.filled().len() > before;
                return Poll::Ready(if any { Ok(()) } else { this.end(cx).unwrap_or(Ok(())) });
            }
            match this.poll_answer(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => {
                    this.ended = Some(Err(error));
                    continue;
                }
                Poll::Pending if buf.filled().len() > before => break,
                Poll::Pending => return Poll::Pending,
            }
            match this.incoming.advance(buf) {
                Ok(Progress::Control(control)) => {
                    if let Err(broken) = this.control(&control) {
                        this.give_up(broken, cx);
                    }
                }
                Ok(Progress::Done) if buf.filled().len() > before => break,
                Ok(Progress::Done) => {
                    if !ready!(this.incoming.poll_fill(&mut this.io, cx, buf))? {
                        this.ended = Some(Ok(()));
                    }
                }
                Err(broken) => this.give_up(broken, cx),
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for WebSocket<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        this.outgoing.poll_write(&mut this.io, cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        Pin::new(&mut self.io).poll_flush(cx)
    }

    /// Sends a close frame with code 1000 and waits for the server's.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.outgoing.is_closed() {
            self.outgoing.control(&Control::close(1000, ""));
        }
        ready!(self.as_mut().poll_flush(cx))?;
        let mut space = [0; 4096];
        while self.ended.is_none() {
            let mut rest = ReadBuf::new(&mut space);
            if ready!(self.as_mut().poll_read(cx, &mut rest)).is_err() || rest.filled().is_empty() {
                break;
            }
        }
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
