//! Every status that the server may send to a pull, one after the other.

use super::*;
use crate::js::status::RequestLimit;

fn after(line: &str) -> Rig {
    let mut rig = Rig::of(10);
    rig.batches();
    rig.status(1, line);
    rig
}

/// It is told, and asked again after a while.
fn pauses(line: &str, event: Option<Event>) {
    let mut rig = after(line);
    let told: Vec<_> = event.into_iter().map(Output::Event).collect();
    assert_eq!(rig.outputs(), told, "{line}");
    assert_eq!(rig.left(), 0, "{line}");
    let wait = rig.pull.deadline().unwrap() - rig.now;
    assert!((100 * MILLIS..=250 * MILLIS).contains(&wait), "{line}: {wait:?}");
    rig.until_deadline();
    assert_eq!(rig.batches(), [10], "{line}");
}

fn ends(line: &str, end: End) {
    let mut rig = after(line);
    assert_eq!(rig.outputs(), [Output::End(end)], "{line}");
    rig.pass(60 * SECOND);
    assert_eq!(rig.outputs(), [], "{line}");
}

#[test]
fn a_heartbeat_says_that_all_is_well() {
    let mut rig = after("100 Idle Heartbeat");
    assert_eq!(rig.outputs(), []);
    assert_eq!(rig.left(), 10);
}

#[test]
fn what_is_not_meant_for_a_pull_ends_it_and_no_more() {
    pauses("204 EOB", None);
    let mut rig = after("100 FlowControl Request");
    assert_eq!(rig.outputs(), []);
    assert_eq!(rig.left(), 10);
}

#[test]
fn a_bad_request_is_the_end() {
    let description = "Bad Request - heartbeat value too large".to_owned();
    ends("400 Bad Request - heartbeat value too large", End::BadRequest { description });
}

#[test]
fn no_messages_and_others_waiting_are_asked_again_after_a_while() {
    pauses("404 No Messages", None);
    pauses("408 Requests Pending", None);
    pauses("408 Interest Expired", None);
}

#[test]
fn a_pull_that_expired_is_followed_by_another_at_once() {
    assert_eq!(after("408 Request Timeout").batches(), [10]);
}

#[test]
fn a_completed_batch_is_followed_by_another_at_once() {
    assert_eq!(after("409 Batch Completed").batches(), [10]);
}

#[test]
fn too_many_waiting_pulls_are_told_and_asked_again_after_a_while() {
    pauses("409 Exceeded MaxWaiting", Some(Event::TooManyWaiting));
}

#[test]
fn the_limits_of_the_consumer_are_kept_to() {
    let mut rig = after("409 Exceeded MaxRequestBatch of 4");
    let limit = RequestLimit::Batch(4);
    assert_eq!(rig.outputs().remove(0), Output::Event(Event::Adapted { limit }));
    assert_eq!(rig.left(), 4);
    rig.messages(2);
    assert_eq!(rig.batches(), [2]);

    let mut rig = after("409 Exceeded MaxRequestExpires of 2s");
    rig.pull.poll(rig.now);
    let (_, body) = rig.pulls().remove(0);
    assert_eq!(
        (&body["expires"], &body["idle_heartbeat"]),
        (&2_000_000_000u64.into(), &1_000_000_000u64.into())
    );

    let mut rig = Rig::new(PullConfig { max_bytes: Some(1000), ..PullConfig::default() });
    rig.pulls();
    rig.status(1, "409 Exceeded MaxRequestMaxBytes of 512");
    rig.pull.poll(rig.now);
    assert_eq!(rig.pulls().remove(0).1["max_bytes"], 512);
}

#[test]
fn a_limit_that_is_kept_to_and_refused_again_is_the_end() {
    let mut rig = after("409 Exceeded MaxRequestBatch of 4");
    rig.outputs();
    rig.status(2, "409 Exceeded MaxRequestBatch of 4");
    assert_eq!(rig.end(), Some(End::LimitExceeded { description: "Exceeded MaxRequestBatch of 4".into() }));
}

#[test]
fn two_pulls_that_exceed_the_same_limit_are_no_end() {
    let mut rig = Rig::of(10);
    rig.batches();
    rig.messages(5);
    rig.batches();
    rig.status(1, "409 Exceeded MaxRequestBatch of 4");
    rig.status(2, "409 Exceeded MaxRequestBatch of 4");
    assert_eq!(rig.end(), None);
    assert_eq!(rig.left(), 4);
}

