//! A stream, shown whole.

use std::io::{self, Write};

use nuncio::jetstream::StreamInfo;
use serde::{Serialize, Serializer};

use crate::jetstream::with_defaults;
use crate::output::{Show, show_fields};
use crate::printable::printable;
use crate::table::size;

/// The words for what a configuration leaves out.
pub(crate) const WORDS: [(&str, &str); 4] =
    [("retention", "limits"), ("storage", "file"), ("discard", "old"), ("compression", "none")];

/// A stream, as the server tells of it.
pub(crate) struct Whole(pub(crate) StreamInfo);

impl Serialize for Whole {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        with_defaults(&self.0, &WORDS, serializer)
    }
}

impl Show for Whole {
    fn show(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self(info) = self;
        let (config, state) = (&info.config, &info.state);
        writeln!(out, "stream \"{}\"", printable(&config.name))?;
        let leader = info.cluster.as_ref().and_then(|cluster| cluster.leader.clone());
        let fields = [
            ("created", Some(info.created.to_string())),
            ("description", config.description.clone()),
            ("subjects", Some(config.subjects.join(", "))),
            ("storage", Some(format!("{}, replicas: {}", config.storage, config.num_replicas))),
            ("retention", Some(format!("{}, discard: {}", config.retention, config.discard))),
            ("most messages", config.max_messages.map(|n| n.to_string())),
            ("most messages per subject", config.max_messages_per_subject.map(|n| n.to_string())),
            ("most bytes", config.max_bytes.map(size)),
            ("greatest age", config.max_age.map(|age| format!("{age:?}"))),
            ("largest message", config.max_message_size.map(|n| size(n.into()))),
            ("most consumers", config.max_consumers.map(|n| n.to_string())),
            ("ids remembered for", config.duplicate_window.map(|window| format!("{window:?}"))),
            ("leader", leader),
            ("messages", Some(format!("{} ({})", state.messages, size(state.bytes)))),
            ("sequences", Some(format!("{} to {}", state.first_sequence, state.last_sequence))),
            ("consumers", Some(state.consumer_count.to_string())),
        ];
        show_fields(out, fields)
    }
}
