//! A consumer, shown whole.

use std::io::{self, Write};

use nuncio::jetstream::{ConsumerConfig, ConsumerInfo, DeliverPolicy};
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::exit::Failure;
use crate::jetstream::{fill, with_defaults};
use crate::output::{Show, show_fields};
use crate::printable::printable;

/// The words for what a configuration leaves out.
const WORDS: [(&str, &str); 3] =
    [("ack_policy", "none"), ("deliver_policy", "all"), ("replay_policy", "instant")];

/// A consumer, as the server tells of it.
pub(crate) struct Whole(pub(crate) ConsumerInfo);

impl Serialize for Whole {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        with_defaults(&self.0, &WORDS, serializer)
    }
}

/// A configuration with the words for what it leaves out.
pub(crate) fn worded(config: &ConsumerConfig) -> Result<Value, Failure> {
    let mut config = serde_json::to_value(config).map_err(|error| Failure::error(error.to_string()))?;
    fill(&mut config, &WORDS);
    Ok(config)
}

/// The filters, with commas between.
pub(crate) fn filters(config: &ConsumerConfig) -> String {
    let all: Vec<&str> =
        config.filter_subject.iter().chain(&config.filter_subjects).map(String::as_str).collect();
    all.join(",")
}

fn start(policy: &DeliverPolicy) -> String {
    match policy {
        DeliverPolicy::All => "all".into(),
        DeliverPolicy::Last => "last".into(),
        DeliverPolicy::New => "new".into(),
        DeliverPolicy::LastPerSubject => "last-per-subject".into(),
        DeliverPolicy::ByStartSequence { start_sequence } => start_sequence.to_string(),
        DeliverPolicy::ByStartTime { start_time } => start_time.to_string(),
        other => format!("{other:?}"),
    }
}

impl Show for Whole {
    fn show(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self(info) = self;
        let config = &info.config;
        writeln!(
            out,
            "consumer \"{}\" of stream \"{}\"",
            printable(&info.name),
            printable(&info.stream_name)
        )?;
        let some = |text: String| Some(text).filter(|text| !text.is_empty());
        let waits = match config.max_ack_pending {
            Some(-1) => Some("without limit".to_owned()),
            most => most.map(|n| n.to_string()),
        };
        let fields = [
            ("created", Some(info.created.to_string())),
            ("description", config.description.clone()),
            ("messages are", Some("pulled".to_owned()).filter(|_| config.deliver_subject.is_none())),
            ("messages are pushed to", config.deliver_subject.clone()),
            ("queue", config.deliver_group.clone()),
            ("filter", some(filters(config))),
            ("begins at", Some(start(&config.deliver_policy))),
            ("acknowledgement", Some(config.ack_policy.to_string())),
            ("delivered again after", config.ack_wait.map(|wait| format!("{wait:?}"))),
            ("delivered at most", config.max_deliver.map(|n| format!("{n} times"))),
            ("may wait for acknowledgement", waits),
            ("removed when unused for", config.inactive_threshold.map(|time| format!("{time:?}"))),
            ("paused for", info.pause_remaining.filter(|_| info.paused).map(|left| format!("{left:?} more"))),
            ("delivered up to sequence", Some(info.delivered.stream_sequence.to_string())),
            ("acknowledged up to sequence", Some(info.ack_floor.stream_sequence.to_string())),
            ("waiting for acknowledgement", Some(info.num_ack_pending.to_string())),
            ("delivered again", Some(info.num_redelivered.to_string())),
            ("not delivered yet", Some(info.num_pending.to_string())),
            ("pulls waiting", Some(info.num_waiting.to_string())),
        ];
        show_fields(out, fields)
    }
}
