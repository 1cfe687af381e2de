//! `nuncio stream add`, `edit` and `ensure`.

use nuncio::jetstream::{EnsureOutcome, StreamConfig};

use crate::command::stream::config::{ConfigArgs, Wanted};
use crate::command::stream::{Which, show};
use crate::connect::Settings;
use crate::exit::Failure;
use crate::jetstream::change;
use crate::jetstream::target::Target;
use crate::jetstream::write::{Configured, Done};

impl Configured for Which {
    type Options = ConfigArgs;
    type Wanted = Wanted;

    fn wanted(options: Box<ConfigArgs>) -> Result<Wanted, Failure> {
        options.resolve()
    }

    async fn add(&self, settings: &Settings, wanted: &Wanted) -> Result<Option<show::Whole>, Failure> {
        let js = self.api.connect(settings).await?;
        let config = wanted.apply(StreamConfig::new(&self.stream))?;
        let made = js.create_stream(config).await.map_err(|error| self.named().about(error))?;
        Ok(made.cached_info().cloned().map(show::Whole))
    }

    async fn edit(&self, settings: &Settings, wanted: &Wanted) -> Result<Done, Failure> {
        let (stream, what) = (self.connect(settings).await?, self.named());
        let present = stream.info().await.map_err(|error| what.about(error))?.config;
        let config = wanted.apply(present.clone())?;
        let diff = config.diff(&present);
        let outcome = if diff.is_empty() {
            EnsureOutcome::Unchanged
        } else if diff.iter().any(|change| change.fixed) {
            EnsureOutcome::Conflict { fields: diff }
        } else {
            stream.update(config).await.map_err(|error| what.about(error))?;
            EnsureOutcome::Updated { diff }
        };
        Ok(Some(change::of_library(outcome)))
    }

    async fn ensure(&self, settings: &Settings, wanted: &Wanted) -> Result<Done, Failure> {
        let js = self.api.connect(settings).await?;
        let config = wanted.apply(StreamConfig::new(&self.stream))?;
        let ensured = js.ensure_stream(config).await.map_err(|error| self.named().about(error))?;
        Ok(Some(change::of_library(ensured.outcome)))
    }
}
