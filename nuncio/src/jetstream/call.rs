//! What the calls that manage streams and consumers share.

use std::future::Future;
use std::pin::Pin;

use nuncio_proto::js::level::Feature;
use nuncio_proto::js::name::{NameKind, validate_name};
use nuncio_proto::subject::validate_subscribe;

use crate::RequestError;
use crate::jetstream::{Error, JetStream};

/// The future of a call to the JetStream API that has options. It is `Send`, and it polls on any thread.
pub type CallFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

pub(super) fn stream_name(name: &str) -> Result<(), Error> {
    Ok(validate_name(NameKind::Stream, name)?)
}

pub(super) fn consumer_name(name: &str) -> Result<(), Error> {
    Ok(validate_name(NameKind::Consumer, name)?)
}

/// Checks what is to match subjects: the server takes what no subject can match, and finds nothing.
pub(super) fn filter(option: &'static str, filter: &str) -> Result<(), Error> {
    let checked = validate_subscribe(filter.as_bytes());
    checked.map_err(|error| Error::Option { option, problem: error.to_string() })
}

impl JetStream {
    /// Fails if the servers are too old for what is used.
    ///
    /// A user who may not ask for the level is let through: the server then refuses by itself what it does not know.
    pub(super) async fn gate(&self, feature: Option<Feature>) -> Result<(), Error> {
        let Some(feature) = feature else { return Ok(()) };
        match self.needs(feature.name(), feature.level()).await {
            Err(Error::Request(RequestError::Denied { .. })) => Ok(()),
            outcome => outcome,
        }
    }
}
