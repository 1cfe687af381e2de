//! Finding a whole control line and its operation, without looking at any byte twice.

use super::{
    DecodeError,
    args::{Args, is_break, trimmed},
    error::excerpt,
};

/// The operations of the protocol, both ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Msg,
    Hmsg,
    Info,
    Ok,
    Err,
    Ping,
    Pong,
    Connect,
    Pub,
    Hpub,
    Sub,
    Unsub,
}

/// Bytes of the longest name, `CONNECT`.
const LONGEST_NAME: usize = 7;

impl Operation {
    /// What a server sends, the frequent ones first.
    pub(super) const SERVER: [Self; 7] =
        [Self::Msg, Self::Hmsg, Self::Ping, Self::Pong, Self::Ok, Self::Err, Self::Info];
    /// What a client sends, the frequent ones first.
    pub(super) const CLIENT: [Self; 7] =
        [Self::Pub, Self::Hpub, Self::Sub, Self::Unsub, Self::Ping, Self::Pong, Self::Connect];

    /// The operation as it is written on the wire.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Msg => "MSG",
            Self::Hmsg => "HMSG",
            Self::Info => "INFO",
            Self::Ok => "+OK",
            Self::Err => "-ERR",
            Self::Ping => "PING",
            Self::Pong => "PONG",
            Self::Connect => "CONNECT",
            Self::Pub => "PUB",
            Self::Hpub => "HPUB",
            Self::Sub => "SUB",
            Self::Unsub => "UNSUB",
        }
    }

    /// True if the name must be followed by a space or tab.
    const fn has_arguments(self) -> bool {
        !matches!(self, Self::Ok | Self::Err | Self::Ping | Self::Pong)
    }

    /// True if the message carries a header block.
    pub(super) const fn has_header(self) -> bool {
        matches!(self, Self::Hmsg | Self::Hpub)
    }
}

/// One whole control line at the front of a buffer.
pub(super) struct Line<'a> {
    /// What the line says.
    pub(super) operation: Operation,
    /// The line with its line end.
    pub(super) text: &'a [u8],
}

impl<'a> Line<'a> {
    /// The arguments, with their positions in the line.
    pub(super) fn args(&self) -> Args<'a> {
        Args::new(self.text, self.operation.name().len())
    }

    /// All behind the operation as one text, without the space around it.
    pub(super) fn rest(&self) -> &'a [u8] {
        trimmed(self.text.get(self.operation.name().len()..).unwrap_or_default())
    }

    /// Checks that there are no arguments.
    pub(super) fn expect_bare(&self) -> Result<(), DecodeError> {
        if self.rest().is_empty() { Ok(()) } else { Err(self.malformed()) }
    }

    /// The error for a wrong number of arguments.
    #[cold]
    pub(super) fn malformed(&self) -> DecodeError {
        DecodeError::MalformedArguments { operation: self.operation.name(), line: excerpt(self.text) }
    }

    /// The error for an argument that is no number.
    #[cold]
    pub(super) fn invalid_number(&self) -> DecodeError {
        DecodeError::InvalidNumber { operation: self.operation.name(), line: excerpt(self.text) }
    }
}

/// Finds the control line at the front of `buf`, of which the first `scanned` bytes are known to hold no line feed.
///
/// `None` means that more bytes are needed; `scanned` then counts all of `buf`, so that an endless line that
/// arrives piece by piece is searched once. A wrong operation and a line over the limit are found without
/// waiting for the end of the line. A lone line feed ends a line as CRLF does; nats-server and its Go client
/// both take it.
pub(super) fn read<'a>(
    buf: &'a [u8],
    scanned: &mut usize,
    operations: &[Operation],
    limit: impl Fn(Operation) -> usize,
) -> Result<Option<Line<'a>>, DecodeError> {
    let Some(operation) = operation(buf, operations)? else { return Ok(None) };
    // The limit is nats-server's: it counts the arguments, not the name, one space and CRLF.
    let limit = limit(operation);
    let longest = limit.saturating_add(operation.name().len() + 3);
    let feed = buf.get(*scanned..).and_then(|new| memchr::memchr(b'\n', new)).map(|at| *scanned + at);
    let known = feed.unwrap_or(buf.len());
    if known >= longest {
        return Err(DecodeError::ControlLineTooLong { operation: operation.name(), limit });
    }
    match feed.and_then(|feed| buf.get(..=feed)) {
        Some(text) => Ok(Some(Line { operation, text })),
        None => {
            *scanned = buf.len();
            Ok(None)
        }
    }
}

/// The operation that `buf` begins with, or `None` while it may still become one.
fn operation(buf: &[u8], operations: &[Operation]) -> Result<Option<Operation>, DecodeError> {
    let unknown = || DecodeError::UnknownOperation { line: excerpt(first_line(buf)) };
    let name_end = buf.iter().take(LONGEST_NAME + 1).position(is_break);
    let (name, behind) = match name_end.and_then(|at| buf.split_at_checked(at)) {
        Some(split) => split,
        None if buf.len() > LONGEST_NAME => return Err(unknown()),
        None => (buf, &[][..]),
    };
    let begins = |operation: &&Operation| {
        let part = operation.name().as_bytes().get(..name.len());
        part.is_some_and(|part| part.eq_ignore_ascii_case(name))
    };
    let Some(separator) = behind.first() else {
        return if operations.iter().any(|operation| begins(&operation)) { Ok(None) } else { Err(unknown()) };
    };
    let whole = |operation: &&Operation| operation.name().len() == name.len() && begins(operation);
    let found = operations.iter().find(whole).copied().ok_or_else(unknown)?;
    if found.has_arguments() && !matches!(separator, b' ' | b'\t') {
        return Err(unknown());
    }
    Ok(Some(found))
}

/// `buf` up to its first line feed, for an error text.
fn first_line(buf: &[u8]) -> &[u8] {
    buf.split(|byte| *byte == b'\n').next().unwrap_or_default()
}
