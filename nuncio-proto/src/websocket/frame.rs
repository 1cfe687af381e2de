//! One frame: its header, its mask, and what the control frames hold.

use thiserror::Error;

/// The most bytes that a frame's header has.
pub const MOST_HEADER: usize = 14;

/// The most bytes that a control frame holds.
const MOST_CONTROL: usize = 125;

const FIN: u8 = 0x80;
const RSV1: u8 = 0x40;
const RESERVED: u8 = 0x30;
const MASKED: u8 = 0x80;

/// What breaks the rules of WebSocket; the connection cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FrameError {
    /// A bit is set whose meaning was not agreed on, that of compression for example.
    #[error("a reserved bit is set in a WebSocket frame: no extension was agreed on that uses it")]
    Reserved,
    /// There is no such operation.
    #[error("a WebSocket frame has the unknown operation {0}")]
    UnknownOpcode(u8),
    /// Control frames are whole and of at most 125 bytes.
    #[error("a WebSocket control frame is not whole or has more than 125 bytes")]
    Control,
    /// A length is not in its shortest form, or has its first bit set.
    #[error("the length of a WebSocket frame is not in its shortest form")]
    Length,
    /// A fragment has no beginning, or a message begins within another.
    #[error("a fragment of a WebSocket message is out of order")]
    Fragment,
    /// A client's frame has no mask, or a server's frame has one.
    #[error("a client's WebSocket frames are masked and a server's are not: this one is the other way round")]
    Mask,
    /// A frame, or a message in all, is too large.
    #[error("a WebSocket message of {len} bytes is larger than {max}, the most that is read")]
    TooLarge {
        /// The bytes of the message as far as they are announced.
        len: u64,
        /// The limit.
        max: u64,
    },
    /// The payload of a close frame is no code and text.
    #[error("a WebSocket close frame has no good code and text")]
    Close,
}

impl FrameError {
    /// The code that a connection is closed with for this (RFC 6455, section 7.4.1).
    pub fn close_code(&self) -> u16 {
        match self {
            FrameError::TooLarge { .. } => 1009,
            _ => 1002,
        }
    }
}

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// More of the message before.
    Continuation,
    /// A message that is text.
    Text,
    /// A message.
    Binary,
    /// The last frame of its side.
    Close,
    /// To be answered with [`Opcode::Pong`] and the same payload.
    Ping,
    /// The answer.
    Pong,
}

impl Opcode {
    fn of(bits: u8) -> Result<Opcode, FrameError> {
        match bits {
            0 => Ok(Opcode::Continuation),
            1 => Ok(Opcode::Text),
            2 => Ok(Opcode::Binary),
            8 => Ok(Opcode::Close),
            9 => Ok(Opcode::Ping),
            10 => Ok(Opcode::Pong),
            other => Err(FrameError::UnknownOpcode(other)),
        }
    }

    fn bits(self) -> u8 {
        match self {
            Opcode::Continuation => 0,
            Opcode::Text => 1,
            Opcode::Binary => 2,
            Opcode::Close => 8,
            Opcode::Ping => 9,
            Opcode::Pong => 10,
        }
    }

    /// Whether it belongs to the connection rather than to a message.
    pub fn is_control(self) -> bool {
        matches!(self, Opcode::Close | Opcode::Ping | Opcode::Pong)
    }
}

/// The header of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Whether it is the last frame of its message.
    pub fin: bool,
    /// Whether the message is compressed; on its first frame only.
    pub compressed: bool,
    /// What it is.
    pub opcode: Opcode,
    /// The bytes of the payload.
    pub len: u64,
    /// What the payload is masked with.
    pub mask: Option<[u8; 4]>,
}

impl Header {
    /// The header of a whole message.
    pub fn whole(opcode: Opcode, len: usize, mask: Option<[u8; 4]>) -> Header {
        Header { fin: true, compressed: false, opcode, len: len as u64, mask }
    }

