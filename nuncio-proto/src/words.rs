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

/// Whether any byte is at fault, by a test of eight and one of a single byte that agree.
#[inline]
pub(crate) fn any(s: &[u8], eight: impl Fn(u64) -> u64, one: impl Fn(u8) -> bool) -> bool {
    let Some(last) = s.last_chunk::<8>() else {
        // No early way out: such a text is short and nearly always without fault.
        return s.iter().fold(false, |fault, b| fault | one(*b));
    };
    // The last word may overlap the one before it.
    let (words, _) = s.as_chunks::<8>();
    let marks = words.iter().fold(0, |marks, word| marks | eight(u64::from_le_bytes(*word)));
    marks | eight(u64::from_le_bytes(*last)) != 0
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
                    let found = any(&text, |w| equal(w, b'\r') | below(w, b'!'), |b| b < b'!');
                    assert_eq!(found, b < b'!', "{b} at {at} of {len}");
                    assert_eq!(any(&text, |w| equal(w, 0xff), |b| b == 0xff), b == 0xff);
                }
            }
        }
    }
}
