use std::time::Duration;

use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

struct Rig {
    ordered: Ordered,
    now: Instant,
}

fn delivery(cseq: u64, sseq: u64, pending: u64) -> Delivery<'static> {
    let reply = format!("$JS.ACK.S.C.1.{sseq}.{cseq}.0.{pending}").into_bytes().leak();
    Delivery::parse(reply).unwrap()
}

impl Rig {
    fn new(config: OrderedConfig) -> Self {
        let now = Instant::now();
        let mut rig = Self { ordered: Ordered::new(config, now), now };
        rig.ordered.waiting(true, now);
        rig
    }

    /// One whose consumer was made: what the reply said of `delivered.stream_seq` and `num_pending`.
    fn created(config: OrderedConfig, delivered: u64, pending: u64) -> Self {
        let mut rig = Self::new(config);
        assert_eq!(rig.outputs(), [Output::Create { serial: 1, start: Start::Initial, verify: false }]);
        rig.ordered.created(1, delivered, pending, rig.now);
        assert!(matches!(rig.outputs()[..], [Output::Pull { id: 1, .. }]));
        rig
    }

    fn outputs(&mut self) -> Vec<Output> {
        std::iter::from_fn(|| self.ordered.poll(self.now)).collect()
    }

    /// Where the next consumer begins, once it may be made.
    fn restart(&mut self) -> Start {
        for _ in 0..2 {
            for output in self.outputs() {
                if let Output::Create { start, .. } = output {
                    return start;
                }
            }
            let deadline = self.ordered.deadline().unwrap();
            self.pass(deadline.saturating_duration_since(self.now));
        }
        panic!("no consumer is made")
    }

    /// What asks for the next consumer, once it may be made.
    fn next_creation(&mut self) -> Output {
        for _ in 0..2 {
            let asked = self.outputs().into_iter().find(|output| matches!(output, Output::Create { .. }));
            if let Some(asked) = asked {
                return asked;
            }
            let deadline = self.ordered.deadline().unwrap();
            self.pass(deadline.saturating_duration_since(self.now));
        }
        panic!("no consumer is made")
    }

    fn end(&mut self) -> Option<End> {
        let end = |output| match output {
            Output::End(end) => Some(end),
            _ => None,
        };
        self.outputs().into_iter().find_map(end)
    }

    fn status(&mut self, id: u64, line: &str) {
        let block = format!("NATS/1.0 {line}\r\n\r\n").into_bytes();
        self.ordered.status(Some(id), &PullStatus::classify(&block).unwrap(), self.now);
    }

    fn message(&mut self, cseq: u64, sseq: u64, pending: u64) -> Verdict {
        let serial = self.ordered.serial();
        self.ordered.message(serial, &delivery(cseq, sseq, pending), 100, self.now)
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.ordered.tick(self.now);
    }
}

fn last_per_subject() -> OrderedConfig {
    OrderedConfig { last_per_subject: true, ..OrderedConfig::default() }
}

#[test]
fn messages_in_order_are_accepted() {
    let mut rig = Rig::created(OrderedConfig::default(), 0, 3);
    for sequence in 1..=3 {
        assert_eq!(rig.message(sequence, sequence * 10, 3 - sequence), Verdict::Accept);
    }
    assert_eq!((rig.ordered.cursor(), rig.ordered.delivered()), (Some(30), 3));
    assert_eq!(rig.outputs(), []);
}

#[test]
fn when_nothing_was_delivered_it_restarts_where_the_reply_said_for_every_policy() {
    // What the server's reply says for a stream of seven messages.
    for (policy, delivered, next) in [
        ("all", 0, 1),
        ("new", 7, 8),
        ("last", 6, 7),
        ("by_start_sequence 4", 3, 4),
        ("by_start_time, first match 5", 4, 5),
    ] {
        let mut rig = Rig::created(OrderedConfig::default(), delivered, 0);
        rig.status(1, "409 Consumer Deleted");
        assert_eq!(rig.restart(), Start::Sequence(next), "{policy}");
    }
}

