//! Typed payloads: JSON, text, or a codec of one's own.
//!
//! Anything that converts into [`Payload`] can be published, and anything that implements [`Decode`] can be read
//! from a message with [`Message::decode`](crate::Message::decode). A codec of one's own is a type with both:
//!
//! ```
//! use nuncio::{CodecError, Decode, Payload};
//!
//! struct Celsius(f64);
//!
//! impl From<Celsius> for Payload<'_> {
//!     fn from(c: Celsius) -> Self {
//!         c.0.to_be_bytes().to_vec().into()
//!     }
//! }
//!
//! impl Decode for Celsius {
//!     fn decode(payload: &[u8]) -> Result<Self, CodecError> {
//!         let bytes = payload.try_into().map_err(|_| CodecError::new("celsius", "needs 8 bytes"))?;
//!         Ok(Self(f64::from_be_bytes(bytes)))
//!     }
//! }
//! ```

use std::fmt;

use bytes::Bytes;
use nuncio_proto::outbox;
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

/// A payload could not be encoded or decoded.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{format}: {problem}")]
pub struct CodecError {
    format: &'static str,
    problem: String,
}

impl CodecError {
    /// An error of the named format.
    pub fn new(format: &'static str, problem: impl Into<String>) -> Self {
        Self { format, problem: problem.into() }
    }

    /// The format that was to be written or read.
    pub fn format(&self) -> &'static str {
        self.format
    }
}

/// A value that can be read from a payload.
pub trait Decode: Sized {
    /// Reads the value.
    ///
    /// # Errors
    ///
    /// When the payload does not hold such a value.
    fn decode(payload: &[u8]) -> Result<Self, CodecError>;
}

/// A value as JSON.
///
/// ```
/// use nuncio::{Decode, Json, Payload};
///
/// let payload = Payload::from(Json(vec![1, 2]));
/// assert_eq!(payload.as_slice(), b"[1,2]");
/// let Json(back) = Json::<Vec<u8>>::decode(b"[1,2]")?;
/// assert_eq!(back, [1, 2]);
/// # Ok::<(), nuncio::CodecError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Json<T>(pub T);

impl<T: Serialize> From<Json<T>> for Payload<'_> {
    fn from(json: Json<T>) -> Self {
        match serde_json::to_vec(&json.0) {
            Ok(bytes) => bytes.into(),
            Err(error) => Self::failed(CodecError::new("JSON", error.to_string())),
        }
    }
}

impl<T: DeserializeOwned> Decode for Json<T> {
    fn decode(payload: &[u8]) -> Result<Self, CodecError> {
        serde_json::from_slice(payload).map(Json).map_err(|e| CodecError::new("JSON", e.to_string()))
    }
}

/// A value as UTF-8 text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text(pub String);

impl From<Text> for Payload<'_> {
    fn from(text: Text) -> Self {
        text.0.into()
    }
}

impl Decode for Text {
    fn decode(payload: &[u8]) -> Result<Self, CodecError> {
        match std::str::from_utf8(payload) {
            Ok(text) => Ok(Self(text.to_owned())),
            Err(error) => Err(CodecError::new("text", error.to_string())),
        }
    }
}

/// What a message carries: made from text, bytes, [`Json`], [`Text`] or a type of one's own.
///
/// Borrowed bytes are copied into the outgoing buffer; [`Bytes`], `Vec<u8>` and `String` of 4 KiB and more are
/// written from where they are. Its [`Debug`](fmt::Debug) shows no more than its length.
#[derive(Clone)]
pub struct Payload<'a>(pub(crate) Result<outbox::Payload<'a>, CodecError>);

impl fmt::Debug for Payload<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Ok(payload) => payload.fmt(f),
            Err(error) => f.debug_tuple("Payload").field(error).finish(),
        }
    }
}

impl Payload<'_> {
    /// A payload that could not be made: publishing it reports the error.
    pub fn failed(error: CodecError) -> Self {
        Self(Err(error))
    }

    /// The bytes; empty when the payload could not be made.
    pub fn as_slice(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], outbox::Payload::as_slice)
    }
}

impl Default for Payload<'_> {
    fn default() -> Self {
        Self(Ok(outbox::Payload::Borrowed(&[])))
    }
}

macro_rules! payload_from {
    ($($from:ty => |$value:ident| $make:expr;)*) => {$(
        impl<'a> From<$from> for Payload<'a> {
            #[inline]
            fn from($value: $from) -> Self {
                Self(Ok($make))
            }
        }
    )*};
}

payload_from! {
    &'a str => |text| outbox::Payload::Borrowed(text.as_bytes());
    &'a String => |text| outbox::Payload::Borrowed(text.as_bytes());
    &'a [u8] => |bytes| outbox::Payload::Borrowed(bytes);
    &'a Vec<u8> => |bytes| outbox::Payload::Borrowed(bytes);
    String => |text| outbox::Payload::Shared(text.into());
    Vec<u8> => |bytes| outbox::Payload::Shared(bytes.into());
    Bytes => |bytes| outbox::Payload::Shared(bytes);
    &'a Bytes => |bytes| outbox::Payload::Share(bytes);
    () => |_nothing| outbox::Payload::Borrowed(&[]);
}

impl<'a, const N: usize> From<&'a [u8; N]> for Payload<'a> {
    fn from(bytes: &'a [u8; N]) -> Self {
        Self(Ok(outbox::Payload::Borrowed(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_is_not_utf8_is_an_error() {
        assert_eq!(Text::decode(b"ok"), Ok(Text("ok".into())));
        assert_eq!(Text::decode(b"\xff").unwrap_err().format(), "text");
    }

    #[test]
    fn bad_json_is_an_error_that_says_where() {
        let error = Json::<u8>::decode(b"{").unwrap_err();
        assert!(error.to_string().starts_with("JSON: "), "{error}");
    }

    #[test]
    fn a_value_that_cannot_be_encoded_yields_a_failed_payload() {
        let unserializable = std::collections::HashMap::from([((1, 2), 3)]);
        assert!(Payload::from(Json(unserializable)).0.is_err());
    }
}
