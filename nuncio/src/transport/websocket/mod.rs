//! WebSocket: the bytes of NATS in frames, whose borders mean nothing to it.

use std::io;
use std::io::IoSlice;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use futures_core::Stream;
use futures_sink::Sink;
use nuncio_proto::addr::ServerAddr;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader, ReadBuf};
use tokio_websockets::{ClientBuilder, CloseCode, Error, Limits, Message, WebSocketStream};

use crate::config::Config;
use crate::error::ConnectError;
use crate::transport::dial::host_port;
use crate::transport::http::{read_head, shown};
use crate::transport::{Connection, exposure};

mod upgrade;

/// The largest frame, and the largest message in fragments: nats-server sends in one frame what waits for a client, and
/// this much may wait unless its `max_pending` is raised.
const LARGEST: usize = 64 * 1024 * 1024;

/// Frames are read from the stream in pieces of this size.
const READ: usize = 16 * 1024;

/// The largest frame that is sent.
const WRITE: usize = 64 * 1024;

/// So many pings are answered before the server has read any answer.
const MOST_PONGS: u32 = 64;

/// Makes the headers of the request that opens a connection.
pub(crate) type MakeHeaders = dyn Fn(&ServerAddr) -> Vec<(String, String)> + Send + Sync;

/// Asks for WebSocket on a new stream of bytes, which are encrypted or not.
pub(crate) async fn open<S: Connection>(
    stream: S,
    config: &Config,
    server: &ServerAddr,
    encrypted: bool,
) -> Result<WebSocket<S>, ConnectError> {
    let headers = config.websocket_headers.as_ref().map(|make| make(server)).unwrap_or_default();
    exposure::check(config, server, encrypted, exposure::of_headers(&headers))?;
    let key = upgrade::key();
    let request = upgrade::request(server, &key, &headers)
        .map_err(|problem| ConnectError::Option { option: "websocket_headers", problem })?;
    let mut stream = BufReader::with_capacity(READ, stream);
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
    upgrade::check(&head, &key).map_err(|refusal| refused(refusal.status, refusal.problem))?;
    Ok(WebSocket::new(stream, LARGEST))
}

/// A WebSocket connection as a stream of bytes.
#[derive(Debug)]
pub(crate) struct WebSocket<S> {
    frames: WebSocketStream<BufReader<S>>,
    /// What is left of the last message.
    message: Bytes,
    /// Answers to pings that may not have been written.
    pongs: u32,
    /// Nothing more comes.
    over: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    fn new(stream: BufReader<S>, largest: usize) -> Self {
        let limits = Limits::default().max_payload_len(Some(largest));
        let frames = ClientBuilder::new().limits(limits).take_over(stream);
        Self { frames, message: Bytes::new(), pongs: 0, over: false }
    }

    fn frames(&mut self) -> Pin<&mut WebSocketStream<BufReader<S>>> {
        Pin::new(&mut self.frames)
    }

