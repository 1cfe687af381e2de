//! Encoding the wire, straight into a caller's buffer.
//!
//! Every function appends whole operations to a `Vec<u8>` and nothing else. The arguments have been validated before
//! (see [`subject`](crate::subject)): a term with a space or a line end in it would become other operations on the
//! wire, and an empty one would shift its neighbours. Debug builds assert that.

use crate::header::HeaderMap;

/// `PING`, with its line end.
pub const PING: &[u8] = b"PING\r\n";
/// `PONG`, with its line end.
pub const PONG: &[u8] = b"PONG\r\n";
/// `+OK`, with its line end.
pub const OK: &[u8] = b"+OK\r\n";

const CRLF: [u8; 2] = *b"\r\n";

/// More than the fixed parts of any control line have: the name, two lengths or ids of 20 digits, spaces, line ends.
const OVERHEAD: usize = 64;

/// `PUB`, or `HPUB` if there are headers: the whole frame.
///
/// ```
/// let mut out = Vec::new();
/// nuncio_proto::encode::publish(&mut out, b"greet", Some(b"answers"), None, b"hi");
/// assert_eq!(out, b"PUB greet answers 2\r\nhi\r\n");
/// ```
#[inline]
pub fn publish(
    out: &mut Vec<u8>,
    subject: &[u8],
    reply: Option<&[u8]>,
    headers: Option<&HeaderMap>,
    payload: &[u8],
) {
    match headers {
        None => pub_head(out, subject, reply, payload.len(), payload.len()),
        Some(headers) => hpub_head(out, subject, reply, headers, payload.len(), payload.len()),
    }
    out.extend_from_slice(payload);
    out.extend_from_slice(&CRLF);
}

/// The control line of a [`publish`] and its header block. The caller sends the payload and CRLF behind it.
pub fn publish_head(
    out: &mut Vec<u8>,
    subject: &[u8],
    reply: Option<&[u8]>,
    headers: Option<&HeaderMap>,
    payload_len: usize,
) {
    match headers {
        None => pub_head(out, subject, reply, payload_len, 0),
        Some(headers) => hpub_head(out, subject, reply, headers, payload_len, 0),
    }
}

/// `HPUB` with a header block as it was received, up to and with its empty line; the caller sends the payload and CRLF
/// behind it.
pub fn forward_head(
    out: &mut Vec<u8>,
    subject: &[u8],
    reply: Option<&[u8]>,
    block: &[u8],
    payload_len: usize,
) {
    out.reserve(OVERHEAD + subject.len() + reply.map_or(0, <[u8]>::len) + block.len());
    out.extend_from_slice(b"HPUB ");
    term(out, subject);
    if let Some(reply) = reply {
        out.push(b' ');
        term(out, reply);
    }
    space_and_number(out, block.len());
    last_length(out, block.len().saturating_add(payload_len));
    out.extend_from_slice(block);
}

/// The control line of a `PUB`, and room for `room` bytes and CRLF behind it.
#[inline(always)]
fn pub_head(out: &mut Vec<u8>, subject: &[u8], reply: Option<&[u8]>, payload_len: usize, room: usize) {
    out.reserve(OVERHEAD + subject.len() + reply.map_or(0, <[u8]>::len) + room);
    out.extend_from_slice(b"PUB ");
    term(out, subject);
    if let Some(reply) = reply {
        out.push(b' ');
        term(out, reply);
    }
    last_length(out, payload_len);
}

/// As [`pub_head`], with headers. On its own, so that a publish without them stays small enough to be inlined.
#[inline(never)]
fn hpub_head(
    out: &mut Vec<u8>,
    subject: &[u8],
    reply: Option<&[u8]>,
    headers: &HeaderMap,
    payload_len: usize,
    room: usize,
) {
    if headers.is_empty() {
        return pub_head(out, subject, reply, payload_len, room);
    }
    let block_len = headers.encoded_len();
    out.reserve(OVERHEAD + subject.len() + reply.map_or(0, <[u8]>::len) + block_len + room);
    out.extend_from_slice(b"HPUB ");
    term(out, subject);
    if let Some(reply) = reply {
        out.push(b' ');
        term(out, reply);
    }
    space_and_number(out, block_len);
    last_length(out, block_len.saturating_add(payload_len));
    headers.encode_into(out);
}

