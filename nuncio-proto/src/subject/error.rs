//! What is wrong with a subject, in words that help.

use std::fmt::{self, Write as _};

use super::{is_whitespace, tokens};

/// The rule that a subject, queue group or inbox prefix breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SubjectErrorKind {
    /// There are no bytes at all.
    Empty,
    /// There is a space, tab, CR or LF, which would break the control line.
    Whitespace,
    /// There is a dot at either end, or two in a row.
    EmptyToken,
    /// The token `>` is not the last one.
    MisplacedWildcard,
    /// There is a wildcard where only a literal subject makes sense.
    Wildcard,
}

impl fmt::Display for SubjectErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "it must not be empty",
            Self::Whitespace => "it must not hold a space, tab, CR or LF",
            Self::EmptyToken => {
                "it has an empty token; remove the dot at the start or end, or the doubled one"
            }
            Self::MisplacedWildcard => "the token '>' is only allowed at the end; use '*' for one token",
            Self::Wildcard => "the wildcard tokens '*' and '>' are not allowed here",
        })
    }
}

/// What the bytes were meant to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Subject,
    Queue,
    InboxPrefix,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Subject => "subject",
            Self::Queue => "queue group",
            Self::InboxPrefix => "inbox prefix",
        })
    }
}

/// A subject, queue group or inbox prefix that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid {role} \"{subject}\": {kind}")]
pub struct SubjectError {
    kind: SubjectErrorKind,
    role: Role,
    subject: Box<str>,
}

impl SubjectError {
    #[cold]
    pub(super) fn new(kind: SubjectErrorKind, role: Role, subject: &[u8]) -> Self {
        Self { kind, role, subject: excerpt(subject).into() }
    }

    /// The rule that is broken.
    pub fn kind(&self) -> SubjectErrorKind {
        self.kind
    }

    /// The offending text, made printable and at most 128 bytes long; a cut shows as `…` at the end.
    pub fn subject(&self) -> &str {
        &self.subject
    }
}

/// The rule that a subject breaks, byte by byte.
pub(super) fn fault(s: &[u8]) -> Option<SubjectErrorKind> {
    if s.is_empty() {
        Some(SubjectErrorKind::Empty)
    } else if s.iter().any(|b| is_whitespace(*b)) {
        Some(SubjectErrorKind::Whitespace)
    } else if tokens(s).any(<[u8]>::is_empty) {
        Some(SubjectErrorKind::EmptyToken)
    } else {
        None
    }
}

/// Printable text of any bytes, at most 128 bytes long, for error messages.
///
/// Control characters, quotes and bytes that are not UTF-8 come out escaped; what is cut off shows as `…`.
pub(crate) fn excerpt(bytes: &[u8]) -> String {
    const ROOM: usize = 128 - '…'.len_utf8();
    let mut text = String::new();
    let mut piece = String::new();
    for chunk in bytes.utf8_chunks() {
        let valid = chunk.valid().chars().map(Ok);
        for part in valid.chain(chunk.invalid().iter().map(Err)) {
            piece.clear();
            // Writing to a String cannot fail.
            let _ = match part {
                Ok('\'') => piece.write_char('\''),
                Ok(c) => write!(piece, "{}", c.escape_debug()),
                Err(b) => write!(piece, "\\x{b:02x}"),
            };
            if text.len() + piece.len() > ROOM {
                text.push('…');
                return text;
            }
            text.push_str(&piece);
        }
    }
    text
}