    /// Answers a ping. A server that only ever pings, and reads no answer, is not read from any further.
    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.frames().poll_flush(cx) {
            Poll::Ready(flushed) => {
                self.pongs = 0;
                Poll::Ready(flushed.map_err(failed))
            }
            Poll::Pending if self.pongs < MOST_PONGS => Poll::Ready(Ok(())),
            Poll::Pending => Poll::Pending,
        }
    }

    /// The last that is read; an answer to it goes out if there is room.
    fn end(&mut self, cx: &mut Context<'_>) {
        self.over = true;
        let _ = self.frames().poll_flush(cx);
    }

    /// Waits for bytes; none are the end.
    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.message.is_empty() && !self.over {
            if self.pongs >= MOST_PONGS {
                ready!(self.poll_answer(cx))?;
            }
            match ready!(self.frames().poll_next(cx)) {
                Some(Ok(message)) if message.is_ping() => {
                    self.pongs += 1;
                    ready!(self.poll_answer(cx))?;
                }
                Some(Ok(message)) => {
                    if let Some((code, reason)) = message.as_close() {
                        let closed = closed(code, reason);
                        self.end(cx);
                        return Poll::Ready(closed);
                    }
                    if message.is_binary() || message.is_text() {
                        self.message = message.into_payload().into();
                    }
                }
                Some(Err(error)) => {
                    self.end(cx);
                    return Poll::Ready(Err(failed(error)));
                }
                None => self.over = true,
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// A close with a code that says more than that the server leaves.
fn closed(code: CloseCode, reason: &str) -> io::Result<()> {
    if [CloseCode::NORMAL_CLOSURE, CloseCode::GOING_AWAY, CloseCode::NO_STATUS_RECEIVED].contains(&code) {
        return Ok(());
    }
    let code = u16::from(code);
    let text =
        format!("the server closed the WebSocket connection with code {code}: {}", shown(reason.as_bytes()));
    Err(io::Error::new(io::ErrorKind::ConnectionAborted, text))
}

fn failed(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        Error::AlreadyClosed => {
            io::Error::new(io::ErrorKind::BrokenPipe, "the WebSocket connection is closed")
        }
        Error::PayloadTooLong { len, max_len } => {
            let text =
                format!("a WebSocket message of {len} bytes is larger than {max_len}, the most that is read");
            io::Error::new(io::ErrorKind::InvalidData, text)
        }
        error => io::Error::new(io::ErrorKind::InvalidData, format!("WebSocket: {error}")),
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for WebSocket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_message(cx))?;
        let n = self.message.len().min(buf.remaining());
        buf.put_slice(self.message.get(..n).unwrap_or_default());
        self.message.advance(n);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for WebSocket<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    /// Makes one frame. Bytes are masked on their way out, so they have to be copied once.
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.frames().poll_ready(cx)).map_err(failed)?;
        let all: usize = bufs.iter().map(|buf| buf.len()).sum();
        let size = all.min(WRITE);
        let mut frame = BytesMut::with_capacity(size);
        for buf in bufs {
            let room = size - frame.len();
            frame.extend_from_slice(buf.get(..room).unwrap_or(buf));
        }
        if size > 0 {
            self.frames().start_send(Message::binary(frame)).map_err(failed)?;
        }
        Poll::Ready(Ok(size))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = ready!(self.frames().poll_flush(cx)).map_err(failed);
        self.pongs = 0;
        Poll::Ready(flushed)
    }

    /// Sends a close frame with code 1000 and waits for the server's.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.frames().poll_close(cx).map_err(failed)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, DuplexStream, duplex};
    use tokio::time::timeout;

    use super::*;

    /// A client that reads messages of up to 1000 bytes, and the raw end of its server.
    fn pair(buffer: usize) -> (WebSocket<DuplexStream>, DuplexStream) {
        let (client, server) = duplex(buffer);
        (WebSocket::new(BufReader::new(client), 1000), server)
    }

    #[tokio::test]
    async fn fragments_are_bounded_in_sum() {
        let (mut client, mut server) = pair(64 * 1024);
        server.write_all(&[&[2, 100], [0; 100].as_slice()].concat()).await.unwrap();
        for _ in 0..9 {
            server.write_all(&[&[0, 100], [0; 100].as_slice()].concat()).await.unwrap();
        }
        server.write_all(&[0x80, 0]).await.unwrap();
        client.read_exact(&mut [0; 1000]).await.unwrap();

        server.write_all(&[&[2, 100], [0; 100].as_slice()].concat()).await.unwrap();
        for _ in 0..10 {
            server.write_all(&[&[0, 100], [0; 100].as_slice()].concat()).await.unwrap();
        }
        let error = client.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert!(error.to_string().contains("1000"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn pings_are_not_read_without_end_while_no_answer_is_taken() {
        let (mut client, mut server) = pair(1024);
        let ping = [0x89, 4, 1, 2, 3, 4];
        let mut sent = 0;
        let flood = async {
            loop {
                sent += server.write(ping.get(sent % ping.len()..).unwrap()).await.unwrap();
            }
        };
        // With the clock paused, time passes only when neither can go on.
        let stuck = timeout(Duration::from_secs(1), async { tokio::join!(flood, client.read_u8()) }).await;
        assert!(stuck.is_err());
        assert!(sent < 10_000, "{sent} bytes were taken in");
        // Once the answers are read, it goes on.
        let mut answers = vec![0; 10];
        server.read_exact(&mut answers).await.unwrap();
        assert_eq!(answers.get(..2).unwrap(), [0x8a, 0x84]);
        let (mut from, mut to) = tokio::io::split(server);
        tokio::spawn(async move { tokio::io::copy(&mut from, &mut tokio::io::sink()).await });
        tokio::spawn(async move {
            to.write_all(ping.get(sent % ping.len()..).unwrap()).await?;
            to.write_all(&[0x82, 1, 7]).await
        });
        assert_eq!(client.read_u8().await.unwrap(), 7);
    }

    #[tokio::test]
    async fn what_is_written_waits_when_nothing_is_taken_and_comes_whole() {
        let (mut client, mut server) = pair(1024);
        let data: Vec<u8> = (0..300_000_u32).map(|i| (i % 251) as u8).collect();
        let send = async {
            client.write_all(&data).await.unwrap();
            client.flush().await.unwrap();
        };
        let receive = async {
            let mut got = Vec::new();
            while got.len() < data.len() {
                let (first, second) = (server.read_u8().await.unwrap(), server.read_u8().await.unwrap());
                assert_eq!((first, second & 0x80), (0x82, 0x80));
                let len = match second & 0x7f {
                    126 => u64::from(server.read_u16().await.unwrap()),
                    127 => server.read_u64().await.unwrap(),
                    len => u64::from(len),
                };
                let mask = server.read_u32().await.unwrap().to_be_bytes();
                let mut payload = vec![0; usize::try_from(len).unwrap()];
                server.read_exact(&mut payload).await.unwrap();
                got.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
            }
            got
        };
        let ((), got) = tokio::join!(send, receive);
        assert!(got == data);
    }
}
