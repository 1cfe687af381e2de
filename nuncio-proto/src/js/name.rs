//! Names of streams and consumers, and the prefix of API subjects.

use std::fmt;

use crate::subject::{self, SubjectError, excerpt};

/// The longest name of a stream or a consumer, in bytes (nats-server's `JSMaxNameLen`).
pub const MAX_NAME_LEN: usize = 255;

/// What a name is meant for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NameKind {
    /// The name of a stream.
    Stream,
    /// The name of a consumer.
    Consumer,
    /// A domain, which is one token of API subjects.
    Domain,
}

impl fmt::Display for NameKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stream => "stream",
            Self::Consumer => "consumer",
            Self::Domain => "domain",
        })
    }
}

/// The rule that a name breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NameProblem {
    /// There are no bytes at all.
    Empty,
    /// It has more than [`MAX_NAME_LEN`] bytes.
    TooLong,
    /// It holds a character that would change the subject or the path that the server makes of it.
    Character(char),
}

impl fmt::Display for NameProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("it must not be empty"),
            Self::TooLong => write!(f, "it must not be longer than {MAX_NAME_LEN} bytes"),
            Self::Character(c) => {
                write!(f, "{c:?} is not allowed; leave out whitespace, control characters and . * > / \\")
            }
        }
    }
}

/// A name that no stream, consumer or domain can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid {kind} name \"{name}\": {problem}")]
pub struct NameError {
    kind: NameKind,
    problem: NameProblem,
    name: Box<str>,
}

impl NameError {
    /// What the name was meant for.
    pub fn kind(&self) -> NameKind {
        self.kind
    }

    /// The rule that is broken.
    pub fn problem(&self) -> NameProblem {
        self.problem
    }

    /// The offending name, made printable and at most 128 bytes long.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Checks the name of a stream, a consumer or a domain, as the server would.
///
/// # Errors
///
/// If it is empty, longer than [`MAX_NAME_LEN`] bytes, or holds whitespace, a control character or one of
/// `. * > / \`.
///
/// # Examples
///
/// ```
/// use nuncio_proto::js::name::{NameKind, validate_name};
///
/// assert!(validate_name(NameKind::Stream, "ORDERS").is_ok());
/// let refused = validate_name(NameKind::Stream, "orders.eu").unwrap_err();
/// assert!(refused.to_string().starts_with("invalid stream name \"orders.eu\": '.' is not allowed"));
/// ```
pub fn validate_name(kind: NameKind, name: &str) -> Result<(), NameError> {
    let problem = if name.is_empty() {
        NameProblem::Empty
    } else if name.len() > MAX_NAME_LEN {
        NameProblem::TooLong
    } else {
        match name.chars().find(|c| c.is_whitespace() || c.is_control() || r".*>/\".contains(*c)) {
            Some(c) => NameProblem::Character(c),
            None => return Ok(()),
        }
    };
    Err(NameError { kind, problem, name: excerpt(name.as_bytes()).into() })
}

/// A prefix that cannot begin a subject of the API.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PrefixError {
    /// The domain is not one token.
    #[error(transparent)]
    Domain(#[from] NameError),
    /// The prefix is not a subject.
    #[error("the prefix of the JetStream API, \"{prefix}\", must be a subject such as \"$JS.hub.API\"")]
    Subject {
        /// The prefix, made printable.
        prefix: String,
        /// What is wrong with it.
        source: SubjectError,
    },
    /// The prefix holds wildcards.
    #[error("the prefix of the JetStream API, \"{prefix}\", must not hold the wildcards '*' and '>'")]
    Wildcard {
        /// The prefix, made printable.
        prefix: String,
    },
}

/// What every subject of the JetStream API begins with: `$JS.API` unless a domain or an import says otherwise.
///
/// ```
/// use nuncio_proto::js::name::Prefix;
///
/// assert_eq!(Prefix::default().subject(&["STREAM.INFO", "ORDERS"]), "$JS.API.STREAM.INFO.ORDERS");
/// assert_eq!(Prefix::domain("hub")?.subject(&["INFO"]), "$JS.hub.API.INFO");
/// assert_eq!(Prefix::custom("from.acme")?.subject(&["INFO"]), "from.acme.INFO");
/// # Ok::<(), nuncio_proto::js::name::PrefixError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Prefix {
    /// With the dot behind it.
    dotted: Box<str>,
}

impl Prefix {
    /// The prefix of a JetStream domain, `$JS.<domain>.API`.
    ///
    /// # Errors
    ///
    /// [`PrefixError::Domain`] if the domain is not a single token.
    pub fn domain(domain: &str) -> Result<Self, PrefixError> {
        validate_name(NameKind::Domain, domain)?;
        Ok(Self { dotted: format!("$JS.{domain}.API.").into() })
    }