    /// Appends the header, at most [`MOST_HEADER`] bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let fin = if self.fin { FIN } else { 0 };
        let compressed = if self.compressed { RSV1 } else { 0 };
        out.push(fin | compressed | self.opcode.bits());
        let masked = if self.mask.is_some() { MASKED } else { 0 };
        match (u8::try_from(self.len), u16::try_from(self.len)) {
            (Ok(len @ ..=125), _) => out.push(masked | len),
            (_, Ok(len)) => {
                out.push(masked | 126);
                out.extend_from_slice(&len.to_be_bytes());
            }
            _ => {
                out.push(masked | 127);
                out.extend_from_slice(&self.len.to_be_bytes());
            }
        }
        out.extend_from_slice(self.mask.as_ref().map_or(&[], <[u8; 4]>::as_slice));
    }

    /// The header at the start of the bytes and its size; none while it is not whole.
    pub(super) fn decode(bytes: &[u8]) -> Result<Option<(Header, usize)>, FrameError> {
        let Some(([first, second], rest)) = bytes.split_first_chunk::<2>() else { return Ok(None) };
        if first & RESERVED != 0 {
            return Err(FrameError::Reserved);
        }
        let (fin, compressed) = (first & FIN != 0, first & RSV1 != 0);
        let opcode = Opcode::of(first & 0x0f)?;
        let short = second & !MASKED;
        if opcode.is_control() && (!fin || usize::from(short) > MOST_CONTROL) {
            return Err(FrameError::Control);
        }
        let (len, rest) = match short {
            126 => match rest.split_first_chunk() {
                Some((len, rest)) => (u64::from(u16::from_be_bytes(*len)), rest),
                None => return Ok(None),
            },
            127 => match rest.split_first_chunk() {
                Some((len, rest)) => (u64::from_be_bytes(*len), rest),
                None => return Ok(None),
            },
            short => (u64::from(short), rest),
        };
        let shortest = match short {
            126 => len > 125,
            127 => len > u64::from(u16::MAX),
            _ => true,
        };
        if !shortest {
            return Err(FrameError::Length);
        }
        let (mask, rest) = match (second & MASKED != 0, rest.split_first_chunk()) {
            (false, _) => (None, rest),
            (true, Some((mask, rest))) => (Some(*mask), rest),
            (true, None) => return Ok(None),
        };
        Ok(Some((Header { fin, compressed, opcode, len, mask }, bytes.len() - rest.len())))
    }
}

