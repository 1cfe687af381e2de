//! `-ERR`: what a server complains about.

use bytes::Bytes;

/// Most bytes that are kept of a text that is not known.
const MAX_OTHER: usize = 256;

/// A complaint that a server sent as `-ERR`.
///
/// Subjects are the bytes that were sent: the server's quoting is undone. A subject that is shown is shown
/// with replacement characters where it is not UTF-8.
///
/// ```
/// use nuncio_proto::server_error::ServerError;
///
/// let error = ServerError::parse(br#"Permissions Violation for Publish to "orders.eu""#);
/// assert_eq!(error, ServerError::PublishViolation { subject: "orders.eu".into() });
/// assert_eq!(error.closes(), Some(false));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The user may not publish to the subject.
    #[error("the server refuses publishing to {:?}: the user's permissions do not allow it", lossy(.subject))]
    PublishViolation {
        /// The subject.
        subject: Bytes,
    },
    /// The reply subject of a message is reserved.
    #[error("the server refuses the reply subject {:?}: it is reserved", lossy(.reply))]
    ReplyViolation {
        /// The reply subject.
        reply: Bytes,
    },
    /// The user may not subscribe to the subject; that subscription receives nothing.
    #[error("the server refuses the subscription to {:?}{}: the user's permissions do not allow it",
        lossy(.subject), in_queue(.queue))]
    SubscribeViolation {
        /// The subject.
        subject: Bytes,
        /// The queue group, where the subscription has one.
        queue: Option<Bytes>,
        /// The subscription's id, which only newer servers name.
        sid: Option<u64>,
    },
    /// The credentials are wrong or missing, or the user was removed.
    #[error(
        "the server refuses the credentials (authorization violation): check user, password, token or key"
    )]
    AuthorizationViolation,
    /// The client did not send its credentials in time.
    #[error("the server got no credentials in time: the network or the source of credentials is too slow")]
    AuthenticationTimeout,
    /// The user's credentials have run out.
    #[error("the user's credentials have expired: issue new ones")]
    AuthenticationExpired,
    /// The user's credentials were revoked.
    #[error("the user's credentials have been revoked: issue new ones")]
    AuthenticationRevoked,
    /// The account's credentials have run out.
    #[error("the account of the user has expired: its operator has to renew it")]
    AccountAuthenticationExpired,
    /// The server has as many connections as it may have.
    #[error("the server has reached its maximum of connections: raise max_connections or use another server")]
    MaxConnections,
    /// The account has as many connections as it may have.
    #[error("the account has reached its maximum of connections: raise the account's limit")]
    MaxAccountConnections,
    /// The connection has as many subscriptions as it may have; the one before this is not there.
    #[error("the connection has reached its maximum of subscriptions: raise max_subscriptions")]
    MaxSubscriptions,
    /// The subject of a subscription is not valid; that subscription receives nothing.
    #[error("the server finds the subject of a subscription invalid")]
    InvalidSubject,
    /// The subject of a message is not valid, which a server says to pedantic clients only.
    #[error("the server finds the subject of a published message invalid")]
    InvalidPublishSubject,
    /// A message was larger than the server takes.
    #[error("a published message is larger than the server takes: raise max_payload or publish in parts")]
    MaxPayload,
    /// An operation's line was longer than the server takes.
    #[error(
        "a subject or a line is longer than the server takes: raise max_control_line or use shorter subjects"
    )]
    MaxControlLine,
    /// The server could not read what the client sent.
    #[error("the server did not understand what the client sent (unknown protocol operation)")]
    UnknownOperation,
    /// The client did not answer the server's pings in time.
    #[error("the server gave the connection up as stale: the client did not answer its pings in time")]
    StaleConnection,
    /// The server accepts nothing but TLS.
    #[error("the server requires TLS: turn it on or use a tls:// address")]
    TlsRequired,
    /// The server takes no more connections for the moment.
    #[error("the server is throttling connections: try again later")]
    Throttled,
    /// `CONNECT` asked for `no_responders` without `headers`.
    #[error("the server gives no-responders replies only to clients that support headers")]
    NoRespondersRequiresHeaders,
    /// `CONNECT` asked for a version of the protocol that the server does not have.
    #[error("the server does not know the version of the protocol that the client asked for")]
    InvalidClientProtocol,
    /// The server could not bind the client to its account.
    #[error(
        "the server could not register the client with its account: check the account's limits and its JWT"
    )]
    AccountRegistration,
    /// The port is one for servers of a cluster, gateways or leaf nodes.
    #[error("this is not the server's port for clients: use the port that the server listens on for clients")]
    WrongPort,
    /// Anything else: the text, cut to 256 bytes; possibly empty.
    #[error("the server reports an error: {0:?}")]
    Other(String),
}