#[test]
fn after_messages_it_restarts_behind_the_last() {
    let mut rig = Rig::created(OrderedConfig::default(), 0, 5);
    let _ = rig.message(1, 41, 4);
    rig.status(1, "409 Consumer Deleted");
    assert_eq!(
        rig.outputs(),
        [
            Output::Delete { serial: 1 },
            Output::Event(Event::Recreating { cause: Recreation::ConsumerDeleted }),
            Output::Create { serial: 2, start: Start::Sequence(42), verify: true },
        ]
    );
    rig.ordered.created(2, 41, 4, rig.now);
    assert!(matches!(rig.outputs()[..], [Output::Pull { id: 2, .. }]));
    assert_eq!(rig.message(1, 42, 3), Verdict::Accept);
}

#[test]
fn the_first_round_of_last_messages_is_asked_for_again_without_what_was_seen() {
    // Last messages 4, 6 and 7; the second one is missed.
    let mut rig = Rig::created(last_per_subject(), 3, 3);
    assert_eq!(rig.message(1, 4, 2), Verdict::Accept);
    assert_eq!(rig.message(3, 7, 0), Verdict::Drop);
    assert_eq!(rig.restart(), Start::Initial);
    // Meanwhile the subject of 6 got message 8.
    rig.ordered.created(2, 3, 3, rig.now);
    rig.outputs();
    assert_eq!(rig.message(1, 4, 2), Verdict::Drop);
    assert_eq!(rig.message(2, 7, 1), Verdict::Accept);
    assert_eq!(rig.message(3, 8, 0), Verdict::Accept);
    // The first round is over: from here on every message counts.
    rig.status(2, "503");
    assert_eq!(rig.restart(), Start::Sequence(9));
}

#[test]
fn last_messages_of_which_none_came_are_asked_for_again() {
    let mut rig = Rig::created(last_per_subject(), 3, 3);
    rig.status(1, "409 Consumer Deleted");
    assert_eq!(rig.restart(), Start::Initial);
}

#[test]
fn without_any_last_messages_it_restarts_where_the_reply_said() {
    let mut rig = Rig::created(last_per_subject(), 7, 0);
    rig.status(1, "409 Consumer Deleted");
    assert_eq!(rig.restart(), Start::Sequence(8));
}

#[test]
fn a_gap_is_told_and_the_missing_message_asked_for() {
    let mut rig = Rig::created(OrderedConfig::default(), 0, 5);
    assert_eq!(rig.message(1, 1, 4), Verdict::Accept);
    assert_eq!(rig.message(3, 3, 2), Verdict::Drop);
    assert_eq!(
        rig.outputs(),
        [
            Output::Event(Event::Gap { expected: 2, got: 3 }),
            Output::Delete { serial: 1 },
            Output::Event(Event::Recreating { cause: Recreation::Gap }),
            Output::Create { serial: 2, start: Start::Sequence(2), verify: false },
        ]
    );
}

#[test]
fn messages_lost_with_nothing_behind_them_show_by_a_heartbeat() {
    let mut rig = Rig::created(OrderedConfig::default(), 0, 9);
    let _ = rig.message(1, 1, 8);
    rig.status(1, "100 Idle Heartbeat\r\nNats-Last-Consumer: 1\r\nNats-Last-Stream: 1");
    assert_eq!(rig.outputs(), []);
    rig.status(1, "100 Idle Heartbeat\r\nNats-Last-Consumer: 4\r\nNats-Last-Stream: 4");
    assert_eq!(
        rig.outputs(),
        [
            Output::Event(Event::Gap { expected: 2, got: 4 }),
            Output::Delete { serial: 1 },
            Output::Event(Event::Recreating { cause: Recreation::Gap }),
            Output::Create { serial: 2, start: Start::Sequence(2), verify: false },
        ]
    );
}

#[test]
fn whether_the_stream_is_another_one_is_looked_at_until_there_was_an_answer() {
    let mut rig = Rig::created(OrderedConfig::default(), 0, 1);
    rig.status(1, "409 Consumer Deleted");
    for serial in 2..5 {
        let asked = rig.next_creation();
        assert_eq!(asked, Output::Create { serial, start: Start::Sequence(1), verify: true });
        rig.ordered.create_failed(serial, CreateFailure::Unavailable("timeout".into()), rig.now);
    }
}

