//! `nuncio stream ls` and `nuncio stream report`.

use clap::Args;
use nuncio::jetstream::{StreamInfo, Timestamp};
use serde::Serialize;

use crate::connect::Settings;
use crate::exit::Failure;
use crate::jetstream::listing::{Detail, Listed, Place, list};
use crate::jetstream::{Api, Named};
use crate::names;
use crate::output::Output;
use crate::table::{Column, Row, size};

/// Which streams are listed.
#[derive(Args, Debug)]
pub(crate) struct Of {
    /// Only streams that take some of these subjects, with wildcards.
    #[arg(long, value_name = "FILTER", value_parser = names::filter)]
    subject: Option<String>,
    #[command(flatten)]
    api: Api,
}

impl Place for Of {
    async fn list(&self, detail: Detail, settings: &Settings, out: &mut Output) -> Result<(), Failure> {
        let js = self.api.connect(settings).await?;
        let (mut names, mut all) = (js.stream_names(), js.streams());
        if let Some(subject) = &self.subject {
            (names, all) = (names.subject(subject), all.subject(subject));
        }
        list(detail, names, all, Named::stream, out).await
    }
}

impl Listed for StreamInfo {
    const KIND: &'static str = "stream";
    type Line = Line;
    type Figures = Figures;
}

#[derive(Serialize)]
pub(crate) struct Line {
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
pub(crate) struct Figures {
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
