//! The handle of a consumer.

use std::fmt;
use std::sync::Arc;

use nuncio_proto::js::api::consumer::ConsumerInfo;
use nuncio_proto::js::name::{NameError, NameKind, validate_name};

use crate::jetstream::JetStream;

/// A handle to a consumer.
///
/// Cheap to clone. It keeps the connection open, as a clone of the [`Client`](crate::Client) does; dropping it does
/// nothing on the wire, and the consumer stays.
#[derive(Clone)]
pub struct Consumer {
    js: JetStream,
    stream: Arc<str>,
    name: Arc<str>,
    info: Option<Arc<ConsumerInfo>>,
}

impl JetStream {
    /// A handle to a consumer of a stream, without asking the server: for users who may pull and nothing else, and to
    /// save the question.
    ///
    /// # Errors
    ///
    /// When a name cannot be that of a stream or consumer.
    pub fn bind_consumer(&self, stream: &str, consumer: &str) -> Result<Consumer, NameError> {
        validate_name(NameKind::Stream, stream)?;
        validate_name(NameKind::Consumer, consumer)?;
        Ok(Consumer { js: self.clone(), stream: stream.into(), name: consumer.into(), info: None })
    }
}

impl Consumer {
    /// A consumer that the server has told of.
    pub(crate) fn from_info(js: JetStream, info: ConsumerInfo) -> Self {
        let (stream, name) = (info.stream_name.as_str().into(), info.name.as_str().into());
        Self { js, stream, name, info: Some(Arc::new(info)) }
    }

    pub(crate) fn js(&self) -> &JetStream {
        &self.js
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name of its stream.
    pub fn stream_name(&self) -> &str {
        &self.stream
    }

    /// What it was when this handle was made; `None` if that was done without asking, by
    /// [`Stream::bind_consumer`](crate::jetstream::Stream::bind_consumer).
    pub fn cached_info(&self) -> Option<&ConsumerInfo> {
        self.info.as_deref()
    }
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field("stream", &self.stream)
            .field("name", &self.name)
            .field("js", &self.js)
            .finish_non_exhaustive()
    }
}
