//! `nuncio stream add`, `edit` and `ensure`.

use clap::Args;
use nuncio::jetstream::{EnsureOutcome, Stream, StreamConfig};

use crate::command::Job;
use crate::command::stream::config::{ConfigArgs, Wanted};
use crate::command::stream::{Which, show};
use crate::exit::Failure;
use crate::jetstream::target::Target;
use crate::jetstream::{Named, change};

/// Make a stream, and show it as `nuncio stream info` does.
///
/// That there is one of the same name and configuration is fine; one with another configuration is an error.
#[derive(Debug, Args)]
pub(crate) struct Add {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    config: Box<ConfigArgs>,
}

/// Change a stream: what is given, the rest stays.
///
/// Shows what has changed; with --json as one object (stream, outcome, changes), where the outcome is updated, unchanged or
/// conflict, and each change has field, from, to and fixed. A stream of which something would have to change that cannot is
/// left as it is, which is an error.
#[derive(Debug, Args)]
pub(crate) struct Edit {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    config: Box<ConfigArgs>,
}

/// Make a stream if it is not there, and change it if it is not as given: what is not given becomes the default.
///
/// Shows what was done, as `nuncio stream edit` does; the outcome may be created as well.
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
            let js = which.api.connect(settings).await?;
            let config = wanted.apply(StreamConfig::new(&which.stream))?;
            let stream = js.create_stream(config).await.map_err(|error| which.named().about(error))?;
            stream.cached_info().map_or(Ok(()), |info| Ok(out.show(&show::Whole(info.clone()))?))
        }))
    }
}

impl Edit {
    pub(crate) fn resolve(self) -> Result<Job, Failure> {
        let (which, wanted) = (self.which, self.config.resolve()?);
        Ok(Job::brief(async move |settings, out| {
            let stream = which.connect(settings).await?;
            let (outcome, changes) = change::of_library(edit(&stream, &which.named(), &wanted).await?);
            change::show(&which.named(), outcome, changes, out)
        }))
    }
}

impl Ensure {
    pub(crate) fn resolve(self) -> Result<Job, Failure> {
        let (which, wanted) = (self.which, self.config.resolve()?);
        Ok(Job::brief(async move |settings, out| {
            let js = which.api.connect(settings).await?;
            let config = wanted.apply(StreamConfig::new(&which.stream))?;
            let ensured = js.ensure_stream(config).await.map_err(|error| which.named().about(error))?;
            let (outcome, changes) = change::of_library(ensured.outcome);
            change::show(&which.named(), outcome, changes, out)
        }))
    }
}

async fn edit(stream: &Stream, what: &Named, wanted: &Wanted) -> Result<EnsureOutcome, Failure> {
    let present = stream.info().await.map_err(|error| what.about(error))?.config;
    let config = wanted.apply(present.clone())?;
    let diff = config.diff(&present);
    if diff.is_empty() {
        return Ok(EnsureOutcome::Unchanged);
    }
    if diff.iter().any(|change| change.fixed) {
        return Ok(EnsureOutcome::Conflict { fields: diff });
    }
    stream.update(config).await.map_err(|error| what.about(error))?;
    Ok(EnsureOutcome::Updated { diff })
}
