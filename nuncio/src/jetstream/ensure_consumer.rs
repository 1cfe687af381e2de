//! Seeing to it that a consumer is there, and as it is wanted.

use nuncio_proto::js::api::consumer::CreateAction;
use nuncio_proto::js::api::consumer_config::ConsumerConfig;
use nuncio_proto::js::api::stream_config::ConsumerLimits;
use nuncio_proto::js::codes::ErrorCode;

use crate::jetstream::manage_stream::RACES;
use crate::jetstream::{Consumer, EnsureOutcome, Error, Stream};

/// A consumer, and what was done to have it as it is wanted.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[must_use = "a conflict is no error, and the consumer is then not as it is wanted"]
pub struct EnsuredConsumer {
    /// The consumer.
    pub consumer: Consumer,
    /// What was done.
    pub outcome: EnsureOutcome,
}

impl Stream {
    /// Sees to it that a consumer is as `config` says: creates it, or changes what differs, or says that it cannot. The
    /// configuration has to name it.
    ///
    /// What the server fills in by itself is no difference; see [`ConsumerConfig::diff`]. Fields that the server knows and
    /// this version does not are left as they are. Whether it is paused is not changed.
    ///
    /// ```no_run
    /// # use nuncio::jetstream::{ConsumerConfig, EnsureOutcome};
    /// # async fn f(stream: nuncio::jetstream::Stream) -> Result<(), nuncio::Error> {
    /// let ensured = stream.ensure_consumer(ConsumerConfig::durable("worker").max_ack_pending(50)).await?;
    /// if let EnsureOutcome::Conflict { fields } = &ensured.outcome {
    ///     fields.iter().for_each(|field| println!("{field}"));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`create_consumer`](Self::create_consumer) and [`update_consumer`](Self::update_consumer); [`Error::Name`] if the
    /// configuration does not name it.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is complete, the consumer may be created or changed all the same.
    pub async fn ensure_consumer(&self, config: impl Into<ConsumerConfig>) -> Result<EnsuredConsumer, Error> {
        let config = config.into();
        let mut races = RACES;
        loop {
            races -= 1;
            match self.ensure_consumer_once(&config).await {
                // Somebody else has created or deleted it meanwhile.
                Err(error) if races > 0 && (error.is_consumer_not_found() || is_there(&error)) => {}
                outcome => return outcome,
            }
        }
    }

    async fn ensure_consumer_once(&self, config: &ConsumerConfig) -> Result<EnsuredConsumer, Error> {
        let name = config.any_name().unwrap_or_default();
        let has = match self.consumer(name).await {
            Err(error) if error.is_consumer_not_found() => {
                let consumer = self.js.put_consumer(&self.name, config, CreateAction::Create, false).await?;
                return Ok(EnsuredConsumer { consumer, outcome: EnsureOutcome::Created });
            }
            Err(error) => return Err(error),
            Ok(consumer) => consumer,
        };
        let Some(present) = has.config().cloned() else {
            return Ok(EnsuredConsumer { consumer: has, outcome: EnsureOutcome::Unchanged });
        };
        let mut diff = config.diff(&present, &ConsumerLimits::default());
        if !diff.is_empty() {
            // The stream may have its own limits, which are then no difference.
            diff = config.diff(&present, &self.info().await?.config.consumer_limits);
        }
        if diff.is_empty() {
            return Ok(EnsuredConsumer { consumer: has, outcome: EnsureOutcome::Unchanged });
        }
        if diff.iter().any(|change| change.fixed) {
            return Ok(EnsuredConsumer { consumer: has, outcome: EnsureOutcome::Conflict { fields: diff } });
        }
        let mut wanted = config.clone();
        for (field, value) in present.extra {
            wanted.extra.entry(field).or_insert(value);
        }
        let consumer = self.js.put_consumer(&self.name, &wanted, CreateAction::Update, false).await?;
        Ok(EnsuredConsumer { consumer, outcome: EnsureOutcome::Updated { diff } })
    }
}

/// Whether the consumer could not be created since there is one.
fn is_there(error: &Error) -> bool {
    error.api_error().is_some_and(|error| error.err_code == ErrorCode::CONSUMER_ALREADY_EXISTS)
}
