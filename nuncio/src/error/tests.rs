//! What a chain of errors says, it says once.
#![allow(clippy::unwrap_used)]

use std::error::Error as StdError;
use std::time::Duration;

use nuncio_proto::addr::ServerAddr;
use nuncio_proto::auth::creds::Creds;
use nuncio_proto::header::HeaderMap;

use super::*;
use crate::codec::CodecError;
use crate::jetstream;

/// The texts of an error and of all that it comes from.
fn texts(error: &Error) -> Vec<String> {
    let mut texts = vec![error.to_string()];
    let mut source = error.source();
    while let Some(error) = source {
        texts.push(error.to_string());
        source = error.source();
    }
    texts
}

#[test]
fn no_error_repeats_what_it_comes_from() {
    let closed = ConnectionClosed { reason: CloseReason::Closed };
    let flush = FlushError::Timeout { after: Duration::from_secs(1) };
    let codec = CodecError::new("JSON", "no text");
    let header = HeaderMap::new().append("", "x").map(drop).unwrap_err();
    let creds = [
        Creds::parse(b"-----BEGIN NATS USER JWT-----\nx\n------END NATS USER JWT------\n").unwrap_err(),
        Creds::parse(b"\xff").unwrap_err(),
    ];
    let subject = nuncio_proto::subject::validate_publish(b"a b").unwrap_err();
    let publish = PublishError::Subject(subject.clone());
    let request = RequestError::Publish(publish.clone());
    let mut all: Vec<Error> = vec![
        closed.clone().into(),
        ConnectError::from(ServerAddr::parse("x://").unwrap_err()).into(),
        ConnectError::Closed(closed.clone()).into(),
        PublishError::Header(header.clone()).into(),
        PublishError::Codec(codec.clone()).into(),
        PublishError::Closed(closed.clone()).into(),
        ConfirmError::Publish(publish.clone()).into(),
        ConfirmError::Unconfirmed(flush.clone()).into(),
        ConfirmError::Unconfirmed(FlushError::Closed(closed.clone())).into(),
        SubscribeError::Subject(subject).into(),
        SubscribeError::Unconfirmed(flush).into(),
        SubscribeError::Closed(closed.clone()).into(),
        RequestError::Closed(closed).into(),
        UserInfoError::Request(request.clone()).into(),
        UserInfoError::Codec(codec).into(),
        jetstream::Error::Request(request.clone()).into(),
        jetstream::PublishError::NotSent(request).into(),
    ];
    for creds in creds {
        all.push(ConnectError::Auth(AuthError::Creds(creds)).into());
    }
    for error in all {
        let texts = texts(&error);
        for pair in texts.windows(2) {
            let [error, source] = pair else { continue };
            assert!(!error.contains(source.as_str()), "{texts:?}");
        }
    }
}
