//! Compressed messages (permessage-deflate, RFC 7692), each by itself: nothing is kept from one for the next.

use miniz_oxide::deflate::core::{CompressorOxide, create_comp_flags_from_zip_params};
use miniz_oxide::deflate::stream::deflate;
use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZError, MZFlush, MZStatus};

use super::incoming::InflateError;

/// What every message ends with, and what is left out of it.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// The level of compression: the fastest, as nats-server's.
const LEVEL: i32 = 1;

/// No header, no checksum, and the largest window.
const RAW: i32 = -15;

/// The compressor writes in pieces of this size.
const PIECE: usize = 4 * 1024;

/// Undoes compression piece by piece, into memory of the caller's.
pub(super) struct Inflater {
    state: Box<InflateState>,
    /// How much has come out of the present message.
    made: u64,
    most: u64,
    /// What is still to be added to the message at its end.
    tail: &'static [u8],
    /// There may be more to come out before more has to go in.
    full: bool,
}

impl Inflater {
    /// Lets messages of up to `most` bytes pass.
    pub(super) fn new(most: u64) -> Inflater {
        let state = InflateState::new_boxed(DataFormat::Raw);
        Inflater { state, made: 0, most, tail: &TAIL, full: false }
    }

    /// Whether something comes out even if nothing goes in.
    pub(super) fn is_full(&self) -> bool {
        self.full
    }

    /// How many bytes went in and how many came out.
    pub(super) fn inflate(&mut self, from: &[u8], to: &mut [u8]) -> Result<(usize, usize), InflateError> {
        let result = inflate(&mut self.state, from, to, MZFlush::None);
        let (used, made) = (result.bytes_consumed, result.bytes_written);
        self.full = made == to.len();
        self.made += made as u64;
        if self.made > self.most {
            return Err(InflateError::TooLarge { most: self.most });
        }
        match result.status {
            // A last block may come before the end of the message, and others behind it.
            Ok(MZStatus::StreamEnd) => self.state.reset(DataFormat::Raw),
            Ok(_) => {}
            // Nothing was left to come out.
            Err(MZError::Buf) if from.is_empty() => self.full = false,
            Err(_) => return Err(InflateError::Garbage),
        }
        Ok((used, made))
    }

    /// As `inflate`, with the end of the message; none when all has come out and the next message may begin.
    pub(super) fn finish(&mut self, to: &mut [u8]) -> Result<Option<usize>, InflateError> {
        if self.tail.is_empty() && !self.full {
            self.state.reset(DataFormat::Raw);
            (self.made, self.tail) = (0, &TAIL);
            return Ok(None);
        }
        let (used, made) = self.inflate(self.tail, to)?;
        self.tail = self.tail.get(used..).unwrap_or_default();
        Ok(Some(made))
    }
}

/// Compresses messages.
pub(super) struct Deflater {
    state: Box<CompressorOxide>,
    out: Vec<u8>,
}

impl Deflater {
    pub(super) fn new() -> Deflater {
        let flags = create_comp_flags_from_zip_params(LEVEL, RAW, 0);
        Deflater { state: Box::new(CompressorOxide::new(flags)), out: Vec::new() }
    }

    /// The compressed form of a message in pieces; none if it is no shorter than `len`, the length of the message.
    pub(super) fn deflate<'a>(
        &mut self,
        pieces: impl Iterator<Item = &'a [u8]>,
        len: usize,
    ) -> Option<&[u8]> {
        self.out.clear();
        let good =
            pieces.into_iter().all(|piece| self.push(piece, MZFlush::None)) && self.push(&[], MZFlush::Sync);
        self.state.reset();
        let compressed = self.out.strip_suffix(&TAIL)?;
        (good && compressed.len() < len).then_some(compressed)
    }

    fn push(&mut self, mut piece: &[u8], flush: MZFlush) -> bool {
        loop {
            let start = self.out.len();
            self.out.resize(start + PIECE, 0);
            let space = self.out.get_mut(start..).unwrap_or_default();
            let result = deflate(&mut self.state, piece, space, flush);
            self.out.truncate(start + result.bytes_written);
            piece = piece.get(result.bytes_consumed..).unwrap_or_default();
            match result.status {
                Ok(_) if result.bytes_written == PIECE => {}
                Ok(_) if piece.is_empty() => return true,
                // What there is to compress waits inside for more.
                Err(MZError::Buf) => return piece.is_empty(),
                Ok(_) => {}
                Err(_) => return false,
            }
        }
    }
}

impl std::fmt::Debug for Inflater {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inflater").field("made", &self.made).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Deflater {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deflater").finish_non_exhaustive()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Inflates a whole message with `room` bytes at a time.
    fn inflated(inflater: &mut Inflater, mut from: &[u8], room: usize) -> Result<Vec<u8>, InflateError> {
        let mut all = Vec::new();
        let mut space = vec![0; room];
        while !from.is_empty() || inflater.is_full() {
            let (used, made) = inflater.inflate(from, &mut space)?;
            assert!(used + made > 0 || !inflater.is_full(), "it has to go on");
            from = from.get(used..).unwrap();
            all.extend_from_slice(space.get(..made).unwrap());
        }
        while let Some(made) = inflater.finish(&mut space)? {
            all.extend_from_slice(space.get(..made).unwrap());
        }
        Ok(all)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_was_compressed_comes_out_again(
            messages in prop::collection::vec((any::<u8>(), 0..3_000_usize, any::<Vec<u8>>()), 1..4),
            room in 1..5_000_usize,
        ) {
            let (mut deflater, mut inflater) = (Deflater::new(), Inflater::new(1 << 20));
            for (byte, times, other) in messages {
                let repeated = vec![byte; times];
                let whole = [other.as_slice(), &repeated, &other].concat();
                let pieces = [other.as_slice(), &repeated, &other];
                let compressed = deflater.deflate(pieces.into_iter(), usize::MAX).unwrap();
                prop_assert_eq!(inflated(&mut inflater, compressed, room).unwrap(), whole);
            }
        }

        #[test]
        fn garbage_is_an_error_or_comes_to_an_end(garbage: Vec<u8>, room in 1..100_usize) {
            let _ = inflated(&mut Inflater::new(1 << 16), &garbage, room);
        }
    }

    #[test]
    fn a_last_block_may_be_in_the_middle_of_a_message() {
        // RFC 7692, section 7.2.3.4.
        let hello = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00];
        let mut inflater = Inflater::new(100);
        assert_eq!(inflated(&mut inflater, &hello, 100).unwrap(), b"Hello");
        assert_eq!(inflated(&mut inflater, &hello, 2).unwrap(), b"Hello");
    }

    #[test]
    fn what_inflates_without_end_is_stopped_at_the_limit() {
        let zeros = vec![0; 1_000_000];
        let mut deflater = Deflater::new();
        let bomb = deflater.deflate([zeros.as_slice()].into_iter(), zeros.len()).unwrap();
        assert!(bomb.len() < 10_000);
        assert_eq!(inflated(&mut Inflater::new(1_000_000), bomb, 4_096).unwrap().len(), 1_000_000);
        let most = 999_999;
        let stopped = inflated(&mut Inflater::new(most), bomb, 4_096);
        assert_eq!(stopped, Err(InflateError::TooLarge { most }));
    }

    #[test]
    fn what_does_not_become_shorter_is_left_as_it_is() {
        let random: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..)).take(10_000).collect();
        assert_eq!(Deflater::new().deflate([random.as_slice()].into_iter(), random.len()), None);
    }
}
