//! What can be wrong with the bytes of a peer.

use std::fmt::Write as _;

/// A peer's bytes are not the NATS protocol, or announce more than the limits allow.
///
/// The stream can't be followed any further after any of these: there is no way to tell where the next operation
/// begins, so the connection has to be closed. Texts taken from the wire are escaped and cut to 64 bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The line begins with no operation of the protocol.
    #[error("unknown operation `{line}`: the peer does not speak NATS, or the stream is out of step")]
    UnknownOperation {
        /// The beginning of the line, escaped.
        line: String,
    },
    /// A control line, or an `INFO`, is longer than allowed.
    #[error(
        "{operation} line with arguments of more than {limit} bytes: raise the limit if the peer is trusted"
    )]
    ControlLineTooLong {
        /// The operation of the line.
        operation: &'static str,
        /// Most bytes that the arguments may have.
        limit: usize,
    },
    /// The operation has too few or too many arguments.
    #[error("wrong number of arguments in `{line}`")]
    MalformedArguments {
        /// The operation of the line.
        operation: &'static str,
        /// The beginning of the line, escaped.
        line: String,
    },
    /// A length, a count or a subscription id is not a decimal number, or does not fit 64 bits.
    #[error("not a decimal number where `{line}` needs one")]
    InvalidNumber {
        /// The operation of the line.
        operation: &'static str,
        /// The beginning of the line, escaped.
        line: String,
    },
    /// The header block is announced longer than the message that holds it, or as empty where that is not allowed.
    #[error("header block of {header} bytes in a message of {total} bytes")]
    InvalidHeaderLength {
        /// Announced bytes of the header block; `u64::MAX` also stands for every larger number.
        header: u64,
        /// Announced bytes of header block and payload together.
        total: u64,
    },
    /// A server announces a message over the client's own limit.
    #[error(
        "message of {announced} bytes is over the limit of {limit}: raise the limit if the server is trusted"
    )]
    MessageTooLarge {
        /// Announced bytes of header block and payload; `u64::MAX` also stands for every larger number.
        announced: u64,
        /// Most bytes allowed.
        limit: usize,
    },
    /// A client publishes more than the server's `max_payload`.
    #[error("payload of {announced} bytes is over the max_payload of {limit}: publish less at once")]
    PayloadTooLarge {
        /// Announced bytes of header block and payload; `u64::MAX` also stands for every larger number.
        announced: u64,
        /// Most bytes allowed.
        limit: usize,
    },
    /// The payload is not followed by CRLF, so its length was announced wrongly.
    #[error("CRLF expected behind the payload, not `{found}`: its length was announced wrongly")]
    MissingPayloadEnd {
        /// The two bytes found there, escaped.
        found: String,
    },
}

/// Most bytes of the wire that an error repeats.
const EXCERPT: usize = 64;

/// The beginning of `bytes` for an error text: escaped, at most [`EXCERPT`] bytes long, without the line end.
pub(super) fn excerpt(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes.trim_ascii_end() {
        let kept = text.len();
        // Writing to a String can't fail.
        let _ = write!(text, "{}", byte.escape_ascii());
        if text.len() > EXCERPT {
            text.truncate(kept);
            break;
        }
    }
    text
}