#[test]
fn messages_of_an_old_consumer_are_dropped() {
    let mut rig = Rig::created(OrderedConfig::default(), 0, 5);
    let _ = rig.message(1, 1, 4);
    rig.status(1, "409 Consumer Deleted");
    rig.restart();
    assert_eq!(rig.ordered.message(1, &delivery(2, 2, 3), 100, rig.now), Verdict::Drop);
    rig.ordered.created(2, 1, 4, rig.now);
    rig.outputs();
    assert_eq!(rig.ordered.message(1, &delivery(2, 2, 3), 100, rig.now), Verdict::Drop);
    // The status of an old pull neither.
    rig.status(1, "409 Consumer Deleted");
    assert_eq!(rig.outputs(), []);
    assert_eq!(rig.message(1, 2, 3), Verdict::Accept);
}

#[test]
fn silence_and_nobody_answering_have_it_made_anew() {
    let mut rig = Rig::created(OrderedConfig::default(), 0, 5);
    let _ = rig.message(1, 1, 4);
    rig.ordered.waiting(true, rig.now);
    rig.pass(3 * SECOND);
    let outputs = rig.outputs();
    assert_eq!(outputs[0], Output::Event(Event::MissedHeartbeat { silent: 3 * SECOND }));
    assert!(outputs.contains(&Output::Create { serial: 2, start: Start::Sequence(2), verify: true }));
    rig.ordered.created(2, 1, 4, rig.now);
    rig.outputs();
    rig.status(2, "503");
    assert_eq!(rig.restart(), Start::Sequence(2));
}

#[test]
fn a_server_that_is_gone_is_noticed_between_rare_heartbeats_when_the_cluster_tells_of_it() {
    let pull = PullConfig { heartbeat: Some(15 * SECOND), ..PullConfig::default() };
    let mut rig = Rig::created(OrderedConfig { pull, ..OrderedConfig::default() }, 0, 5);
    let _ = rig.message(1, 1, 4);
    rig.ordered.waiting(true, rig.now);
    rig.ordered.servers_changed(rig.now);
    assert!(matches!(rig.outputs()[..], [Output::Pull { id: 2, .. }]));
    rig.status(2, "503");
    assert_eq!(rig.restart(), Start::Sequence(2));
}

#[test]
fn silence_is_noticed_soon_while_messages_come_and_later_where_none_do() {
    let pull = PullConfig { calm_heartbeat: Some(5 * SECOND), ..PullConfig::default() };
    let mut rig = Rig::created(OrderedConfig { pull, ..OrderedConfig::default() }, 0, 5);
    assert_eq!(rig.ordered.deadline().unwrap() - rig.now, 3 * SECOND);
    // A whole pull without a message.
    rig.status(1, "408 Request Timeout");
    rig.outputs();
    assert_eq!(rig.ordered.deadline().unwrap() - rig.now, 10 * SECOND);
}

#[test]
fn a_consumer_that_never_worked_is_not_replaced_at_once() {
    let mut rig = Rig::created(OrderedConfig::default(), 0, 5);
    for id in 1..5 {
        rig.status(id, "503");
        let waits = rig.outputs();
        assert!(!waits.iter().any(|output| matches!(output, Output::Create { .. })), "{id}");
        let wait = rig.ordered.deadline().unwrap() - rig.now;
        assert!(wait >= SECOND / 2 && wait <= 2 * SECOND, "{wait:?}");
        rig.restart();
        rig.ordered.created(rig.ordered.serial(), 0, 5, rig.now);
        rig.outputs();
    }
}

#[test]
fn a_reconnect_pulls_from_the_same_consumer() {
    let mut rig = Rig::created(OrderedConfig::default(), 0, 5);
    let _ = rig.message(1, 1, 4);
    rig.ordered.disconnected();
    rig.pass(600 * SECOND);
    assert_eq!(rig.outputs(), [Output::Event(Event::Disconnected)]);
    assert_eq!(rig.ordered.deadline(), None);
    rig.ordered.connected(rig.now);
    assert!(matches!(rig.outputs()[..], [Output::Event(Event::Reconnected), Output::Pull { id: 2, .. }]));
    assert_eq!(rig.message(2, 2, 3), Verdict::Accept);
}

