//! `nuncio stream ls` and `nuncio stream report`.

use std::io::{self, Write};

use clap::Args;
use nuncio::jetstream::{JetStream, StreamInfo, Timestamp};
use serde::Serialize;

use crate::connect::Settings;
use crate::exit::Failure;
use crate::jetstream::{Api, tell_missing};
use crate::output::{Output, Show, printable};
use crate::table::{Column, Row, size};

/// List streams; with --json one object each (stream, subjects, description, created).
#[derive(Debug, Args)]
pub(crate) struct Ls {
    /// Only streams that take some of these subjects, with wildcards.
    #[arg(long, value_name = "FILTER")]
    subject: Option<String>,
    /// Names alone, which spares the servers the rest; with --json one object each (stream).
    #[arg(long)]
    names: bool,
    #[command(flatten)]
    api: Api,
}

/// Show what all streams hold; with --json one object each.
///
/// The object has stream, storage, replicas, messages, bytes, consumers, first_seq, last_seq, and last_time, null where
/// nothing was ever stored.
#[derive(Debug, Args)]
pub(crate) struct Report {
    /// Only streams that take some of these subjects, with wildcards.
    #[arg(long, value_name = "FILTER")]
    subject: Option<String>,
    #[command(flatten)]
    api: Api,
}

enum What {
    Names,
    Lines,
    Figures,
}

pub(crate) struct Task {
    what: What,
    subject: Option<String>,
    api: Api,
}

impl Ls {
    pub(crate) fn resolve(self) -> Task {
        let what = if self.names { What::Names } else { What::Lines };
        Task { what, subject: self.subject, api: self.api }
    }
}

impl Report {
    pub(crate) fn resolve(self) -> Task {
        Task { what: What::Figures, subject: self.subject, api: self.api }
    }
}

#[derive(Serialize)]
struct Name {
    stream: String,
}

impl Show for Name {
    fn show(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", printable(&self.stream))
    }
}

#[derive(Serialize)]
struct Line {
    stream: String,
    subjects: Vec<String>,
    description: Option<String>,
    created: Timestamp,
}

impl Row for Line {
    const COLUMNS: &'static [Column] =
        &[Column::Left("Stream"), Column::Left("Subjects"), Column::Left("Description")];

    fn cells(&self) -> Vec<String> {
        vec![self.stream.clone(), self.subjects.join(","), self.description.clone().unwrap_or_default()]
    }
}

impl From<StreamInfo> for Line {
    fn from(info: StreamInfo) -> Self {
        let config = info.config;
        Self {
            stream: config.name,
            subjects: config.subjects,
            description: config.description,
            created: info.created,
        }
    }
}

#[derive(Serialize)]
struct Figures {
    stream: String,
    storage: String,
    replicas: usize,
    messages: u64,
    bytes: u64,
    consumers: u64,
    first_seq: u64,
    last_seq: u64,
    last_time: Option<Timestamp>,
}

impl Row for Figures {
    const COLUMNS: &'static [Column] = &[
        Column::Left("Stream"),
        Column::Left("Storage"),
        Column::Right("Replicas"),
        Column::Right("Messages"),
        Column::Right("Size"),
        Column::Right("Consumers"),
        Column::Right("First"),
        Column::Right("Last"),
        Column::Left("Last at"),
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.stream.clone(),
            self.storage.clone(),
            self.replicas.to_string(),
            self.messages.to_string(),
            size(self.bytes),
            self.consumers.to_string(),
            self.first_seq.to_string(),
            self.last_seq.to_string(),
            self.last_time.map(|time| time.to_string()).unwrap_or_default(),
        ]
    }
}

impl From<StreamInfo> for Figures {
    fn from(info: StreamInfo) -> Self {
        let state = info.state;
        Self {
            stream: info.config.name,
            storage: info.config.storage.to_string(),
            replicas: info.config.num_replicas,
            messages: state.messages,
            bytes: state.bytes,
            consumers: state.consumer_count,
            first_seq: state.first_sequence,
            last_seq: state.last_sequence,
            last_time: state.last_timestamp.filter(|_| state.last_sequence > 0),
        }
    }
}

impl Task {
    pub(crate) async fn run(self, settings: &Settings, out: &mut Output) -> Result<(), Failure> {
        let js = self.api.connect(settings).await?;
        match self.what {
            What::Names => {
                let mut names = js.stream_names();
                if let Some(subject) = self.subject {
                    names = names.subject(subject);
                }
                while let Some(stream) = names.next().await {
                    out.show(&Name { stream: stream? })?;
                }
                Ok(())
            }
            What::Lines => Ok(out.table::<Line>(&all(&js, self.subject).await?)?),
            What::Figures => Ok(out.table::<Figures>(&all(&js, self.subject).await?)?),
        }
    }
}

async fn all<T: From<StreamInfo>>(js: &JetStream, subject: Option<String>) -> Result<Vec<T>, Failure> {
    let mut streams = js.streams();
    if let Some(subject) = subject {
        streams = streams.subject(subject);
    }
    let mut all = Vec::new();
    while let Some(info) = streams.next().await {
        all.push(info?.into());
    }
    tell_missing("stream", streams.missing(), streams.offline());
    Ok(all)
}
