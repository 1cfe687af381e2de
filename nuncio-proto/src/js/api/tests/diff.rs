//! Differences between what is wanted and what is.

use std::time::Duration;

use super::*;
use crate::js::api::source::{Placement, Republish, StreamSource};
use crate::js::api::stream::StreamInfo;
use crate::js::api::stream_config::{RetentionPolicy, StreamConfig};

fn has(name: &str) -> StreamConfig {
    read::<StreamInfo>(name).config
}

fn told(wanted: &StreamConfig, has: &StreamConfig) -> Vec<String> {
    wanted.diff(has).iter().map(ToString::to_string).collect()
}

const NONE: [&str; 0] = [];

#[test]
fn what_the_server_filled_in_is_no_difference() {
    assert_eq!(told(&StreamConfig::new("MIN"), &has("create_minimal")), NONE);
    let counter = StreamConfig::new("CNT").subjects(["cnt"]).allow_message_counter(true);
    assert_eq!(told(&counter, &has("create_counter")), NONE);
    let mirror = StreamConfig::new("MIX").mirror(StreamSource::new("NOPE").domain("other").unwrap());
    assert_eq!(told(&mirror, &has("create_external_mirror")), NONE);
    let start: crate::js::time::Timestamp = "2023-12-31T22:00:00.123456789Z".parse().unwrap();
    let source = StreamSource::new("MIN").start_time(start).filter_subject("MIN");
    assert_eq!(told(&StreamConfig::new("SRC").sources([source]), &has("create_sources")), NONE);
    for name in ["create_full", "create_mirror", "create_work_queue", "create_async"] {
        assert_eq!(told(&has(name), &has(name)), NONE, "{name}");
    }
}

#[test]
fn a_mirror_takes_over_whether_its_origin_answers_directly() {
    let mut wanted = has("create_mirror");
    wanted.mirror_direct = false;
    assert_eq!(told(&wanted, &has("create_mirror")), NONE);
}

#[test]
fn what_follows_from_what_is_set_is_no_difference() {
    let wanted = StreamConfig::new("A").subject_delete_marker_ttl(Duration::from_secs(1));
    let has = wanted.clone().allow_message_ttl(true).allow_rollup(true);
    assert_eq!(told(&wanted, &has), NONE);
    let wanted = StreamConfig::new("A").max_age(Duration::from_secs(5)).placement(Placement::new());
    let has = wanted.clone().duplicate_window(Duration::from_secs(5));
    assert_eq!(told(&wanted, &has), NONE);
    let wanted = StreamConfig::new("A").republish(Republish::new("r.>"));
    let has = StreamConfig::new("A").republish(Republish::new("r.>").source(">"));
    assert_eq!(told(&wanted, &has), NONE);
}

#[test]
fn what_is_no_longer_wanted_is_a_difference() {
    let has = StreamConfig::new("A").max_messages(5).allow_direct(true).metadata("k", "v");
    assert_eq!(
        told(&StreamConfig::new("A"), &has),
        ["allow_direct: true -> unset", "max_msgs: 5 -> unset", r#"metadata: {"k":"v"} -> unset"#]
    );
}

#[test]
fn differences_that_cannot_be_changed_say_so() {
    let plain = StreamConfig::new("A");
    let fixed = |wanted: &StreamConfig, has: &StreamConfig| {
        let changes = wanted.diff(has);
        assert_eq!(changes.len(), 1, "{changes:?}");
        changes[0].fixed
    };
    let interest = plain.clone().retention(RetentionPolicy::Interest);
    let queue = plain.clone().retention(RetentionPolicy::WorkQueue);
    assert!(!fixed(&interest, &plain));
    assert!(fixed(&queue, &plain));
    assert!(fixed(&plain, &queue));
    let ttl = plain.clone().allow_message_ttl(true);
    assert!(!fixed(&ttl, &plain));
    assert!(fixed(&plain, &ttl));
    let counter = plain.clone().allow_message_counter(true);
    assert!(fixed(&counter, &plain));
    let mirror = |name: &str| StreamConfig::new("A").mirror(StreamSource::new(name));
    assert!(fixed(&mirror("x"), &mirror("y")));
    let promoted = StreamConfig::new("A").diff(&mirror("x"));
    assert!(promoted.iter().all(|change| !change.fixed), "{promoted:?}");
}

#[test]
fn fields_that_are_not_known_count_only_if_they_are_set() {
    let mut newer = StreamConfig::new("A");
    newer.extra.insert("new".into(), json!(7));
    assert_eq!(told(&StreamConfig::new("A"), &newer), NONE);
    let mut wanted = StreamConfig::new("A");
    wanted.extra.insert("new".into(), json!(8));
    assert_eq!(told(&wanted, &newer), ["new: 7 -> 8"]);
}

#[test]
fn metadata_of_the_server_is_no_difference() {
    let mut has = has("create_minimal");
    has.metadata.insert("_nats.ver".into(), "9".into());
    assert_eq!(told(&StreamConfig::new("MIN"), &has), NONE);
}
