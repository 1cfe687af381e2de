//! The streams that are published to and consumed from, and the calls that make them.

use crate::work::{Job, Storage, Verb};

/// The calls that delete and make the stream of a run that publishes: it is empty, and what is stored is bounded.
pub(crate) fn written(job: &Job) -> [(&'static str, String); 2] {
    let batched = if job.verb == Verb::Ingest { r#","allow_batched":true"# } else { "" };
    let body = format!(
        r#"{{"name":"BENCH","subjects":["bench.>"],"storage":"{}","max_bytes":268435456{batched}}}"#,
        storage(job)
    );
    [("$JS.API.STREAM.DELETE.BENCH", String::new()), ("$JS.API.STREAM.CREATE.BENCH", body)]
}

/// The call that makes the stream that is consumed, and its body.
pub(crate) fn kept(job: &Job) -> (&'static str, String) {
    let body = format!(r#"{{"name":"KEPT","subjects":["kept.>"],"storage":"{}"}}"#, storage(job));
    ("$JS.API.STREAM.CREATE.KEPT", body)
}

fn storage(job: &Job) -> &'static str {
    match job.storage {
        Storage::Memory => "memory",
        Storage::File => "file",
    }
}

/// The call that makes the consumer of a run, and its body.
pub(crate) fn consumer(job: &Job) -> (&'static str, String) {
    let policy = if job.verb == (Verb::Consume { ack: true }) { "explicit" } else { "none" };
    let body = format!(
        r#"{{"stream_name":"KEPT","config":{{"name":"BENCH","ack_policy":"{policy}","inactive_threshold":60000000000}}}}"#
    );
    ("$JS.API.CONSUMER.CREATE.KEPT.BENCH", body)
}

/// Messages in the stream, by the answer to a call for its information.
pub(crate) fn stored(answer: &[u8]) -> u64 {
    let answer: serde_json::Value = serde_json::from_slice(answer).unwrap_or_default();
    answer.pointer("/state/messages").and_then(serde_json::Value::as_u64).unwrap_or(0)
}

pub(crate) const INFO: &str = "$JS.API.STREAM.INFO.KEPT";
pub(crate) const DELETE: &str = "$JS.API.CONSUMER.DELETE.KEPT.BENCH";