#[test]
fn a_stream_that_is_gone_is_the_end() {
    for (failure, end) in [
        (CreateFailure::StreamMissing, End::StreamDeleted),
        (CreateFailure::StreamReplaced, End::StreamReplaced),
        (CreateFailure::Refused("no".into()), End::CreateFailed { error: "no".into() }),
    ] {
        let mut rig = Rig::created(OrderedConfig::default(), 0, 5);
        rig.status(1, "409 Consumer Deleted");
        rig.restart();
        rig.ordered.create_failed(2, failure, rig.now);
        assert_eq!(rig.end(), Some(end));
        assert_eq!(rig.ordered.deadline(), None);
    }
}

#[test]
fn a_stream_that_is_gone_can_be_waited_for_and_begins_anew() {
    for failure in [CreateFailure::StreamMissing, CreateFailure::StreamReplaced] {
        let config = OrderedConfig { wait_for_stream: true, ..OrderedConfig::default() };
        let mut rig = Rig::created(config, 0, 5);
        let _ = rig.message(1, 41, 4);
        rig.status(1, "409 Consumer Deleted");
        assert_eq!(rig.restart(), Start::Sequence(42));
        rig.ordered.create_failed(2, failure, rig.now);
        assert_eq!(rig.restart(), Start::Initial);
        rig.ordered.created(3, 0, 1, rig.now);
        rig.outputs();
        assert_eq!(rig.message(1, 1, 0), Verdict::Accept);
    }
}

#[test]
fn making_it_is_tried_again_with_longer_and_longer_pauses() {
    let mut rig = Rig::created(OrderedConfig::default(), 0, 5);
    rig.status(1, "409 Consumer Deleted");
    rig.restart();
    let mut last = Duration::ZERO;
    for attempt in 1..=8 {
        let serial = rig.ordered.serial();
        rig.ordered.create_failed(serial, CreateFailure::Unavailable("no leader".into()), rig.now);
        let told = Output::Event(Event::CreateFailed { attempts: attempt, error: "no leader".into() });
        assert_eq!(rig.outputs(), [Output::Delete { serial }, told]);
        let wait = rig.ordered.deadline().unwrap() - rig.now;
        assert!(wait >= SECOND / 2 && wait <= 2 * SECOND, "{wait:?}");
        last = wait;
        assert_eq!(rig.restart(), Start::Sequence(1));
    }
    assert!(last >= SECOND, "{last:?}");
}

#[test]
fn a_consumer_that_was_made_too_late_is_deleted() {
    let mut rig = Rig::created(OrderedConfig::default(), 0, 5);
    rig.status(1, "409 Consumer Deleted");
    rig.restart();
    rig.ordered.create_failed(2, CreateFailure::Unavailable("timeout".into()), rig.now);
    rig.restart();
    rig.ordered.created(2, 0, 5, rig.now);
    assert_eq!(rig.outputs(), [Output::Delete { serial: 2 }]);
    assert_eq!(rig.message(1, 1, 4), Verdict::Drop);
}

#[test]
fn it_ends_after_the_messages_asked_for_and_deletes_its_consumer() {
    let pull = PullConfig { stop_after: Some(2), ..PullConfig::default() };
    let mut rig = Rig::created(OrderedConfig { pull, ..OrderedConfig::default() }, 0, 5);
    let _ = rig.message(1, 1, 4);
    assert_eq!(rig.message(2, 2, 3), Verdict::Accept);
    assert_eq!(rig.outputs(), [Output::Delete { serial: 1 }, Output::End(End::StopAfter)]);
}

#[test]
fn no_more_is_asked_for_than_is_left_until_the_end() {
    let pull = PullConfig { stop_after: Some(3), ..PullConfig::default() };
    let mut rig = Rig::new(OrderedConfig { pull, last_per_subject: true, ..OrderedConfig::default() });
    let batch = |rig: &mut Rig| {
        let pull = rig.outputs().into_iter().find_map(|output| match output {
            Output::Pull { body, .. } => Some(body),
            _ => None,
        });
        serde_json::from_slice::<serde_json::Value>(&pull.unwrap()).unwrap()["batch"].clone()
    };
    rig.outputs();
    rig.ordered.created(1, 0, 2, rig.now);
    assert_eq!(batch(&mut rig), 3);
    assert_eq!(rig.message(1, 5, 1), Verdict::Accept);
    rig.status(1, "409 Consumer Deleted");
    rig.restart();
    rig.ordered.created(2, 0, 2, rig.now);
    assert_eq!(batch(&mut rig), 2);
    assert_eq!(rig.message(1, 5, 1), Verdict::Drop, "it comes again in the first round");
    assert_eq!(rig.message(2, 6, 0), Verdict::Accept);
    assert_eq!(rig.end(), None);
    assert_eq!(rig.message(3, 7, 0), Verdict::Accept);
    assert_eq!(rig.end(), Some(End::StopAfter));
}

