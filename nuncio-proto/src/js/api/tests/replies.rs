//! What the server sends is read without loss.

use std::time::Duration;

use serde::Serialize;

use super::*;
use crate::js::api::account::AccountInfo;
use crate::js::api::consumer::{ConsumerInfo, ConsumerReset};
use crate::js::api::consumer_config::{AckPolicy, DeliverPolicy, PriorityPolicy};
use crate::js::api::lists::{ConsumerListPage, ConsumerNamesPage, StreamListPage, StreamNamesPage};
use crate::js::api::message::{GetMessageReply, StoredMessage};
use crate::js::api::pause::PauseState;
use crate::js::api::purge::Purged;
use crate::js::api::stream::{StreamInfo, Success};
use crate::js::api::stream_config::StreamConfig;

/// What was read is written as it came, but for defaults and what is the server's own.
fn assert_round_trip<T: DeserializeOwned + Serialize>(name: &str) {
    let came: Value = serde_json::from_str(sample(name)).unwrap();
    let written = serde_json::to_value(read::<T>(name)).unwrap();
    assert_eq!(essence(written), essence(came), "{name}");
}

#[test]
fn streams_are_read_without_loss() {
    for name in SAMPLES.lines().filter_map(|line| line.split(' ').next()).filter(|n| n.starts_with("create_"))
    {
        assert_round_trip::<StreamInfo>(name);
    }
    for name in ["info_subjects", "info_deleted", "info_mirror"] {
        assert_round_trip::<StreamInfo>(name);
    }
    assert_round_trip::<StreamListPage>("list");
    assert_round_trip::<StreamNamesPage>("names");
}

#[test]
fn consumers_are_read_without_loss() {
    for name in ["minimal", "bare", "full", "push", "flow", "info"] {
        assert_round_trip::<ConsumerInfo>(&format!("consumer_{name}"));
    }
    assert_round_trip::<ConsumerReset>("reset");
    assert_round_trip::<ConsumerListPage>("consumer_list");
    assert_round_trip::<ConsumerNamesPage>("consumer_names");
    assert_round_trip::<PauseState>("pause");
    assert_round_trip::<PauseState>("resume");
}

#[test]
fn short_replies_are_read_without_loss() {
    assert_round_trip::<AccountInfo>("account");
    assert_round_trip::<Success>("deleted");
    assert_round_trip::<Purged>("purged");
    let account: AccountInfo = read("account");
    assert_eq!((account.api.level, account.domain.as_deref()), (5, Some("hub")));
    assert_eq!(account.usage.limits.max_streams, None);
}

#[test]
fn tiers_and_their_limits_are_read() {
    let account: AccountInfo = serde_json::from_value(json!({
        "memory": 1, "tiers": {"R3": {"storage": 7, "limits": {"max_storage": 100, "max_memory": 0}}},
        "api": {"total": 1, "errors": 0},
    }))
    .unwrap();
    let limits = account.tiers["R3"].limits;
    assert_eq!((limits.max_storage, limits.max_memory, limits.max_streams), (Some(100), Some(0), None));
    assert_eq!(account.api.level, 0);
}

#[test]
fn a_stream_says_what_it_holds() {
    let info: StreamInfo = read("info_subjects");
    assert_eq!(info.state.subjects.keys().collect::<Vec<_>>(), ["full.b.0", "full.b.1", "full.b.2"]);
    assert_eq!((info.page.total, info.page.limit), (3, 100_000));
    assert_eq!(info.config.description.as_deref(), Some("all <of> it & more"));
    assert_eq!(info.config.max_age, Some(Duration::from_secs(3600)));
    assert_eq!(info.config.subject_transform.as_ref().map(|t| t.destination.as_str()), Some("full.b.>"));
    assert_eq!(info.cluster.and_then(|cluster| cluster.leader).as_deref(), Some("n1"));
    let deleted: StreamInfo = read("info_deleted");
    assert_eq!((deleted.state.deleted_count, deleted.state.deleted), (1, vec![2]));
}

#[test]
fn zero_times_of_an_empty_stream_are_none_and_limits_of_minus_one_too() {
    let info: StreamInfo = read("create_minimal");
    assert_eq!((info.state.first_timestamp, info.state.last_timestamp), (None, None));
    assert_eq!((info.config.max_messages, info.config.max_message_size), (None, None));
    assert_eq!(info.timestamp.map(|time| time.as_nanos() % 1000), Some(866));
}

