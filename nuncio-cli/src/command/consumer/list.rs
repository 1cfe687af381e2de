//! `nuncio consumer ls` and `nuncio consumer report`.

use std::io::{self, Write};

use clap::Args;
use nuncio::jetstream::{ConsumerInfo, Stream};
use serde::Serialize;

use crate::command::consumer::show::filters;
use crate::connect::Settings;
use crate::exit::Failure;
use crate::jetstream::{Api, tell_missing};
use crate::output::{Output, Show, printable};
use crate::table::{Column, Row};

/// List the consumers of a stream; with --json one object each (stream, consumer, kind, filter, description).
///
/// The kind is pull or push.
#[derive(Debug, Args)]
pub(crate) struct Ls {
    /// Name of the stream.
    stream: String,
    /// Names alone; with --json one object each (stream, consumer).
    #[arg(long)]
    names: bool,
    #[command(flatten)]
    api: Api,
}

/// Show how far the consumers of a stream are; with --json one object each.
///
/// The object has stream, consumer, kind (pull or push), ack, ack_pending, redelivered, pending (not delivered yet), waiting
/// (pulls), delivered_seq, ack_floor_seq (of the stream), and paused.
#[derive(Debug, Args)]
pub(crate) struct Report {
    /// Name of the stream.
    stream: String,
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
    stream: String,
    api: Api,
}

impl Ls {
    pub(crate) fn resolve(self) -> Task {
        let what = if self.names { What::Names } else { What::Lines };
        Task { what, stream: self.stream, api: self.api }
    }
}

impl Report {
    pub(crate) fn resolve(self) -> Task {
        Task { what: What::Figures, stream: self.stream, api: self.api }
    }
}

#[derive(Serialize)]
struct Name<'a> {
    stream: &'a str,
    consumer: String,
}

impl Show for Name<'_> {
    fn show(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", printable(&self.consumer))
    }
}

fn kind(info: &ConsumerInfo) -> &'static str {
    if info.config.deliver_subject.is_some() { "push" } else { "pull" }
}

#[derive(Serialize)]
struct Line {
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
struct Figures {
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

impl Task {
    pub(crate) async fn run(self, settings: &Settings, out: &mut Output) -> Result<(), Failure> {
        let name = &*self.stream;
        let js = self.api.connect(settings).await?;
        let about = |error| Failure::from(error).about(&format!("stream \"{name}\""));
        let stream = js.bind_stream(name).map_err(about)?;
        match self.what {
            What::Names => {
                let mut names = stream.consumer_names();
                while let Some(consumer) = names.next().await {
                    out.show(&Name { stream: name, consumer: consumer.map_err(about)? })?;
                }
                Ok(())
            }
            What::Lines => Ok(out.table::<Line>(&all(&stream).await.map_err(about)?)?),
            What::Figures => Ok(out.table::<Figures>(&all(&stream).await.map_err(about)?)?),
        }
    }
}

async fn all<T: From<ConsumerInfo>>(stream: &Stream) -> Result<Vec<T>, nuncio::jetstream::Error> {
    let mut consumers = stream.consumers();
    let mut all = Vec::new();
    while let Some(info) = consumers.next().await {
        all.push(info?.into());
    }
    tell_missing("consumer", consumers.missing(), consumers.offline());
    Ok(all)
}
