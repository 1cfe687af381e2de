//! Decoders written for plainness alone, a byte at a time and with a copy of everything, to compare the real ones
//! with. They share no code with them.

use super::ops::{Fault, Op};
use crate::decode::{ClientLimits, Limits};

/// Whose operations are read, and how much is allowed.
#[derive(Clone, Copy)]
pub(crate) enum Peer {
    Server(Limits),
    Client(ClientLimits),
}

impl Peer {
    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Server(_) => &["INFO", "MSG", "HMSG", "+OK", "-ERR", "PING", "PONG"],
            Self::Client(_) => &["CONNECT", "PUB", "HPUB", "SUB", "UNSUB", "PING", "PONG"],
        }
    }

    fn line_limit(self, name: &str) -> usize {
        match self {
            Self::Server(limits) if name == "INFO" => limits.info,
            Self::Server(limits) => limits.control_line,
            Self::Client(limits) => limits.control_line,
        }
    }

    fn body_limit(self) -> u128 {
        match self {
            Self::Server(limits) => limits.message as u128,
            Self::Client(limits) => limits.max_payload as u128,
        }
    }
}

/// All operations of `data`, and what ended them if the end is not just missing.
pub(crate) fn run(peer: Peer, data: &[u8]) -> (Vec<Op>, Option<Fault>) {
    let mut ops = Vec::new();
    let mut bytes = data.iter().copied();
    loop {
        match operation(peer, &mut bytes) {
            Ok(Some(op)) => ops.push(op),
            Ok(None) => return (ops, None),
            Err(fault) => return (ops, Some(fault)),
        }
    }
}

fn operation(peer: Peer, bytes: &mut dyn Iterator<Item = u8>) -> Result<Option<Op>, Fault> {
    let mut name = String::new();
    let separator = loop {
        match bytes.next() {
            None => return Ok(None),
            Some(byte @ (b' ' | b'\t' | b'\r' | b'\n')) => break byte,
            Some(byte) => name.push(byte.to_ascii_uppercase() as char),
        }
        if !peer.names().iter().any(|known| known.starts_with(&name)) {
            return Err(Fault::Operation);
        }
    };
    let takes_arguments = !["+OK", "-ERR", "PING", "PONG"].contains(&name.as_str());
    if !peer.names().contains(&name.as_str()) || (takes_arguments && !matches!(separator, b' ' | b'\t')) {
        return Err(Fault::Operation);
    }
    let mut line = vec![separator];
    while line.last() != Some(&b'\n') {
        // One for the separator, one for the CR that may be the last byte so far.
        if line.len() > peer.line_limit(&name) + 2 {
            return Err(Fault::LineTooLong);
        }
        match bytes.next() {
            None => return Ok(None),
            Some(byte) => line.push(byte),
        }
    }
    let is_space = |byte: &u8| b" \t\r\n".contains(byte);
    let args: Vec<Vec<u8>> = line.split(is_space).filter(|arg| !arg.is_empty()).map(<[u8]>::to_vec).collect();
    let mut text = line.clone();
    while text.last().is_some_and(is_space) {
        text.pop();
    }
    while text.first().is_some_and(is_space) {
        text.remove(0);
    }
    match (name.as_str(), args.as_slice()) {
        ("PING", []) => Ok(Some(Op::Ping)),
        ("PONG", []) => Ok(Some(Op::Pong)),
        ("+OK", []) => Ok(Some(Op::Ok)),
        ("INFO", _) => Ok(Some(Op::Info(text))),
        ("CONNECT", _) => Ok(Some(Op::Connect(text))),
        ("-ERR", _) => {
            if text.first() == Some(&b'\'') {
                text.remove(0);
            }
            if text.last() == Some(&b'\'') {
                text.pop();
            }
            Ok(Some(Op::Err(text)))
        }
        ("SUB", [subject, sid]) => {
            Ok(Some(Op::Subscribe { subject: subject.clone(), queue: None, sid: sid.clone() }))
        }
        ("SUB", [subject, queue, sid]) => {
            Ok(Some(Op::Subscribe { subject: subject.clone(), queue: Some(queue.clone()), sid: sid.clone() }))
        }
        ("UNSUB", [sid]) => Ok(Some(Op::Unsubscribe { sid: sid.clone(), max: None })),
        ("UNSUB", [sid, max]) => {
            let max = u64::try_from(number(max)?).map_err(|_| Fault::Number)?;
            Ok(Some(Op::Unsubscribe { sid: sid.clone(), max: Some(max) }))
        }
        ("MSG", [subject, sid, rest @ .., total]) if rest.len() <= 1 => {
            message(peer, bytes, subject, Some(sid), rest.first(), None, total)
        }
        ("HMSG", [subject, sid, rest @ .., header, total]) if rest.len() <= 1 => {
            message(peer, bytes, subject, Some(sid), rest.first(), Some(header), total)
        }
        ("PUB", [subject, rest @ .., total]) if rest.len() <= 1 => {
            message(peer, bytes, subject, None, rest.first(), None, total)
        }
        ("HPUB", [subject, rest @ .., header, total]) if rest.len() <= 1 => {
            message(peer, bytes, subject, None, rest.first(), Some(header), total)
        }
        _ => Err(Fault::Arguments),
    }
}