    /// Any prefix, such as one under which another account's JetStream is imported. A dot at its end is dropped.
    ///
    /// # Errors
    ///
    /// [`PrefixError::Subject`] and [`PrefixError::Wildcard`] if it is not a subject without wildcards.
    pub fn custom(prefix: &str) -> Result<Self, PrefixError> {
        let prefix = prefix.strip_suffix('.').unwrap_or(prefix);
        if let Err(source) = subject::validate_publish(prefix.as_bytes()) {
            return Err(PrefixError::Subject { prefix: excerpt(prefix.as_bytes()), source });
        }
        if !subject::is_literal(prefix.as_bytes()) {
            return Err(PrefixError::Wildcard { prefix: excerpt(prefix.as_bytes()) });
        }
        Ok(Self { dotted: format!("{prefix}.").into() })
    }

    /// The prefix without a dot at its end.
    pub fn as_str(&self) -> &str {
        self.dotted.strip_suffix('.').unwrap_or(&self.dotted)
    }

    /// The subject `<prefix>.<a>.<b>…` of an operation. Parts are taken as they are; an operation of several tokens is
    /// one part.
    pub fn subject(&self, parts: &[&str]) -> String {
        let len = parts.iter().fold(self.dotted.len(), |sum, part| sum + part.len() + 1);
        let mut subject = String::with_capacity(len);
        subject.push_str(&self.dotted);
        for (at, part) in parts.iter().enumerate() {
            if at > 0 {
                subject.push('.');
            }
            subject.push_str(part);
        }
        subject
    }
}

impl Default for Prefix {
    fn default() -> Self {
        Self { dotted: "$JS.API.".into() }
    }
}

impl fmt::Debug for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Prefix").field(&self.as_str()).finish()
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_token_and_no_path() {
        for good in ["A", "a-b_c=1", "über", "$x", &"n".repeat(255)] {
            assert_eq!(validate_name(NameKind::Stream, good), Ok(()), "{good}");
        }
        let problem = |name: &str| validate_name(NameKind::Consumer, name).unwrap_err().problem();
        assert_eq!(problem(""), NameProblem::Empty);
        assert_eq!(problem(&"n".repeat(256)), NameProblem::TooLong);
        for c in ['.', '*', '>', '/', '\\', ' ', '\t', '\r', '\n', '\0', '\u{7f}', '\u{a0}'] {
            assert_eq!(problem(&format!("a{c}b")), NameProblem::Character(c));
        }
    }

    #[test]
    fn a_refused_name_is_told_with_its_kind() {
        let error = validate_name(NameKind::Consumer, "a b").unwrap_err();
        assert_eq!(
            error.to_string(),
            "invalid consumer name \"a b\": ' ' is not allowed; leave out whitespace, control characters and . * > / \\"
        );
    }

    #[test]
    fn a_custom_prefix_is_a_literal_subject() {
        assert_eq!(Prefix::custom("a.b.").unwrap().as_str(), "a.b");
        for bad in ["", ".", "a..b", "a b"] {
            let error = Prefix::custom(bad).unwrap_err();
            assert!(matches!(error, PrefixError::Subject { .. }), "{bad}");
            assert!(std::error::Error::source(&error).is_some());
        }
        for bad in ["a.*", "a.>", "*.b"] {
            assert!(matches!(Prefix::custom(bad), Err(PrefixError::Wildcard { .. })), "{bad}");
        }
        for bad in ["", "a.b", "*", "a b"] {
            assert!(matches!(Prefix::domain(bad), Err(PrefixError::Domain(_))), "{bad}");
        }
    }

    #[test]
    fn a_prefix_that_cannot_be_is_told_with_its_text() {
        let text = |prefix: &str| Prefix::custom(prefix).unwrap_err().to_string();
        assert_eq!(
            text("from..acme"),
            "the prefix of the JetStream API, \"from..acme\", must be a subject such as \"$JS.hub.API\""
        );
        assert!(text("from.*").contains(", \"from.*\", must not hold the wildcards"), "{}", text("from.*"));
        let domain = Prefix::domain("a.b").unwrap_err().to_string();
        assert!(domain.starts_with("invalid domain name \"a.b\": '.' is not allowed"), "{domain}");
    }

    #[test]
    fn parts_are_joined_with_dots() {
        assert_eq!(Prefix::default().subject(&["CONSUMER.INFO", "S", "C"]), "$JS.API.CONSUMER.INFO.S.C");
        assert_eq!(Prefix::default().to_string(), "$JS.API");
    }
}
