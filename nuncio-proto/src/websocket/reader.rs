//! From frames to the bytes within.

use super::frame::{Control, FrameError, Header, Opcode, apply_mask};

/// Whose frames are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A server's, which have no masks.
    Server,
    /// A client's, which are masked.
    Client,
    /// A client's that need no masks, since the server agreed to do without; whether masked or not, they are read.
    ClientWithoutMasks,
}

/// What [`FrameReader::next`] has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Nothing before there are more bytes.
    More,
    /// The bytes that were consumed are payload, and unmasked by now.
    Payload,
    /// The message is complete.
    End,
    /// A control frame, perhaps in the middle of a message.
    Control(Control),
}

/// Reads the frames of one side, whatever the pieces they arrive in.
///
/// Payload is handed on as it comes: nothing is gathered but a control frame.
///
/// ```
/// use nuncio_proto::websocket::{Event, FrameReader, Role};
///
/// let mut reader = FrameReader::new(Role::Server, 1000, false);
/// let mut bytes = *b"\x82\x05hello\x82";
/// // The header and the payload, the end, and what waits for more.
/// assert_eq!(reader.next(&mut bytes, usize::MAX), Ok((Event::Payload, 2, 5)));
/// assert_eq!(reader.next(&mut bytes[7..], usize::MAX), Ok((Event::End, 0, 0)));
/// assert_eq!(reader.next(&mut bytes[7..], usize::MAX), Ok((Event::More, 0, 0)));
/// ```
#[derive(Clone, Debug)]
pub struct FrameReader {
    role: Role,
    most: u64,
    compression: bool,
    message: Option<Message>,
    frame: Option<Frame>,
}

/// The message that is being read.
#[derive(Clone, Copy, Debug)]
struct Message {
    compressed: bool,
    text: bool,
    /// The bytes that its frames have announced.
    total: u64,
}

/// The data frame that is being read.
#[derive(Clone, Copy, Debug)]
struct Frame {
    left: u64,
    fin: bool,
    mask: Option<[u8; 4]>,
    /// Bytes of it that have been unmasked, as far as they matter for the mask.
    at: usize,
}

impl FrameReader {
    /// Reads the frames of `role`, with messages of up to `most` bytes in all their fragments. Compressed ones are
    /// refused unless `compression` was agreed on.
    pub fn new(role: Role, most: u64, compression: bool) -> FrameReader {
        FrameReader { role, most, compression, message: None, frame: None }
    }

    /// Whether the present message is compressed.
    pub fn is_compressed(&self) -> bool {
        self.message.is_some_and(|message| message.compressed)
    }

    /// Whether the present message claims to be text.
    pub fn is_text(&self) -> bool {
        self.message.is_some_and(|message| message.text)
    }

    /// How many bytes come next that are payload as they are, and may be read past the reader: see
    /// [`FrameReader::pass`].
    pub fn plain(&self) -> u64 {
        match self.frame {
            Some(Frame { left, mask: None, .. }) if !self.is_compressed() => left,
            _ => 0,
        }
    }

    /// So many bytes of payload were read elsewhere, at most [`FrameReader::plain`].
    pub fn pass(&mut self, count: usize) {
        if let Some(frame) = &mut self.frame {
            frame.left = frame.left.saturating_sub(count as u64);
        }
    }

    /// Finds what comes first in the bytes; of payload at most `room` bytes. Answers with how many bytes are to be
    /// skipped and how many belong to the event; both are consumed.
    ///
    /// # Errors
    ///
    /// What breaks the rules of frames.
    pub fn next(&mut self, bytes: &mut [u8], room: usize) -> Result<(Event, usize, usize), FrameError> {
        let mut skip = 0;
        loop {
            let rest = bytes.get_mut(skip..).unwrap_or_default();
            let Some(frame) = &mut self.frame else {
                let Some((header, size)) = Header::decode(rest)? else { return Ok((Event::More, skip, 0)) };
                self.check(&header)?;
                if header.opcode.is_control() {
                    return Ok(match control(&header, rest.get_mut(size..).unwrap_or_default()) {
                        Some((control, len)) => (Event::Control(control), skip + size, len),
                        None => (Event::More, skip, 0),
                    });
                }
                self.begin(&header)?;
                skip += size;
                continue;
            };
            if frame.left == 0 {
                let fin = frame.fin;
                self.frame = None;
                if fin {
                    self.message = None;
                    return Ok((Event::End, skip, 0));
                }
                continue;
            }
            let left = usize::try_from(frame.left).unwrap_or(usize::MAX);
            let len = left.min(room).min(rest.len());
            let Some(payload) = rest.get_mut(..len).filter(|payload| !payload.is_empty()) else {
                return Ok((Event::More, skip, 0));
            };
            if let Some(mask) = frame.mask {
                apply_mask(payload, mask, frame.at);
                frame.at = frame.at.wrapping_add(len);
            }
            frame.left -= len as u64;
            return Ok((Event::Payload, skip, len));
        }
    }

    fn check(&self, header: &Header) -> Result<(), FrameError> {
        let good = match self.role {
            Role::Server => header.mask.is_none(),
            Role::Client => header.mask.is_some(),
            Role::ClientWithoutMasks => true,
        };
        if !good {
            return Err(FrameError::Mask);
        }
        let may_be_compressed = self.compression && matches!(header.opcode, Opcode::Text | Opcode::Binary);
        if header.compressed && !may_be_compressed { Err(FrameError::Reserved) } else { Ok(()) }
    }