fn message(
    peer: Peer,
    bytes: &mut dyn Iterator<Item = u8>,
    subject: &[u8],
    sid: Option<&Vec<u8>>,
    reply: Option<&Vec<u8>>,
    header: Option<&Vec<u8>>,
    total: &[u8],
) -> Result<Option<Op>, Fault> {
    let sid = match sid {
        Some(sid) => Some(u64::try_from(number(sid)?).map_err(|_| Fault::Number)?),
        None => None,
    };
    let header_len = header.map(|header| number(header)).transpose()?;
    let total = number(total)?;
    if total > peer.body_limit() {
        return Err(Fault::TooLarge(u64::try_from(total).unwrap_or(u64::MAX)));
    }
    if header_len.is_some_and(|len| len > total || (len == 0 && sid.is_none())) {
        return Err(Fault::HeaderLength);
    }
    let (mut header, mut payload, mut end) = (Vec::new(), Vec::new(), Vec::new());
    while end.len() < 2 {
        let Some(byte) = bytes.next() else { return Ok(None) };
        if (header.len() as u128) < header_len.unwrap_or(0) {
            header.push(byte);
        } else if ((header.len() + payload.len()) as u128) < total {
            payload.push(byte);
        } else {
            end.push(byte);
        }
    }
    if end != b"\r\n" {
        return Err(Fault::PayloadEnd);
    }
    let (subject, reply) = (subject.to_vec(), reply.cloned());
    Ok(Some(match sid {
        Some(sid) => Op::Message { sid, subject, reply, header, payload },
        None => Op::Publish { subject, reply, header, payload },
    }))
}

/// A number, or `u128::MAX` for one of more than 38 digits.
fn number(text: &[u8]) -> Result<u128, Fault> {
    let text = std::str::from_utf8(text).map_err(|_| Fault::Number)?;
    if !text.chars().all(|digit| digit.is_ascii_digit()) {
        return Err(Fault::Number);
    }
    let digits = text.trim_start_matches('0');
    if digits.is_empty() {
        return Ok(0);
    }
    Ok(digits.parse().unwrap_or(u128::MAX))
}

/// True for a well-formed header block (ADR-4): a version line, entries, and one empty line at the end.
pub(crate) fn is_header_block(block: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(block) else { return false };
    let lines: Vec<&str> = text.split("\r\n").collect();
    let [version, entries @ .., "", ""] = lines.as_slice() else { return false };
    let Some(status) = version.strip_prefix("NATS/1.0") else { return false };
    // The status may be anything that a publisher sends, a bare CR too.
    if version.contains('\n') || !matches!(status.chars().next(), None | Some(' ' | '\t')) {
        return false;
    }
    if entries.iter().any(|entry| entry.contains(['\r', '\n'])) {
        return false;
    }
    entries.iter().all(|entry| match entry.split_once(':') {
        Some((name, _)) => !name.is_empty() && name.chars().all(|letter| letter.is_ascii_graphic()),
        None => false,
    })
}