#[test]
fn the_limits_of_the_consumer_are_the_end_where_the_application_insists() {
    let mut rig = Rig::new(PullConfig {
        max_messages: Some(10),
        adapt: Adapt { messages: false, bytes: false, expires: false },
        ..PullConfig::default()
    });
    rig.batches();
    rig.status(1, "409 Exceeded MaxRequestBatch of 4");
    assert_eq!(rig.end(), Some(End::LimitExceeded { description: "Exceeded MaxRequestBatch of 4".into() }));
    ends(
        "409 Exceeded MaxRequestFuture",
        End::LimitExceeded { description: "Exceeded MaxRequestFuture".into() },
    );
}

#[test]
fn a_consumer_that_is_gone_or_cannot_be_pulled_from_is_the_end() {
    ends("409 Consumer Deleted", End::ConsumerDeleted);
    ends("409 Consumer is push based", End::PushBased);
    ends("412 Required Api Level", End::ApiLevel);
}

#[test]
fn a_new_leader_is_told_and_asked_after_a_while() {
    pauses("409 Leadership Change", Some(Event::LeadershipChange));
}

#[test]
fn a_shutdown_and_the_new_leader_that_follows_count_once() {
    let mut rig = Rig::of(10);
    rig.batches();
    rig.messages(5);
    assert_eq!(rig.batches(), [5]);
    assert_eq!(rig.left(), 10);
    rig.status_with(1, "409 Server Shutdown", Some((5, 0)));
    rig.status(1, "409 Leadership Change");
    assert_eq!(rig.events(), [Event::ServerShutdown]);
    rig.status_with(2, "409 Server Shutdown", Some((5, 0)));
    assert_eq!((rig.left(), rig.outputs()), (0, vec![]));
    rig.until_deadline();
    assert_eq!(rig.batches(), [10]);
    // It does not take anything from the new pull.
    rig.status(2, "409 Leadership Change");
    assert_eq!((rig.left(), rig.outputs()), (10, vec![]));
}

#[test]
fn a_pull_that_the_old_leader_never_told_of_is_gone_with_the_others() {
    let mut rig = Rig::of(10);
    rig.batches();
    rig.messages(9);
    assert_eq!(rig.batches(), [9]);
    rig.status_with(1, "409 Leadership Change", None);
    rig.outputs();
    assert_eq!(rig.left(), 0);
    rig.until_deadline();
    assert_eq!(rig.batches(), [10]);
}

#[test]
fn a_pin_is_kept_and_repeated_within_its_group() {
    let priority = Priority { group: Some("A".into()), ..Priority::default() };
    let mut rig = Rig::new(PullConfig { max_messages: Some(2), priority, ..PullConfig::default() });
    assert_eq!(rig.pulls().remove(0).1.get("id"), None);
    assert!(rig.pull.message(10, Some("pin1")));
    assert_eq!(rig.pull.poll(rig.now), Some(Output::Event(Event::Pinned { id: "pin1".into() })));
    assert_eq!(rig.pulls().remove(0).1["id"], "pin1");
}

#[test]
fn a_pin_that_has_passed_on_is_forgotten_and_asked_again_at_once() {
    let priority = Priority { group: Some("A".into()), ..Priority::default() };
    let mut rig = Rig::new(PullConfig { max_messages: Some(2), priority, ..PullConfig::default() });
    rig.pulls();
    rig.pull.message(10, Some("pin1"));
    rig.outputs();
    rig.status_with(2, "423 Nats-Wrong-Pin-Id", Some((1, 0)));
    assert_eq!(rig.pull.poll(rig.now), Some(Output::Event(Event::Unpinned)));
    rig.status(1, "423 Nats-Pin-Id mismatch");
    let pulls = rig.pulls();
    assert_eq!(pulls.len(), 1);
    assert_eq!(pulls[0].1.get("id"), None);
}

#[test]
fn an_old_pull_does_not_take_the_new_pin_away() {
    let mut rig = Rig::of(4);
    rig.batches();
    rig.pull.message(10, Some("new"));
    rig.status(1, "423 Nats-Wrong-Pin-Id");
    assert_eq!(rig.pull.pin(), Some("new"));
    rig.outputs();
    rig.status(2, "423 Nats-Wrong-Pin-Id");
    assert_eq!(rig.pull.pin(), None);
}

