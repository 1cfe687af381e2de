//! The body of a fuzz target: a server that sends any frames at all, compressed ones and bombs too.
//!
//! It panics where what is read is not what a plain reader finds that has everything at once. That is its job, so what the
//! rest of the crate may not do is allowed here.
#![allow(clippy::panic, clippy::indexing_slicing, clippy::expect_used, clippy::unwrap_used)]

use std::collections::VecDeque;

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_HAS_MORE_INPUT, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};
use nuncio_proto::websocket::{Event, FrameReader, Role};

use super::*;

/// What comes into a window before anything has: nothing but zeros.
const WINDOW: usize = 32 * 1024;

/// The first two bytes choose the limit, the room of the reader and how the rest arrives.
pub(crate) fn websocket(data: &[u8]) {
    let [choice, step, data @ ..] = data else { return };
    let most = if choice & 1 == 0 { 64 * 1024 } else { 1000 };
    let room = [1, 7, 4096, 128 * 1024][usize::from(choice >> 1 & 3)];
    let expected = Expected::of(data, most);
    expected.check(&read(vec![data.to_vec()], most, 1024 * 1024), "in one piece");
    let pieces = match usize::from(*step) {
        step @ 0..64 => data.chunks(step + 1).map(<[u8]>::to_vec).collect(),
        cut => {
            let (one, two) = data.split_at(cut.min(data.len()));
            vec![one.to_vec(), two.to_vec()]
        }
    };
    expected.check(&read(pieces, most, room), "in pieces");
}

/// What is to be read.
#[derive(Debug, Default)]
struct Expected {
    /// Of messages that are whole and good.
    sure: Vec<u8>,
    /// Of the one that is not: some of it may have been handed out before that was known.
    perhaps: Vec<u8>,
    fails: bool,
}

impl Expected {
    fn check(&self, (bytes, failed): &(Vec<u8>, bool), how: &str) {
        assert_eq!(*failed, self.fails, "whether it fails, {how}");
        let Some(perhaps) = bytes.strip_prefix(self.sure.as_slice()) else { panic!("other bytes, {how}") };
        assert!(self.perhaps.starts_with(perhaps), "bytes too many, {how}");
    }

    /// Reads all frames at once, and each message when it is whole.
    fn of(data: &[u8], most: u64) -> Expected {
        let mut expected = Expected::default();
        let (mut frames, mut rest) = (FrameReader::new(Role::Server, most, true), data.to_vec());
        let (mut message, mut kind) = (Vec::new(), (false, false));
        loop {
            let Ok((event, skip, len)) = frames.next(&mut rest, usize::MAX) else {
                expected.end(&message, kind, most);
                expected.fails = true;
                return expected;
            };
            rest.drain(..skip);
            let payload: Vec<u8> = rest.drain(..len).collect();
            match event {
                Event::More => {
                    expected.end(&message, kind, most);
                    return expected;
                }
                Event::Payload => {
                    message.extend(payload);
                    kind = (frames.is_compressed(), frames.is_text());
                }
                Event::End => {
                    let (message, kind) = (std::mem::take(&mut message), std::mem::take(&mut kind));
                    if !expected.whole(&message, kind, most) {
                        return expected;
                    }
                }
                Event::Control(control) if control.opcode == Opcode::Close => {
                    expected.end(&message, kind, most);
                    let good = matches!(control.reason(), Ok((1000 | 1001 | 1005, _)));
                    expected.fails |= !good;
                    return expected;
                }
                Event::Control(_) => {}
            }
        }
    }

    /// A message that is whole; false if it is no good.
    fn whole(&mut self, message: &[u8], (compressed, text): (bool, bool), most: u64) -> bool {
        let (bytes, good) = match compressed {
            true => inflated(&[message, &[0, 0, 0xff, 0xff]].concat(), most),
            false => (message.to_vec(), true),
        };
        if good && (!text || std::str::from_utf8(&bytes).is_ok()) {
            self.sure.extend(bytes);
            return true;
        }
        (self.perhaps, self.fails) = (bytes, true);
        false
    }

    /// A message that does not go on.
    fn end(&mut self, message: &[u8], (compressed, text): (bool, bool), most: u64) {
        let (bytes, good) = if compressed { inflated(message, most) } else { (message.to_vec(), true) };
        let broken = std::str::from_utf8(&bytes).is_err_and(|error| error.error_len().is_some());
        (self.perhaps, self.fails) = (bytes, !good || (text && broken));
    }
}

/// Inflates all that there is, block after last block, and tells whether that is possible within the limit.
fn inflated(mut from: &[u8], most: u64) -> (Vec<u8>, bool) {
    let most = usize::try_from(most).unwrap();
    let mut all = Vec::new();
    loop {
        let mut space = vec![0; WINDOW + most + 1];
        let flags = TINFL_FLAG_HAS_MORE_INPUT | TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
        let (status, used, made) = decompress(&mut DecompressorOxide::new(), from, &mut space, WINDOW, flags);
        all.extend_from_slice(&space[WINDOW..WINDOW + made]);
        from = &from[used..];
        match status {
            _ if all.len() > most => return (all, false),
            TINFLStatus::Done if from.is_empty() => return (all, true),
            TINFLStatus::Done => {}
            TINFLStatus::NeedsMoreInput => return (all, true),
            _ => return (all, false),
        }
    }
}

