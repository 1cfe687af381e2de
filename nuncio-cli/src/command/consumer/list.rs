//! `nuncio consumer ls` and `nuncio consumer report`.

use clap::Args;
use nuncio::jetstream::ConsumerInfo;
use serde::Serialize;

use crate::command::consumer::show::filters;
use crate::connect::Settings;
use crate::exit::Failure;
use crate::jetstream::listing::{Detail, Listed, Place, list};
use crate::jetstream::{Api, Named};
use crate::names;
use crate::output::Output;
use crate::table::{Column, Row};

/// The stream whose consumers are listed.
#[derive(Args, Debug)]
pub(crate) struct Of {
    /// Name of the stream.
    #[arg(value_parser = names::stream)]
    stream: String,
    #[command(flatten)]
    api: Api,
}

impl Place for Of {
    async fn list(&self, detail: Detail, settings: &Settings, out: &mut Output) -> Result<(), Failure> {
        let stream = self.api.connect(settings).await?.bind_stream(&self.stream)?;
        let (names, all) = (stream.consumer_names(), stream.consumers());
        let named = |name: &str| Named::consumer(&self.stream, name);
        let done = list(detail, names, all, named, out).await;
        done.map_err(|failure| Named::stream(&self.stream).about(failure))
    }
}

impl Listed for ConsumerInfo {
    const KIND: &'static str = "consumer";
    type Line = Line;
    type Figures = Figures;
}

fn kind(info: &ConsumerInfo) -> &'static str {
    if info.config.deliver_subject.is_some() { "push" } else { "pull" }
}

#[derive(Serialize)]
pub(crate) struct Line {
    stream: String,
    consumer: String,
    kind: &'static str,
    filter: String,
    description: Option<String>,
}

impl Row for Line {
    const COLUMNS: &'static [Column] = &[
        Column::Left("Consumer"),
        Column::Left("Kind"),
        Column::Left("Filter"),
        Column::Left("Description"),
    ];

    fn cells(&self) -> Vec<String> {
        let description = self.description.clone().unwrap_or_default();
        vec![self.consumer.clone(), self.kind.into(), self.filter.clone(), description]
    }
}

impl From<ConsumerInfo> for Line {
    fn from(info: ConsumerInfo) -> Self {
        Self {
            kind: kind(&info),
            filter: filters(&info.config),
            stream: info.stream_name,
            consumer: info.name,
            description: info.config.description,
        }
    }
}

#[derive(Serialize)]
pub(crate) struct Figures {
    stream: String,
    consumer: String,
    kind: &'static str,
    ack: String,
    ack_pending: u64,
    redelivered: u64,
    pending: u64,
    waiting: u64,
    delivered_seq: u64,
    ack_floor_seq: u64,
    paused: bool,
}

impl Row for Figures {
    const COLUMNS: &'static [Column] = &[
        Column::Left("Consumer"),
        Column::Left("Kind"),
        Column::Left("Ack"),
        Column::Right("Unacknowledged"),
        Column::Right("Redelivered"),
        Column::Right("Pending"),
        Column::Right("Pulls"),
        Column::Right("Delivered"),
        Column::Right("Ack floor"),
        Column::Left("Paused"),
    ];

    fn cells(&self) -> Vec<String> {
        let mut cells = vec![self.consumer.clone(), self.kind.into(), self.ack.clone()];
        let figures = [
            self.ack_pending,
            self.redelivered,
            self.pending,
            self.waiting,
            self.delivered_seq,
            self.ack_floor_seq,
        ];
        cells.extend(figures.map(|figure| figure.to_string()));
        cells.push(if self.paused { "yes" } else { "no" }.into());
        cells
    }
}

impl From<ConsumerInfo> for Figures {
    fn from(info: ConsumerInfo) -> Self {
        Self {
            kind: kind(&info),
            ack: info.config.ack_policy.to_string(),
            stream: info.stream_name,
            consumer: info.name,
            ack_pending: info.num_ack_pending,
            redelivered: info.num_redelivered,
            pending: info.num_pending,
            waiting: info.num_waiting,
            delivered_seq: info.delivered.stream_sequence,
            ack_floor_seq: info.ack_floor.stream_sequence,
            paused: info.paused,
        }
    }
}
