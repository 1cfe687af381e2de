//! Lines of a header block that may be malformed.

use std::iter::FusedIterator;

use super::HeaderError;
use super::status::{after_version, trim};

/// The lines of a header block as names and values, without a check of either.
///
/// For blocks that [`HeaderView::parse`](super::HeaderView::parse) refuses: what is no header line comes as an
/// error, and the iterator goes on behind it. Lines may end in LF, names are whatever stands before the first
/// colon, values are without the spaces around.
///
/// # Examples
///
/// ```
/// use nuncio_proto::header::raw_lines;
///
/// let mut lines = raw_lines(b"NATS/1.0\r\nno colon\r\nName: \xff\r\n\r\n");
/// assert!(lines.next().unwrap().is_err());
/// assert_eq!(lines.next().unwrap().unwrap(), (&b"Name"[..], &b"\xff"[..]));
/// assert!(lines.next().is_none());
/// ```
pub fn raw_lines(block: &[u8]) -> RawLines<'_> {
    RawLines { rest: block, at: At::Version }
}

/// The iterator that [`raw_lines`] returns.
#[derive(Clone, Debug)]
pub struct RawLines<'a> {
    rest: &'a [u8],
    at: At,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Version,
    Entries,
    End,
}

impl<'a> RawLines<'a> {
    /// Takes the next line, without its end.
    fn line(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let end = memchr::memchr(b'\n', self.rest).map_or(self.rest.len(), |at| at + 1);
        let (line, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
}

impl<'a> Iterator for RawLines<'a> {
    type Item = Result<(&'a [u8], &'a [u8]), HeaderError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at == At::Version {
            self.at = At::Entries;
            let first = self.line().unwrap_or_default();
            if after_version(first).is_none() {
                return Some(Err(HeaderError::version(first)));
            }
        }
        if self.at == At::End {
            return None;
        }
        let Some(line) = self.line() else {
            self.at = At::End;
            return Some(Err(HeaderError::MissingEnd));
        };
        if line.is_empty() {
            if self.rest.is_empty() {
                self.at = At::End;
                return None;
            }
            return Some(Err(HeaderError::trailing(self.rest)));
        }
        Some(entry(line))
    }
}

impl FusedIterator for RawLines<'_> {}

/// Name and value of a line, neither checked.
fn entry(line: &[u8]) -> Result<(&[u8], &[u8]), HeaderError> {
    if line.starts_with(b" ") || line.starts_with(b"\t") {
        return Err(HeaderError::continuation(line));
    }
    let colon = memchr::memchr(b':', line).and_then(|at| line.split_at_checked(at));
    let (name, value) = colon.ok_or_else(|| HeaderError::colon(line))?;
    Ok((name, trim(value.strip_prefix(b":").unwrap_or(value))))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Line<'a> = Result<(&'a [u8], &'a [u8]), HeaderError>;

    fn lines(block: &[u8]) -> Vec<Line<'_>> {
        raw_lines(block).collect()
    }

    #[test]
    fn good_lines_around_a_bad_one_are_read() {
        assert_eq!(
            lines(b"NATS/1.0\r\nA: 1\r\nbad\r\nB:2\r\n\r\n"),
            [
                Ok((&b"A"[..], &b"1"[..])),
                Err(HeaderError::MissingColon { line: "bad".into() }),
                Ok((&b"B"[..], &b"2"[..])),
            ]
        );
    }

    #[test]
    fn any_bytes_pass_as_name_and_value() {
        assert_eq!(
            lines(b"NATS/1.0\r\nA b: c\rd\r\n\xff:\xfe:x\n:\r\n\r\n"),
            [Ok((&b"A b"[..], &b"c\rd"[..])), Ok((&b"\xff"[..], &b"\xfe:x"[..])), Ok((&b""[..], &b""[..]))]
        );
    }

    #[test]
    fn faults_of_the_frame_are_reported_once() {
        assert_eq!(
            lines(b""),
            [Err(HeaderError::MissingVersion { line: "".into() }), Err(HeaderError::MissingEnd)]
        );
        assert_eq!(
            lines(b"HTTP/1.1\r\nA: 1\r\n"),
            [
                Err(HeaderError::MissingVersion { line: "HTTP/1.1".into() }),
                Ok((&b"A"[..], &b"1"[..])),
                Err(HeaderError::MissingEnd),
            ]
        );
        assert_eq!(
            lines(b"NATS/1.0\r\n\r\nA: 1\r\n\r\n"),
            [Err(HeaderError::TrailingBytes { text: r"A: 1\r\n\r\n".into() }), Ok((&b"A"[..], &b"1"[..]))]
        );
        assert_eq!(
            lines(b"NATS/1.0\r\n folded: x\r\n\r\n"),
            [Err(HeaderError::ContinuationLine { line: " folded: x".into() })]
        );
    }

    #[test]
    fn block_without_entries_has_no_lines() {
        assert_eq!(lines(b"NATS/1.0 503\r\n\r\n"), []);
    }
}