/// A server that has said so much, and takes everything.
#[derive(Debug)]
struct Peer(VecDeque<Vec<u8>>);

impl AsyncRead for Peer {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while let Some(piece) = self.0.front_mut() {
            let len = piece.len().min(buf.remaining());
            buf.put_slice(&piece[..len]);
            piece.drain(..len);
            if piece.is_empty() {
                self.0.pop_front();
            }
            if len > 0 {
                break;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Peer {
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

/// All that the client reads, with so much room at a time, and whether it ends with an error.
fn read(pieces: Vec<Vec<u8>>, most: u64, room: usize) -> (Vec<u8>, bool) {
    let agreed = Agreed { masked: false, deflate: true };
    let mut client = WebSocket::new(Peer(pieces.into()), &[], agreed, most);
    let mut cx = Context::from_waker(std::task::Waker::noop());
    let (mut all, mut space) = (Vec::new(), vec![0; room]);
    loop {
        let mut buf = ReadBuf::new(&mut space);
        match Pin::new(&mut client).poll_read(&mut cx, &mut buf) {
            Poll::Ready(Ok(())) if buf.filled().is_empty() => return (all, false),
            Poll::Ready(Ok(())) => all.extend_from_slice(buf.filled()),
            Poll::Ready(Err(_)) => return (all, true),
            Poll::Pending => panic!("it waits for somebody who never waits"),
        }
    }
}

#[cfg(test)]
mod tests {
    use nuncio_proto::websocket::Header;
    use proptest::prelude::*;

    use super::*;

    /// A message, and where it is cut into fragments.
    fn message() -> impl Strategy<Value = Vec<u8>> {
        let bytes = || prop::collection::vec(any::<u8>(), 0..300);
        let payload = prop_oneof![
            bytes().prop_map(|bytes| (Opcode::Binary, false, bytes)),
            any::<String>().prop_map(|text| (Opcode::Text, false, text.into_bytes())),
            any::<String>().prop_map(|text| (Opcode::Text, true, deflated(text.as_bytes()))),
            bytes().prop_map(|bytes| (Opcode::Binary, true, deflated(&bytes.repeat(3)))),
            // As large as may be, and what is larger.
            (0..3_usize, any::<u8>()).prop_map(|(more, byte)| {
                (Opcode::Binary, true, deflated(&vec![byte; 64 * 1024 - 1 + more]))
            }),
            (900..1100_usize).prop_map(|len| (Opcode::Binary, true, deflated(&vec![0; len]))),
            bytes().prop_map(|garbage| (Opcode::Binary, true, garbage)),
            // A last block in the middle of a message.
            bytes().prop_map(|bytes| {
                let last = [&[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00][..], &deflated(&bytes)].concat();
                (Opcode::Binary, true, last)
            }),
        ];
        (payload, any::<prop::sample::Index>(), any::<bool>()).prop_map(
            |((opcode, compressed, payload), at, ping)| {
                let (one, two) = payload.split_at(at.index(payload.len() + 1));
                let mut frames = Vec::new();
                let frame = |frames: &mut Vec<u8>, header: Header, payload: &[u8]| {
                    Header { len: payload.len() as u64, ..header }.encode(frames);
                    frames.extend_from_slice(payload);
                };
                let begin = Header { fin: false, compressed, ..Header::whole(opcode, 0, None) };
                frame(&mut frames, begin, one);
                if ping {
                    frame(&mut frames, Header::whole(Opcode::Ping, 0, None), b"are you there?");
                }
                frame(&mut frames, Header::whole(Opcode::Continuation, 0, None), two);
                frames
            },
        )
    }

    fn deflated(bytes: &[u8]) -> Vec<u8> {
        let mut deflater = deflate::Deflater::new();
        deflater.deflate([bytes].into_iter(), usize::MAX).unwrap().to_vec()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1500))]

        #[test]
        fn what_is_read_is_what_a_plain_reader_finds(
            choice: u8,
            step: u8,
            messages in prop::collection::vec(message(), 0..5),
            change in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
            close in prop::option::of(prop_oneof![Just(1000_u16), any::<u16>()]),
        ) {
            let mut data = messages.concat();
            if let Some(code) = close {
                data.extend([0x88, 2]);
                data.extend(code.to_be_bytes());
            }
            if let Some((at, byte)) = change && !data.is_empty() {
                let at = at.index(data.len());
                data[at] = byte;
            }
            websocket(&[&[choice, step], data.as_slice()].concat());
        }

        #[test]
        fn any_bytes_end_somehow(data in prop::collection::vec(any::<u8>(), 0..100)) {
            websocket(&data);
        }
    }
}
