use super::*;

#[test]
fn the_first_request_asks_for_the_whole_buffer_with_heartbeats() {
    let mut rig = Rig::new(PullConfig::default());
    let body = serde_json::json!({
        "batch": 500, "expires": 30_000_000_000u64, "idle_heartbeat": 1_500_000_000u64,
    });
    assert_eq!(rig.pulls(), [(1, body)]);
    assert_eq!(rig.pulls(), []);
}

#[test]
fn more_is_asked_for_at_the_threshold_and_exactly_what_is_missing() {
    let mut rig = Rig::of(500);
    assert_eq!(rig.batches(), [500]);
    rig.messages(249);
    assert_eq!(rig.batches(), [0; 0]);
    rig.messages(1);
    assert_eq!(rig.batches(), [250]);
    assert_eq!(rig.left(), 500);
}

#[test]
fn the_threshold_can_be_set() {
    let mut rig =
        Rig::new(PullConfig { max_messages: Some(10), threshold_messages: Some(8), ..PullConfig::default() });
    assert_eq!(rig.batches(), [10]);
    rig.messages(1);
    assert_eq!(rig.batches(), [0; 0]);
    rig.messages(1);
    assert_eq!(rig.batches(), [2]);
}

#[test]
fn a_threshold_as_large_as_the_buffer_does_not_ask_without_end() {
    let mut rig =
        Rig::new(PullConfig { max_messages: Some(2), threshold_messages: Some(5), ..PullConfig::default() });
    assert_eq!(rig.batches(), [2]);
    rig.messages(1);
    assert_eq!(rig.batches(), [1]);
}

#[test]
fn a_buffer_of_one_message_goes_on() {
    let mut rig = Rig::of(1);
    for _ in 0..5 {
        assert_eq!(rig.batches(), [1]);
        rig.messages(1);
    }
}

#[test]
fn a_buffer_of_none_is_one_of_one() {
    assert_eq!(Rig::of(0).batches(), [1]);
}

#[test]
fn what_an_expired_pull_did_not_get_is_asked_for_again() {
    let mut rig = Rig::of(10);
    assert_eq!(rig.batches(), [10]);
    rig.messages(3);
    rig.status_with(1, "408 Request Timeout", Some((7, 0)));
    assert_eq!(rig.batches(), [10]);
}

#[test]
fn with_overlapping_pulls_the_end_of_one_settles_what_the_other_has_got() {
    let mut rig = Rig::of(10);
    rig.batches();
    rig.messages(5);
    assert_eq!(rig.batches(), [5]);
    // The server served both in turns: three of the first, two of the second.
    rig.messages(5);
    assert_eq!(rig.batches(), [5]);
    assert_eq!(rig.left(), 10);
    // Pull 1 is taken for used up, but 2 of it are left.
    rig.status_with(1, "408 Request Timeout", Some((2, 0)));
    assert_eq!(rig.left(), 8);
    // Pull 2 got two of its five; two that were charged to it came for the first one.
    rig.status_with(2, "408 Request Timeout", Some((3, 0)));
    assert_eq!(rig.left(), 5);
    assert_eq!(rig.batches(), [5]);
}

#[test]
fn what_a_pull_got_and_was_charged_to_another_still_has_to_come() {
    let mut rig = Rig::of(10);
    rig.batches();
    rig.messages(5);
    assert_eq!(rig.batches(), [5]);
    // Two more, both by the second pull; they are charged to the first.
    rig.messages(2);
    assert_eq!(rig.left(), 8);
    rig.status_with(2, "408 Request Timeout", Some((3, 0)));
    assert_eq!(rig.left(), 5);
    assert_eq!(rig.batches(), [5]);
}

#[test]
fn it_ends_by_itself_after_the_messages_asked_for_and_asks_for_no_more() {
    let mut rig =
        Rig::new(PullConfig { max_messages: Some(4), stop_after: Some(7), ..PullConfig::default() });
    assert_eq!(rig.batches(), [4]);
    rig.messages(2);
    assert_eq!(rig.batches(), [2]);
    rig.messages(2);
    assert_eq!(rig.batches(), [1]);
    rig.messages(2);
    assert_eq!(rig.batches(), [0; 0]);
    rig.messages(1);
    assert_eq!(rig.end(), Some(End::StopAfter));
    assert_eq!(rig.pull.deadline(), None);
}

#[test]
fn stopping_ends_it_at_once_and_only_once() {
    let mut rig = Rig::of(10);
    rig.batches();
    rig.pull.stop();
    rig.pull.stop();
    assert_eq!(rig.outputs(), [Output::End(End::Stopped)]);
    rig.status(1, "409 Consumer Deleted");
    assert_eq!(rig.outputs(), []);
}

