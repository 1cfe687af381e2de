//! The canonical form of a message's control line, as every server and client writes it: upper case, single
//! spaces, CRLF. Whatever looks different in any way is left to the tolerant path, which alone makes errors.

use crate::op::Layout;

/// The layout and length of the frame behind a canonical operation that has `name_len` bytes with its space, if
/// `buf` holds all of that frame, its control line has no more than `max_line` bytes and its body no more than `max`.
#[inline(always)]
pub(super) fn frame(
    buf: &[u8],
    behind_name: &[u8],
    from_server: bool,
    has_header: bool,
    max_line: usize,
    max: usize,
) -> Option<(Layout, usize)> {
    let subject_at = buf.len() - behind_name.len();
    let (subject, rest) = term(behind_name)?;
    let (sid, rest) = if from_server { number_then_space(rest)? } else { (0, rest) };
    let reply_at = buf.len() - rest.len();
    // A reply subject may look like a number, so only the line end tells.
    let (reply_len, (header, total, body)) = match lengths(rest, has_header) {
        Some(lengths) => (0, lengths),
        None => {
            let (reply, rest) = term(rest)?;
            (reply.len(), lengths(rest, has_header)?)
        }
    };
    let body_at = buf.len() - body.len();
    let fits = total <= max as u64 && header <= total && body_at <= max_line && has_header == (header != 0);
    if !fits {
        return None;
    }
    let (_, end) = body.split_at_checked(total as usize)?;
    let [b'\r', b'\n', ..] = end else { return None };
    // The limits keep every number below 2^32.
    let layout = Layout {
        sid,
        subject_at: subject_at as u32,
        subject_len: subject.len() as u32,
        reply_at: if reply_len == 0 { 0 } else { reply_at as u32 },
        reply_len: reply_len as u32,
        body_at: body_at as u32,
        header_len: header as u32,
        payload_len: (total - header) as u32,
    };
    Some((layout, body_at + total as usize + 2))
}

/// The length of the header block (0 if there is none), the total length, and the bytes behind the line end.
#[inline(always)]
fn lengths(bytes: &[u8], has_header: bool) -> Option<(u64, u64, &[u8])> {
    let (header, rest) = if has_header { number_then_space(bytes)? } else { (0, bytes) };
    let (total, rest) = number(rest)?;
    match rest {
        [b'\r', b'\n', body @ ..] => Some((header, total, body)),
        _ => None,
    }
}

#[inline(always)]
fn number_then_space(bytes: &[u8]) -> Option<(u64, &[u8])> {
    match number(bytes)? {
        (number, [b' ', rest @ ..]) => Some((number, rest)),
        _ => None,
    }
}

/// A number of 1 to 19 digits, which 64 bits always hold, and what is behind it.
#[inline(always)]
fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut rest = bytes;
    let mut number = 0_u64;
    while let [byte, tail @ ..] = rest {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        number = number.wrapping_mul(10).wrapping_add(u64::from(digit));
        rest = tail;
    }
    let digits = bytes.len() - rest.len();
    (1..=19).contains(&digits).then_some((number, rest))
}

/// A term of bytes above the space that is ended by one space, and what is behind that.
#[inline(always)]
fn term(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (term, rest) = bytes.split_at_checked(low_byte(bytes)?)?;
    match rest {
        [b' ', rest @ ..] if !term.is_empty() => Some((term, rest)),
        _ => None,
    }
}

/// Position of the first byte that is a space or a control character, eight bytes a step.
#[inline(always)]
fn low_byte(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    let mut rest = bytes;
    while let Some((word, tail)) = rest.split_first_chunk::<8>() {
        let word = u64::from_le_bytes(*word);
        // The top bit of each byte below 0x21; borrows run upwards only, so that the lowest one is exact.
        let hits = word.wrapping_sub(ONES * 0x21) & !word & (ONES * 0x80);
        if hits != 0 {
            return Some(bytes.len() - rest.len() + hits.trailing_zeros() as usize / 8);
        }
        rest = tail;
    }
    let at = rest.iter().position(|byte| *byte <= b' ')?;
    Some(bytes.len() - rest.len() + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(buf: &[u8], from_server: bool, has_header: bool) -> bool {
        let at = buf.iter().position(|byte| *byte == b' ').unwrap() + 1;
        frame(buf, &buf[at..], from_server, has_header, 100, 100).is_some()
    }

    #[test]
    fn canonical_frames_are_taken_whatever_their_lengths() {
        for (subject, reply, payload) in
            (1..20).flat_map(|len| [(len, 0, len), (len, len, 3 * len), (9, len, 0)])
        {
            let reply = if reply == 0 { String::new() } else { format!(" {}", "7".repeat(reply)) };
            let subject = "s".repeat(subject);
            let body = "x".repeat(payload);
            assert!(taken(
                format!("MSG {subject} 12{reply} {payload}\r\n{body}\r\n").as_bytes(),
                true,
                false
            ));
            assert!(taken(format!("PUB {subject}{reply} {payload}\r\n{body}\r\n").as_bytes(), false, false));
            let total = payload + 3;
            assert!(taken(
                format!("HMSG {subject} 1{reply} 3 {total}\r\nhdr{body}\r\n").as_bytes(),
                true,
                true
            ));
            assert!(taken(
                format!("HPUB {subject}{reply} 3 {total}\r\nhdr{body}\r\n").as_bytes(),
                false,
                true
            ));
        }
    }

    #[test]
    fn every_other_form_is_left_to_the_tolerant_path() {
        for frame in [
            "MSG  a 1 2\r\nhi\r\n",
            "MSG a  1 2\r\nhi\r\n",
            "MSG a 1  2\r\nhi\r\n",
            "MSG a 1 2 \r\nhi\r\n",
            "MSG a\t1 2\r\nhi\r\n",
            "MSG a\tb 1 2\r\nhi\r\n",
            "MSG a\rb 1 2\r\nhi\r\n",
            "MSG a\nb 1 2\r\nhi\r\n",
            "MSG a 1 2\nhi\r\n",
            "MSG a 1 2\r\nhi\n\n",
            "MSG a 1 2\r\nhi\r",
            "MSG a 1 2\r\nhi",
            "MSG a 1 101\r\n",
            "MSG a 00000000000000000001 2\r\nhi\r\n",
            "MSG a 1 18446744073709551618\r\nhi\r\n",
        ] {
            assert!(!taken(frame.as_bytes(), true, false), "{frame:?}");
        }
        assert!(!taken(b"HMSG a 1 0 2\r\nhi\r\n", true, true));
        assert!(!taken(b"HMSG a 1 3 2\r\nhi\r\n", true, true));
        assert!(!taken(format!("MSG {} 1 2\r\nhi\r\n", "a".repeat(100)).as_bytes(), true, false));
    }

    #[test]
    fn the_first_low_byte_is_found_wherever_it_is() {
        for at in 0..40 {
            for low in [0, 9, 13, 32] {
                for other in [b'!', 0x7f, 0x80, 0x9f, 0xff] {
                    let mut bytes = vec![other; 50];
                    bytes[at] = low;
                    bytes[at + 1] = 0;
                    assert_eq!(low_byte(&bytes), Some(at));
                }
            }
        }
        assert_eq!(low_byte(&[b'!'; 23]), None);
    }
}
