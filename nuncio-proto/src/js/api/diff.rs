//! How the configuration that a caller wants differs from the one that a stream or a consumer has.

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::js::time::from_nanos;

mod consumer;
mod stream;

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

impl FieldChange {
    /// A field that is to be changed, which the server does not refuse.
    pub fn new(field: impl Into<String>, from: Value, to: Value) -> Self {
        Self { field: field.into(), from, to, fixed: false }
    }
}

impl fmt::Display for FieldChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, from, to, fixed } = self;
        write!(f, "{field}: {} -> {}", Shown(field, from), Shown(field, to))?;
        if *fixed { f.write_str(" (cannot be changed)") } else { Ok(()) }
    }
}

/// The fields that are in nanoseconds.
const DURATIONS: [&str; 9] = [
    "ack_wait",
    "backoff",
    "duplicate_window",
    "idle_heartbeat",
    "inactive_threshold",
    "max_age",
    "max_expires",
    "priority_timeout",
    "subject_delete_marker_ttl",
];

/// A value as people read it.
struct Shown<'a>(&'a str, &'a Value);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0, self.1) {
            (_, Value::Null) => f.write_str("unset"),
            (field, Value::Array(list)) => {
                f.write_str("[")?;
                for (at, value) in list.iter().enumerate() {
                    let between = if at > 0 { ", " } else { "" };
                    write!(f, "{between}{}", Shown(field, value))?;
                }
                f.write_str("]")
            }
            (field, value) => match value.as_i64().filter(|_| DURATIONS.contains(&field)) {
                Some(nanos) => write!(f, "{:?}", from_nanos(nanos)),
                None => write!(f, "{value}"),
            },
        }
    }
}

/// The fields in which two configurations differ that the server has filled in, in the order of their names, but for those
/// that the caller leaves open.
fn changes(
    wanted: &Map<String, Value>,
    has: &Map<String, Value>,
    leaves_open: impl Fn(&str, &Value) -> bool,
    is_fixed: impl Fn(&str, &Value, &Value) -> bool,
) -> Vec<FieldChange> {
    let mut fields: Vec<&String> = wanted.keys().chain(has.keys()).collect();
    fields.sort();
    fields.dedup();
    let value = |map: &Map<String, Value>, field: &str| map.get(field).cloned().unwrap_or(Value::Null);
    fields
        .into_iter()
        .map(|field| (field, value(has, field), value(wanted, field)))
        .filter(|(field, from, to)| from != to && !leaves_open(field, to))
        .map(|(field, from, to)| {
            let fixed = is_fixed(field, &from, &to);
            FieldChange { field: field.clone(), from, to, fixed }
        })
        .collect()
}

/// The fields of a configuration. Words that are not sent because the server takes them by itself are put in, and what is
/// empty is left out, which is the same as not set.
fn fields(config: &impl Serialize, words: &[(&str, &str)]) -> Map<String, Value> {
    let Ok(Value::Object(mut map)) = serde_json::to_value(config) else { return Map::new() };
    for (field, default) in words {
        map.entry(*field).or_insert_with(|| Value::from(*default));
    }
    map.retain(|_, value| !matches!(value, Value::Object(object) if object.is_empty()));
    map
}
