//! Where a stream's messages come from and go to.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::wire::{ago, filled, nullable};
use crate::js::error::ApiError;
use crate::js::name::{Prefix, PrefixError};
use crate::js::time::{self, Timestamp};

settings! {
    /// A rule by which subjects are changed.
    #[derive(Default)]
    pub struct SubjectTransform {
        /// Which subjects, with wildcards.
        #[serde(rename = "src")]
        source: String => none,
        /// What becomes of them, with the server's functions of subject mapping.
        #[serde(rename = "dest")]
        destination: String => none,
    }
}

impl SubjectTransform {
    /// Subjects that match `source` become `destination`.
    pub fn new(source: impl Into<String>, destination: impl Into<String>) -> Self {
        Self { source: source.into(), destination: destination.into(), ..Self::default() }
    }
}

settings! {
    /// What is published again once stored, and where.
    #[derive(Default)]
    pub struct Republish {
        /// Which subjects, with wildcards. Default: all.
        #[serde(rename = "src", deserialize_with = "filled")]
        source: Option<String> => text,
        /// Where to.
        #[serde(rename = "dest")]
        destination: String => none,
        /// Whether the payload is left out. Default: no.
        headers_only: bool => flag,
    }
}

impl Republish {
    /// Publishes what is stored at `destination` again.
    pub fn new(destination: impl Into<String>) -> Self {
        Self { destination: destination.into(), ..Self::default() }
    }
}

settings! {
    /// Which servers may keep a stream.
    #[derive(Default)]
    pub struct Placement {
        /// Those of this cluster.
        #[serde(deserialize_with = "filled")]
        cluster: Option<String> => text,
        /// Those with all of these tags.
        #[serde(deserialize_with = "nullable")]
        tags: Vec<String> => texts,
        /// The server that should lead. Only in requests for another leader; in configurations the server refuses it.
        /// Needs 2.11 (level 1).
        #[serde(deserialize_with = "filled")]
        preferred: Option<String> => text,
    }
}

impl Placement {
    /// Anywhere.
    pub fn new() -> Self {
        Self::default()
    }
}

settings! {
    /// A stream that is reached through the API of another account or domain.
    #[derive(Default)]
    pub struct External {
        /// The prefix of that API.
        api: String => none,
        /// The prefix of the subjects on which its messages are delivered. Default: none.
        #[serde(deserialize_with = "filled")]
        deliver: Option<String> => text,
    }
}

impl External {
    /// The API behind this prefix.
    pub fn new(api: impl Into<String>) -> Self {
        Self { api: api.into(), ..Self::default() }
    }
}

settings! {
    /// A consumer of the origin, made beforehand, by which a mirror or source is fed. It needs 2.14.
    #[derive(Default)]
    pub struct SourceConsumer {
        /// Its name.
        name: String => none,
        /// The subject that it delivers to.
        deliver_subject: String => none,
    }
}

impl SourceConsumer {
    /// A durable push consumer with [`AckPolicy::FlowControl`](super::consumer_config::AckPolicy::FlowControl).
    pub fn new(name: impl Into<String>, deliver_subject: impl Into<String>) -> Self {
        Self { name: name.into(), deliver_subject: deliver_subject.into(), ..Self::default() }
    }
}

settings! {
    /// A stream to mirror, or to take messages from.
    ///
    /// ```
    /// use nuncio_proto::js::api::source::StreamSource;
    ///
    /// let source = StreamSource::new("ORDERS").domain("hub")?.filter_subject("orders.eu");
    /// assert_eq!(
    ///     serde_json::to_string(&source)?,
    ///     r#"{"name":"ORDERS","filter_subject":"orders.eu","external":{"api":"$JS.hub.API"}}"#
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Default)]
    pub struct StreamSource {
        /// The name of the stream.
        name: String => none,
        /// The first message to take. Default: the first there is.
        #[serde(rename = "opt_start_seq")]
        start_sequence: Option<u64> => some(u64),
        /// Take messages from this time on. Default: all.
        #[serde(rename = "opt_start_time", with = "time::option")]
        start_time: Option<Timestamp> => none,
        /// Take only messages of these subjects, with wildcards; not together with
        /// [`subject_transforms`](Self::subject_transforms). Default: all.
        #[serde(deserialize_with = "filled")]
        filter_subject: Option<String> => text,
        /// Which subjects to take, and what becomes of them. Needs 2.10. Default: all, unchanged.
        #[serde(deserialize_with = "nullable")]
        subject_transforms: Vec<SubjectTransform> => list(SubjectTransform),
        /// The API by which it is reached. Default: that of the account itself.
        external: Option<External> => some(External),
        /// The consumer to be fed by. Needs 2.14. Default: one that the server makes.
        consumer: Option<SourceConsumer> => some(SourceConsumer),
    }
}

impl StreamSource {
    /// The stream of this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Take messages from this time on.
    #[must_use]
    pub fn start_time(mut self, time: impl Into<Timestamp>) -> Self {
        self.start_time = Some(time.into());
        self
    }

    /// The stream is one of this JetStream domain: [`external`](Self::external) with the domain's prefix.
    ///
    /// # Errors
    ///
    /// If the domain is not a single token.
    pub fn domain(self, domain: &str) -> Result<Self, PrefixError> {
        let prefix = Prefix::domain(domain)?;
        Ok(self.external(External::new(prefix.as_str())))
    }
}

/// How far a mirror or a source has come.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct SourceInfo {
    /// The name of the stream.
    pub name: String,
    /// How it is reached, if not in the account itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external: Option<External>,
    /// How many messages are still to come.
    pub lag: u64,
    /// How long ago the last message or sign of life came; `None` if there never was one.
    #[serde(with = "ago")]
    pub active: Option<Duration>,
    /// The filter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter_subject: Option<String>,
    /// What becomes of the subjects.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub subject_transforms: Vec<SubjectTransform>,
    /// Why nothing comes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ApiError>,
}
