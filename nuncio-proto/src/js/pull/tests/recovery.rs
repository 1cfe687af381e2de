use super::*;

fn missed(rig: &mut Rig) -> Option<Event> {
    rig.events().into_iter().find(|event| matches!(event, Event::MissedHeartbeat { .. }))
}

#[test]
fn silence_for_two_heartbeats_is_told_and_asked_anew() {
    let mut rig = Rig::new(PullConfig {
        max_messages: Some(10),
        heartbeat: Some(15 * SECOND),
        ..PullConfig::default()
    });
    rig.batches();
    rig.pass(30 * SECOND - MILLIS);
    assert_eq!(rig.outputs(), []);
    rig.pass(MILLIS);
    assert_eq!(rig.left(), 0);
    let silent = 30 * SECOND;
    assert_eq!(rig.pull.poll(rig.now), Some(Output::Event(Event::MissedHeartbeat { silent })));
    assert_eq!(rig.batches(), [10]);
    // What was said of the lost pull does not matter any more.
    rig.status_with(1, "408 Request Timeout", Some((10, 0)));
    assert_eq!(rig.left(), 10);
}

/// Servers before 2.11 do not answer a pull from a consumer that is not there.
#[test]
fn a_silence_that_goes_on_asks_whether_the_consumer_is_there() {
    let mut rig = Rig::new(PullConfig { heartbeat: Some(5 * SECOND), ..PullConfig::default() });
    let asked = |rig: &mut Rig| rig.outputs().contains(&Output::Probe);
    rig.batches();
    rig.pass(10 * SECOND);
    assert!(!asked(&mut rig));
    rig.pass(10 * SECOND);
    assert!(asked(&mut rig));
    rig.pull.probed(Presence::Present);
    rig.pass(10 * SECOND);
    assert!(!asked(&mut rig));
    // Whatever is heard ends the row.
    rig.messages(1);
    rig.pass(10 * SECOND);
    assert!(!asked(&mut rig));
    rig.status(5, "100 Idle Heartbeat");
    rig.pass(10 * SECOND);
    assert!(!asked(&mut rig));
    rig.pass(10 * SECOND);
    assert!(asked(&mut rig));
    rig.pull.probed(Presence::ConsumerMissing);
    assert_eq!(rig.outputs(), [Output::End(End::ConsumerDeleted)]);
}

#[test]
fn anything_heard_puts_the_alarm_off() {
    let mut rig = Rig::new(PullConfig { heartbeat: Some(5 * SECOND), ..PullConfig::default() });
    rig.batches();
    rig.pass(8 * SECOND);
    rig.status(1, "100 Idle Heartbeat");
    rig.pass(8 * SECOND);
    rig.messages(1);
    rig.pass(8 * SECOND);
    assert_eq!(missed(&mut rig), None);
    rig.pass(2 * SECOND);
    assert!(missed(&mut rig).is_some());
}

#[test]
fn an_application_that_is_busy_causes_no_alarm() {
    let mut rig = Rig::of(10);
    rig.batches();
    rig.pull.message(100, None);
    assert_eq!(rig.pull.deadline(), None);
    rig.pass(600 * SECOND);
    assert_eq!(rig.outputs(), []);
    rig.pull.waiting(true, rig.now);
    rig.pass(2 * SECOND);
    assert_eq!(missed(&mut rig), None);
}

#[test]
fn reconnecting_asks_anew_once_whatever_was_asked_before() {
    let mut rig = Rig::of(10);
    rig.batches();
    rig.messages(5);
    rig.batches();
    rig.pull.disconnected();
    assert_eq!(rig.left(), 0);
    assert_eq!(rig.outputs(), [Output::Event(Event::Disconnected)]);
    assert_eq!(rig.pull.deadline(), None);
    rig.pass(600 * SECOND);
    assert_eq!(rig.outputs(), []);
    rig.pull.connected(rig.now);
    assert_eq!(rig.pull.poll(rig.now), Some(Output::Event(Event::Reconnected)));
    assert_eq!(rig.batches(), [10]);
}

#[test]
fn what_was_said_before_a_reconnect_does_not_count_after_it() {
    let mut rig = Rig::of(10);
    rig.batches();
    rig.pull.disconnected();
    rig.pull.connected(rig.now);
    rig.outputs();
    rig.status_with(1, "409 Server Shutdown", Some((10, 0)));
    rig.status(1, "409 Consumer Deleted");
    assert_eq!(rig.outputs(), []);
    assert_eq!(rig.left(), 10);
}

