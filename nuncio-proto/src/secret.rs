//! Text that must not be shown.

use std::fmt;

use zeroize::Zeroize;

/// A password, a token or a signature: there is no way to print it by accident.
///
/// `Debug` shows a fixed text that does not depend on the content, and there is neither `Display` nor
/// serialisation. The one way to the content is [`Secret::expose`], which is easy to search for. The memory is
/// overwritten when it is dropped.
///
/// ```
/// use nuncio_proto::secret::Secret;
///
/// let password = Secret::from("s3cr3t");
/// assert_eq!(format!("{password:?}"), "[redacted]");
/// assert_eq!(password.expose(), "s3cr3t");
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The content, for the place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is no content.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Secret {
        Secret(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Secret {
        Secret(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_says_nothing_about_the_content() {
        for text in ["", "canary", "a much longer canary"] {
            let secret = Secret::new(text);
            assert_eq!(format!("{secret:?}"), "[redacted]");
            assert_eq!(format!("{secret:#?}"), "[redacted]");
            assert_eq!(format!("{:?}", Some(&secret)), "Some([redacted])");
        }
    }
}
