//! Bodies as nats-server 2.15.1 sends them, and as they are sent to it.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::js::codes::ErrorCode;
use crate::js::error::{ApiError, Response};

mod advisories;
mod damaged;
mod diff;
mod direct;
mod golden;
mod replies;

/// Replies of a nats-server 2.15.1 with the domain `hub`: a name and a body a line.
const SAMPLES: &str = include_str!("samples.txt");

fn sample(name: &str) -> &'static str {
    let line = SAMPLES.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no sample {name}"))
}

fn read<T: DeserializeOwned>(name: &str) -> T {
    Response::parse(sample(name).as_bytes()).unwrap().unwrap()
}

fn refusal(name: &str) -> ApiError {
    Response::<Value>::parse(sample(name).as_bytes()).unwrap().unwrap_err()
}

/// A value without what means the same as leaving it out, and with times in UTC.
fn essence(value: Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(map.into_iter().filter_map(essential).collect::<Map<_, _>>()),
        Value::Array(list) => Value::Array(list.into_iter().map(essence).collect()),
        Value::String(text) => match text.parse::<crate::js::time::Timestamp>() {
            Ok(time) => json!(time),
            Err(_) => json!(text),
        },
        other => other,
    }
}

fn essential((key, value): (String, Value)) -> Option<(String, Value)> {
    let dropped = ["type", "did_create"].contains(&key.as_str()) || key.starts_with("_nats.");
    let defaults = [json!(null), json!(false), json!(0), json!(""), json!([]), json!({})];
    let words = [("retention", "limits"), ("discard", "old"), ("storage", "file"), ("compression", "none")];
    let words = words.into_iter().chain([
        ("deliver_policy", "all"),
        ("ack_policy", "none"),
        ("replay_policy", "instant"),
    ]);
    // For these -1 is another value than the default.
    let kept = key == "max_ack_pending" || key == "active";
    let zero_time = value == "0001-01-01T00:00:00Z";
    let value = essence(value);
    let left_out = dropped
        || zero_time
        || defaults.contains(&value)
        || words.clone().any(|(name, word)| name == key && value == word)
        || (value == -1 && !kept);
    (!left_out).then_some((key, value))
}