/// Masks bytes, or unmasks them, which is the same. `at` is how many bytes of the payload were before them.
///
/// ```
/// use nuncio_proto::websocket::apply_mask;
///
/// let mut whole = *b"some bytes, masked in one go or in several";
/// let mut parts = whole;
/// apply_mask(&mut whole, [1, 2, 3, 4], 0);
/// apply_mask(&mut parts[..5], [1, 2, 3, 4], 0);
/// apply_mask(&mut parts[5..], [1, 2, 3, 4], 5);
/// assert_eq!(whole, parts);
/// ```
pub fn apply_mask(bytes: &mut [u8], mut mask: [u8; 4], at: usize) {
    mask.rotate_left(at % 4);
    let narrow = u32::from_ne_bytes(mask);
    let wide = (0..4).fold(0, |wide, _| wide << 32 | u128::from(narrow));
    let (chunks, rest) = bytes.as_chunks_mut::<16>();
    for chunk in chunks {
        *chunk = (u128::from_ne_bytes(*chunk) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

/// A whole control frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Control {
    /// [`Opcode::Close`], [`Opcode::Ping`] or [`Opcode::Pong`].
    pub opcode: Opcode,
    len: usize,
    bytes: [u8; MOST_CONTROL],
}

impl Control {
    /// A control frame with as much of the payload as it can hold, 125 bytes.
    pub fn new(opcode: Opcode, payload: &[u8]) -> Control {
        let mut bytes = [0; MOST_CONTROL];
        bytes.iter_mut().zip(payload).for_each(|(to, from)| *to = *from);
        Control { opcode, len: payload.len().min(MOST_CONTROL), bytes }
    }

    /// A close frame with a code and a text, cut to 123 bytes at most where a character ends.
    pub fn close(code: u16, text: &str) -> Control {
        let mut end = text.len().min(MOST_CONTROL - 2);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let text = text.get(..end).unwrap_or_default();
        Control::new(Opcode::Close, &[&code.to_be_bytes(), text.as_bytes()].concat())
    }

    /// What it holds.
    pub fn payload(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// The code and the text of a close frame. Without any the code is 1005.
    ///
    /// Codes are taken as they come from 1000 to 4999: nats-server sends some that are not meant to be sent, such as
    /// 1006 for a stale connection.
    ///
    /// # Errors
    ///
    /// [`FrameError::Close`] if there is half a code, one that cannot be, or text that is not UTF-8.
    pub fn reason(&self) -> Result<(u16, &str), FrameError> {
        let Some((code, text)) = self.payload().split_first_chunk() else {
            return if self.len == 0 { Ok((1005, "")) } else { Err(FrameError::Close) };
        };
        match (u16::from_be_bytes(*code), std::str::from_utf8(text)) {
            (code @ 1000..=4999, Ok(text)) => Ok((code, text)),
            _ => Err(FrameError::Close),
        }
    }

    /// Appends the whole frame.
    pub fn encode(&self, mask: Option<[u8; 4]>, out: &mut Vec<u8>) {
        Header::whole(self.opcode, self.len, mask).encode(out);
        let start = out.len();
        out.extend_from_slice(self.payload());
        if let (Some(mask), Some(payload)) = (mask, out.get_mut(start..)) {
            apply_mask(payload, mask, 0);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_header_is_read_as_it_was_written_and_not_before_it_is_whole(
            fin: bool, compressed: bool, len in prop_oneof![0..200_u64, 65_000..66_000_u64, any::<u64>()],
            mask: Option<[u8; 4]>,
        ) {
            let header = Header { fin, compressed, opcode: Opcode::Binary, len, mask };
            let mut bytes = Vec::new();
            header.encode(&mut bytes);
            prop_assert!(bytes.len() <= MOST_HEADER);
            for end in 0..bytes.len() {
                prop_assert_eq!(Header::decode(bytes.get(..end).unwrap()), Ok(None));
            }
            let size = bytes.len();
            bytes.push(7);
            prop_assert_eq!(Header::decode(&bytes), Ok(Some((header, size))));
        }

        #[test]
        fn a_mask_is_applied_byte_by_byte(bytes: Vec<u8>, mask: [u8; 4], at in 0..100_usize) {
            let slow: Vec<u8> =
                bytes.iter().zip(mask.iter().cycle().skip(at)).map(|(byte, mask)| byte ^ mask).collect();
            let mut fast = bytes;
            apply_mask(&mut fast, mask, at);
            prop_assert_eq!(fast, slow);
        }
    }

    #[test]
    fn a_close_says_why_if_it_can() {
        let reason = |payload: &[u8]| {
            let control = Control::new(Opcode::Close, payload);
            control.reason().map(|(code, text)| (code, text.to_owned()))
        };
        assert_eq!(reason(b""), Ok((1005, String::new())));
        assert_eq!(reason(b"\x03\xe8bye"), Ok((1000, "bye".to_owned())));
        assert_eq!(reason(b"\x03\xee"), Ok((1006, String::new())));
        for bad in [&b"\x03"[..], b"\x03\xe7", b"\x13\x88", b"\x03\xe8\xff"] {
            assert_eq!(reason(bad), Err(FrameError::Close), "{bad:?}");
        }
        let long = Control::close(1000, &"é".repeat(100));
        assert_eq!(long.reason().unwrap().1, "é".repeat(61));
    }
}
