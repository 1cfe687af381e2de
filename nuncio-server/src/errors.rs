//! The texts of `-ERR`, byte for byte as nats-server 2.15.1 writes them.

pub(crate) const AUTHORIZATION: &[u8] = b"Authorization Violation";
pub(crate) const AUTHENTICATION_TIMEOUT: &[u8] = b"Authentication Timeout";
pub(crate) const MAX_CONNECTIONS: &[u8] = b"maximum connections exceeded";
pub(crate) const MAX_SUBSCRIPTIONS: &[u8] = b"maximum subscriptions exceeded";
pub(crate) const INVALID_SUBJECT: &[u8] = b"Invalid Subject";
pub(crate) const INVALID_PUBLISH_SUBJECT: &[u8] = b"Invalid Publish Subject";
pub(crate) const MAX_PAYLOAD: &[u8] = b"Maximum Payload Violation";
pub(crate) const MAX_CONTROL_LINE: &[u8] = b"maximum control line exceeded";
pub(crate) const UNKNOWN_OPERATION: &[u8] = b"Unknown Protocol Operation";
pub(crate) const STALE_CONNECTION: &[u8] = b"Stale Connection";
pub(crate) const NO_RESPONDERS: &[u8] = b"no responders requires headers support";
pub(crate) const INVALID_PROTOCOL: &[u8] = b"invalid client protocol";

/// A publish to a subject that the user may not publish to.
pub(crate) fn publish_violation(subject: &[u8]) -> Vec<u8> {
    quoted(b"Permissions Violation for Publish to ", subject)
}

/// A publish whose reply subject belongs to the server.
pub(crate) fn reply_violation(reply: &[u8]) -> Vec<u8> {
    quoted(b"Permissions Violation for Publish with Reply of ", reply)
}

/// A subscription that the user may not make.
pub(crate) fn subscribe_violation(subject: &[u8], queue: Option<&[u8]>) -> Vec<u8> {
    let mut text = quoted(b"Permissions Violation for Subscription to ", subject);
    if let Some(queue) = queue {
        text.extend_from_slice(b" using queue ");
        quote(queue, &mut text);
    }
    text
}

/// A subscription that was allowed when it was made, and no longer is.
pub(crate) fn subscription_lost(subject: &[u8], queue: Option<&[u8]>, sid: &[u8]) -> Vec<u8> {
    let mut text = subscribe_violation(subject, queue);
    text.extend_from_slice(b" (sid ");
    quote(sid, &mut text);
    text.push(b')');
    text
}

fn quoted(text: &[u8], subject: &[u8]) -> Vec<u8> {
    let mut text = text.to_vec();
    quote(subject, &mut text);
    text
}

/// Quotes as Go's `%q` does.
fn quote(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            quote_letter(letter, out);
        }
        for byte in chunk.invalid() {
            out.extend_from_slice(format!("\\x{byte:02x}").as_bytes());
        }
    }
    out.push(b'"');
}

fn quote_letter(letter: char, out: &mut Vec<u8>) {
    let text = match letter {
        '"' | '\\' => format!("\\{letter}"),
        '\u{7}' => "\\a".to_owned(),
        '\u{8}' => "\\b".to_owned(),
        '\u{b}' => "\\v".to_owned(),
        '\u{c}' => "\\f".to_owned(),
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\t' => "\\t".to_owned(),
        '\0'..='\u{1f}' | '\u{7f}' => format!("\\x{:02x}", u32::from(letter)),
        _ if is_printable(letter) => letter.to_string(),
        '\0'..='\u{ffff}' => format!("\\u{:04x}", u32::from(letter)),
        _ => format!("\\U{:08x}", u32::from(letter)),
    };
    out.extend_from_slice(text.as_bytes());
}

/// The standard library has no such question for letters, but escapes what is not printable. A combining letter
/// is escaped at the front of a text only, therefore the letter before it.
fn is_printable(letter: char) -> bool {
    letter.is_ascii_graphic() || letter == ' ' || format!("x{letter}").escape_debug().count() == 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_quoted_as_the_real_server_does() {
        // Observed on nats-server 2.15.1.
        let subject = b"a\xff\xc3\xb0\xe2\x82\xac\xe2\x80\xa8\xef\xbf\xbd\xf0\x9f\x98\x80\x00\x08\x1b\xc2\xa0\xc2\x85\xc2\xad";
        let expected = b"Permissions Violation for Publish to \"a\\xff\xc3\xb0\xe2\x82\xac\\u2028\xef\xbf\xbd\xf0\x9f\x98\x80\\x00\\b\\x1b\\u00a0\\u0085\\u00ad\"";
        assert_eq!(publish_violation(subject), expected);
        let expected = "Permissions Violation for Publish to \"we\\\"ird\\\\x\\x01\\x7f\u{e9}\"";
        assert_eq!(publish_violation("we\"ird\\x\u{1}\u{7f}\u{e9}".as_bytes()), expected.as_bytes());
    }

    #[test]
    fn a_combining_letter_is_printable() {
        assert!(is_printable('\u{301}') && !is_printable('\u{e000}'));
    }

    #[test]
    fn a_queue_is_named() {
        assert_eq!(
            subscribe_violation(b"no", Some(b"qq")),
            b"Permissions Violation for Subscription to \"no\" using queue \"qq\""
        );
        assert_eq!(subscribe_violation(b"no", None), b"Permissions Violation for Subscription to \"no\"");
    }
}