#[test]
fn stopping_and_draining_delete_the_consumer() {
    let mut rig = Rig::created(OrderedConfig::default(), 0, 5);
    rig.ordered.stop();
    assert_eq!(rig.outputs(), [Output::Delete { serial: 1 }, Output::End(End::Stopped)]);
    let mut rig = Rig::created(OrderedConfig::default(), 0, 5);
    rig.ordered.drain();
    assert_eq!(rig.message(1, 1, 4), Verdict::Accept);
    rig.ordered.drained();
    assert_eq!(rig.outputs(), [Output::Delete { serial: 1 }, Output::End(End::Drained)]);
}

#[test]
fn a_pull_that_the_server_does_not_accept_is_the_end() {
    let mut rig = Rig::created(OrderedConfig::default(), 0, 5);
    rig.status(1, "400 Bad Request");
    assert_eq!(rig.end(), Some(End::BadRequest { description: "Bad Request".into() }));
}

const LINES: [&str; 7] = [
    "100 Idle Heartbeat",
    "408 Request Timeout",
    "409 Consumer Deleted",
    "409 Leadership Change",
    "409 Server Shutdown",
    "503",
    "599 What",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// A stream of numbered messages, a server that loses some, and everything that may happen besides.
    #[test]
    fn whatever_happens_every_message_comes_once_in_order(
        steps in proptest::collection::vec((0usize..12, 0usize..LINES.len(), 0u64..20_000), 0..150),
        seed in any::<u64>(),
    ) {
        let pull = PullConfig { max_messages: Some(5), seed, ..PullConfig::default() };
        let mut rig = Rig::new(OrderedConfig { pull, ..OrderedConfig::default() });
        // The server: the present consumer's serial, the next stream sequence, the next consumer sequence.
        let (mut serial, mut next, mut cseq) = (0, 1, 1);
        let mut creating: Option<(u64, Start)> = None;
        let mut last = 0;
        let mut connected = true;
        for (step, which, millis) in steps {
            for output in rig.outputs() {
                match output {
                    Output::Create { serial, start, .. } => creating = Some((serial, start)),
                    Output::End(end) => prop_assert!(false, "{end:?}"),
                    _ => {}
                }
            }
            let alive = rig.ordered.deadline().is_some() || creating.is_some() || !connected
                || rig.ordered.pull.is_some();
            prop_assert!(alive, "it stalls");
            match step {
                0..=4 => {
                    let verdict = rig.ordered.message(serial, &delivery(cseq, next, 5), 100, rig.now);
                    if verdict == Verdict::Accept {
                        prop_assert_eq!(next, last + 1);
                        last = next;
                    }
                    (cseq, next) = (cseq + 1, next + 1);
                    rig.ordered.waiting(true, rig.now);
                }
                // One is lost.
                5 => (cseq, next) = (cseq + 1, next + 1),
                6 => rig.status(rig.ordered.pull.as_ref().map_or(1, |pull| pull.next_id() - 1), LINES[which]),
                7 => {
                    connected = false;
                    rig.ordered.disconnected();
                }
                8 => {
                    connected = true;
                    rig.ordered.connected(rig.now);
                }
                9 => rig.pass(Duration::from_millis(millis)),
                10 => {
                    if let Some((made, start)) = creating.take() {
                        let begin = match start {
                            Start::Initial => 1,
                            Start::Sequence(sequence) => sequence,
                        };
                        (serial, next, cseq) = (made, begin, 1);
                        rig.ordered.created(made, begin - 1, 5, rig.now);
                    }
                }
                _ => {
                    if let Some((serial, _)) = creating.take() {
                        let failure = CreateFailure::Unavailable("no".into());
                        rig.ordered.create_failed(serial, failure, rig.now);
                    }
                }
            }
        }
    }
}