#[test]
fn draining_asks_for_nothing_more_and_ends_when_all_is_handed_out() {
    let mut rig = Rig::of(4);
    rig.batches();
    rig.pull.drain();
    rig.messages(4);
    assert_eq!(rig.outputs(), []);
    rig.pull.drained();
    assert_eq!(rig.end(), Some(End::Drained));
}

#[test]
fn what_the_group_needs_is_in_each_request() {
    let priority = Priority {
        group: Some("A".into()),
        min_pending: Some(5),
        min_ack_pending: Some(6),
        priority: Some(3),
    };
    let mut rig = Rig::new(PullConfig { priority, ..PullConfig::default() });
    let (_, body) = rig.pulls().remove(0);
    assert_eq!(
        (&body["group"], &body["min_pending"], &body["min_ack_pending"], &body["priority"]),
        (&"A".into(), &5.into(), &6.into(), &3.into())
    );
}

#[test]
fn the_first_priority_and_what_was_not_set_are_left_out() {
    let priority = Priority { priority: Some(0), ..Priority::default() };
    let mut rig = Rig::new(PullConfig { priority, ..PullConfig::default() });
    let (_, body) = rig.pulls().remove(0);
    let keys: Vec<_> = body.as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["batch", "expires", "idle_heartbeat"]);
}

#[test]
fn a_heartbeat_is_at_most_half_of_the_expiry() {
    let config = |heartbeat, expires| PullConfig { heartbeat, expires, ..PullConfig::default() }.normal();
    assert_eq!(config(None, SECOND).heartbeat(true), SECOND / 2);
    assert_eq!(config(None, 4 * SECOND).heartbeat(true), 2 * SECOND);
    assert_eq!(config(None, 300 * SECOND).heartbeat(true), 30 * SECOND);
    assert_eq!(config(None, 2 * SECOND).heartbeat(false), SECOND);
    for calm in [false, true] {
        assert_eq!(config(Some(10 * SECOND), 4 * SECOND).heartbeat(calm), 2 * SECOND);
        assert_eq!(config(Some(SECOND), 30 * SECOND).heartbeat(calm), SECOND);
    }
    assert_eq!(config(None, MILLIS).expires, MIN_EXPIRES);
}

#[test]
fn heartbeats_are_seldom_once_nothing_came_during_a_pull_and_often_after_anything_else() {
    let mut rig = Rig::of(10);
    let heartbeat = |rig: &mut Rig| rig.pulls().remove(0).1["idle_heartbeat"].as_u64().unwrap();
    let (often, seldom) = (1_500_000_000, 15_000_000_000);
    assert_eq!(heartbeat(&mut rig), often);
    rig.status_with(1, "408 Request Timeout", Some((10, 0)));
    assert_eq!(heartbeat(&mut rig), seldom);
    rig.messages(1);
    rig.status_with(2, "408 Request Timeout", Some((9, 0)));
    assert_eq!(heartbeat(&mut rig), often);
    rig.status_with(3, "408 Request Timeout", Some((10, 0)));
    assert_eq!(heartbeat(&mut rig), seldom);
    rig.status(4, "409 Leadership Change");
    rig.outputs();
    rig.until_deadline();
    assert_eq!(heartbeat(&mut rig), often);
    rig.status_with(5, "408 Request Timeout", Some((10, 0)));
    assert_eq!(heartbeat(&mut rig), seldom);
    rig.pull.disconnected();
    rig.pull.connected(rig.now);
    (0..2).for_each(|_| _ = rig.pull.poll(rig.now));
    assert_eq!(heartbeat(&mut rig), often);
}

#[test]
fn a_pull_may_wait_for_as_long_as_there_is_time() {
    for heartbeat in [None, Some(Duration::MAX / 2)] {
        let config = PullConfig { expires: Duration::MAX, heartbeat, ..PullConfig::default() };
        let mut rig = Rig::new(config);
        let (_, body) = rig.pulls().remove(0);
        assert!(body["expires"].as_i64() > Some(i64::MAX / 4), "{body}");
        assert!(rig.pull.deadline().is_some());
    }
}

#[test]
fn the_last_pull_before_the_end_has_the_longest_heartbeat_of_those_that_are_open() {
    let config = PullConfig { max_messages: Some(10), stop_after: Some(12), ..PullConfig::default() };
    let mut rig = Rig::new(config);
    let heartbeat = |rig: &mut Rig| rig.pulls().remove(0).1["idle_heartbeat"].as_u64().unwrap();
    heartbeat(&mut rig);
    rig.status_with(1, "408 Request Timeout", Some((10, 0)));
    let seldom = heartbeat(&mut rig);
    rig.messages(5);
    assert_eq!(heartbeat(&mut rig), seldom);
    rig.messages(5);
    // The server has given it two of these ten, and three are left of the former: it speaks each 15 seconds.
    rig.pass(4 * SECOND);
    assert_eq!(rig.pulls(), []);
}
