//! `nuncio consumer add`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use nuncio::jetstream::{ConsumerConfig, DeliverPolicy};
use serde_json::{Map, Value};

use crate::command::consumer::{Which, show};
use crate::connect::Settings;
use crate::exit::Failure;
use crate::jetstream::{Limit, limit, moment, object, overlaid, set};
use crate::output::Output;
use crate::syntax::duration;

/// Make a consumer, which lasts until it is removed, and show it as `nuncio consumer info` does.
///
/// It is pulled from unless --push is given. That there is one of the same name and configuration is fine; one with another
/// configuration is an error.
#[derive(Debug, Args)]
pub(crate) struct Syntax {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    options: Options,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Configuration")]
struct Options {
    /// File with the configuration, or a part of it, as a JSON object in the words of the server; options go before it.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Only messages of these subjects, with wildcards, and commas between.
    #[arg(long, value_name = "SUBJECTS", value_delimiter = ',')]
    filter: Option<Vec<String>>,
    /// What it is for.
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Where it begins: all, last, new, last-per-subject, a sequence, or a time as 2030-01-31T12:00:00Z. Default: all.
    #[arg(long, value_name = "FROM", value_parser = deliver)]
    deliver: Option<DeliverPolicy>,
    /// Which messages have to be acknowledged. Default: explicit, each of them.
    #[arg(long, value_parser = ["explicit", "all", "none"])]
    ack: Option<String>,
    /// How long until a message that is not acknowledged is delivered again.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    ack_wait: Option<Duration>,
    /// How often a message is delivered at most, or "none".
    #[arg(long, value_name = "N", value_parser = limit)]
    max_deliver: Option<Limit<u64>>,
    /// How many messages may wait to be acknowledged, or "none".
    #[arg(long, value_name = "N", value_parser = limit)]
    max_pending: Option<Limit<u64>>,
    /// Have the server remove it when nobody has asked for messages for so long.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    inactive_threshold: Option<Duration>,
    /// Have messages pulled from it, which is the default.
    #[arg(long, conflicts_with = "push")]
    pull: bool,
    /// Have the server send messages to this subject by itself.
    #[arg(long, value_name = "SUBJECT")]
    push: Option<String>,
    /// Share what is pushed among the members of this queue group.
    #[arg(long, value_name = "QUEUE", conflicts_with = "pull")]
    push_queue: Option<String>,
}

fn deliver(text: &str) -> Result<DeliverPolicy, String> {
    Ok(match text {
        "all" => DeliverPolicy::All,
        "last" => DeliverPolicy::Last,
        "new" => DeliverPolicy::New,
        "last-per-subject" => DeliverPolicy::LastPerSubject,
        text => match text.parse() {
            Ok(start_sequence) => DeliverPolicy::ByStartSequence { start_sequence },
            Err(_) => {
                moment(text).map(|start_time| DeliverPolicy::ByStartTime { start_time }).map_err(|error| {
                    format!("is neither all, last, new, last-per-subject nor a sequence nor a time: {error}")
                })?
            }
        },
    })
}

pub(crate) struct Task {
    which: Which,
    config: ConsumerConfig,
}

impl Syntax {
    pub(crate) fn resolve(self) -> Result<Task, Failure> {
        let file = object(self.options.config.as_deref())?;
        let config = self.options.resolve(&self.which.consumer, &file)?;
        Ok(Task { which: self.which, config })
    }
}

impl Options {
    fn resolve(self, name: &str, file: &Map<String, Value>) -> Result<ConsumerConfig, Failure> {
        let mut config = overlaid(ConsumerConfig::new(), file)?;
        config.name = Some(name.to_owned());
        config.durable_name = Some(name.to_owned());
        if let Some(mut filters) = self.filter {
            // One filter goes into the subject of the call, so that permissions can be given by it.
            config.filter_subject = if filters.len() == 1 { filters.pop() } else { None };
            config.filter_subjects = filters;
        }
        set(&mut config.description, self.description, Some);
        set(&mut config.deliver_policy, self.deliver, |policy| policy);
        set(&mut config.ack_policy, self.ack.as_deref(), Into::into);
        set(&mut config.ack_wait, self.ack_wait, Some);
        set(&mut config.max_deliver, self.max_deliver, |limit| limit.0);
        set(&mut config.max_ack_pending, self.max_pending, |limit| {
            // The server takes -1 for no limit, and nothing for its own.
            Some(limit.0.map_or(-1, |n| i64::try_from(n).unwrap_or(i64::MAX)))
        });
        set(&mut config.inactive_threshold, self.inactive_threshold, Some);
        set(&mut config.deliver_subject, self.push, Some);
        set(&mut config.deliver_group, self.push_queue, Some);
        if self.pull {
            (config.deliver_subject, config.deliver_group) = (None, None);
        }
        Ok(config)
    }
}

impl Task {
    pub(crate) async fn run(self, settings: &Settings, out: &mut Output) -> Result<(), Failure> {
        let about = self.which.about();
        let js = self.which.api.connect(settings).await?;
        let stream = js.bind_stream(&self.which.stream).map_err(&about)?;
        let consumer = stream.create_consumer(self.config).await.map_err(&about)?;
        match consumer.cached_info() {
            Some(info) => Ok(out.show(&show::Whole(info))?),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_consumer_begins_at_a_word_a_sequence_or_a_time() {
        assert_eq!(deliver("last-per-subject"), Ok(DeliverPolicy::LastPerSubject));
        assert_eq!(deliver("7"), Ok(DeliverPolicy::ByStartSequence { start_sequence: 7 }));
        assert!(matches!(deliver("2030-01-31T12:00:00Z"), Ok(DeliverPolicy::ByStartTime { .. })));
        assert!(deliver("yesterday").is_err());
    }
}
