//! The configuration of a consumer as options.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use nuncio::jetstream::{ConsumerConfig, DeliverPolicy};
use serde_json::{Map, Value};

use crate::exit::Failure;
use crate::jetstream::options::{Limit, limit, moment, object, overlaid, set};
use crate::names;
use crate::syntax::duration;

/// What a consumer is to be; what is not given is left as it is, or as the server has it by default.
#[derive(Args, Debug)]
#[command(next_help_heading = "Configuration")]
pub(crate) struct ConfigArgs {
    /// File with the configuration, or a part of it, as a JSON object in the words of the server; options go before it.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Only messages of these subjects, with wildcards, and commas between.
    #[arg(long, value_name = "SUBJECTS", value_delimiter = ',', value_parser = names::filter)]
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
    #[arg(long, value_name = "SUBJECT", value_parser = names::subject)]
    push: Option<String>,
    /// Share what is pushed among the members of this queue group.
    #[arg(long, value_name = "QUEUE", conflicts_with = "pull", value_parser = names::queue)]
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

/// Options that are known to be good.
pub(crate) struct Wanted {
    file: Map<String, Value>,
    options: Box<ConfigArgs>,
}

impl ConfigArgs {
    pub(crate) fn resolve(self: Box<Self>) -> Result<Wanted, Failure> {
        let wanted = Wanted { file: object(self.config.as_deref())?, options: self };
        // What is wrong with the file is known before anything is sent.
        wanted.apply(ConsumerConfig::new(), "x")?;
        Ok(wanted)
    }
}

impl Wanted {
    /// This configuration with what is wanted, for a consumer of that name, which lasts.
    pub(crate) fn apply(&self, base: ConsumerConfig, name: &str) -> Result<ConsumerConfig, Failure> {
        let options = &self.options;
        let durable = base.any_name().is_none() || base.durable_name.is_some();
        let mut config = overlaid(base, &self.file)?;
        config.name = Some(name.to_owned());
        config.durable_name = durable.then(|| name.to_owned());
        if let Some(filters) = &options.filter {
            // One filter goes into the subject of the call, so that permissions can be given by it.
            (config.filter_subject, config.filter_subjects) = match &**filters {
                [one] => (Some(one.clone()), Vec::new()),
                many => (None, many.to_vec()),
            };
        }
        set(&mut config.description, options.description.as_ref(), |text| {
            Some(text.clone()).filter(|text| !text.is_empty())
        });
        set(&mut config.deliver_policy, options.deliver.as_ref(), Clone::clone);
        set(&mut config.ack_policy, options.ack.as_deref(), Into::into);
        set(&mut config.ack_wait, options.ack_wait, Some);
        set(&mut config.max_deliver, options.max_deliver, |limit| limit.0);
        set(&mut config.max_ack_pending, options.max_pending, |limit| {
            // The server takes -1 for no limit, and nothing for its own.
            Some(limit.0.map_or(-1, |n| i64::try_from(n).unwrap_or(i64::MAX)))
        });
        set(&mut config.inactive_threshold, options.inactive_threshold, Some);
        set(&mut config.deliver_subject, options.push.clone(), Some);
        set(&mut config.deliver_group, options.push_queue.clone(), Some);
        if options.pull {
            (config.deliver_subject, config.deliver_group) = (None, None);
        }
        Ok(config)
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
