use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Input {
    Message(usize, Option<bool>),
    /// Which pull it is about counted back from the newest, the status line, and what is left.
    Status(u64, usize, Option<(u64, u64)>),
    Waiting(bool),
    Disconnected,
    Connected,
    Pass(u64),
    Deadline,
    Probed(usize),
    Drain,
    Stop,
}

const LINES: [&str; 22] = [
    "100 Idle Heartbeat",
    "100 FlowControl Request",
    "204 EOB",
    "404 No Messages",
    "408 Request Timeout",
    "408 Requests Pending",
    "408 Interest Expired",
    "409 Batch Completed",
    "409 Message Size Exceeds MaxBytes",
    "409 Exceeded MaxWaiting",
    "409 Exceeded MaxRequestBatch of 3",
    "409 Exceeded MaxRequestExpires of 2s",
    "409 Exceeded MaxRequestMaxBytes of 300",
    "409 Leadership Change",
    "409 Server Shutdown",
    "423 Nats-Wrong-Pin-Id",
    "503",
    "503 No Responders",
    "599 What",
    "abc",
    "400 Bad Request",
    "409 Consumer Deleted",
];

fn input() -> impl Strategy<Value = Input> {
    let pending = proptest::option::of((0u64..2_000_000, 0u64..2000));
    prop_oneof![
        10 => (0usize..400, proptest::option::weighted(0.1, any::<bool>()))
            .prop_map(|(size, pin)| Input::Message(size, pin)),
        // The last two lines are ends; they are drawn less often.
        6 => (0u64..5, 0usize..LINES.len() - 2, pending.clone()).prop_map(|(id, line, p)| Input::Status(id, line, p)),
        1 => (0u64..5, 0usize..LINES.len(), pending).prop_map(|(id, line, p)| Input::Status(id, line, p)),
        2 => any::<bool>().prop_map(Input::Waiting),
        1 => Just(Input::Disconnected),
        2 => Just(Input::Connected),
        2 => (0u64..40_000).prop_map(Input::Pass),
        3 => Just(Input::Deadline),
        1 => (0usize..3).prop_map(Input::Probed),
        1 => Just(Input::Drain),
        1 => Just(Input::Stop),
    ]
}

fn config() -> impl Strategy<Value = PullConfig> {
    let some = |range: std::ops::Range<u64>| proptest::option::of(range);
    (some(0..20), some(0..2000), some(0..20), some(0..2000), some(1..40), any::<bool>(), any::<u64>())
        .prop_map(
            |(max_messages, max_bytes, threshold_messages, threshold_bytes, stop_after, adapt, seed)| {
                PullConfig {
                    max_messages,
                    max_bytes,
                    threshold_messages,
                    threshold_bytes,
                    stop_after,
                    adapt: Adapt { messages: adapt, bytes: adapt, expires: adapt },
                    seed,
                    ..PullConfig::default()
                }
            },
        )
}

fn apply(rig: &mut Rig, input: Input) {
    match input {
        Input::Message(size, pin) => {
            rig.pull.message(size, pin.map(|pin| if pin { "a" } else { "b" }));
        }
        Input::Status(back, line, pending) => {
            let id = rig.pull.next_id().saturating_sub(back);
            rig.status_with(id, LINES[line], pending);
        }
        Input::Waiting(waiting) => rig.pull.waiting(waiting, rig.now),
        Input::Disconnected => rig.pull.disconnected(),
        Input::Connected => rig.pull.connected(rig.now),
        Input::Pass(millis) => rig.pass(Duration::from_millis(millis)),
        Input::Deadline => drop(rig.pull.deadline().is_some().then(|| rig.until_deadline())),
        Input::Probed(n) => {
            rig.pull.probed([Presence::Present, Presence::Unknown, Presence::ConsumerMissing][n]);
        }
        Input::Drain => rig.pull.drain(),
        Input::Stop => rig.pull.stop(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_it_never_asks_for_too_much_and_never_stalls(
        config in config(), inputs in proptest::collection::vec(input(), 0..80),
    ) {
        let normal = config.clone().normal();
        let mut rig = Rig::new(config);
        let mut open = 0u64;
        let mut ends = 0;
        for input in inputs {
            apply(&mut rig, input);
            for (polled, output) in std::iter::from_fn(|| rig.pull.poll(rig.now)).enumerate() {
                prop_assert!(polled < 20, "it does not come to rest");
                prop_assert_eq!(ends, 0, "something comes behind the end");
                match output {
                    Output::End(_) => ends += 1,
                    Output::Pull { id, .. } => {
                        prop_assert!(id > open);
                        open = id;
                    }
                    _ => {}
                }
            }
            let left = rig.pull.pending();
            // The sum is that of the pulls, which cannot be below zero.
            prop_assert!(normal.max_messages.is_none_or(|max| left.messages <= max), "{left:?}");
            prop_assert!(left.bytes <= normal.max_bytes.unwrap_or(0), "{left:?}");
            if let Some(after) = normal.stop_after {
                prop_assert!(rig.pull.is_ended() || rig.pull.delivered() + left.messages <= after.max(rig.pull.delivered()));
            }
            let idle = rig.pull.ledger.is_idle();
            let lives = rig.pull.stage == Stage::Running && rig.pull.hearing.is_connected();
            if lives {
                prop_assert!(!idle || rig.pull.deadline().is_some(), "it stalls");
                // With an open pull there is a time at which it is looked after, once the application waits.
                let mut later = rig.pull.hearing.is_waiting();
                if !later {
                    rig.pull.waiting(true, rig.now);
                    later = rig.pull.deadline().is_some();
                    rig.pull.waiting(false, rig.now);
                } else {
                    later = rig.pull.deadline().is_some();
                }
                prop_assert!(later, "it stalls with an open pull");
            }
            prop_assert_eq!(rig.pull.is_ended(), ends == 1);
        }
    }

    /// A server that keeps its word, against what the pull believes.
    #[test]
    fn what_the_pull_believes_to_come_is_what_the_server_has_promised(
        steps in proptest::collection::vec((0usize..4, 0usize..6), 1..200), max in 1u64..30,
    ) {
        let mut rig = Rig::of(max);
        let mut server: Vec<(u64, u64)> = Vec::new();
        for (step, which) in steps {
            for output in rig.outputs() {
                if let Output::Pull { id, body } = output {
                    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
                    server.push((id, body["batch"].as_u64().unwrap()));
                }
            }
            prop_assert_eq!(rig.left(), server.iter().map(|(_, left)| left).sum::<u64>());
            if server.is_empty() {
                continue;
            }
            let which = which % server.len();
            if step == 3 {
                let (id, left) = server.remove(which);
                rig.status_with(id, "408 Request Timeout", Some((left, 0)));
            } else {
                // Any of the waiting pulls gets the next message.
                server[which].1 -= 1;
                if server[which].1 == 0 {
                    server.remove(which);
                }
                rig.messages(1);
            }
        }
    }
}
