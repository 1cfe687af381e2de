//! The status that the first line of a header block may carry.

use std::fmt;

use super::VERSION;
use crate::subject::excerpt;

/// The status of a message, such as `503 No Responders`.
///
/// The server and JetStream use it to answer without a message. Any publisher can send any bytes in its place,
/// so the parts are bytes.
///
/// # Examples
///
/// ```
/// use nuncio_proto::header::status;
///
/// let status = status(b"NATS/1.0 404 No Messages\r\n\r\n").unwrap();
/// assert_eq!(status.code(), Some(404));
/// assert_eq!(status.description, b"No Messages");
/// assert!(!status.is_no_responders());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Status<'a> {
    /// What stands where the code belongs: not empty, but not always a number.
    pub code_text: &'a [u8],
    /// What follows it, without the spaces around; possibly empty.
    pub description: &'a [u8],
}

impl Status<'_> {
    /// The code, if it is a decimal number of at most five digits that fits.
    pub fn code(&self) -> Option<u16> {
        if self.code_text.is_empty() || self.code_text.len() > 5 {
            return None;
        }
        self.code_text.iter().try_fold(0u16, |code, b| {
            let digit = b.is_ascii_digit().then(|| u16::from(b - b'0'))?;
            code.checked_mul(10)?.checked_add(digit)
        })
    }

    /// Whether the status says that nobody listens on the subject of a request.
    ///
    /// The server's message that says so has no payload; with one, it is a reply like any other.
    pub fn is_no_responders(&self) -> bool {
        self.code_text == b"503"
    }
}

/// Code and description as printable text, cut where they are long.
impl fmt::Display for Status<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&excerpt(self.code_text))?;
        if self.description.is_empty() { Ok(()) } else { write!(f, " {}", excerpt(self.description)) }
    }
}

impl fmt::Debug for Status<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Status(\"{self}\")")
    }
}

/// The status of a header block, if its first line has one. The lines below may be malformed.
pub fn status(block: &[u8]) -> Option<Status<'_>> {
    let end = memchr::memchr(b'\n', block).unwrap_or(block.len());
    let line = block.get(..end)?;
    let text = after_version(line.strip_suffix(b"\r").unwrap_or(line))?;
    let text = trim(text);
    if text.is_empty() {
        return None;
    }
    let blank = text.iter().position(|b| is_blank(*b)).unwrap_or(text.len());
    let (code_text, description) = text.split_at_checked(blank)?;
    Some(Status { code_text, description: trim(description) })
}

/// Whether a header block has the status 503: see [`Status::is_no_responders`].
///
/// The same answer as through [`status`], for the way of every reply.
#[inline]
pub fn is_no_responders(block: &[u8]) -> bool {
    let Some(rest) = block.strip_prefix(VERSION.as_bytes()) else { return false };
    let code = trim_start(rest);
    if code.len() == rest.len() {
        return false;
    }
    matches!(code.strip_prefix(b"503"), Some([] | [b' ' | b'\t' | b'\n', ..] | [b'\r'] | [b'\r', b'\n', ..]))
}

/// What follows the version in the first line; `None` if the line does not start with the version as a word.
pub(super) fn after_version(line: &[u8]) -> Option<&[u8]> {
    let rest = line.strip_prefix(VERSION.as_bytes())?;
    rest.first().is_none_or(|b| is_blank(*b)).then_some(rest)
}

const fn is_blank(b: u8) -> bool {
    matches!(b, b' ' | b'\t')
}

fn trim_start(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = text {
        text = rest;
    }
    text
}

/// The text without the spaces and tabs around it.
pub(super) fn trim(text: &[u8]) -> &[u8] {
    let mut text = trim_start(text);
    while let [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(block: &[u8]) -> Option<(&[u8], &[u8])> {
        status(block).map(|status| (status.code_text, status.description))
    }

    #[test]
    fn status_is_code_and_description() {
        assert_eq!(parts(b"NATS/1.0 503\r\n\r\n"), Some((&b"503"[..], &b""[..])));
        assert_eq!(
            parts(b"NATS/1.0 100 Idle Heartbeat\r\n\r\n"),
            Some((&b"100"[..], &b"Idle Heartbeat"[..]))
        );
        assert_eq!(parts(b"NATS/1.0 503\r\nNats-Subject: a\r\n\r\n"), Some((&b"503"[..], &b""[..])));
    }

    #[test]
    fn bare_version_line_has_no_status() {
        for block in
            [&b"NATS/1.0\r\n\r\n"[..], b"NATS/1.0 \r\n\r\n", b"NATS/1.0", b"NATS/1.0\r\n503 x\r\n\r\n"]
        {
            assert_eq!(status(block), None, "{block:?}");
        }
    }

    #[test]
    fn block_of_another_kind_has_no_status() {
        for block in
            [&b""[..], b"NATS", b"NATS/1.1 503\r\n\r\n", b"NATS/1.0503\r\n\r\n", b"\r\nNATS/1.0 503\r\n"]
        {
            assert_eq!(status(block), None, "{block:?}");
            assert!(!is_no_responders(block), "{block:?}");
        }
    }

    #[test]
    fn status_takes_any_bytes_of_a_publisher() {
        assert_eq!(parts(b"NATS/1.0 \xff\x00 a\rb \xfe\r\n"), Some((&b"\xff\x00"[..], &b"a\rb \xfe"[..])));
        assert_eq!(parts(b"NATS/1.0 \t 503 \t a  b \t\r\n"), Some((&b"503"[..], &b"a  b"[..])));
        assert_eq!(parts(b"NATS/1.0 404 cut"), Some((&b"404"[..], &b"cut"[..])));
    }

    #[test]
    fn code_is_a_number_that_fits() {
        let code = |code_text| Status { code_text, description: b"" }.code();
        assert_eq!(code(b"503"), Some(503));
        assert_eq!(code(b"0"), Some(0));
        assert_eq!(code(b"65535"), Some(65535));
        for text in [&b"65536"[..], b"000503", b"", b"+1", b"-1", b"5o3", b"99999999999999999999"] {
            assert_eq!(code(text), None, "{text:?}");
        }
    }

    #[test]
    fn no_responders_is_503() {
        assert!(is_no_responders(b"NATS/1.0 503\r\n\r\n"));
        assert!(is_no_responders(b"NATS/1.0 503 No Responders\r\n\r\n"));
        for block in [&b"NATS/1.0 5033\r\n\r\n"[..], b"NATS/1.0 404\r\n\r\n", b"NATS/1.0\r\n503\r\n\r\n"] {
            assert!(!is_no_responders(block), "{block:?}");
        }
    }

    #[test]
    fn status_prints_as_text() {
        let status = status(b"NATS/1.0 409 Exceeded \xff\r\n\r\n").unwrap();
        assert_eq!(status.to_string(), r"409 Exceeded \xff");
        assert_eq!(format!("{status:?}"), r#"Status("409 Exceeded \xff")"#);
    }
}