    /// Begins a data frame.
    fn begin(&mut self, header: &Header) -> Result<(), FrameError> {
        let mut message = match (header.opcode, self.message) {
            (Opcode::Continuation, Some(message)) => message,
            (Opcode::Text | Opcode::Binary, None) => {
                let text = header.opcode == Opcode::Text;
                Message { compressed: header.compressed, text, total: 0 }
            }
            _ => return Err(FrameError::Fragment),
        };
        message.total = message.total.saturating_add(header.len);
        if message.total > self.most {
            return Err(FrameError::TooLarge { len: message.total, max: self.most });
        }
        self.message = Some(message);
        self.frame = Some(Frame { left: header.len, fin: header.fin, mask: header.mask, at: 0 });
        Ok(())
    }
}

/// The control frame whose payload is at the start of the bytes, if it is whole.
fn control(header: &Header, rest: &mut [u8]) -> Option<(Control, usize)> {
    let payload = rest.get_mut(..usize::try_from(header.len).ok()?)?;
    if let Some(mask) = header.mask {
        apply_mask(payload, mask, 0);
    }
    Some((Control::new(header.opcode, payload), payload.len()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// All that the reader finds, with the bytes in pieces of `piece`.
    fn read(
        reader: &mut FrameReader,
        bytes: &[u8],
        piece: usize,
    ) -> Result<(Vec<u8>, Vec<Event>), FrameError> {
        let (mut payload, mut events, mut seen) = (Vec::new(), Vec::new(), Vec::new());
        for piece in bytes.chunks(piece) {
            seen.extend_from_slice(piece);
            loop {
                let (event, skip, len) = reader.next(&mut seen, 3)?;
                seen.drain(..skip);
                let found: Vec<u8> = seen.drain(..len).collect();
                match event {
                    Event::More => break,
                    Event::Payload => payload.extend(found),
                    other => events.push(other),
                }
            }
        }
        assert!(seen.is_empty());
        Ok((payload, events))
    }

    #[test]
    fn what_is_found_does_not_depend_on_the_pieces() {
        let mut bytes = Vec::new();
        for (fin, opcode, text) in [
            (false, Opcode::Binary, "hel"),
            (true, Opcode::Ping, "are you there?"),
            (false, Opcode::Continuation, ""),
            (true, Opcode::Continuation, "lo world"),
            (true, Opcode::Text, ""),
        ] {
            let mask = Some([1, 2, 3, 4]);
            Header { fin, compressed: false, opcode, len: text.len() as u64, mask }.encode(&mut bytes);
            let start = bytes.len();
            bytes.extend_from_slice(text.as_bytes());
            apply_mask(bytes.get_mut(start..).unwrap(), [1, 2, 3, 4], 0);
        }
        let ping = Event::Control(Control::new(Opcode::Ping, b"are you there?"));
        for piece in 1..bytes.len() {
            let mut reader = FrameReader::new(Role::Client, 100, false);
            let found = read(&mut reader, &bytes, piece).unwrap();
            assert_eq!(found, (b"hello world".to_vec(), vec![ping, Event::End, Event::End]), "{piece}");
        }
    }

    #[test]
    fn what_breaks_the_rules_is_told() {
        let broken = |role, compression, bytes: &[u8]| {
            read(&mut FrameReader::new(role, 10, compression), bytes, 100).unwrap_err()
        };
        for (bytes, error) in [
            (&[0xa2, 0][..], FrameError::Reserved),
            (&[0xc2, 0], FrameError::Reserved),
            (&[0x83, 0], FrameError::UnknownOpcode(3)),
            (&[0x09, 0], FrameError::Control),
            (&[0x89, 126, 0, 126], FrameError::Control),
            (&[0x82, 126, 0, 125], FrameError::Length),
            (&[0x82, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff], FrameError::Length),
            (&[0x80, 0], FrameError::Fragment),
            (&[0x02, 0, 0x82, 0], FrameError::Fragment),
            (&[0x82, 0x80, 0, 0, 0, 0], FrameError::Mask),
            (&[0x82, 11], FrameError::TooLarge { len: 11, max: 10 }),
            (&[0x02, 2, 0, 0, 0x00, 9], FrameError::TooLarge { len: 11, max: 10 }),
        ] {
            assert_eq!(broken(Role::Server, false, bytes), error, "{bytes:?}");
        }
        assert_eq!(broken(Role::Client, false, &[0x82, 0]), FrameError::Mask);
        assert_eq!(broken(Role::Server, true, &[0xc9, 0]), FrameError::Reserved);
        assert_eq!(broken(Role::Server, true, &[0x02, 0, 0xc0, 0]), FrameError::Reserved);
    }

    #[test]
    fn payload_may_be_read_past_the_reader() {
        let mut reader = FrameReader::new(Role::Server, 100, true);
        assert_eq!(reader.next(&mut [0x82, 5], 100), Ok((Event::More, 2, 0)));
        assert_eq!(reader.plain(), 5);
        reader.pass(5);
        assert_eq!(reader.next(&mut [], 100), Ok((Event::End, 0, 0)));
        assert_eq!(reader.next(&mut [0xc2, 5], 100), Ok((Event::More, 2, 0)));
        assert_eq!(reader.plain(), 0, "of a compressed message nothing is as it is");
    }
}