fn lossy(text: &Bytes) -> String {
    String::from_utf8_lossy(text).into_owned()
}

fn in_queue(queue: &Option<Bytes>) -> String {
    queue.as_ref().map(|queue| format!(" in queue group {:?}", lossy(queue))).unwrap_or_default()
}

impl ServerError {
    /// Reads the text of an `-ERR`, with or without its single quotes, in any case; never fails.
    ///
    /// Known texts are recognised by how they begin, since servers append details to some.
    pub fn parse(text: &[u8]) -> ServerError {
        let text = without_quotes(text.trim_ascii());
        violation(text).or_else(|| plain(text)).unwrap_or_else(|| other(text))
    }

    /// Whether the server closes the connection after this; `None` where that is not known.
    pub fn closes(&self) -> Option<bool> {
        use ServerError as E;
        match self {
            E::PublishViolation { .. } | E::ReplyViolation { .. } | E::SubscribeViolation { .. } => {
                Some(false)
            }
            E::MaxSubscriptions | E::InvalidSubject | E::InvalidPublishSubject => Some(false),
            E::Other(_) => None,
            _ => Some(true),
        }
    }

    /// Whether the credentials are the trouble, so that trying again with the same ones is of little use.
    ///
    /// [`ServerError::AuthenticationTimeout`] is not one of them: the server has not seen any.
    pub fn is_auth(&self) -> bool {
        use ServerError as E;
        matches!(
            self,
            E::AuthorizationViolation
                | E::AuthenticationExpired
                | E::AuthenticationRevoked
                | E::AccountAuthenticationExpired
        )
    }
}

fn without_quotes(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"'").and_then(|rest| rest.strip_suffix(b"'")).unwrap_or(text)
}

/// What is left of `text` behind `prefix`, whatever the case of the letters.
fn after<'a>(text: &'a [u8], prefix: &str) -> Option<&'a [u8]> {
    let (front, rest) = text.split_at_checked(prefix.len())?;
    front.eq_ignore_ascii_case(prefix.as_bytes()).then_some(rest)
}

/// The texts without arguments.
static PLAIN: [(&str, ServerError); 22] = [
    ("Authorization Violation", ServerError::AuthorizationViolation),
    ("Authentication Timeout", ServerError::AuthenticationTimeout),
    ("User Authentication Expired", ServerError::AuthenticationExpired),
    ("User Authentication Revoked", ServerError::AuthenticationRevoked),
    ("Account Authentication Expired", ServerError::AccountAuthenticationExpired),
    ("maximum connections exceeded", ServerError::MaxConnections),
    ("maximum account active connections exceeded", ServerError::MaxAccountConnections),
    ("maximum subscriptions exceeded", ServerError::MaxSubscriptions),
    ("Invalid Subject", ServerError::InvalidSubject),
    ("Invalid Publish Subject", ServerError::InvalidPublishSubject),
    ("Maximum Payload", ServerError::MaxPayload),
    ("maximum control line exceeded", ServerError::MaxControlLine),
    ("Unknown Protocol Operation", ServerError::UnknownOperation),
    ("Stale Connection", ServerError::StaleConnection),
    ("Secure Connection - TLS Required", ServerError::TlsRequired),
    ("Connection throttling is active", ServerError::Throttled),
    ("no responders requires headers support", ServerError::NoRespondersRequiresHeaders),
    ("invalid client protocol", ServerError::InvalidClientProtocol),
    ("Failed Account Registration", ServerError::AccountRegistration),
    ("attempted to connect to route port", ServerError::WrongPort),
    ("attempted to connect to gateway port", ServerError::WrongPort),
    ("attempted to connect to leaf node port", ServerError::WrongPort),
];