/// `SUB`
pub fn subscribe(out: &mut Vec<u8>, subject: &[u8], queue: Option<&[u8]>, sid: u64) {
    out.reserve(OVERHEAD + subject.len() + queue.map_or(0, <[u8]>::len));
    out.extend_from_slice(b"SUB ");
    term(out, subject);
    out.push(b' ');
    if let Some(queue) = queue {
        term(out, queue);
        out.push(b' ');
    }
    number(out, sid);
    out.extend_from_slice(&CRLF);
}

/// `UNSUB`: at once, or after `max` messages since the subscription began.
pub fn unsubscribe(out: &mut Vec<u8>, sid: u64, max: Option<u64>) {
    out.extend_from_slice(b"UNSUB ");
    number(out, sid);
    if let Some(max) = max {
        out.push(b' ');
        number(out, max);
    }
    out.extend_from_slice(&CRLF);
}

/// `CONNECT` with its JSON text.
pub fn connect(out: &mut Vec<u8>, json: &[u8]) {
    line(out, b"CONNECT ", json, b"\r\n");
}

/// `MSG`, or `HMSG` if there is a header block: the whole frame, as a server sends it.
pub fn message(
    out: &mut Vec<u8>,
    subject: &[u8],
    sid: &[u8],
    reply: Option<&[u8]>,
    header: Option<&[u8]>,
    payload: &[u8],
) {
    let header_len = header.map_or(0, <[u8]>::len);
    let reply_len = reply.map_or(0, <[u8]>::len);
    out.reserve(OVERHEAD + subject.len() + sid.len() + reply_len + header_len + payload.len());
    out.extend_from_slice(if header.is_some() { b"HMSG " } else { b"MSG " });
    term(out, subject);
    out.push(b' ');
    term(out, sid);
    if let Some(reply) = reply {
        out.push(b' ');
        term(out, reply);
    }
    if let Some(header) = header {
        space_and_number(out, header.len());
        last_length(out, header.len().saturating_add(payload.len()));
        out.extend_from_slice(header);
    } else {
        last_length(out, payload.len());
    }
    out.extend_from_slice(payload);
    out.extend_from_slice(&CRLF);
}

/// `INFO` with its JSON text.
pub fn info(out: &mut Vec<u8>, json: &[u8]) {
    line(out, b"INFO ", json, b"\r\n");
}

/// `-ERR` with its text, which is put in quotes.
pub fn err(out: &mut Vec<u8>, text: &[u8]) {
    line(out, b"-ERR '", text, b"'\r\n");
}

fn line(out: &mut Vec<u8>, before: &[u8], text: &[u8], behind: &[u8]) {
    debug_assert!(!text.contains(&b'\n'), "a line of the protocol with a line feed in it");
    out.reserve(before.len() + text.len() + behind.len());
    out.extend_from_slice(before);
    out.extend_from_slice(text);
    out.extend_from_slice(behind);
}