#[test]
fn nobody_answering_is_told_and_looked_into_after_three_attempts() {
    let mut rig = Rig::of(10);
    let mut waits = Vec::new();
    for id in 1..=7 {
        assert_eq!(rig.batches(), [10], "{id}");
        rig.status(id, "503");
        let expected: &[Output] = match id {
            3 => &[Output::Event(Event::NoResponders { attempts: 3 }), Output::Probe],
            // The answer to the first question is still out.
            6 => &[Output::Event(Event::NoResponders { attempts: 6 })],
            _ => &[],
        };
        assert_eq!(rig.outputs(), expected, "{id}");
        waits.push(rig.pull.deadline().unwrap() - rig.now);
        rig.until_deadline();
    }
    assert!(waits[0] <= 250 * MILLIS && waits[3] >= 800 * MILLIS, "{waits:?}");
    assert!(waits.iter().all(|wait| *wait <= 5 * SECOND), "{waits:?}");
}

#[test]
fn what_the_server_says_of_the_consumer_decides() {
    for (presence, end) in [
        (Presence::ConsumerMissing, Some(End::ConsumerDeleted)),
        (Presence::StreamMissing, Some(End::StreamDeleted)),
        (Presence::Present, None),
        (Presence::Unknown, None),
    ] {
        let mut rig = Rig::of(10);
        rig.batches();
        rig.pull.probed(presence);
        assert_eq!(rig.end(), end);
    }
}

#[test]
fn an_answer_after_attempts_without_one_begins_anew() {
    let mut rig = Rig::of(10);
    for id in 1..=2 {
        rig.batches();
        rig.status(id, "503");
        rig.until_deadline();
    }
    rig.batches();
    rig.status(3, "100 Idle Heartbeat");
    rig.status(3, "503");
    let wait = rig.pull.deadline().unwrap() - rig.now;
    assert_eq!(rig.outputs(), []);
    assert!(wait <= 250 * MILLIS, "{wait:?}");
}

#[test]
fn an_unknown_status_is_told_and_asked_again_after_a_while() {
    let description = "Something New".to_owned();
    pauses("599 Something New", Some(Event::Status { code: 599, description }));
    pauses(
        "429 Too Many Requests",
        Some(Event::Status { code: 429, description: "Too Many Requests".into() }),
    );
}

#[test]
fn pulls_that_end_together_have_one_event_and_one_pause() {
    let mut rig = Rig::of(10);
    rig.batches();
    rig.messages(5);
    rig.batches();
    rig.status(1, "409 Leadership Change");
    rig.status(2, "409 Leadership Change");
    assert_eq!(rig.outputs(), [Output::Event(Event::LeadershipChange)]);
    rig.until_deadline();
    assert_eq!(rig.batches(), [10]);
}

#[test]
fn a_status_without_an_id_is_of_the_oldest_pull() {
    let mut rig = Rig::of(10);
    rig.batches();
    let status = PullStatus::classify(b"NATS/1.0 408 Request Timeout\r\n\r\n").unwrap();
    rig.pull.status(None, &status, rig.now);
    assert_eq!(rig.batches(), [10]);
}

/// How long it waits after this status of the last pull.
fn waits_after(rig: &mut Rig, line: &str) -> Duration {
    let last = rig.pull.next_id() - 1;
    rig.status(last, line);
    rig.outputs();
    let wait = rig.pull.deadline().unwrap() - rig.now;
    rig.until_deadline();
    assert_eq!(rig.batches().len(), 1, "it asks anew");
    wait
}

#[test]
fn a_message_shows_that_there_is_a_leader_and_the_next_one_is_asked_as_soon_as_the_first() {
    for line in ["409 Leadership Change", "409 Server Shutdown", "503"] {
        let mut rig = Rig::of(10);
        rig.batches();
        for _ in 0..12 {
            assert!(waits_after(&mut rig, line) <= 250 * MILLIS, "{line}");
            rig.messages(1);
        }
        for _ in 0..12 {
            waits_after(&mut rig, line);
        }
        assert!(waits_after(&mut rig, line) >= SECOND, "{line}");
    }
}