#[test]
fn limits_that_are_not_positive_or_do_not_fit_are_none() {
    for none in ["0", "-1", "-9", "null"] {
        let config: StreamConfig =
            serde_json::from_str(&format!(r#"{{"name":"A","max_msgs":{none}}}"#)).unwrap();
        assert_eq!(config.max_messages, None, "{none}");
    }
    let config: StreamConfig = serde_json::from_str(r#"{"name":"A","max_msg_size":4294967296}"#).unwrap();
    assert_eq!(config.max_message_size, None);
}

#[test]
fn a_source_that_was_never_active_says_so() {
    let info: StreamInfo = read("create_sources");
    assert_eq!(info.sources[0].active, None);
    let active = sample("create_sources").replace(r#""active":-1"#, r#""active":1500"#);
    let info: StreamInfo = serde_json::from_str(&active).unwrap();
    assert_eq!(info.sources[0].active, Some(Duration::from_nanos(1500)));
    let start = info.config.sources[0].start_time.unwrap();
    assert_eq!(start.to_string(), "2023-12-31T22:00:00.123456789Z");
}

#[test]
fn a_consumer_says_what_it_is() {
    let info: ConsumerInfo = read("consumer_full");
    let start = "2024-01-01T00:00:00.5Z".parse().unwrap();
    assert_eq!(info.config.deliver_policy, DeliverPolicy::ByStartTime { start_time: start });
    assert_eq!(info.config.backoff, [Duration::from_secs(1), Duration::from_secs(2)]);
    assert_eq!(info.config.priority_policy, PriorityPolicy::PinnedClient);
    assert!(info.paused);
    assert_eq!(info.priority_groups[0].pinned_since, None);
    let flow: ConsumerInfo = read("consumer_flow");
    assert_eq!(flow.config.deliver_policy, DeliverPolicy::ByStartSequence { start_sequence: 3 });
    let push: ConsumerInfo = read("consumer_push");
    assert_eq!((push.config.ack_policy, push.config.max_ack_pending), (AckPolicy::All, Some(-1)));
    let bare: ConsumerInfo = read("consumer_bare");
    assert_eq!(bare.config.ack_policy, AckPolicy::None);
    let reset: ConsumerReset = read("reset");
    assert_eq!((reset.sequence, reset.info.name.as_str()), (10, "c1"));
}

#[test]
fn null_lists_are_empty() {
    let names: StreamNamesPage = read("names_none");
    assert!(names.streams.is_empty());
    let list: StreamListPage = read("list_none");
    assert!(list.streams.is_empty());
    let odd = json!({"total": 0, "consumers": null, "missing": null, "offline": {"a": "needs level 9"}});
    let names: ConsumerNamesPage = serde_json::from_value(odd).unwrap();
    assert_eq!(names.offline["a"], "needs level 9");
}

#[test]
fn a_page_says_where_the_next_one_begins() {
    let names: StreamNamesPage = read("names");
    assert_eq!(names.page.next(names.streams.len()), None);
    let mut page = names.page;
    page.total = 9;
    assert_eq!(page.next(8), Some(8));
    assert_eq!(page.next(0), None);
}

#[test]
fn messages_come_with_their_headers() {
    let message = StoredMessage::from(read::<GetMessageReply>("message"));
    assert_eq!((message.subject.as_str(), message.sequence, message.text()), ("full.b.0", 10, Ok("hello")));
    assert_eq!(message.header("x"), Some("1"));
    let plain = StoredMessage::from(read::<GetMessageReply>("message_plain"));
    assert!(plain.headers().unwrap().is_empty());
    assert_eq!(&plain.payload[..], b"x");
}

#[test]
fn refusals_have_their_code() {
    assert_eq!(refusal("info_not_found").err_code, ErrorCode::STREAM_NOT_FOUND);
    assert_eq!(refusal("info_unknown_field").err_code, ErrorCode::INVALID_JSON);
    assert_eq!(refusal("message_not_found").err_code, ErrorCode::NO_MESSAGE_FOUND);
    assert_eq!(refusal("step_down").err_code, ErrorCode::CLUSTER_REQUIRED);
    assert_eq!(refusal("info_not_found").to_string(), "stream not found (10059)");
}

#[test]
fn what_a_newer_server_adds_is_kept_and_sent_back() {
    let newer = sample("create_minimal")
        .replace(r#""retention":"limits""#, r#""retention":"moon","new_flag":true,"new":{"a":[1]}"#)
        .replace(r#""_nats.ver":"2.15.1""#, r#""_nats.ver":"2.99.0","team":"blue""#);
    let info: StreamInfo = serde_json::from_str(&newer).unwrap();
    assert_eq!(info.config.retention.as_str(), "moon");
    assert_eq!(info.config.metadata["_nats.ver"], "2.99.0");
    let back = serde_json::to_value(info.config.max_messages(7)).unwrap();
    assert_eq!(
        back,
        json!({"name": "MIN", "subjects": ["MIN"], "retention": "moon", "max_msgs": 7, "num_replicas": 1,
            "duplicate_window": 120_000_000_000_u64, "metadata": {"team": "blue"}, "new_flag": true, "new": {"a": [1]}})
    );
}

#[test]
fn unknown_fields_deep_inside_are_kept() {
    let text = r#"{"name":"A","mirror":{"name":"B","new":1,"external":{"api":"x","deliver":"","newer":2}},"placement":{"x":3}}"#;
    let config: StreamConfig = serde_json::from_str(text).unwrap();
    let expected: Value = serde_json::from_str(&text.replace(r#""deliver":"","#, "")).unwrap();
    assert_eq!(serde_json::to_value(&config).unwrap(), expected);
}

#[test]
fn details_of_another_shape_do_not_spoil_the_rest() {
    let cluster = json!({"leader": "n1", "desired": 7, "replicas": [{"name": "n2", "pending": {"x": 1}}]});
    let mut info: Value = serde_json::from_str(sample("info_mirror")).unwrap();
    info["cluster"] = cluster;
    let cluster = serde_json::from_value::<StreamInfo>(info).unwrap().cluster.unwrap();
    assert_eq!((cluster.desired, cluster.replicas[0].name.as_str()), (None, "n2"));
}

#[test]
fn sequences_and_durations_keep_all_their_digits() {
    let text = r#"{"name":"A","max_age":9223372036854775807,"first_seq":18446744073709551615,"max_msgs":9007199254740993}"#;
    let config: StreamConfig = serde_json::from_str(text).unwrap();
    assert_eq!(config.first_sequence, u64::MAX);
    let expected: Value = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_value(&config).unwrap(), expected);
}
