//! The subject of a call.

use std::borrow::Cow;
use std::fmt;

/// What nats-server's default `max_control_line` of 4096 bytes leaves for subject and reply, or queue group.
pub(crate) const LONGEST_SUBJECTS: usize = 4096 - 64;

/// A subject given to a call: text, or bytes for subjects that are not UTF-8.
#[derive(Clone)]
pub struct Subject<'a>(pub(crate) Cow<'a, [u8]>);

impl fmt::Debug for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&String::from_utf8_lossy(&self.0), f)
    }
}

macro_rules! subject_from {
    ($($from:ty => |$value:ident| $make:expr;)*) => {$(
        impl<'a> From<$from> for Subject<'a> {
            #[inline]
            fn from($value: $from) -> Self {
                Self($make)
            }
        }
    )*};
}

subject_from! {
    &'a str => |text| Cow::Borrowed(text.as_bytes());
    &'a String => |text| Cow::Borrowed(text.as_bytes());
    String => |text| Cow::Owned(text.into_bytes());
    &'a [u8] => |bytes| Cow::Borrowed(bytes);
    Cow<'a, str> => |text| match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    };
    &'a Cow<'a, str> => |text| Cow::Borrowed(text.as_bytes());
}
