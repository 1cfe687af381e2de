//! `nuncio stream add`, `edit` and `ensure`.

use std::io::{self, Write};

use clap::Args;
use nuncio::jetstream::{EnsureOutcome, FieldChange, JetStream, StreamConfig};
use serde::Serialize;
use serde_json::Value;

use crate::command::stream::config::{ConfigArgs, Wanted};
use crate::command::stream::{Which, show};
use crate::connect::Settings;
use crate::exit::Failure;
use crate::output::{Output, Show, printable};

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

enum How {
    Add,
    Edit,
    Ensure,
}

pub(crate) struct Task {
    how: How,
    which: Which,
    wanted: Wanted,
}

impl Add {
    pub(crate) fn resolve(self) -> Result<Task, Failure> {
        Ok(Task { how: How::Add, which: self.which, wanted: self.config.resolve()? })
    }
}

impl Edit {
    pub(crate) fn resolve(self) -> Result<Task, Failure> {
        Ok(Task { how: How::Edit, which: self.which, wanted: self.config.resolve()? })
    }
}

impl Ensure {
    pub(crate) fn resolve(self) -> Result<Task, Failure> {
        Ok(Task { how: How::Ensure, which: self.which, wanted: self.config.resolve()? })
    }
}

#[derive(Serialize)]
struct Change {
    field: String,
    from: Value,
    to: Value,
    fixed: bool,
    #[serde(skip)]
    text: String,
}

impl From<FieldChange> for Change {
    fn from(change: FieldChange) -> Self {
        let text = change.to_string();
        Self { field: change.field, from: change.from, to: change.to, fixed: change.fixed, text }
    }
}

#[derive(Serialize)]
struct Changed<'a> {
    stream: &'a str,
    outcome: &'static str,
    changes: Vec<Change>,
}

impl Show for Changed<'_> {
    fn show(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "stream \"{}\": {}", printable(self.stream), self.outcome)?;
        for change in &self.changes {
            writeln!(out, "  {}", printable(&change.text))?;
        }
        Ok(())
    }
}

impl Task {
    pub(crate) async fn run(self, settings: &Settings, out: &mut Output) -> Result<(), Failure> {
        let js = self.which.api.connect(settings).await?;
        let outcome = match self.how {
            How::Add => return self.add(&js, out).await,
            How::Edit => self.edit(&js).await?,
            How::Ensure => {
                let config = self.wanted.apply(StreamConfig::new(&self.which.stream))?;
                js.ensure_stream(config).await.map_err(self.which.about())?.outcome
            }
        };
        self.show(outcome, out)
    }

    async fn add(&self, js: &JetStream, out: &mut Output) -> Result<(), Failure> {
        let config = self.wanted.apply(StreamConfig::new(&self.which.stream))?;
        let stream = js.create_stream(config).await.map_err(self.which.about())?;
        match stream.cached_info() {
            Some(info) => Ok(out.show(&show::Whole(info))?),
            None => Ok(()),
        }
    }

    async fn edit(&self, js: &JetStream) -> Result<EnsureOutcome, Failure> {
        let stream = js.bind_stream(&self.which.stream).map_err(self.which.about())?;
        let present = stream.info().await.map_err(self.which.about())?.config;
        let config = self.wanted.apply(present.clone())?;
        let diff = config.diff(&present);
        if diff.is_empty() {
            return Ok(EnsureOutcome::Unchanged);
        }
        if diff.iter().any(|change| change.fixed) {
            return Ok(EnsureOutcome::Conflict { fields: diff });
        }
        stream.update(config).await.map_err(self.which.about())?;
        Ok(EnsureOutcome::Updated { diff })
    }

    fn show(&self, outcome: EnsureOutcome, out: &mut Output) -> Result<(), Failure> {
        let (outcome, changes) = match outcome {
            EnsureOutcome::Created => ("created", Vec::new()),
            EnsureOutcome::Unchanged => ("unchanged", Vec::new()),
            EnsureOutcome::Updated { diff } => ("updated", diff),
            EnsureOutcome::Conflict { fields } => ("conflict", fields),
            _ => ("other", Vec::new()),
        };
        let fixed: Vec<String> =
            changes.iter().filter(|change| change.fixed).map(|change| change.field.clone()).collect();
        let stream = &*self.which.stream;
        out.show(&Changed { stream, outcome, changes: changes.into_iter().map(Change::from).collect() })?;
        if fixed.is_empty() {
            return Ok(());
        }
        out.flush()?;
        Err(Failure::error(format!(
            "stream \"{stream}\" is left as it is, since this cannot be changed: {}",
            fixed.join(", ")
        )))
    }
}
