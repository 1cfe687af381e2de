//! `nuncio consumer add`, `edit` and `ensure`.

use clap::Args;
use nuncio::jetstream::{ConsumerConfig, ConsumerInfo, Stream};

use crate::command::Job;
use crate::command::consumer::config::ConfigArgs;
use crate::command::consumer::{Which, show};
use crate::exit::Failure;
use crate::jetstream::Named;
use crate::jetstream::change::{self, Outcome, differences};
use crate::jetstream::target::Target;
use crate::output::Output;

/// Make a consumer, which lasts until it is removed, and show it as `nuncio consumer info` does.
///
/// It is pulled from unless --push is given. That there is one of the same name and configuration is fine; one with another
/// configuration is an error.
#[derive(Debug, Args)]
pub(crate) struct Add {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    config: Box<ConfigArgs>,
}

/// Change a consumer: what is given, the rest stays.
///
/// Shows what has changed; with --json as one object (stream, consumer, outcome, changes), where the outcome is updated or
/// unchanged, and each change has field, from, to and fixed (always false). What cannot be changed the server refuses, which is
/// an error.
#[derive(Debug, Args)]
pub(crate) struct Edit {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    config: Box<ConfigArgs>,
}

/// Make a consumer if it is not there, and change it if it is not as given: what is not given becomes the default.
///
/// Shows what was done, as `nuncio consumer edit` does; the outcome may be created as well.
#[derive(Debug, Args)]
pub(crate) struct Ensure {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    config: Box<ConfigArgs>,
}

impl Add {
    pub(crate) fn resolve(self) -> Result<Job, Failure> {
        let (which, wanted) = (self.which, self.config.resolve()?);
        Ok(Job::brief(async move |settings, out| {
            let stream = which.stream(settings).await?;
            let config = wanted.apply(ConsumerConfig::new(), &which.consumer)?;
            let made = stream.create_consumer(config).await.map_err(|error| which.named().about(error))?;
            made.cached_info().map_or(Ok(()), |info| Ok(out.show(&show::Whole(info.clone()))?))
        }))
    }
}

impl Edit {
    pub(crate) fn resolve(self) -> Result<Job, Failure> {
        let (which, wanted) = (self.which, self.config.resolve()?);
        Ok(Job::brief(async move |settings, out| {
            let (stream, what) = (which.stream(settings).await?, which.named());
            let present = stream.consumer(&which.consumer).await.map_err(|error| what.about(error))?;
            let Some(present) = present.cached_info() else { return Ok(()) };
            let config = wanted.apply(present.config.clone(), &which.consumer)?;
            update(&stream, &what, present, config, out).await
        }))
    }
}

impl Ensure {
    pub(crate) fn resolve(self) -> Result<Job, Failure> {
        let (which, wanted) = (self.which, self.config.resolve()?);
        Ok(Job::brief(async move |settings, out| {
            let (stream, what) = (which.stream(settings).await?, which.named());
            let config = wanted.apply(ConsumerConfig::new(), &which.consumer)?;
            match stream.consumer(&which.consumer).await {
                Err(error) if error.is_consumer_not_found() => {
                    stream.create_consumer(config).await.map_err(|error| what.about(error))?;
                    change::show(&what, Outcome::Created, Vec::new(), out)
                }
                present => {
                    let present = present.map_err(|error| what.about(error))?;
                    let Some(present) = present.cached_info() else { return Ok(()) };
                    update(&stream, &what, present, config, out).await
                }
            }
        }))
    }
}

/// Changes it, and tells by what the server says in which fields it differs then.
async fn update(
    stream: &Stream,
    what: &Named,
    present: &ConsumerInfo,
    config: ConsumerConfig,
    out: &mut Output,
) -> Result<(), Failure> {
    let updated = stream.update_consumer(config).await.map_err(|error| what.about(error))?;
    // Of a consumer that was restored the answer may have the former configuration (nats-server 2.15.1).
    let after = updated.info().await.map_err(|error| what.about(error))?;
    let changes = differences(&show::worded(&present.config)?, &show::worded(&after.config)?);
    let outcome = if changes.is_empty() { Outcome::Unchanged } else { Outcome::Updated };
    change::show(what, outcome, changes, out)
}
