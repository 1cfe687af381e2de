//! Decoding what a client sends.

use super::{ClientLimits, DecodeError, args::decimal, fast, line, line::Line, line::Operation, message};
use crate::op::{ClientOp, Layout};

/// Decodes the operations of a client from a growing buffer, as a server does.
///
/// Works as [`ServerDecoder`](super::ServerDecoder) does. It takes what nats-server takes, with these exceptions, all
/// of them faults of a client that a server had better name: text behind `PING` and `PONG`, operations that only a
/// server sends, `CONNECT` without a space, and an `UNSUB` whose count is no number.
///
/// ```
/// use nuncio_proto::{decode::{ClientDecoder, ClientLimits}, op::ClientOp};
///
/// let mut decoder = ClientDecoder::new(ClientLimits::default());
/// let op = decoder.decode(b"PUB greet answers 2\r\nhi\r\n")?;
/// let publish = ClientOp::Publish { subject: b"greet", reply: Some(b"answers"), header: None, payload: b"hi" };
/// assert_eq!(op, Some((publish, 25)));
/// # Ok::<(), nuncio_proto::decode::DecodeError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ClientDecoder {
    limits: ClientLimits,
    /// Bytes at the front of the buffer that hold no line feed.
    scanned: usize,
    /// The publish whose payload is incomplete.
    pending: Option<Layout>,
}

impl ClientDecoder {
    /// A decoder at the beginning of a stream.
    pub fn new(limits: ClientLimits) -> Self {
        Self { limits: limits.clamped(), ..Self::default() }
    }

    /// Changes the limits. A publish whose control line has been decoded already keeps the old ones.
    pub fn set_limits(&mut self, limits: ClientLimits) {
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
    pub fn decode<'a>(&mut self, buf: &'a [u8]) -> Result<Option<(ClientOp<'a>, usize)>, DecodeError> {
        if self.scanned == 0
            && self.pending.is_none()
            && let Some((layout, len)) = self.canonical_publish(buf)
        {
            return Ok(publish(buf, &layout).map(|op| (op, len)));
        }
        self.decode_any(buf)
    }

    /// Bytes of the whole frame at the front of the buffer while the payload of a publish is incomplete, else 0.
    pub fn needed(&self) -> usize {
        self.pending.as_ref().map_or(0, message::frame_len)
    }

    /// Forgets what is known about the front of the buffer, for a new stream.
    pub fn reset(&mut self) {
        self.scanned = 0;
        self.pending = None;
    }

    #[inline(always)]
    fn canonical_publish(&self, buf: &[u8]) -> Option<(Layout, usize)> {
        let (has_header, rest) = match buf {
            [b'P', b'U', b'B', b' ', rest @ ..] => (false, rest),
            [b'H', b'P', b'U', b'B', b' ', rest @ ..] => (true, rest),
            _ => return None,
        };
        fast::frame(buf, rest, false, has_header, self.limits.control_line, self.limits.max_payload)
    }

    #[inline(never)]
    fn decode_any<'a>(&mut self, buf: &'a [u8]) -> Result<Option<(ClientOp<'a>, usize)>, DecodeError> {
        if let Some(layout) = self.pending {
            return self.finish(buf, layout);
        }
        let limits = self.limits;
        let found = line::read(buf, &mut self.scanned, &Operation::CLIENT, |_| limits.control_line)?;
        let Some(line) = found else { return Ok(None) };
        let op = match line.operation {
            Operation::Pub | Operation::Hpub => {
                let layout = message::layout(&line, false, limits.max_payload, |announced, limit| {
                    DecodeError::PayloadTooLarge { announced, limit }
                })?;
                self.pending = Some(layout);
                return self.finish(buf, layout);
            }
            Operation::Sub => subscribe(&line)?,
            Operation::Unsub => unsubscribe(&line)?,
            Operation::Connect => ClientOp::Connect(line.rest()),
            Operation::Pong => line.expect_bare().map(|()| ClientOp::Pong)?,
            _ => line.expect_bare().map(|()| ClientOp::Ping)?,
        };
        self.reset();
        Ok(Some((op, line.text.len())))
    }

    fn finish<'a>(
        &mut self,
        buf: &'a [u8],
        layout: Layout,
    ) -> Result<Option<(ClientOp<'a>, usize)>, DecodeError> {
        let Some(len) = message::complete(buf, &layout)? else { return Ok(None) };
        self.reset();
        Ok(publish(buf, &layout).map(|op| (op, len)))
    }
}

/// The parts of a complete publish; `None` can't happen, since the layout lies in `buf`.
#[inline(always)]
fn publish<'a>(buf: &'a [u8], layout: &Layout) -> Option<ClientOp<'a>> {
    let part = |at: u32, len: u32| buf.get(at as usize..)?.get(..len as usize);
    Some(ClientOp::Publish {
        subject: part(layout.subject_at, layout.subject_len)?,
        reply: if layout.reply_len == 0 { None } else { Some(part(layout.reply_at, layout.reply_len)?) },
        header: if layout.header_len == 0 { None } else { Some(part(layout.body_at, layout.header_len)?) },
        payload: part(layout.body_at + layout.header_len, layout.payload_len)?,
    })
}

fn subscribe<'a>(line: &Line<'a>) -> Result<ClientOp<'a>, DecodeError> {
    let mut args = line.args().map(|arg| arg.text);
    let (first, second, third, surplus) = (args.next(), args.next(), args.next(), args.next());
    match (first, second, third, surplus) {
        (Some(subject), Some(sid), None, _) => Ok(ClientOp::Subscribe { subject, queue: None, sid }),
        (Some(subject), queue, Some(sid), None) => Ok(ClientOp::Subscribe { subject, queue, sid }),
        _ => Err(line.malformed()),
    }
}

fn unsubscribe<'a>(line: &Line<'a>) -> Result<ClientOp<'a>, DecodeError> {
    let mut args = line.args().map(|arg| arg.text);
    match (args.next(), args.next(), args.next()) {
        (Some(sid), None, _) => Ok(ClientOp::Unsubscribe { sid, max: None }),
        (Some(sid), Some(max), None) => {
            let max = decimal(max).map_err(|_| line.invalid_number())?;
            Ok(ClientOp::Unsubscribe { sid, max: Some(max) })
        }
        _ => Err(line.malformed()),
    }
}
