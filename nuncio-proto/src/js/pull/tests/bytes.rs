use super::*;

fn by_bytes(max_bytes: u64) -> Rig {
    Rig::new(PullConfig { max_bytes: Some(max_bytes), ..PullConfig::default() })
}

fn sizes(rig: &mut Rig) -> Vec<(u64, u64)> {
    let size = |(_, body): (u64, serde_json::Value)| {
        (body["batch"].as_u64().unwrap(), body["max_bytes"].as_u64().unwrap())
    };
    rig.pulls().into_iter().map(size).collect()
}

#[test]
fn bounded_by_bytes_it_asks_for_any_number_of_messages() {
    let mut rig = by_bytes(1000);
    assert_eq!(sizes(&mut rig), [(1_000_000, 1000)]);
    rig.messages(4);
    assert_eq!(sizes(&mut rig), []);
    rig.messages(1);
    assert_eq!(sizes(&mut rig), [(1_000_000, 500)]);
}

#[test]
fn messages_and_bytes_can_be_bounded_together() {
    let mut rig =
        Rig::new(PullConfig { max_messages: Some(10), max_bytes: Some(10_000), ..PullConfig::default() });
    assert_eq!(sizes(&mut rig), [(10, 10_000)]);
    rig.messages(5);
    assert_eq!(sizes(&mut rig), [(5, 500)]);
    rig.messages(5);
    rig.status_with(1, "409 Batch Completed", Some((0, 9000)));
    assert_eq!(sizes(&mut rig), [(5, 9500)]);
    assert_eq!(rig.pull.pending(), Pending { messages: 10, bytes: 10_000 });
}

#[test]
fn a_message_that_does_not_fit_into_the_rest_is_asked_for_with_the_whole_buffer() {
    let mut rig = by_bytes(1000);
    sizes(&mut rig);
    rig.messages(6);
    assert_eq!(sizes(&mut rig), [(1_000_000, 600)]);
    // The next message has 700 bytes.
    rig.status_with(1, "409 Message Size Exceeds MaxBytes", Some((999_994, 400)));
    assert_eq!(sizes(&mut rig), []);
    rig.status_with(2, "409 Message Size Exceeds MaxBytes", Some((1_000_000, 600)));
    assert_eq!(sizes(&mut rig), [(1_000_000, 1000)]);
    assert_eq!(rig.end(), None);
}

#[test]
fn a_message_larger_than_the_whole_buffer_is_the_end() {
    let mut rig = by_bytes(1000);
    sizes(&mut rig);
    rig.status_with(1, "409 Message Size Exceeds MaxBytes", Some((1_000_000, 1000)));
    assert_eq!(rig.end(), Some(End::MessageTooLarge { max_bytes: 1000 }));
}

#[test]
fn a_pull_that_got_some_and_then_met_a_message_that_does_not_fit_goes_on() {
    let mut rig = by_bytes(1000);
    sizes(&mut rig);
    rig.messages(1);
    rig.status_with(1, "409 Message Size Exceeds MaxBytes", Some((999_999, 900)));
    assert_eq!(sizes(&mut rig), [(1_000_000, 1000)]);
}

#[test]
fn larger_messages_than_expected_do_not_underflow() {
    let mut rig = by_bytes(150);
    sizes(&mut rig);
    rig.messages(2);
    assert_eq!(rig.pull.pending().bytes, 0);
    assert_eq!(sizes(&mut rig), [(1_000_000, 150)]);
}

#[test]
fn with_an_end_by_number_bytes_do_not_keep_it_from_asking_again() {
    let mut rig = Rig::new(PullConfig { max_bytes: Some(200), stop_after: Some(5), ..PullConfig::default() });
    assert_eq!(sizes(&mut rig), [(5, 200)]);
    rig.messages(1);
    assert_eq!(sizes(&mut rig), []);
    rig.messages(1);
    assert_eq!(sizes(&mut rig), [(3, 200)]);
}
