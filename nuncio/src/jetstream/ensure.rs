//! Seeing to it that a stream is there, and as it is wanted.

use nuncio_proto::js::api::diff::FieldChange;
use nuncio_proto::js::api::stream::StreamInfo;
use nuncio_proto::js::api::stream_config::StreamConfig;

use crate::jetstream::manage_stream::RACES;
use crate::jetstream::{Error, JetStream, Stream};

/// A stream, and what was done to have it as it is wanted.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[must_use = "a conflict is no error, and the stream is then not as it is wanted"]
pub struct Ensured {
    /// The stream.
    pub stream: Stream,
    /// What was done.
    pub outcome: EnsureOutcome,
}

/// What [`JetStream::ensure_stream`] or [`Stream::ensure_consumer`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EnsureOutcome {
    /// There was none, and it was created.
    Created,
    /// It was as it is wanted.
    Unchanged,
    /// It was changed.
    Updated {
        /// In these fields.
        diff: Vec<FieldChange>,
    },
    /// It was left as it is, because something would have to be changed that cannot be.
    Conflict {
        /// The fields in which it differs; the fixed ones are those that cannot be changed.
        fields: Vec<FieldChange>,
    },
}

impl JetStream {
    /// Sees to it that a stream is as `config` says: creates it, or changes what differs, or says that it cannot.
    ///
    /// What the server fills in by itself is no difference; see [`StreamConfig::diff`]. Fields that the server knows and
    /// this version does not are left as they are.
    ///
    /// ```no_run
    /// # use nuncio::jetstream::{EnsureOutcome, StreamConfig};
    /// # async fn f(js: nuncio::jetstream::JetStream) -> Result<(), nuncio::Error> {
    /// let ensured = js.ensure_stream(StreamConfig::new("ORDERS").subjects(["orders.*"])).await?;
    /// if let EnsureOutcome::Conflict { fields } = &ensured.outcome {
    ///     fields.iter().for_each(|field| println!("{field}"));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`create_stream`](Self::create_stream) and [`update_stream`](Self::update_stream).
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is complete, the stream may be created or changed all the same.
    pub async fn ensure_stream(&self, config: impl Into<StreamConfig>) -> Result<Ensured, Error> {
        let config = config.into();
        let mut races = RACES;
        loop {
            races -= 1;
            match self.ensure_once(&config).await {
                // Somebody else has created or deleted it meanwhile.
                Err(error) if races > 0 && (error.is_stream_not_found() || error.is_name_in_use()) => {}
                outcome => return outcome,
            }
        }
    }

    async fn ensure_once(&self, config: &StreamConfig) -> Result<Ensured, Error> {
        let has = match self.get_stream(&config.name).await {
            Err(error) if error.is_stream_not_found() => {
                let info = self.write_stream("STREAM.CREATE", config, false).await?;
                return Ok(self.ensured(info, EnsureOutcome::Created));
            }
            Err(error) => return Err(error),
            Ok(stream) => stream,
        };
        let Some(present) = has.cached_info().map(|info| &info.config) else {
            return Ok(Ensured { stream: has, outcome: EnsureOutcome::Unchanged });
        };
        let diff = config.diff(present);
        if diff.is_empty() {
            return Ok(Ensured { stream: has, outcome: EnsureOutcome::Unchanged });
        }
        if diff.iter().any(|change| change.fixed) {
            return Ok(Ensured { stream: has, outcome: EnsureOutcome::Conflict { fields: diff } });
        }
        let mut wanted = config.clone();
        for (field, value) in &present.extra {
            wanted.extra.entry(field).or_insert_with(|| value.clone());
        }
        let info = self.write_stream("STREAM.UPDATE", &wanted, false).await?;
        Ok(self.ensured(info, EnsureOutcome::Updated { diff }))
    }

    fn ensured(&self, info: StreamInfo, outcome: EnsureOutcome) -> Ensured {
        Ensured { stream: Stream::with_info(self, info), outcome }
    }
}