/// A subject, queue group or subscription id.
#[inline(always)]
fn term(out: &mut Vec<u8>, term: &[u8]) {
    debug_assert!(
        !term.is_empty() && !term.iter().any(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')),
        "not one term of a control line: {}",
        term.escape_ascii()
    );
    out.extend_from_slice(term);
}

/// A space, a length and the line end, which are the last things of a message's control line.
///
/// Lengths below 100,000 become arrays of known size, which cost a store or two instead of a call to copy.
#[inline(always)]
fn last_length(out: &mut Vec<u8>, length: usize) {
    let digit = |power: usize| b'0' + (length / power % 10) as u8;
    match length {
        0..10 => out.extend_from_slice(&[b' ', digit(1), b'\r', b'\n']),
        10..100 => out.extend_from_slice(&[b' ', digit(10), digit(1), b'\r', b'\n']),
        100..1000 => out.extend_from_slice(&[b' ', digit(100), digit(10), digit(1), b'\r', b'\n']),
        1000..10_000 => {
            out.extend_from_slice(&[b' ', digit(1000), digit(100), digit(10), digit(1), b'\r', b'\n']);
        }
        10_000..100_000 => {
            let [first, last] = [digit(10_000), digit(1)];
            out.extend_from_slice(&[b' ', first, digit(1000), digit(100), digit(10), last, b'\r', b'\n']);
        }
        _ => {
            space_and_number(out, length);
            out.extend_from_slice(&CRLF);
        }
    }
}

#[inline]
fn space_and_number(out: &mut Vec<u8>, length: usize) {
    let digit = |power: usize| b'0' + (length / power % 10) as u8;
    match length {
        10..100 => out.extend_from_slice(&[b' ', digit(10), digit(1)]),
        100..1000 => out.extend_from_slice(&[b' ', digit(100), digit(10), digit(1)]),
        _ => {
            out.push(b' ');
            number(out, length as u64);
        }
    }
}

#[inline(never)]
pub(crate) fn number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(encode: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = b"before|".to_vec();
        encode(&mut out);
        String::from_utf8(out).unwrap().strip_prefix("before|").unwrap().to_owned()
    }

    #[test]
    fn a_publish_without_headers_is_a_pub() {
        assert_eq!(encoded(|out| publish(out, b"a.b", None, None, b"hi")), "PUB a.b 2\r\nhi\r\n");
        assert_eq!(encoded(|out| publish(out, b"a", Some(b"r"), None, b"")), "PUB a r 0\r\n\r\n");
        let empty = HeaderMap::new();
        assert_eq!(encoded(|out| publish(out, b"a", None, Some(&empty), b"hi")), "PUB a 2\r\nhi\r\n");
    }

    #[test]
    fn a_publish_with_headers_is_an_hpub_whose_second_length_counts_both() {
        let headers = HeaderMap::try_from_iter([("A", "1"), ("B", "2")]).unwrap();
        let frame = "HPUB a r 24 26\r\nNATS/1.0\r\nA: 1\r\nB: 2\r\n\r\nhi\r\n";
        assert_eq!(encoded(|out| publish(out, b"a", Some(b"r"), Some(&headers), b"hi")), frame);
        let head = encoded(|out| publish_head(out, b"a", Some(b"r"), Some(&headers), 2));
        assert_eq!(head, frame.strip_suffix("hi\r\n").unwrap());
        let status = HeaderMap::with_status(503, "").unwrap();
        let frame = "HPUB a 16 16\r\nNATS/1.0 503\r\n\r\n\r\n";
        assert_eq!(encoded(|out| publish(out, b"a", None, Some(&status), b"")), frame);
    }

    #[test]
    fn the_head_is_the_publish_without_its_payload_and_end() {
        assert_eq!(encoded(|out| publish_head(out, b"a", Some(b"r"), None, 70_000)), "PUB a r 70000\r\n");
    }

    #[test]
    fn every_length_is_written_as_decimal_digits() {
        let around = (0..8).map(|power| 10_usize.pow(power)).flat_map(|power| [power - 1, power, power + 1]);
        for length in around.chain([usize::MAX, 1234, 56_789]) {
            let head = encoded(|out| publish_head(out, b"a", None, None, length));
            assert_eq!(head, format!("PUB a {length}\r\n"));
        }
    }

    #[test]
    fn subscriptions_come_and_go() {
        assert_eq!(encoded(|out| subscribe(out, b"a.*", None, 1)), "SUB a.* 1\r\n");
        let sub = encoded(|out| subscribe(out, b"a.>", Some(b"q"), u64::MAX));
        assert_eq!(sub, "SUB a.> q 18446744073709551615\r\n");
        assert_eq!(encoded(|out| unsubscribe(out, 7, None)), "UNSUB 7\r\n");
        assert_eq!(encoded(|out| unsubscribe(out, 7, Some(10))), "UNSUB 7 10\r\n");
    }

    #[test]
    fn a_message_with_a_header_block_is_an_hmsg() {
        let block = b"NATS/1.0\r\n\r\n";
        assert_eq!(encoded(|out| message(out, b"a", b"1", None, None, b"hi")), "MSG a 1 2\r\nhi\r\n");
        assert_eq!(encoded(|out| message(out, b"a", b"1", Some(b"r"), None, b"")), "MSG a 1 r 0\r\n\r\n");
        assert_eq!(
            encoded(|out| message(out, b"a", b"1", Some(b"r"), Some(block), b"hi")),
            "HMSG a 1 r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n"
        );
    }

    #[test]
    fn texts_are_put_in_their_lines() {
        assert_eq!(encoded(|out| connect(out, b"{}")), "CONNECT {}\r\n");
        assert_eq!(encoded(|out| info(out, b"{}")), "INFO {}\r\n");
        assert_eq!(encoded(|out| err(out, b"Stale Connection")), "-ERR 'Stale Connection'\r\n");
    }

    #[cfg(debug_assertions)]
    #[test]
    #[should_panic(expected = "not one term")]
    fn debug_builds_catch_a_term_that_would_be_other_operations() {
        publish(&mut Vec::new(), b"a 0\r\n\r\nPUB b", None, None, b"");
    }
}
