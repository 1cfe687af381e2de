//! The configuration of a stream as options.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use nuncio::jetstream::StreamConfig;
use serde_json::{Map, Value};

use crate::exit::Failure;
use crate::jetstream::options::{Limit, age, limit, object, overlaid, set};
use crate::names;

/// What a stream is to be; what is not given is left as it is, or as the server has it by default.
#[derive(Args, Debug)]
#[command(next_help_heading = "Configuration")]
pub(crate) struct ConfigArgs {
    /// File with the configuration, or a part of it, as a JSON object in the words of the server; options go before it.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Subjects to store the messages of, with commas between. Default of a new stream: its name.
    #[arg(long, value_name = "SUBJECTS", value_delimiter = ',', value_parser = names::filter)]
    subjects: Option<Vec<String>>,
    /// What it is for.
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Where messages are kept.
    #[arg(long, value_parser = ["file", "memory"])]
    storage: Option<String>,
    /// On how many servers of a cluster it is.
    #[arg(long, value_name = "N")]
    replicas: Option<usize>,
    /// What keeps a message: the limits alone, consumers that have not had it, or its one consumer.
    #[arg(long, value_parser = ["limits", "interest", "workqueue"])]
    retention: Option<String>,
    /// What gives way when a limit is reached.
    #[arg(long, value_parser = ["old", "new"])]
    discard: Option<String>,
    /// How many messages it holds at most, or "none".
    #[arg(long, value_name = "N", value_parser = limit)]
    max_msgs: Option<Limit<u64>>,
    /// How many messages of each subject it holds at most, or "none".
    #[arg(long, value_name = "N", value_parser = limit)]
    max_msgs_per_subject: Option<Limit<u64>>,
    /// How many bytes it holds at most, such as 512MiB, or "none".
    #[arg(long, value_name = "SIZE", value_parser = limit)]
    max_bytes: Option<Limit<u64>>,
    /// How old messages get, such as 24h, or "none".
    #[arg(long, value_name = "DURATION", value_parser = age)]
    max_age: Option<Limit<Duration>>,
    /// How large a message may be, such as 64KiB, or "none".
    #[arg(long, value_name = "SIZE", value_parser = limit)]
    max_msg_size: Option<Limit<u64>>,
    /// How many consumers it may have, or "none".
    #[arg(long, value_name = "N", value_parser = limit)]
    max_consumers: Option<Limit<u64>>,
    /// How long ids of messages are remembered, to store none twice.
    #[arg(long, value_name = "DURATION", value_parser = crate::syntax::duration)]
    duplicate_window: Option<Duration>,
    /// Compression of what is in files.
    #[arg(long, value_parser = ["none", "s2"])]
    compression: Option<String>,
    /// Whether messages can be read from any replica. Without a value: true.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    allow_direct: Option<bool>,
}

/// Options that are known to be good.
pub(crate) struct Wanted {
    file: Map<String, Value>,
    options: Box<ConfigArgs>,
    max_message_size: Option<Limit<u32>>,
}

impl ConfigArgs {
    pub(crate) fn resolve(self: Box<Self>) -> Result<Wanted, Failure> {
        let file = object(self.config.as_deref())?;
        let max_message_size = match self.max_msg_size {
            None => None,
            Some(Limit(None)) => Some(Limit(None)),
            Some(Limit(Some(size))) => {
                let size = u32::try_from(size)
                    .map_err(|_| Failure::usage("--max-msg-size: no message can be that large"))?;
                Some(Limit(Some(size)))
            }
        };
        let wanted = Wanted { file, options: self, max_message_size };
        // What is wrong with the file is known before anything is sent.
        wanted.apply(StreamConfig::new("x"))?;
        Ok(wanted)
    }
}

impl Wanted {
    /// This configuration with what is wanted; its name stays.
    pub(crate) fn apply(&self, base: StreamConfig) -> Result<StreamConfig, Failure> {
        let options = &self.options;
        let name = base.name.clone();
        let mut config = overlaid(base, &self.file)?;
        config.name = name;
        set(&mut config.subjects, options.subjects.as_ref(), Clone::clone);
        set(&mut config.description, options.description.as_ref(), |text| {
            Some(text.clone()).filter(|text| !text.is_empty())
        });
        set(&mut config.storage, options.storage.as_deref(), Into::into);
        set(&mut config.num_replicas, options.replicas, |n| n);
        set(&mut config.retention, options.retention.as_deref(), Into::into);
        set(&mut config.discard, options.discard.as_deref(), Into::into);
        set(&mut config.compression, options.compression.as_deref(), Into::into);
        set(&mut config.max_messages, options.max_msgs, |limit| limit.0);
        set(&mut config.max_messages_per_subject, options.max_msgs_per_subject, |limit| limit.0);
        set(&mut config.max_bytes, options.max_bytes, |limit| limit.0);
        set(&mut config.max_message_size, self.max_message_size, |limit| limit.0);
        set(&mut config.max_consumers, options.max_consumers, |limit| limit.0);
        set(&mut config.max_age, options.max_age, |limit| limit.0);
        set(&mut config.duplicate_window, options.duplicate_window, Some);
        set(&mut config.allow_direct, options.allow_direct, |on| on);
        Ok(config)
    }
}
