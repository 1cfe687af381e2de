//! Streams.

use std::time::Duration;

use serde_json::{Map, Value};

use super::{FieldChange, changes, fields};
use crate::js::api::stream_config::StreamConfig;
use crate::js::time::to_nanos;

/// The window in which the server looks for duplicates unless told.
const DUPLICATES: Duration = Duration::from_secs(120);

impl StreamConfig {
    /// In which fields `server`, the configuration that a stream has, differs from this one, which is wanted, in the order
    /// of their names.
    ///
    /// What is not set here counts as what the server makes of it, so that the configuration of a stream that was just
    /// created from this one does not differ. Metadata of the server's own is left out, and so are fields that this
    /// version does not know, unless they are set here.
    pub fn diff(&self, server: &Self) -> Vec<FieldChange> {
        let unknown = |field: &str| server.extra.contains_key(field) && !self.extra.contains_key(field);
        let leaves_open = |field: &str, to: &Value| unknown(field) || self.leaves_open(field, to);
        changes(&self.completed(), &server.completed(), leaves_open, is_fixed)
    }

    /// Whether the server decides on the field by something that is not in the configuration.
    fn leaves_open(&self, field: &str, to: &Value) -> bool {
        let fed = self.mirror.is_some() || !self.sources.is_empty();
        to.is_null()
            && match field {
                // A mirror answers for its origin if the origin allows it.
                "mirror_direct" => self.mirror.is_some(),
                // Older servers have a window for what comes from elsewhere as well, and newer ones have none.
                "duplicate_window" => fed,
                _ => false,
            }
    }

    /// The fields as they are once the server has filled in what is not set.
    fn completed(&self) -> Map<String, Value> {
        let mut config = self.clone();
        let fed = config.mirror.is_some() || !config.sources.is_empty();
        if config.subjects.is_empty() && !fed {
            config.subjects.push(config.name.clone());
        }
        if config.duplicate_window.is_none() && !fed {
            config.duplicate_window = Some(config.max_age.map_or(DUPLICATES, |age| age.min(DUPLICATES)));
        }
        if config.subject_delete_marker_ttl.is_some() {
            config.allow_message_ttl = true;
            config.allow_rollup = true;
        }
        config.allow_rollup |= config.allow_message_schedules;
        config.deny_delete |= config.sealed;
        config.deny_purge |= config.sealed;
        config.num_replicas = config.num_replicas.max(1);
        if let Some(republish) = &mut config.republish {
            republish.source.get_or_insert_with(|| ">".into());
        }
        // A placement without any rule is none.
        config.placement = config.placement.filter(|placement| *placement != Default::default());
        config.duplicate_window = config.duplicate_window.filter(|window| to_nanos(*window) > 0);
        let words = [
            ("retention", "limits"),
            ("storage", "file"),
            ("discard", "old"),
            ("compression", "none"),
            ("persist_mode", "default"),
        ];
        fields(&config, &words)
    }
}

/// Whether the server refuses this change (seen on 2.15.1).
fn is_fixed(field: &str, from: &Value, to: &Value) -> bool {
    match field {
        "name" | "storage" | "persist_mode" | "allow_msg_counter" => true,
        "retention" => from == "workqueue" || to == "workqueue",
        // A mirror can be made an ordinary stream, and that is all.
        "mirror" => !to.is_null(),
        "allow_msg_ttl" | "allow_msg_schedules" | "sealed" | "deny_delete" | "deny_purge" => to.is_null(),
        _ => false,
    }
}
