//! Bytes looked at eight at a time, marked by their high bits.

/// The high bit of each byte.
pub(crate) const HIGH: u64 = splat(0x80);
const LOW: u64 = splat(0x7f);

/// Eight times the same byte.
pub(crate) const fn splat(b: u8) -> u64 {
    u64::from_le_bytes([b; 8])
}

/// Marks the bytes that equal `b`.
#[inline]
pub(crate) const fn equal(word: u64, b: u8) -> u64 {
    let zero_where_equal = word ^ splat(b);
    !(((zero_where_equal & LOW) + LOW) | zero_where_equal) & HIGH
}

/// Marks the bytes below `b`, which must be ASCII; exact while there are none.
#[inline]
pub(crate) const fn below(word: u64, b: u8) -> u64 {
    word.wrapping_sub(splat(b)) & !word & HIGH
}

/// Marks the bytes that equal `b`; the lowest mark is exact.
#[inline]
pub(crate) const fn first_equal(word: u64, b: u8) -> u64 {
    below(word ^ splat(b), 1)
}

/// Where the byte stands first.
#[inline]
pub(crate) fn find(s: &[u8], b: u8) -> Option<usize> {
    // Where it is found soon, this costs less than a call.
    const SOON: usize = 32;
    let mut rest = s;
    while s.len() - rest.len() < SOON
        && let Some((word, tail)) = rest.split_first_chunk::<8>()
    {
        let marks = first_equal(u64::from_le_bytes(*word), b);
        if marks != 0 {
            return Some(s.len() - rest.len() + marks.trailing_zeros() as usize / 8);
        }
        rest = tail;
    }
    let found = if rest.len() < 8 { rest.iter().position(|c| *c == b) } else { memchr::memchr(b, rest) };
    Some(s.len() - rest.len() + found?)
}

/// Whether any byte is at fault, by a test of eight that marks them.
#[inline]
pub(crate) fn any(s: &[u8], eight: impl Fn(u64) -> u64) -> bool {
    let Some(last) = s.last_chunk::<8>() else { return short(s).is_some_and(|word| eight(word) != 0) };
    // The last word may overlap the one before it.
    let (words, _) = s.as_chunks::<8>();
    let marks = words.iter().fold(0, |marks, word| marks | eight(u64::from_le_bytes(*word)));
    marks | eight(u64::from_le_bytes(*last)) != 0
}

/// A word of the bytes of a text that has fewer than eight of them, some of them more than once; `None` without any.
#[inline]
fn short(s: &[u8]) -> Option<u64> {
    if let (Some(first), Some(last)) = (s.first_chunk::<4>(), s.last_chunk::<4>()) {
        return Some(u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last)));
    }
    let (first, middle, last) = (s.first()?, s.get(s.len() / 2)?, s.last()?);
    Some(splat(*first) << 16 | u64::from(*middle) << 8 | u64::from(*last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_at_fault_is_found_wherever_it_stands() {
        for len in 1..=20 {
            for at in 0..len {
                for b in 0..=255_u8 {
                    let mut text = vec![b'a'; len];
                    text[at] = b;
                    let found = any(&text, |w| equal(w, b'\r') | below(w, b'!'));
                    assert_eq!(found, b < b'!', "{b} at {at} of {len}");
                    assert_eq!(any(&text, |w| equal(w, 0xff)), b == 0xff);
                }
            }
        }
    }

    #[test]
    fn the_first_of_equal_bytes_is_found_wherever_it_stands() {
        for len in 0..=90 {
            assert_eq!(find(&vec![b'\t'; len], b'\n'), None);
            for at in 0..len {
                let mut text = vec![b'\x0b'; len];
                text[at..].fill(b'\n');
                assert_eq!(find(&text, b'\n'), Some(at));
            }
        }
    }

    #[test]
    fn a_text_of_no_bytes_has_no_fault() {
        assert!(!any(b"", |_| HIGH));
    }
}
