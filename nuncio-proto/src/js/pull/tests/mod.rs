mod accounting;
mod bytes;
mod properties;
mod recovery;
mod statuses;

use super::*;
use crate::js::output::Presence;

pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const MILLIS: Duration = Duration::from_millis(1);

/// A pull with a clock, and what it puts out.
pub(super) struct Rig {
    pub(super) pull: Pull,
    pub(super) now: Instant,
}

impl Rig {
    pub(super) fn new(config: PullConfig) -> Self {
        let now = Instant::now();
        let mut rig = Self { pull: Pull::new(config, now), now };
        rig.pull.waiting(true, now);
        rig
    }

    pub(super) fn of(messages: u64) -> Self {
        Self::new(PullConfig { max_messages: Some(messages), ..PullConfig::default() })
    }

    pub(super) fn outputs(&mut self) -> Vec<Output> {
        std::iter::from_fn(|| self.pull.poll(self.now)).collect()
    }

    /// The ids and bodies of the pulls that are due, and nothing else.
    pub(super) fn pulls(&mut self) -> Vec<(u64, serde_json::Value)> {
        let pull = |output| match output {
            Output::Pull { id, body } => (id, serde_json::from_slice(&body).unwrap()),
            other => panic!("{other:?}"),
        };
        self.outputs().into_iter().map(pull).collect()
    }

    /// How many messages are asked for by the pulls that are due.
    pub(super) fn batches(&mut self) -> Vec<u64> {
        self.pulls().into_iter().map(|(_, body)| body["batch"].as_u64().unwrap()).collect()
    }

    pub(super) fn events(&mut self) -> Vec<Event> {
        let event = |output| match output {
            Output::Event(event) => Some(event),
            _ => None,
        };
        self.outputs().into_iter().filter_map(event).collect()
    }

    pub(super) fn end(&mut self) -> Option<End> {
        let end = |output| match output {
            Output::End(end) => Some(end),
            _ => None,
        };
        self.outputs().into_iter().find_map(end)
    }

    pub(super) fn messages(&mut self, count: u64) {
        (0..count).for_each(|_| _ = self.pull.message(100, None));
        self.pull.waiting(true, self.now);
    }

    pub(super) fn status(&mut self, id: u64, line: &str) {
        self.status_with(id, line, None);
    }

    pub(super) fn status_with(&mut self, id: u64, line: &str, pending: Option<(u64, u64)>) {
        let mut block = format!("NATS/1.0 {line}\r\n");
        if let Some((messages, bytes)) = pending {
            block += &format!("Nats-Pending-Messages: {messages}\r\nNats-Pending-Bytes: {bytes}\r\n");
        }
        block += "\r\n";
        let status = PullStatus::classify(block.as_bytes()).unwrap();
        self.pull.status(Some(id), &status, self.now);
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.now += time;
        self.pull.tick(self.now);
    }

    /// Lets the time come to the deadline.
    pub(super) fn until_deadline(&mut self) {
        let deadline = self.pull.deadline().unwrap();
        self.pass(deadline.saturating_duration_since(self.now));
    }

    pub(super) fn left(&self) -> u64 {
        self.pull.pending().messages
    }
}
