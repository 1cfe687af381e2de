//! How the configuration that a caller wants differs from the one that a stream has.

use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::stream_config::StreamConfig;
use crate::js::time::{from_nanos, to_nanos};

/// A field in which two configurations differ.
///
/// ```
/// use std::time::Duration;
/// use nuncio_proto::js::api::stream_config::{StorageType, StreamConfig};
///
/// let has = StreamConfig::new("ORDERS").subjects(["orders.*"]);
/// let wanted = has.clone().max_age(Duration::from_secs(3600)).storage(StorageType::Memory);
/// let changes = wanted.diff(&has);
/// assert_eq!(changes[0].to_string(), "max_age: unset -> 3600s");
/// assert_eq!(changes[1].to_string(), r#"storage: "file" -> "memory" (cannot be changed)"#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FieldChange {
    /// The name of the field, as on the wire.
    pub field: String,
    /// What it is; null is unset.
    pub from: Value,
    /// What it is to be; null is unset.
    pub to: Value,
    /// Whether the server refuses to change it.
    pub fixed: bool,
}

impl fmt::Display for FieldChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, from, to, fixed } = self;
        write!(f, "{field}: {} -> {}", Shown(field, from), Shown(field, to))?;
        if *fixed { f.write_str(" (cannot be changed)") } else { Ok(()) }
    }
}

/// A value as people read it.
struct Shown<'a>(&'a str, &'a Value);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0, self.1) {
            (_, Value::Null) => f.write_str("unset"),
            ("max_age" | "duplicate_window" | "subject_delete_marker_ttl", value) => match value.as_i64() {
                Some(nanos) => write!(f, "{:?}", from_nanos(nanos)),
                None => write!(f, "{value}"),
            },
            (_, value) => write!(f, "{value}"),
        }
    }
}

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
        let (wanted, has) = (self.completed(), server.completed());
        let mut fields: Vec<&String> = wanted.keys().chain(has.keys()).collect();
        fields.sort();
        fields.dedup();
        let value = |map: &Map<String, Value>, field: &str| map.get(field).cloned().unwrap_or(Value::Null);
        fields
            .into_iter()
            .filter(|field| !server.extra.contains_key(*field) || self.extra.contains_key(*field))
            .map(|field| (field, value(&has, field), value(&wanted, field)))
            .filter(|(field, from, to)| from != to && !self.leaves_open(field, to))
            .map(|(field, from, to)| {
                let fixed = is_fixed(field, &from, &to);
                FieldChange { field: field.clone(), from, to, fixed }
            })
            .collect()
    }

    /// Whether the server decides on the field by something that is not in the configuration.
    fn leaves_open(&self, field: &str, to: &Value) -> bool {
        // A mirror answers for its origin if the origin allows it.
        field == "mirror_direct" && self.mirror.is_some() && to.is_null()
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
        let Ok(Value::Object(mut map)) = serde_json::to_value(&config) else { return Map::new() };
        for (field, default) in [
            ("retention", json!("limits")),
            ("storage", json!("file")),
            ("discard", json!("old")),
            ("compression", json!("none")),
            ("persist_mode", json!("default")),
        ] {
            map.entry(field).or_insert(default);
        }
        // The same as not set.
        map.retain(|_, value| !matches!(value, Value::Object(object) if object.is_empty()));
        map
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
