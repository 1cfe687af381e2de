//! `nuncio stream info`.

use std::io::{self, Write};

use clap::Args;
use nuncio::jetstream::StreamInfo;
use serde::{Serialize, Serializer};

use crate::command::stream::Which;
use crate::connect::Settings;
use crate::exit::Failure;
use crate::jetstream::with_defaults;
use crate::output::{Output, Show, printable};
use crate::table::size;

/// Show a stream: its configuration and what it holds.
///
/// With --json it is one object in the words of the server: config (limits that are not set left out), created, state and more.
#[derive(Debug, Args)]
pub(crate) struct Syntax {
    #[command(flatten)]
    which: Which,
}

pub(crate) struct Task {
    which: Which,
}

impl Syntax {
    pub(crate) fn resolve(self) -> Task {
        Task { which: self.which }
    }
}

/// A stream, as the server tells of it.
pub(crate) struct Whole<'a>(pub(crate) &'a StreamInfo);

impl Serialize for Whole<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let words =
            [("retention", "limits"), ("storage", "file"), ("discard", "old"), ("compression", "none")];
        with_defaults(self.0, &words, serializer)
    }
}

impl Show for Whole<'_> {
    fn show(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self(info) = self;
        let (config, state) = (&info.config, &info.state);
        writeln!(out, "stream \"{}\"", printable(&config.name))?;
        let mut line = |name: &str, value: String| writeln!(out, "  {name}: {}", printable(&value));
        line("created", info.created.to_string())?;
        if let Some(description) = &config.description {
            line("description", description.clone())?;
        }
        line("subjects", config.subjects.join(", "))?;
        line("storage", format!("{}, replicas: {}", config.storage, config.num_replicas))?;
        line("retention", format!("{}, discard: {}", config.retention, config.discard))?;
        for (name, limit) in [
            ("most messages", config.max_messages.map(|n| n.to_string())),
            ("most messages per subject", config.max_messages_per_subject.map(|n| n.to_string())),
            ("most bytes", config.max_bytes.map(size)),
            ("greatest age", config.max_age.map(|age| format!("{age:?}"))),
            ("largest message", config.max_message_size.map(|n| size(n.into()))),
            ("most consumers", config.max_consumers.map(|n| n.to_string())),
            ("ids remembered for", config.duplicate_window.map(|window| format!("{window:?}"))),
        ] {
            if let Some(limit) = limit {
                line(name, limit)?;
            }
        }
        if let Some(leader) = info.cluster.as_ref().and_then(|cluster| cluster.leader.as_ref()) {
            line("leader", leader.clone())?;
        }
        line("messages", format!("{} ({})", state.messages, size(state.bytes)))?;
        line("sequences", format!("{} to {}", state.first_sequence, state.last_sequence))?;
        line("consumers", state.consumer_count.to_string())
    }
}

impl Task {
    pub(crate) async fn run(self, settings: &Settings, out: &mut Output) -> Result<(), Failure> {
        let js = self.which.api.connect(settings).await?;
        let stream = js.bind_stream(&self.which.stream).map_err(self.which.about())?;
        let info = stream.info().await.map_err(self.which.about())?;
        Ok(out.show(&Whole(&info))?)
    }
}
