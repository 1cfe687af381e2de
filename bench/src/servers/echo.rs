//! Answers requests with their payloads, over whatever wildcard subscription the client made.

use std::io::{self, BufRead};

use super::{Link, send};

pub(super) fn serve(mut reader: Link) -> io::Result<()> {
    let (mut line, mut body, mut sid) = (Vec::new(), Vec::new(), Vec::from(b"1"));
    let mut out = Vec::with_capacity(256 * 1024);
    while super::next_line(&mut reader, &mut line)? {
        let mut words = line.split(|b| *b == b' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some(b"SUB"), _, Some(id), None) => id.clone_into(&mut sid),
            (Some(b"PING"), ..) => out.extend_from_slice(b"PONG\r\n"),
            (Some(b"PUB"), Some(_), Some(reply), Some(len)) => {
                let size = std::str::from_utf8(len).ok().and_then(|len| len.parse().ok()).unwrap_or(0);
                super::payload(&mut reader, size, &mut body)?;
                for part in [b"MSG ", reply, b" ", &sid, b" ", len, b"\r\n", &body] {
                    out.extend_from_slice(part);
                }
            }
            _ => {}
        }
        // What came in one read is answered in one write.
        if !out.is_empty() && !reader.buffer().contains(&b'\n') {
            send(&mut reader, &out)?;
            out.clear();
        }
        reader.fill_buf()?;
    }
    Ok(())
}
