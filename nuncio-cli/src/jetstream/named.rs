//! What a command is about.

use std::fmt;

use serde::Serialize;

use crate::exit::Failure;

/// A stream, or a consumer of one. As JSON: stream, and consumer if it is one.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Named {
    stream: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    consumer: Option<String>,
}

impl Named {
    pub(crate) fn stream(stream: &str) -> Self {
        Self { stream: stream.to_owned(), consumer: None }
    }

    pub(crate) fn consumer(stream: &str, consumer: &str) -> Self {
        Self { stream: stream.to_owned(), consumer: Some(consumer.to_owned()) }
    }

    /// Its own name, for lists of names.
    pub(crate) fn short(&self) -> &str {
        self.consumer.as_deref().unwrap_or(&self.stream)
    }

    /// Puts it before what went wrong.
    pub(crate) fn about(&self, error: impl Into<Failure>) -> Failure {
        error.into().about(&self.to_string())
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.consumer {
            Some(consumer) => write!(f, "consumer \"{consumer}\" of stream \"{}\"", self.stream),
            None => write!(f, "stream \"{}\"", self.stream),
        }
    }
}
