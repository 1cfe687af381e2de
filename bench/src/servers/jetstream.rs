//! Answers as a server with a stream and a consumer does, at once and without storing anything: what is left is the cost
//! of the client. Everything that is sent is encoded before it is asked for, the numbers in it among that.

use std::io::{self, BufRead, Read};

use memchr::{memchr, memmem};

use super::{Link, send};

/// Bytes of the messages that are consumed.
const SIZE: usize = 128;
/// So many different messages are consumed, over and over.
const MESSAGES: usize = 1000;
/// More than any run asks for.
const STORED: u64 = 1_000_000_000;

pub(super) fn serve(mut link: Link) -> io::Result<()> {
    let (mut read, mut have) = (vec![0; 1024 * 1024], 0);
    let buffered = link.buffer();
    if let Some(into) = read.get_mut(..buffered.len()) {
        into.copy_from_slice(buffered);
        have = buffered.len();
    }
    link.consume(have);
    let mut stand = Emulated::default();
    loop {
        let mut rest = read.get(..have).unwrap_or_default();
        while let Some(frame) = frame(rest) {
            stand.answer(frame.line, frame.payload);
            rest = rest.get(frame.len..).unwrap_or_default();
        }
        let left = rest.len();
        read.copy_within(have - left..have, 0);
        // What came in one read is answered in one write.
        if !stand.out.is_empty() {
            send(&mut link, &stand.out)?;
            stand.out.clear();
        }
        have = left + link.get_mut().read(read.get_mut(left..).unwrap_or_default())?;
        if have == left {
            return Ok(());
        }
    }
}

struct Frame<'a> {
    /// Without its end.
    line: &'a [u8],
    payload: &'a [u8],
    len: usize,
}

fn frame(bytes: &[u8]) -> Option<Frame<'_>> {
    let end = memchr(b'\n', bytes)?;
    let line = bytes.get(..end.checked_sub(1)?)?;
    if !matches!(line.first(), Some(b'P' | b'H')) || line.starts_with(b"PING") || line.starts_with(b"PONG") {
        return Some(Frame { line, payload: &[], len: end + 1 });
    }
    let mut size = 0;
    let mut unit = 1;
    for digit in line.iter().rev().take_while(|byte| byte.is_ascii_digit()) {
        size += usize::from(digit - b'0') * unit;
        unit *= 10;
    }
    let len = end + 1 + size + 2;
    // The end of the line is there, so the whole has to be.
    bytes.get(..len)?;
    Some(Frame { line, payload: bytes.get(end + 1..end + 1 + size)?, len })
}

/// What the client has subscribed to, and what is to be sent to it.
#[derive(Default)]
struct Emulated {
    /// Subjects up to their wildcards, and the ids.
    subscriptions: Vec<(Vec<u8>, Vec<u8>)>,
    /// What pulls are answered with, for the id that is in it.
    messages: (Vec<u8>, Vec<u8>),
    /// The message that is next.
    next: usize,
    out: Vec<u8>,
}

impl Emulated {
    fn answer(&mut self, line: &[u8], payload: &[u8]) {
        let mut words = line.split(|byte| *byte == b' ');
        match (words.next(), words.next(), words.next()) {
            // Acknowledgements have no reply subject, and want no answer.
            (Some(b"PUB"), Some(subject), Some(reply)) if words.next().is_some() => {
                self.answer_publish(subject, reply, payload);
            }
            (Some(b"SUB"), Some(subject), Some(id)) => {
                let until = memchr(b'*', subject).unwrap_or(subject.len());
                let subject = subject.get(..until).unwrap_or_default().to_vec();
                self.subscriptions.push((subject, id.to_vec()));
            }
            (Some(b"UNSUB"), Some(id), _) => self.subscriptions.retain(|(_, other)| other != id),
            (Some(b"PING"), ..) => self.out.extend_from_slice(b"PONG\r\n"),
            _ => {}
        }
    }

