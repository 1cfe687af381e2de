//! WebSocket as NATS uses it (RFC 6455): frames both ways, and the answer to a key.
//!
//! The payloads of data frames are one stream of bytes; the borders of frames and messages mean nothing to NATS.
//! [`FrameReader`] finds the payloads in what was read, [`Header::encode`] and [`apply_mask`] make frames. What a message
//! is compressed with (RFC 7692) is the caller's to undo.

mod frame;
mod reader;

pub use frame::{Control, FrameError, Header, MOST_HEADER, Opcode, apply_mask};
pub use reader::{Event, FrameReader, Role};

/// The value of the header `Sec-WebSocket-Extensions` that asks for compression and agrees to it. nats-server knows no
/// other: neither side keeps anything from one message for the next.
pub const DEFLATE: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

/// The header that asks nats-server to do without masks, and with which it agrees; its value is `true`.
pub const NO_MASKING: &str = "Nats-No-Masking";

/// What answers a `Sec-WebSocket-Key` in `Sec-WebSocket-Accept`.
///
/// ```
/// use nuncio_proto::websocket::accept_key;
///
/// assert_eq!(accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
/// ```
#[cfg(feature = "websocket")]
pub fn accept_key(key: &str) -> String {
    let mut sha1 = sha1_smol::Sha1::new();
    sha1.update(key.as_bytes());
    sha1.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    data_encoding::BASE64.encode(&sha1.digest().bytes())
}
