//! `nuncio consumer add`, `edit` and `ensure`.

use nuncio::jetstream::{Consumer, ConsumerConfig, Stream};

use crate::command::consumer::config::{ConfigArgs, Wanted};
use crate::command::consumer::{Which, show};
use crate::connect::Settings;
use crate::exit::Failure;
use crate::jetstream::change::{self, Outcome, differences};
use crate::jetstream::target::Target;
use crate::jetstream::write::{Configured, Done};

impl Configured for Which {
    type Options = ConfigArgs;
    type Wanted = Wanted;

    fn wanted(options: Box<ConfigArgs>) -> Result<Wanted, Failure> {
        options.resolve()
    }

    async fn add(&self, settings: &Settings, wanted: &Wanted) -> Result<Option<show::Whole>, Failure> {
        let stream = self.stream(settings).await?;
        let config = wanted.apply(ConsumerConfig::new(), &self.consumer)?;
        let made = stream.create_consumer(config).await.map_err(|error| self.named().about(error))?;
        Ok(made.cached_info().cloned().map(show::Whole))
    }

    async fn edit(&self, settings: &Settings, wanted: &Wanted) -> Result<Done, Failure> {
        let stream = self.stream(settings).await?;
        let present = stream.consumer(&self.consumer).await.map_err(|error| self.named().about(error))?;
        self.update(&stream, &present, |config| wanted.apply(config, &self.consumer)).await
    }

    async fn ensure(&self, settings: &Settings, wanted: &Wanted) -> Result<Done, Failure> {
        let stream = self.stream(settings).await?;
        let config = wanted.apply(ConsumerConfig::new(), &self.consumer)?;
        let ensured = stream.ensure_consumer(config).await.map_err(|error| self.named().about(error))?;
        Ok(Some(change::of_library(ensured.outcome)))
    }
}

impl Which {
    /// Changes it, and tells by what the server says in which fields it differs then.
    async fn update(
        &self,
        stream: &Stream,
        present: &Consumer,
        wanted: impl FnOnce(ConsumerConfig) -> Result<ConsumerConfig, Failure>,
    ) -> Result<Done, Failure> {
        let what = self.named();
        let Some(present) = present.cached_info() else { return Ok(None) };
        let config = wanted(present.config.clone())?;
        let updated = stream.update_consumer(config).await.map_err(|error| what.about(error))?;
        // Of a consumer that was restored the answer may have the former configuration (nats-server 2.15.1).
        let after = updated.info().await.map_err(|error| what.about(error))?;
        let changes = differences(&show::worded(&present.config)?, &show::worded(&after.config)?);
        let outcome = if changes.is_empty() { Outcome::Unchanged } else { Outcome::Updated };
        Ok(Some((outcome, changes)))
    }
}
