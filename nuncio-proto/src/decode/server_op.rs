//! Decoding what a server sends.

use super::{DecodeError, Limits, fast, line, line::Operation, message};
use crate::op::{Layout, ServerOp};

/// Decodes the operations of a server from a growing buffer.
///
/// The decoder holds no bytes. It remembers how far it has looked at the front of the buffer, so that calling it
/// again with more bytes behind the same front costs no more than those new bytes.
///
/// Tolerant as nats-server and its Go client are: operations in any case, runs of spaces and tabs, a lone line
/// feed as line end. Strict where leniency would lose the step: operations match exactly, lengths are checked
/// against [`Limits`] as soon as their line is complete, and the payload must be followed by CRLF.
///
/// ```
/// use nuncio_proto::{decode::{Limits, ServerDecoder}, op::ServerOp};
///
/// let mut decoder = ServerDecoder::new(Limits::default());
/// let mut buf = &b"MSG greet 7 2\r\nhi\r\nPING\r\n"[..];
/// let mut seen = Vec::new();
/// while let Some((op, len)) = decoder.decode(buf)? {
///     seen.push(match op {
///         ServerOp::Msg(layout) => layout.sid.to_string(),
///         other => format!("{other:?}"),
///     });
///     buf = buf.get(len..).unwrap_or_default();
/// }
/// assert_eq!(seen, ["7", "Ping"]);
/// # Ok::<(), nuncio_proto::decode::DecodeError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ServerDecoder {
    limits: Limits,
    /// Bytes at the front of the buffer that hold no line feed.
    scanned: usize,
    /// The message whose payload is incomplete.
    pending: Option<Layout>,
}

impl ServerDecoder {
    /// A decoder at the beginning of a stream.
    pub fn new(limits: Limits) -> Self {
        Self { limits: limits.clamped(), ..Self::default() }
    }

    /// Changes the limits, for instance when `INFO` tells another `max_payload`. A message whose control line has been
    /// decoded already keeps the old ones.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits.clamped();
    }

    /// Decodes the operation at the front of `buf` and tells how many bytes its frame has. `None` means that more
    /// bytes are needed; the next call must then bring the same bytes with more behind them.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] if the bytes are not of the protocol or are over a limit. The stream can't be followed any
    /// further then.
    #[inline]
    pub fn decode<'a>(&mut self, buf: &'a [u8]) -> Result<Option<(ServerOp<'a>, usize)>, DecodeError> {
        if self.scanned == 0
            && self.pending.is_none()
            && let Some((layout, len)) = self.canonical_message(buf)
        {
            return Ok(Some((ServerOp::Msg(layout), len)));
        }
        self.decode_any(buf)
    }

    /// Decodes the messages at the front of `buf` that are whole and in canonical form, and tells how many bytes they have.
    ///
    /// `found` gets the first byte of each and its layout. This is [`decode`](Self::decode) in a loop, made for many
    /// messages; whatever it stops at is left to that.
    #[inline]
    pub fn decode_messages(&mut self, buf: &[u8], mut found: impl FnMut(usize, Layout)) -> usize {
        let mut at = 0;
        if self.scanned == 0 && self.pending.is_none() {
            while let Some((layout, len)) = buf.get(at..).and_then(|rest| self.canonical_message(rest)) {
                found(at, layout);
                at += len;
            }
        }
        at
    }

    /// Bytes of the whole frame at the front of the buffer while the payload of a message is incomplete, else 0.
    pub fn needed(&self) -> usize {
        self.pending.as_ref().map_or(0, message::frame_len)
    }

    /// Forgets what is known about the front of the buffer, for a new stream.
    pub fn reset(&mut self) {
        self.scanned = 0;
        self.pending = None;
    }

    #[inline(always)]
    fn canonical_message(&self, buf: &[u8]) -> Option<(Layout, usize)> {
        let (has_header, rest) = match buf {
            [b'M', b'S', b'G', b' ', rest @ ..] => (false, rest),
            [b'H', b'M', b'S', b'G', b' ', rest @ ..] => (true, rest),
            _ => return None,
        };
        fast::frame(buf, rest, true, has_header, self.limits.control_line, self.limits.message)
    }

    #[inline(never)]
    fn decode_any<'a>(&mut self, buf: &'a [u8]) -> Result<Option<(ServerOp<'a>, usize)>, DecodeError> {
        if let Some(layout) = self.pending {
            return self.finish(buf, layout);
        }
        let limits = self.limits;
        let limit = |operation| match operation {
            Operation::Info => limits.info,
            _ => limits.control_line,
        };
        let Some(line) = line::read(buf, &mut self.scanned, &Operation::SERVER, limit)? else {
            return Ok(None);
        };
        let op = match line.operation {
            Operation::Msg | Operation::Hmsg => {
                let layout = message::layout(&line, true, limits.message, |announced, limit| {
                    DecodeError::MessageTooLarge { announced, limit }
                })?;
                self.pending = Some(layout);
                return self.finish(buf, layout);
            }
            Operation::Info => ServerOp::Info(line.rest()),
            Operation::Err => ServerOp::Err(unquoted(line.rest())),
            Operation::Ok => line.expect_bare().map(|()| ServerOp::Ok)?,
            Operation::Pong => line.expect_bare().map(|()| ServerOp::Pong)?,
            _ => line.expect_bare().map(|()| ServerOp::Ping)?,
        };
        self.reset();
        Ok(Some((op, line.text.len())))
    }

    fn finish<'a>(
        &mut self,
        buf: &'a [u8],
        layout: Layout,
    ) -> Result<Option<(ServerOp<'a>, usize)>, DecodeError> {
        let Some(len) = message::complete(buf, &layout)? else { return Ok(None) };
        self.reset();
        Ok(Some((ServerOp::Msg(layout), len)))
    }
}

/// The text of an `-ERR` without its quotes, either of which may be missing.
fn unquoted(text: &[u8]) -> &[u8] {
    let text = text.strip_prefix(b"'").unwrap_or(text);
    text.strip_suffix(b"'").unwrap_or(text)
}