    fn answer_publish(&mut self, subject: &[u8], reply: &[u8], payload: &[u8]) {
        let Some((_, id)) = self.subscriptions.iter().rev().find(|(subject, _)| reply.starts_with(subject))
        else {
            return;
        };
        let Some(call) = subject.strip_prefix(b"$JS.API.") else {
            write(&mut self.out, reply, id, br#"{"stream":"BENCH", "seq":12345678}"#);
            return;
        };
        if call.starts_with(b"CONSUMER.MSG.NEXT.") {
            if self.messages.0 != *id {
                self.messages = (id.clone(), encode(id));
            }
            self.deliver(asked(payload));
        } else if call.starts_with(b"STREAM.") {
            write(&mut self.out, reply, id, stream().as_bytes());
        } else if call.starts_with(b"CONSUMER.") {
            write(&mut self.out, reply, id, consumer().as_bytes());
        } else {
            write(&mut self.out, reply, id, br#"{"type":"io.nats.jetstream.api.v1.account_info_response"}"#);
        }
    }

    fn deliver(&mut self, mut messages: usize) {
        let all = &self.messages.1;
        let each = all.len() / MESSAGES;
        while messages > 0 {
            let now = messages.min(MESSAGES - self.next);
            let (from, to) = (self.next * each, (self.next + now) * each);
            self.out.extend_from_slice(all.get(from..to).unwrap_or_default());
            self.next = (self.next + now) % MESSAGES;
            messages -= now;
        }
    }
}

fn write(out: &mut Vec<u8>, subject: &[u8], id: &[u8], payload: &[u8]) {
    let size = payload.len().to_string();
    for part in [b"MSG ", subject, b" ", id, b" ", size.as_bytes(), b"\r\n", payload, b"\r\n"] {
        out.extend_from_slice(part);
    }
}

/// Messages of one length, as a consumer delivers them.
fn encode(id: &[u8]) -> Vec<u8> {
    let (id, payload) = (String::from_utf8_lossy(id), "x".repeat(SIZE));
    let message = |number| {
        let sequence = 10_000_000 + number;
        let pending = STORED - sequence as u64;
        let reply = format!("$JS.ACK.KEPT.BENCH.1.{sequence}.{sequence}.1795492361452366662.{pending}");
        format!("MSG kept.subject {id} {reply} {SIZE}\r\n{payload}\r\n")
    };
    (0..MESSAGES).map(message).collect::<String>().into_bytes()
}

/// How many messages a pull asks for.
fn asked(pull: &[u8]) -> usize {
    let Some(at) = memmem::find(pull, br#""batch":"#) else { return 1 };
    let digits = pull.get(at + 8..).unwrap_or_default();
    digits.iter().take_while(|b| b.is_ascii_digit()).fold(0, |sum, b| sum * 10 + usize::from(b - b'0'))
}

const TIME: &str = "2026-11-24T12:00:00Z";

fn stream() -> String {
    format!(
        r#"{{"config":{{"name":"KEPT","subjects":["kept.>"],"retention":"limits","max_consumers":-1,"max_msgs":-1,"max_bytes":-1,"max_age":0,"max_msgs_per_subject":-1,"max_msg_size":-1,"discard":"old","storage":"memory","num_replicas":1,"duplicate_window":120000000000}},"created":"{TIME}","state":{{"messages":{STORED},"bytes":0,"first_seq":1,"first_ts":"{TIME}","last_seq":{STORED},"last_ts":"{TIME}","consumer_count":1}},"ts":"{TIME}"}}"#
    )
}

fn consumer() -> String {
    format!(
        r#"{{"stream_name":"KEPT","name":"BENCH","created":"{TIME}","config":{{"name":"BENCH","deliver_policy":"all","ack_policy":"explicit","ack_wait":30000000000,"max_deliver":-1,"replay_policy":"instant","max_waiting":512,"max_ack_pending":-1,"num_replicas":0}},"delivered":{{"consumer_seq":0,"stream_seq":0}},"ack_floor":{{"consumer_seq":0,"stream_seq":0}},"num_ack_pending":0,"num_redelivered":0,"num_waiting":0,"num_pending":{STORED},"ts":"{TIME}"}}"#
    )
}
