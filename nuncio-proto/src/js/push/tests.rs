use super::*;

const SECOND: Duration = Duration::from_secs(1);

struct Rig {
    push: Push,
    now: Instant,
}

impl Rig {
    fn new(heartbeat: Option<Duration>) -> Self {
        let now = Instant::now();
        let mut push = Push::new(heartbeat, None, now);
        push.waiting(true, now);
        Self { push, now }
    }

    fn outputs(&mut self) -> Vec<Output> {
        std::iter::from_fn(|| self.push.poll()).collect()
    }

    fn status(&mut self, lines: &str, reply: Option<&[u8]>) {
        let block = format!("NATS/1.0 {lines}\r\n\r\n").into_bytes();
        self.push.status(&PullStatus::classify(&block).unwrap(), reply, self.now);
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.push.tick(self.now);
    }
}

fn respond(subject: &str) -> Output {
    Output::Respond { subject: subject.into() }
}

#[test]
fn a_flow_control_request_is_answered_on_its_reply_subject() {
    let mut rig = Rig::new(Some(5 * SECOND));
    rig.status("100 FlowControl Request", Some(b"$JS.FC.S.C.abcd"));
    assert_eq!(rig.outputs(), [respond("$JS.FC.S.C.abcd")]);
    rig.status("100 FlowControl Request", None);
    assert_eq!(rig.outputs(), []);
}

#[test]
fn a_stalled_consumer_is_answered_once_for_each_request() {
    let mut rig = Rig::new(Some(5 * SECOND));
    for _ in 0..3 {
        rig.status("100 Idle Heartbeat\r\nNats-Consumer-Stalled: $JS.FC.S.C.one", None);
    }
    assert_eq!(rig.outputs(), [respond("$JS.FC.S.C.one")]);
    rig.status("100 Idle Heartbeat\r\nNats-Consumer-Stalled: $JS.FC.S.C.two", None);
    assert_eq!(rig.outputs(), [respond("$JS.FC.S.C.two")]);
}

#[test]
fn silence_for_two_heartbeats_is_told_and_looked_into() {
    let mut rig = Rig::new(Some(5 * SECOND));
    rig.pass(9 * SECOND);
    rig.status("100 Idle Heartbeat", None);
    rig.pass(9 * SECOND);
    assert_eq!(rig.outputs(), []);
    rig.pass(SECOND);
    let event = Output::Event(Event::MissedHeartbeat { silent: 10 * SECOND });
    assert_eq!(rig.outputs(), [event.clone(), Output::Probe]);
    rig.pass(10 * SECOND);
    assert_eq!(rig.outputs(), [event]);
    rig.push.probed(Presence::ConsumerMissing);
    assert_eq!(rig.outputs(), [Output::End(End::ConsumerDeleted)]);
    assert_eq!(rig.push.deadline(), None);
}

#[test]
fn a_consumer_that_is_still_there_goes_on() {
    let mut rig = Rig::new(Some(5 * SECOND));
    rig.pass(10 * SECOND);
    rig.push.probed(Presence::Present);
    rig.outputs();
    rig.push.probed(Presence::Unknown);
    rig.pass(10 * SECOND);
    assert_eq!(rig.outputs().len(), 2);
}

#[test]
fn without_heartbeats_or_while_the_application_is_busy_there_is_no_alarm() {
    let mut rig = Rig::new(None);
    assert_eq!(rig.push.deadline(), None);
    let mut busy = Rig::new(Some(5 * SECOND));
    busy.push.message(Some(1));
    assert_eq!(busy.push.deadline(), None);
    busy.pass(60 * SECOND);
    assert_eq!(busy.outputs(), []);
    rig.push.disconnected();
    let mut down = Rig::new(Some(5 * SECOND));
    down.push.disconnected();
    assert_eq!(down.push.deadline(), None);
    down.push.connected(down.now);
    assert_eq!(down.outputs(), [Output::Event(Event::Disconnected), Output::Event(Event::Reconnected)]);
}

#[test]
fn a_heartbeat_that_tells_of_more_than_came_shows_a_gap_once() {
    let mut rig = Rig::new(Some(5 * SECOND));
    // Before the first message nothing is known of what came before.
    rig.status("100 Idle Heartbeat\r\nNats-Last-Consumer: 7", None);
    assert_eq!(rig.outputs(), []);
    rig.push.message(Some(8));
    rig.status("100 Idle Heartbeat\r\nNats-Last-Consumer: 8", None);
    assert_eq!(rig.outputs(), []);
    rig.status("100 Idle Heartbeat\r\nNats-Last-Consumer: 10", None);
    rig.status("100 Idle Heartbeat\r\nNats-Last-Consumer: 10", None);
    assert_eq!(rig.outputs(), [Output::Event(Event::Gap { expected: 9, got: 10 })]);
}

#[test]
fn it_ends_when_stopped_drained_deleted_or_after_the_messages_asked_for() {
    let mut rig = Rig::new(None);
    rig.push.stop();
    rig.push.drained();
    assert_eq!(rig.outputs(), [Output::End(End::Stopped)]);
    let mut rig = Rig::new(None);
    rig.push.drained();
    assert_eq!(rig.outputs(), [Output::End(End::Drained)]);
    let mut rig = Rig::new(None);
    rig.status("409 Consumer Deleted", None);
    assert_eq!(rig.outputs(), [Output::End(End::ConsumerDeleted)]);
    let mut push = Push::new(None, Some(2), Instant::now());
    assert!(!push.message(Some(1)));
    assert!(push.message(Some(2)));
    assert_eq!(push.poll(), Some(Output::End(End::StopAfter)));
}

#[test]
fn what_is_unknown_is_told() {
    let mut rig = Rig::new(None);
    rig.status("599 What", None);
    assert_eq!(rig.outputs(), [Output::Event(Event::Status { code: 599, description: "What".into() })]);
}

#[test]
fn heartbeats_may_be_as_rare_as_there_is_time() {
    let mut rig = Rig::new(Some(Duration::MAX));
    rig.pass(SECOND);
    assert_eq!(rig.outputs(), []);
}
