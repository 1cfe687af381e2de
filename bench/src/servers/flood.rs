//! Floods a subscriber with as many messages as it asks for in the payload of a publish to `flood`:
//! `messages size headers`.

use std::io;

use super::{Link, send};
use crate::wire::HEADERS;

const BURST: usize = 256 * 1024;

pub(super) fn serve(mut reader: Link) -> io::Result<()> {
    let (mut line, mut body, mut sid) = (Vec::new(), Vec::new(), String::from("1"));
    while super::next_line(&mut reader, &mut line)? {
        let text = String::from_utf8_lossy(&line).into_owned();
        let words: Vec<&str> = text.split(' ').collect();
        match words.as_slice() {
            ["SUB", "flooded", id] => (*id).clone_into(&mut sid),
            ["PING"] => send(&mut reader, b"PONG\r\n")?,
            ["PUB", "flood", len] => {
                super::payload(&mut reader, len.parse().unwrap_or(0), &mut body)?;
                let order = String::from_utf8_lossy(&body).into_owned();
                let mut numbers = order.split_whitespace().map(|n| n.parse().unwrap_or(0));
                let mut next = || numbers.next().unwrap_or(0);
                flood(&mut reader, &sid, next() as u64, next(), next())?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn flood(link: &mut Link, sid: &str, messages: u64, size: usize, headers: usize) -> io::Result<()> {
    let frame = frame(sid, size, headers);
    let count = (BURST / frame.len()).max(1) as u64;
    let burst = frame.repeat(usize::try_from(count).unwrap_or(1));
    let mut left = messages;
    while left > 0 {
        let now = left.min(count);
        let bytes = usize::try_from(now).unwrap_or(0) * frame.len();
        send(link, burst.get(..bytes).unwrap_or_default())?;
        left -= now;
    }
    Ok(())
}

/// A message as a subscriber gets it.
pub(crate) fn frame(sid: &str, size: usize, headers: usize) -> Vec<u8> {
    let payload = "x".repeat(size);
    if headers == 0 {
        return format!("MSG flooded {sid} {size}\r\n{payload}\r\n").into_bytes();
    }
    let mut block = String::from("NATS/1.0\r\n");
    for (name, value) in HEADERS.iter().take(headers) {
        block.push_str(&format!("{name}: {value}\r\n"));
    }
    block.push_str("\r\n");
    let total = block.len() + size;
    format!("HMSG flooded {sid} {} {total}\r\n{block}{payload}\r\n", block.len()).into_bytes()
}
