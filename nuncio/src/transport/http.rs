//! The little of HTTP that opens a connection: the head of one answer.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt};

/// A head of more bytes is refused.
pub(crate) const LARGEST_HEAD: usize = 16 * 1024;

const END: &[u8] = b"\r\n\r\n";

/// Reads a head with the empty line that ends it, and nothing of what follows.
///
/// # Errors
///
/// What reading failed with; `UnexpectedEof` before the end of the head, `InvalidData` for one that is too long or
/// certainly not HTTP.
pub(crate) async fn read_head<R: AsyncBufRead + Unpin>(from: &mut R) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    loop {
        let chunk = from.fill_buf().await?;
        if chunk.is_empty() {
            let text = "the connection was closed before the answer was complete";
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
        }
        let (before, n) = (head.len(), chunk.len());
        head.extend_from_slice(chunk);
        // The end may lie across two chunks.
        let look = before.saturating_sub(END.len() - 1);
        let end = head.get(look..).and_then(|new| new.windows(END.len()).position(|window| window == END));
        if let Some(end) = end {
            head.truncate(look + end + END.len());
            from.consume(head.len().saturating_sub(before));
        } else {
            from.consume(n);
        }
        if head.starts_with(b"INFO ") {
            let text = "it speaks NATS without WebSocket or a proxy: is this the right port?";
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        if head.len() > LARGEST_HEAD {
            let text = format!("the answer's head has more than {LARGEST_HEAD} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        if end.is_some() {
            return Ok(head);
        }
    }
}

/// The status and its text, from the first line of a head of HTTP/1.0 or 1.1.
pub(crate) fn status(head: &[u8]) -> Option<(u16, String)> {
    let line = head.split(|b| *b == b'\r').next()?;
    let rest = line.strip_prefix(b"HTTP/1.1 ").or_else(|| line.strip_prefix(b"HTTP/1.0 "))?;
    let (code, text) = rest.split_at_checked(3)?;
    if !code.iter().all(u8::is_ascii_digit) || text.first().is_some_and(|b| *b != b' ') {
        return None;
    }
    let code = std::str::from_utf8(code).ok()?.parse().ok()?;
    Some((code, shown(text.trim_ascii())))
}

/// Text of a peer as errors show it.
pub(crate) fn shown(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    text.chars().take(128).map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, BufReader};

    #[tokio::test]
    async fn a_head_is_read_and_what_follows_is_left_however_it_arrives() {
        let all = b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nINFO {}\r\n\r\n";
        for capacity in 1..all.len() + 2 {
            let mut from = BufReader::with_capacity(capacity, all.as_slice());
            let head = read_head(&mut from).await.unwrap();
            assert_eq!(head, b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n", "{capacity}");
            let mut rest = Vec::new();
            from.read_to_end(&mut rest).await.unwrap();
            assert_eq!(rest, b"INFO {}\r\n\r\n", "{capacity}");
        }
    }

    #[tokio::test]
    async fn a_head_that_does_not_end_is_refused_when_it_is_too_long() {
        let mut endless = BufReader::with_capacity(100, tokio::io::repeat(b'x'));
        let error = read_head(&mut endless).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        let error = read_head(&mut b"HTTP/1.1 200 OK\r\n".as_slice()).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_status_line_is_read_strictly() {
        assert_eq!(status(b"HTTP/1.1 200 Connection established\r\n\r\n").unwrap().0, 200);
        assert_eq!(status(b"HTTP/1.0 407\r\n\r\n"), Some((407, String::new())));
        assert_eq!(
            status(b"HTTP/1.1 403 No\tway\x1b[2J\r\n"),
            Some((403, "No\u{FFFD}way\u{FFFD}[2J".into()))
        );
        for bad in
            ["", "HTTP/2 200 OK", "HTTP/1.1 20", "HTTP/1.1 2000 OK", "HTTP/1.1 abc OK", "SSH-2.0-x\r\n"]
        {
            assert_eq!(status(bad.as_bytes()), None, "{bad}");
        }
    }
}
