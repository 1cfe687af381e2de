//! WebSocket: the request of a client, its answer, and the bytes in the frames.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use nuncio_proto::websocket::{
    Control, Event, FrameError, FrameReader, Header, NO_MASKING, Opcode, Role, accept_key,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

/// The largest head of a request.
const LARGEST_HEAD: usize = 16 << 10;

/// The largest message of a client in all its fragments, as that of nats-server's clients.
const LARGEST: u64 = 64 << 20;

/// Frames are read in pieces of this size.
const READ: usize = 16 << 10;

/// The largest frame that is sent.
const WRITE: usize = 64 << 10;

const MOST_HEADERS: usize = 64;

/// Reads a request and answers it. The error is for the log: the client has been told by then.
pub(crate) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) -> io::Result<WebSocket<S>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        // What comes behind the head comes too early, so that it is read with it and refused.
        if stream.read_buf(&mut head).await? == 0 || head.len() > LARGEST_HEAD {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "no HTTP request"));
        }
    }
    match answer(&head) {
        Ok((answer, role)) => {
            stream.write_all(answer.as_bytes()).await?;
            stream.flush().await?;
            Ok(WebSocket::new(stream, role))
        }
        Err(status) => {
            let answer = format!(
                "HTTP/1.1 {status}\r\nSec-Websocket-Version: 13\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
            stream.write_all(answer.as_bytes()).await?;
            stream.shutdown().await?;
            Err(io::Error::new(io::ErrorKind::InvalidData, status))
        }
    }
}

/// The answer to a request, and whether the client's frames have masks; or the status that refuses it.
fn answer(head: &[u8]) -> Result<(String, Role), &'static str> {
    const BAD: &str = "400 Bad Request";
    let mut space = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut request = httparse::Request::new(&mut space);
    if !matches!(request.parse(head), Ok(httparse::Status::Complete(len)) if len == head.len()) {
        return Err(BAD);
    }
    if request.method != Some("GET") {
        return Err("405 Method Not Allowed");
    }
    let all = |name: &'static str| {
        let named = request.headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
        named.filter_map(|header| std::str::from_utf8(header.value).ok()).map(str::trim)
    };
    let has = |name: &'static str, token: &str| {
        all(name).any(|value| value.split(',').any(|part| part.trim().eq_ignore_ascii_case(token)))
    };
    let key = all("sec-websocket-key").next().filter(|key| !key.is_empty());
    let good = all("host").any(|host| !host.is_empty())
        && has("upgrade", "websocket")
        && has("connection", "upgrade")
        && has("sec-websocket-version", "13");
    let Some(key) = key.filter(|_| good) else { return Err(BAD) };
    let mut answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n",
        accept_key(key)
    );
    let mut role = Role::Client;
    if all(NO_MASKING).next() == Some("true") {
        answer.push_str("Nats-No-Masking: true\r\n");
        role = Role::ClientWithoutMasks;
    }
    answer.push_str("\r\n");
    Ok((answer, role))
}

/// A client's connection as a stream of bytes.
pub(crate) struct WebSocket<S> {
    io: S,
    frames: FrameReader,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Frames that wait to be written, and how many bytes of them are.
    waiting: Vec<u8>,
    written: usize,
    /// So many bytes of the last write are among them.
    taken: usize,
    /// The last frame has been read.
    over: bool,
    /// The last frame to be sent, and whether it is among those that wait.
    farewell: Control,
    closed: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    fn new(io: S, role: Role) -> WebSocket<S> {
        WebSocket {
            io,
            frames: FrameReader::new(role, LARGEST, false),
            buffer: vec![0; READ],
            start: 0,
            end: 0,
            waiting: Vec::new(),
            written: 0,
            taken: 0,
            over: false,
            farewell: Control::close(1000, ""),
            closed: false,
        }
    }

    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.waiting.get(self.written..).filter(|rest| !rest.is_empty()) {
            match ready!(Pin::new(&mut self.io).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.written += count,
            }
        }
        self.waiting.clear();
        self.written = 0;
        Pin::new(&mut self.io).poll_flush(cx)
    }

    /// Hands out payload from the buffer; answers whether there was any, or the end.
    fn advance(&mut self, to: &mut ReadBuf<'_>) -> Result<bool, FrameError> {
        while !self.over {
            let bytes = self.buffer.get_mut(self.start..self.end).unwrap_or_default();
            let (event, skip, len) = self.frames.next(bytes, to.remaining())?;
            self.start += skip;
            let payload = self.buffer.get(self.start..self.start + len).unwrap_or_default();
            self.start += len;
            match event {
                Event::More => return Ok(false),
                Event::Payload => {
                    to.put_slice(payload);
                    return Ok(true);
                }
                Event::End => {}
                Event::Control(control) => self.control(&control),
            }
        }
        Ok(true)
    }

    fn control(&mut self, control: &Control) {
        match control.opcode {
            Opcode::Ping if !self.closed => {
                Control::new(Opcode::Pong, control.payload()).encode(None, &mut self.waiting);
            }
            // What the client has been answered before goes out first.
            Opcode::Close => (self.over, self.farewell) = (true, *control),
            _ => {}
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for WebSocket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        while buf.remaining() > 0 {
            let advanced = this.advance(buf).unwrap_or_else(|error| {
                this.farewell = Control::close(error.close_code(), &error.to_string());
                this.over = true;
                true
            });
            // Answers go out when they can; a client that reads none of many is not read from any further.
            if !this.waiting.is_empty() && this.poll_drain(cx).is_pending() && this.waiting.len() > WRITE * 2
            {
                return Poll::Pending;
            }
            if advanced {
                return Poll::Ready(Ok(()));
            }
            this.buffer.copy_within(this.start..this.end, 0);
            (this.start, this.end) = (0, this.end - this.start);
            let mut space = ReadBuf::new(this.buffer.get_mut(this.end..).unwrap_or_default());
            ready!(Pin::new(&mut this.io).poll_read(cx, &mut space))?;
            let count = space.filled().len();
            this.end += count;
            this.over |= count == 0;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for WebSocket<S> {
    /// Takes what goes into one frame, and is done when that is written.
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.taken == 0 {
            ready!(this.poll_drain(cx))?;
            if this.closed {
                return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
            }
            let payload = buf.get(..WRITE).unwrap_or(buf);
            if payload.is_empty() {
                return Poll::Ready(Ok(0));
            }
            Header::whole(Opcode::Binary, payload.len(), None).encode(&mut this.waiting);
            this.waiting.extend_from_slice(payload);
            this.taken = payload.len();
        }
        ready!(this.poll_drain(cx))?;
        Poll::Ready(Ok(std::mem::take(&mut this.taken)))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_drain(cx)
    }

    /// Sends a close frame, with code 1000 unless it answers something.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.closed {
            let this = &mut *self;
            this.farewell.encode(None, &mut this.waiting);
            this.closed = true;
        }
        ready!(self.poll_drain(cx))?;
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
