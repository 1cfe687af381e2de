//! What errors say, and what they leave to their causes.

use std::error::Error as StdError;

use nuncio::jetstream::{ConsumeError, Error, OptionError, PublishError};
use nuncio::{CloseReason, ConnectionClosed, RequestError, SubscribeError};
use nuncio_proto::js::name::{NameKind, Prefix, validate_name};
use nuncio_proto::subject::validate_publish;

/// What the error and its causes say, one after the other.
fn chain(error: &(dyn StdError + 'static)) -> Vec<String> {
    let mut chain = vec![error.to_string()];
    let mut next = error.source();
    while let Some(cause) = next {
        chain.push(cause.to_string());
        next = cause.source();
    }
    chain
}

#[test]
fn no_error_repeats_what_its_cause_says() {
    let closed = || ConnectionClosed { reason: CloseReason::Closed };
    let bad = || validate_publish(b"a..b").unwrap_err();
    let name = || validate_name(NameKind::Stream, "a.b").unwrap_err();
    let unsent = || RequestError::Publish(nuncio::PublishError::Subject(bad()));
    let errors: Vec<Box<dyn StdError>> = vec![
        Box::new(Error::Request(RequestError::Closed(closed()))),
        Box::new(Error::Request(unsent())),
        Box::new(Error::Subscribe(SubscribeError::Subject(bad()))),
        Box::new(Error::Name(name())),
        Box::new(Error::Prefix(Prefix::custom("a.*").unwrap_err())),
        Box::new(PublishError::NotSent(unsent())),
        Box::new(PublishError::Option { subject: "s".into(), error: OptionError::Name(name()) }),
        Box::new(OptionError::Name(name())),
        Box::new(ConsumeError::Closed(closed())),
        Box::new(ConsumeError::Subscribe(SubscribeError::Closed(closed()))),
        Box::new(ConsumeError::Api(Box::new(Error::Request(unsent())))),
        Box::new(nuncio::Error::from(Error::Request(unsent()))),
        Box::new(nuncio::ConfirmError::Unconfirmed(nuncio::FlushError::Closed(closed()))),
        Box::new(nuncio::FlushError::Closed(closed())),
    ];
    for error in errors {
        let chain = chain(&*error);
        for (said, cause) in chain.iter().zip(chain.iter().skip(1)) {
            assert!(!said.contains(&**cause), "{chain:?}");
        }
    }
}
