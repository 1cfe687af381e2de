//! Everything that is read and written, as events of the target `nuncio::wire` at the level TRACE.
//!
//! Without a listener it costs one check a read or write.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::IoSlice;

use serde_json::{Map, Value};

/// No event shows more bytes.
const LONGEST: usize = 4096;

/// What of `CONNECT` must not be shown.
const SECRETS: [&str; 4] = ["pass", "auth_token", "jwt", "sig"];

macro_rules! is_heard {
    () => {
        tracing::enabled!(target: "nuncio::wire", tracing::Level::TRACE)
    };
}

#[inline]
pub(crate) fn received(bytes: &[u8]) {
    if is_heard!() {
        tracing::trace!(target: "nuncio::wire", bytes = bytes.len(), "<<< {}", shown(bytes));
    }
}

#[inline]
pub(crate) fn sent(bytes: &[u8]) {
    if is_heard!() {
        let bytes = redacted(bytes);
        tracing::trace!(target: "nuncio::wire", bytes = bytes.len(), ">>> {}", shown(&bytes));
    }
}

/// The first `n` bytes of these slices were written.
#[inline]
pub(crate) fn sent_slices(slices: &[IoSlice<'_>], n: usize) {
    if is_heard!() {
        let all: Vec<u8> =
            slices.iter().flat_map(|slice| slice.iter().copied()).take(n.min(LONGEST)).collect();
        tracing::trace!(target: "nuncio::wire", bytes = n, ">>> {}", shown(&all));
    }
}

fn shown(bytes: &[u8]) -> String {
    let (first, more) = bytes.split_at(bytes.len().min(LONGEST));
    let mut text = first.escape_ascii().to_string();
    if !more.is_empty() {
        let _ = write!(text, "… {} more bytes", more.len());
    }
    text
}

/// Secrets are only ever in `CONNECT`, which is written in one piece.
fn redacted(bytes: &[u8]) -> Cow<'_, [u8]> {
    let Some(rest) = bytes.strip_prefix(b"CONNECT ") else { return Cow::Borrowed(bytes) };
    let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    let (json, behind) = rest.split_at(end);
    let mut out = b"CONNECT ".to_vec();
    match serde_json::from_slice::<Map<String, Value>>(json.trim_ascii()) {
        Ok(mut options) => {
            for secret in SECRETS {
                if let Some(value) = options.get_mut(secret) {
                    *value = Value::from("[redacted]");
                }
            }
            out.extend_from_slice(Value::Object(options).to_string().as_bytes());
            out.push(b'\r');
        }
        Err(_) => out.extend_from_slice(b"[redacted]"),
    }
    out.extend_from_slice(behind);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_connect_are_not_shown_and_the_rest_is() {
        let hello = br#"CONNECT {"user":"joe","pass":"S","auth_token":"S","jwt":"S","sig":"S","nkey":"U"}"#;
        let hello = [hello, b"\r\nPING\r\n".as_slice()].concat();
        let text = shown(&redacted(&hello));
        assert!(!text.contains(r#"\"S\""#), "{text}");
        assert!(text.contains("joe") && text.ends_with("PING\\r\\n"), "{text}");
    }

    #[test]
    fn a_connect_that_cannot_be_read_is_not_shown_at_all() {
        assert_eq!(&*redacted(b"CONNECT s3cr3t\r\n"), b"CONNECT [redacted]\n");
    }
}