fn plain(text: &[u8]) -> Option<ServerError> {
    PLAIN.iter().find(|(prefix, _)| after(text, prefix).is_some()).map(|(_, error)| error.clone())
}

fn violation(text: &[u8]) -> Option<ServerError> {
    let rest = after(text, "Permissions Violation for ")?;
    if let Some(rest) = after(rest, "Publish to ") {
        return Some(ServerError::PublishViolation { subject: argument(rest)?.0 });
    }
    if let Some(rest) = after(rest, "Publish with Reply of ") {
        return Some(ServerError::ReplyViolation { reply: argument(rest)?.0 });
    }
    let (subject, rest) = argument(after(rest, "Subscription to ")?)?;
    let (queue, rest) = match after(rest, " using queue ").and_then(argument) {
        Some((queue, rest)) => (Some(queue), rest),
        None => (None, rest),
    };
    let sid = after(rest, " (sid ").and_then(argument).and_then(|(sid, _)| decimal(&sid));
    Some(ServerError::SubscribeViolation { subject, queue, sid })
}

fn decimal(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()))?.parse().ok()
}

/// One argument and what follows it: quoted as newer servers do, or one bare word.
fn argument(text: &[u8]) -> Option<(Bytes, &[u8])> {
    if let Some(quoted) = text.strip_prefix(b"\"") {
        return unquote(quoted);
    }
    let end = text.iter().position(|b| b.is_ascii_whitespace() || *b == b')').unwrap_or(text.len());
    let (word, rest) = text.split_at_checked(end)?;
    (!word.is_empty()).then(|| (Bytes::copy_from_slice(word), rest))
}

/// Undoes Go's `%q` up to the closing quote; `None` without one.
///
/// An escape that is not known stands for itself.
fn unquote(text: &[u8]) -> Option<(Bytes, &[u8])> {
    let mut out = Vec::with_capacity(text.len().min(128));
    let mut rest = text;
    loop {
        let (&byte, behind) = rest.split_first()?;
        rest = behind;
        match byte {
            b'"' => return Some((out.into(), rest)),
            b'\\' => rest = unescape(rest, &mut out)?,
            _ => out.push(byte),
        }
    }
}

/// Takes one escape, of which the backslash is gone, and returns what follows it.
fn unescape<'a>(text: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    let (&kind, rest) = text.split_first()?;
    let digits = match kind {
        b'x' => 2,
        b'u' => 4,
        b'U' => 8,
        _ => {
            out.push(control(kind));
            return Some(rest);
        }
    };
    let number = rest.get(..digits).and_then(hexadecimal);
    match number {
        Some(number) if kind == b'x' => out.push(u8::try_from(number).ok()?),
        Some(number) => {
            let char = char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER);
            out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
        }
        None => {
            out.extend_from_slice(&[b'\\', kind]);
            return Some(rest);
        }
    }
    rest.get(digits..)
}

/// The byte that Go writes as this letter behind a backslash; other letters stand for themselves.
fn control(letter: u8) -> u8 {
    match letter {
        b'a' => 0x07,
        b'b' => 0x08,
        b't' => b'\t',
        b'n' => b'\n',
        b'v' => 0x0b,
        b'f' => 0x0c,
        b'r' => b'\r',
        other => other,
    }
}

fn hexadecimal(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0u32, |number, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some((number << 4) | digit)
    })
}

fn other(text: &[u8]) -> ServerError {
    let mut kept = String::new();
    for char in String::from_utf8_lossy(text).chars() {
        if kept.len() + char.len_utf8() > MAX_OTHER {
            break;
        }
        kept.push(char);
    }
    ServerError::Other(kept)
}

#[cfg(test)]
mod tests;
