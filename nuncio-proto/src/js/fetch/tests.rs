use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const MILLIS: Duration = Duration::from_millis(1);

struct Rig {
    fetch: Fetch,
    now: Instant,
}

impl Rig {
    fn new(config: FetchConfig) -> Self {
        let now = Instant::now();
        let mut rig = Self { fetch: Fetch::new(config, now), now };
        rig.fetch.waiting(true, now);
        rig
    }

    fn of(batch: u64) -> Self {
        let mut rig =
            Self::new(FetchConfig { batch: Some(batch), expires: 4 * SECOND, ..FetchConfig::default() });
        assert_eq!(rig.body()["batch"], batch);
        rig
    }

    fn outputs(&mut self) -> Vec<Output> {
        std::iter::from_fn(|| self.fetch.poll(self.now)).collect()
    }

    /// The request that is due.
    fn body(&mut self) -> serde_json::Value {
        match self.fetch.poll(self.now) {
            Some(Output::Pull { body, .. }) => serde_json::from_slice(&body).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    fn end(&mut self) -> Option<End> {
        let end = |output| match output {
            Output::End(end) => Some(end),
            _ => None,
        };
        self.outputs().into_iter().find_map(end)
    }

    fn status(&mut self, line: &str) {
        let block = format!("NATS/1.0 {line}\r\n\r\n").into_bytes();
        let id = self.fetch.next_id() - 1;
        self.fetch.status(Some(id), &PullStatus::classify(&block).unwrap(), self.now);
    }

    fn message(&mut self) {
        self.fetch.message(100, None);
        self.fetch.waiting(true, self.now);
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.fetch.tick(self.now);
    }

    fn until_deadline(&mut self) {
        let deadline = self.fetch.deadline().unwrap();
        self.pass(deadline.saturating_duration_since(self.now));
    }
}

fn after(line: &str) -> Rig {
    let mut rig = Rig::of(10);
    rig.status(line);
    rig
}

#[test]
fn it_ends_when_all_messages_have_come() {
    let mut rig = Rig::of(2);
    rig.message();
    assert_eq!(rig.outputs(), []);
    rig.message();
    assert_eq!(rig.outputs(), [Output::End(End::Complete)]);
    assert!(rig.fetch.is_settled());
}

#[test]
fn it_ends_when_the_server_says_that_there_is_no_more() {
    for line in [
        "404 No Messages",
        "408 Request Timeout",
        "408 Requests Pending",
        "408 Interest Expired",
        "409 Batch Completed",
        "204 EOB",
    ] {
        let mut rig = after(line);
        assert_eq!(rig.outputs(), [Output::End(End::Complete)], "{line}");
        assert!(rig.fetch.is_settled(), "{line}");
    }
}

#[test]
fn it_fails_when_the_server_refuses() {
    let text = str::to_owned;
    for (line, end) in [
        ("400 Bad Request - no", End::BadRequest { description: text("Bad Request - no") }),
        ("409 Consumer Deleted", End::ConsumerDeleted),
        ("409 Consumer is push based", End::PushBased),
        ("409 Exceeded MaxWaiting", End::TooManyWaiting),
        (
            "409 Exceeded MaxRequestBatch of 1",
            End::LimitExceeded { description: text("Exceeded MaxRequestBatch of 1") },
        ),
        (
            "409 Exceeded MaxRequestExpires of 1s",
            End::LimitExceeded { description: text("Exceeded MaxRequestExpires of 1s") },
        ),
        (
            "409 Exceeded MaxRequestMaxBytes of 1",
            End::LimitExceeded { description: text("Exceeded MaxRequestMaxBytes of 1") },
        ),
        ("412 Required Api Level", End::ApiLevel),
        ("599 What", End::Status { code: 599, description: text("What") }),
    ] {
        assert_eq!(after(line).outputs(), [Output::End(end)], "{line}");
    }
}

#[test]
fn heartbeats_do_not_end_it() {
    let mut rig = after("100 Idle Heartbeat");
    rig.status("100 FlowControl Request");
    assert_eq!(rig.outputs(), []);
}

#[test]
fn a_message_that_is_too_large_fails_it_only_if_nothing_came_before() {
    let bytes =
        || Rig::new(FetchConfig { max_bytes: Some(1000), expires: 5 * SECOND, ..FetchConfig::default() });
    let mut rig = bytes();
    let body = rig.body();
    assert_eq!((&body["batch"], &body["max_bytes"]), (&1_000_000.into(), &1000.into()));
    rig.status("409 Message Size Exceeds MaxBytes");
    assert_eq!(rig.end(), Some(End::MessageTooLarge { max_bytes: 1000 }));
    let mut rig = bytes();
    rig.body();
    rig.message();
    rig.status("409 Message Size Exceeds MaxBytes");
    assert_eq!(rig.end(), Some(End::Complete));
}

#[test]
fn a_new_leader_is_asked_for_what_is_left_in_the_time_that_is_left() {
    for line in ["409 Leadership Change", "409 Server Shutdown"] {
        let mut rig = Rig::of(10);
        rig.message();
        rig.pass(2 * SECOND);
        rig.status(line);
        assert!(matches!(rig.outputs()[..], [Output::Event(_)]), "{line}");
        // The leader change that follows a shutdown is about a pull that has ended.
        rig.status("409 Leadership Change");
        assert_eq!(rig.outputs(), []);
        rig.until_deadline();
        let body = rig.body();
        assert_eq!(body["batch"], 9);
        let expires = Duration::from_nanos(body["expires"].as_u64().unwrap());
        assert!(expires < 2 * SECOND && expires > SECOND, "{expires:?}");
    }
}

#[test]
fn nobody_answering_three_times_fails_it() {
    let mut rig = Rig::of(1);
    for _ in 0..2 {
        rig.status("503");
        assert_eq!(rig.outputs(), []);
        rig.until_deadline();
        rig.body();
    }
    rig.status("503");
    assert_eq!(rig.end(), Some(End::NoResponders));
}

#[test]
fn a_pin_that_has_passed_on_is_forgotten_and_asked_again_at_once() {
    let priority = Priority { group: Some("A".into()), ..Priority::default() };
    let mut rig = Rig::new(FetchConfig { pin: Some("old".into()), priority, ..FetchConfig::default() });
    assert_eq!(rig.body()["id"], "old");
    rig.status("423 Nats-Wrong-Pin-Id");
    assert_eq!(rig.fetch.poll(rig.now), Some(Output::Event(Event::Unpinned)));
    let body = rig.body();
    assert_eq!((&body["group"], body.get("id")), (&"A".into(), None));
    rig.fetch.message(1, Some("new"));
    assert_eq!(rig.fetch.pin(), Some("new"));
}

#[test]
fn a_long_fetch_asks_for_heartbeats_and_asks_again_without_them() {
    let mut rig = Rig::new(FetchConfig { batch: Some(5), expires: 60 * SECOND, ..FetchConfig::default() });
    assert_eq!(rig.body()["idle_heartbeat"], 2_000_000_000u64);
    rig.pass(3 * SECOND);
    rig.status("100 Idle Heartbeat");
    rig.pass(3 * SECOND);
    assert_eq!(rig.outputs(), []);
    rig.pass(SECOND);
    let silent = 4 * SECOND;
    assert_eq!(rig.fetch.poll(rig.now), Some(Output::Event(Event::MissedHeartbeat { silent })));
    assert_eq!(rig.fetch.poll(rig.now), Some(Output::Probe));
    assert_eq!(rig.body()["expires"], 53_000_000_000u64);
}

#[test]
fn a_short_fetch_asks_for_no_heartbeats_unless_told_to() {
    let mut rig = Rig::new(FetchConfig { expires: 4 * SECOND, ..FetchConfig::default() });
    assert_eq!(rig.body(), serde_json::json!({"batch": 1, "expires": 4_000_000_000u64}));
    let heartbeat = Some(4 * SECOND);
    let mut rig = Rig::new(FetchConfig { expires: 5 * SECOND, heartbeat, ..FetchConfig::default() });
    assert_eq!(rig.body()["idle_heartbeat"], 2_500_000_000u64);
}

#[test]
fn without_waiting_the_request_has_no_expiry() {
    let mut rig = Rig::new(FetchConfig { batch: Some(5), no_wait: true, ..FetchConfig::default() });
    assert_eq!(rig.body(), serde_json::json!({"batch": 5, "no_wait": true}));
    rig.until_deadline();
    assert_eq!(rig.outputs(), [Output::Probe]);
    rig.until_deadline();
    assert_eq!(rig.end(), Some(End::Timeout { after: PROMPT }));
}

#[test]
fn when_the_end_is_not_told_it_ends_a_little_behind_its_expiry() {
    let mut rig = Rig::of(10);
    rig.pass(4 * SECOND);
    assert_eq!(rig.outputs(), []);
    rig.message();
    rig.pass(GRACE);
    assert_eq!(rig.end(), Some(End::Complete));
    assert!(!rig.fetch.is_settled());
}

#[test]
fn where_nothing_was_said_at_all_the_end_is_a_timeout() {
    let mut rig = Rig::of(10);
    rig.pass(4 * SECOND);
    assert_eq!(rig.outputs(), [], "the end of the pull may be on its way");
    rig.until_deadline();
    assert_eq!(rig.outputs(), [Output::Probe]);
    rig.fetch.probed(Presence::Present);
    rig.until_deadline();
    assert_eq!(rig.end(), Some(End::Timeout { after: 4 * SECOND }));
    assert!(!rig.fetch.is_settled());
    let mut rig = Rig::of(10);
    rig.status("100 Idle Heartbeat");
    rig.until_deadline();
    assert_eq!(rig.outputs(), [Output::End(End::Complete)], "the server was there");
}

#[test]
fn silence_about_a_consumer_that_is_gone_is_told_from_an_empty_one() {
    for (presence, end) in
        [(Presence::ConsumerMissing, End::ConsumerDeleted), (Presence::StreamMissing, End::StreamDeleted)]
    {
        let mut rig = Rig::of(10);
        rig.until_deadline();
        assert_eq!(rig.outputs(), [Output::Probe]);
        rig.fetch.probed(presence);
        assert_eq!(rig.outputs(), [Output::End(end)]);
    }
}

#[test]
fn after_a_reconnect_what_is_left_is_asked_for() {
    let mut rig = Rig::of(10);
    rig.message();
    rig.fetch.disconnected();
    rig.pass(SECOND);
    assert_eq!(rig.outputs(), [Output::Event(Event::Disconnected)]);
    rig.fetch.connected(rig.now);
    assert_eq!(rig.fetch.poll(rig.now), Some(Output::Event(Event::Reconnected)));
    let body = rig.body();
    assert_eq!((&body["batch"], &body["expires"]), (&9.into(), &3_000_000_000u64.into()));
}

#[test]
fn without_a_connection_at_its_expiry_it_fails_unless_something_came() {
    let mut rig = Rig::of(10);
    rig.fetch.disconnected();
    rig.until_deadline();
    assert_eq!(rig.end(), Some(End::Disconnected));
    let mut rig = Rig::of(10);
    rig.message();
    rig.fetch.disconnected();
    rig.until_deadline();
    assert_eq!(rig.end(), Some(End::Complete));
}

#[test]
fn an_application_that_comes_late_still_gets_what_is_queued() {
    let mut rig = Rig::of(10);
    rig.fetch.waiting(false, rig.now);
    rig.pass(60 * SECOND);
    assert_eq!((rig.outputs(), rig.fetch.deadline()), (vec![], None));
    rig.message();
    rig.status("408 Request Timeout");
    assert_eq!(rig.end(), Some(End::Complete));
}

#[test]
fn stopping_ends_it() {
    let mut rig = Rig::of(10);
    rig.fetch.stop();
    assert_eq!(rig.outputs(), [Output::End(End::Stopped)]);
    assert!(!rig.fetch.is_settled());
}

const LINES: [&str; 12] = [
    "100 Idle Heartbeat",
    "404 No Messages",
    "408 Request Timeout",
    "409 Batch Completed",
    "409 Message Size Exceeds MaxBytes",
    "409 Leadership Change",
    "409 Server Shutdown",
    "423 Nats-Wrong-Pin-Id",
    "503",
    "599 What",
    "400 Bad Request",
    "409 Consumer Deleted",
];

proptest! {
    #[test]
    fn whatever_happens_it_never_stalls_and_ends_in_time(
        inputs in proptest::collection::vec((0usize..8, 0usize..LINES.len(), 0u64..1500), 0..60),
        batch in proptest::option::of(0u64..10), max_bytes in proptest::option::of(0u64..1000),
        no_wait in any::<bool>(), seed in any::<u64>(),
    ) {
        let expires = 5 * SECOND;
        let mut rig = Rig::new(FetchConfig { batch, max_bytes, no_wait, expires, seed, ..FetchConfig::default() });
        let begun = rig.now;
        let mut ended = false;
        for (input, line, millis) in inputs {
            for output in rig.outputs() {
                prop_assert!(!ended, "something comes behind the end");
                ended = matches!(output, Output::End(_));
            }
            prop_assert!(ended || rig.fetch.deadline().is_some() || !rig.fetch.hearing.is_waiting());
            match input {
                0 | 1 => rig.message(),
                2 | 3 => rig.status(LINES[line]),
                4 => rig.fetch.disconnected(),
                5 => rig.fetch.connected(rig.now),
                6 => rig.pass(u32::try_from(millis).unwrap() * MILLIS),
                _ => rig.fetch.waiting(millis > 700, rig.now),
            }
        }
        rig.fetch.waiting(true, rig.now);
        for _ in 0..50 {
            let over = rig.outputs().iter().any(|output| matches!(output, Output::End(_)));
            ended |= over;
            if ended {
                break;
            }
            rig.until_deadline();
        }
        prop_assert!(ended);
        prop_assert!(rig.now - begun <= (PROMPT + GRACE).max(expires + GRACE) + 90 * SECOND);
    }
}
