//! The error codes of the JetStream API.

use std::fmt;

use serde::{Deserialize, Serialize};

mod table;

/// What went wrong, as a number of its own: the `err_code` of an error of the JetStream API.
///
/// Each code that nats-server 2.15.1 knows is a constant. A code of a later server is kept as it is.
///
/// ```
/// use nuncio_proto::js::codes::ErrorCode;
///
/// assert_eq!(ErrorCode::STREAM_NOT_FOUND, ErrorCode(10059));
/// assert_eq!(ErrorCode(10059).name(), Some("STREAM_NOT_FOUND"));
/// assert_eq!(ErrorCode(10059).to_string(), "10059");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ErrorCode(pub u16);

impl ErrorCode {
    /// No code at all: servers before 2.7 may send none.
    pub const NONE: Self = Self(0);
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

macro_rules! codes {
    ($($number:literal $name:ident $text:literal,)*) => {
        impl ErrorCode {
            $(
                #[doc = concat!(stringify!($number), ": ", $text, ".")]
                pub const $name: Self = Self($number);
            )*

            /// Every code with a name, in order.
            pub const ALL: &[Self] = &[$(Self($number)),*];

            /// The name of the constant, if it has one.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }
    };
}
use codes;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_from_10002_to_10227_has_a_name() {
        let numbers: Vec<u16> = ErrorCode::ALL.iter().map(|code| code.0).collect();
        assert_eq!(numbers, (10_002..=10_227).collect::<Vec<_>>());
        assert!(ErrorCode::ALL.iter().all(|code| code.name().is_some()));
    }

    #[test]
    fn unknown_codes_are_kept() {
        let code: ErrorCode = serde_json::from_str("19999").unwrap();
        assert_eq!((code, code.name()), (ErrorCode(19_999), None));
        assert_eq!(serde_json::to_string(&code).unwrap(), "19999");
    }
}
