//! Names and subjects as they are written on the command line: one that cannot be is told before anything is connected.

use nuncio::jetstream::{NameError, NameKind, NameProblem};
use nuncio_proto::js::name::{Prefix, PrefixError, validate_name};
use nuncio_proto::subject::{SubjectError, validate_publish, validate_queue, validate_subscribe};

/// The name of a stream.
pub(crate) fn stream(text: &str) -> Result<String, String> {
    name(NameKind::Stream, text)
}

/// The name of a consumer.
pub(crate) fn consumer(text: &str) -> Result<String, String> {
    name(NameKind::Consumer, text)
}

/// A JetStream domain.
pub(crate) fn domain(text: &str) -> Result<String, String> {
    name(NameKind::Domain, text)
}

/// The prefix of JetStream's API.
pub(crate) fn prefix(text: &str) -> Result<String, String> {
    match Prefix::custom(text) {
        Ok(prefix) => Ok(prefix.as_str().to_owned()),
        Err(PrefixError::Subject { source, .. }) => Err(source.kind().to_string()),
        Err(error) => Err(error.to_string()),
    }
}

/// A subject to publish to.
pub(crate) fn subject(text: &str) -> Result<String, String> {
    checked(text, validate_publish)
}

/// A subject that may have wildcards.
pub(crate) fn filter(text: &str) -> Result<String, String> {
    checked(text, validate_subscribe)
}

/// A queue group.
pub(crate) fn queue(text: &str) -> Result<String, String> {
    checked(text, validate_queue)
}

fn name(kind: NameKind, text: &str) -> Result<String, String> {
    let problem = |error: NameError| match error.problem() {
        NameProblem::Character(_) => format!("{}; such as ORDERS-2", error.problem()),
        problem => problem.to_string(),
    };
    validate_name(kind, text).map(|()| text.to_owned()).map_err(problem)
}

fn checked(text: &str, check: fn(&[u8]) -> Result<(), SubjectError>) -> Result<String, String> {
    // The text itself is told by clap.
    check(text.as_bytes()).map(|()| text.to_owned()).map_err(|error| error.kind().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_is_told_with_its_mend() {
        assert_eq!(stream("ORDERS"), Ok("ORDERS".into()));
        assert!(stream("a.b").unwrap_err().contains("leave out"));
        assert!(consumer("a b").unwrap_err().contains("leave out"));
        assert!(domain("").unwrap_err().contains("empty"));
        assert!(subject("a..b").unwrap_err().contains("remove the dot"));
        assert_eq!(subject("a.*"), Ok("a.*".into()));
        assert!(filter("a.>.b").unwrap_err().contains("at the end"));
        assert!(queue("a b").is_err());
        assert_eq!(prefix("a.b."), Ok("a.b".into()));
        assert!(prefix("a.*").unwrap_err().contains("wildcards"));
        assert!(prefix("a..b").unwrap_err().contains("remove the dot"));
    }
}