#[test]
fn a_pause_does_not_outlast_a_reconnect() {
    let mut rig = Rig::of(10);
    rig.batches();
    rig.status(1, "503");
    rig.pull.disconnected();
    rig.pull.connected(rig.now);
    assert!(rig.outputs().iter().any(|output| matches!(output, Output::Pull { id: 2, .. })));
}

#[test]
fn a_pull_whose_end_was_not_told_is_given_up_behind_its_expiry() {
    let mut rig = Rig::new(PullConfig {
        max_messages: Some(10),
        heartbeat: Some(15 * SECOND),
        ..PullConfig::default()
    });
    rig.batches();
    rig.messages(5);
    assert_eq!(rig.batches(), [5]);
    // The second pull is served and heard of, the first one never again.
    for _ in 0..3 {
        rig.pass(11 * SECOND);
        rig.status(2, "100 Idle Heartbeat");
    }
    assert_eq!(rig.left(), 10);
    rig.pass(2 * SECOND);
    assert_eq!(rig.batches(), [10]);
}

#[test]
fn with_nothing_open_silence_is_no_fault() {
    let mut rig = Rig::of(10);
    rig.batches();
    rig.status(1, "409 Leadership Change");
    rig.outputs();
    let until = rig.pull.deadline().unwrap();
    assert!(until - rig.now < SECOND);
}

/// One with heartbeats that are as rare as those of a consumer where nothing comes.
fn quiet() -> Rig {
    let mut rig = Rig::new(PullConfig {
        max_messages: Some(10),
        heartbeat: Some(15 * SECOND),
        ..PullConfig::default()
    });
    rig.batches();
    rig
}

#[test]
fn when_servers_come_or_go_it_is_asked_whether_the_pulls_are_still_known() {
    let mut rig = quiet();
    rig.pass(7 * SECOND);
    rig.pull.servers_changed(rig.now);
    let pulls = rig.pulls();
    assert_eq!(pulls.len(), 1);
    assert_eq!(pulls[0].1, serde_json::json!({"batch": 1, "max_bytes": 1, "no_wait": true}));
    // It asks for nothing, and an answer changes nothing.
    assert_eq!(rig.left(), 10);
    rig.status(2, "404 No Messages");
    assert_eq!(rig.outputs(), []);
    assert_eq!(rig.left(), 10);
    rig.pass(20 * SECOND);
    assert_eq!(rig.outputs(), []);
}

#[test]
fn nobody_who_answers_for_the_pulls_has_them_asked_anew() {
    let mut rig = quiet();
    rig.pull.servers_changed(rig.now);
    rig.pulls();
    rig.status(2, "503");
    assert_eq!(rig.left(), 0);
    assert!(rig.pull.deadline().unwrap() - rig.now < SECOND);
    rig.until_deadline();
    assert_eq!(rig.batches(), [10]);
}

#[test]
fn silence_after_the_question_is_told_soon() {
    let mut rig = quiet();
    rig.pull.servers_changed(rig.now);
    rig.pulls();
    rig.pass(2 * SECOND);
    assert_eq!(missed(&mut rig), Some(Event::MissedHeartbeat { silent: 2 * SECOND }));
}

#[test]
fn a_heartbeat_after_the_question_is_an_answer_to_it() {
    let mut rig = quiet();
    rig.pull.servers_changed(rig.now);
    rig.pulls();
    rig.pass(SECOND);
    rig.status(1, "100 Idle Heartbeat");
    rig.pass(29 * SECOND);
    assert_eq!(missed(&mut rig), None);
}

#[test]
fn who_waits_for_no_answer_asks_nothing() {
    let mut rig = quiet();
    // Busy with messages that have come.
    rig.pull.message(100, None);
    rig.pull.servers_changed(rig.now);
    assert_eq!(rig.outputs(), []);
    // Nothing is asked for at present.
    rig.pull.waiting(true, rig.now);
    rig.status(1, "409 Leadership Change");
    rig.outputs();
    rig.pull.servers_changed(rig.now);
    assert_eq!(rig.outputs(), []);
}
