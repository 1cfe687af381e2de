//! The bytes in the frames that arrive.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use nuncio_proto::websocket::{Control, Event, FrameError, FrameReader, Role};
use thiserror::Error;
use tokio::io::{AsyncRead, ReadBuf};

use super::deflate::Inflater;

/// Frames are read from the stream in pieces of this size, and inflated in such pieces at most.
const READ: usize = 16 * 1024;

/// What ends the connection, with the code that the server is told.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) code: u16,
    pub(super) error: io::Error,
}

impl From<FrameError> for Broken {
    fn from(error: FrameError) -> Broken {
        let code = error.close_code();
        Broken { code, error: io::Error::new(io::ErrorKind::InvalidData, error) }
    }
}

/// What is wrong with a compressed message.
#[derive(Debug, PartialEq, Eq, Error)]
#[cfg_attr(not(feature = "websocket-deflate"), allow(dead_code))]
pub(super) enum InflateError {
    #[error("a compressed WebSocket message inflates to more than {most} bytes, the most that is read")]
    TooLarge { most: u64 },
    #[error("a compressed WebSocket message cannot be inflated")]
    Garbage,
}

impl From<InflateError> for Broken {
    fn from(error: InflateError) -> Broken {
        let code = if let InflateError::TooLarge { .. } = error { 1009 } else { 1007 };
        Broken { code, error: io::Error::new(io::ErrorKind::InvalidData, error) }
    }
}

/// What [`Incoming::advance`] came to.
pub(super) enum Progress {
    /// The frames that there are have been read, or there is no room for more.
    Done,
    Control(Control),
}

/// Frames that were read, and what of them is left to hand out.
#[derive(Debug)]
pub(super) struct Incoming {
    frames: FrameReader,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    inflater: Option<Inflater>,
    /// So many bytes at `start` are payload that is to be inflated.
    compressed: usize,
    /// The compressed message is complete but for what is still to come out.
    ending: bool,
    /// Whether a compressed message is being read.
    inflating: bool,
    /// Whether the present message is text.
    is_text: bool,
    text: Utf8,
}

impl Incoming {
    /// Begins with what was read already. Messages have up to `most` bytes.
    pub(super) fn new(read: &[u8], most: u64, inflater: Option<Inflater>) -> Incoming {
        let frames = FrameReader::new(Role::Server, most, inflater.is_some());
        let mut buffer = vec![0; READ.max(read.len())];
        buffer.iter_mut().zip(read).for_each(|(to, from)| *to = *from);
        Incoming {
            frames,
            buffer,
            start: 0,
            end: read.len(),
            inflater,
            compressed: 0,
            ending: false,
            inflating: false,
            is_text: false,
            text: Utf8::default(),
        }
    }

    /// Hands out what there is room for, up to the next control frame.
    pub(super) fn advance(&mut self, to: &mut ReadBuf<'_>) -> Result<Progress, Broken> {
        while to.remaining() > 0 {
            let before = to.filled().len();
            if self.inflate(to)? {
                self.check(to, before)?;
                continue;
            }
            let bytes = self.buffer.get_mut(self.start..self.end).unwrap_or_default();
            let (event, skip, len) = self.frames.next(bytes, to.remaining())?;
            self.start += skip;
            match event {
                Event::More => break,
                Event::Payload if self.frames.is_compressed() => {
                    (self.compressed, self.inflating) = (len, true);
                    self.is_text = self.frames.is_text();
                }
                Event::Payload => {
                    let payload = self.buffer.get(self.start..self.start + len).unwrap_or_default();
                    to.put_slice(payload);
                    self.start += len;
                    self.is_text = self.frames.is_text();
                    self.check(to, before)?;
                }
                Event::End if self.inflating => self.ending = true,
                Event::End => self.text.end()?,
                Event::Control(control) => {
                    self.start += len;
                    return Ok(Progress::Control(control));
                }
            }
        }
        Ok(Progress::Done)
    }

    /// Checks what was handed out behind `before`, and takes it back if it is not what it claims to be.
    fn check(&mut self, to: &mut ReadBuf<'_>, before: usize) -> Result<(), Broken> {
        if !self.is_text {
            return Ok(());
        }
        let checked = self.text.push(to.filled().get(before..).unwrap_or_default());
        if checked.is_err() {
            to.set_filled(before);
        }
        checked
    }

    /// Inflates some of what is compressed; false if nothing is.
    fn inflate(&mut self, to: &mut ReadBuf<'_>) -> Result<bool, Broken> {
        let Some(inflater) = &mut self.inflater else { return Ok(false) };
        let room = to.remaining().min(READ);
        let made = if self.compressed > 0 || inflater.is_full() {
            let from = self.buffer.get(self.start..self.start + self.compressed).unwrap_or_default();
            let (used, made) = inflater.inflate(from, to.initialize_unfilled_to(room))?;
            self.start += used;
            self.compressed -= used;
            made
        } else if self.ending {
            match inflater.finish(to.initialize_unfilled_to(room))? {
                Some(made) => made,
                None => {
                    (self.ending, self.inflating) = (false, false);
                    self.text.end()?;
                    0
                }
            }
        } else {
            return Ok(false);
        };
        to.advance(made);
        Ok(true)
    }

    /// Reads from the stream: past the buffer where all of it is payload. Answers whether there was anything.
    pub(super) fn poll_fill<S: AsyncRead + Unpin>(
        &mut self,
        io: &mut S,
        cx: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<bool>> {
        let plain = usize::try_from(self.frames.plain()).unwrap_or(usize::MAX);
        if self.start == self.end && plain >= to.remaining() && !self.frames.is_text() {
            let before = to.filled().len();
            ready!(Pin::new(io).poll_read(cx, to))?;
            let count = to.filled().len() - before;
            self.frames.pass(count);
            return Poll::Ready(Ok(count > 0));
        }
        // No more is kept than a control frame of which the end is missing.
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        let mut space = ReadBuf::new(self.buffer.get_mut(self.end..).unwrap_or_default());
        ready!(Pin::new(io).poll_read(cx, &mut space))?;
        let count = space.filled().len();
        self.end += count;
        Poll::Ready(Ok(count > 0))
    }
}

/// Checks that text in pieces is UTF-8.
#[derive(Debug, Default)]
struct Utf8 {
    /// The start of a character.
    begun: [u8; 4],
    len: usize,
}

impl Utf8 {
    fn push(&mut self, mut bytes: &[u8]) -> Result<(), Broken> {
        while self.len > 0 {
            let Some((first, rest)) = bytes.split_first() else { return Ok(()) };
            let Some(place) = self.begun.get_mut(self.len) else { return Err(no_text()) };
            *place = *first;
            self.len += 1;
            bytes = rest;
            match std::str::from_utf8(self.begun.get(..self.len).unwrap_or_default()) {
                Ok(_) => self.len = 0,
                Err(error) if error.error_len().is_none() => {}
                Err(_) => return Err(no_text()),
            }
        }
        let Err(error) = std::str::from_utf8(bytes) else { return Ok(()) };
        let rest = bytes.get(error.valid_up_to()..).unwrap_or_default();
        if error.error_len().is_some() {
            return Err(no_text());
        }
        self.begun.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        self.len = rest.len();
        Ok(())
    }

    fn end(&self) -> Result<(), Broken> {
        if self.len == 0 { Ok(()) } else { Err(no_text()) }
    }
}

fn no_text() -> Broken {
    let text = "a WebSocket message that claims to be text is not UTF-8";
    Broken { code: 1007, error: io::Error::new(io::ErrorKind::InvalidData, text) }
}
