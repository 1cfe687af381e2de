//! One call of the API with all its requests: asked again where nobody says a word and asking twice does no harm.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use nuncio_proto::js::codes::ErrorCode;
use nuncio_proto::js::error::ApiError;

use crate::driver::shared::now;
use crate::driver::wait::Deadline;
use crate::error::RequestError;
use crate::jetstream::JetStream;
use crate::{Message, Request};

/// The first silence after which a call is asked again is this part of its time, within these bounds.
const PARTS: u32 = 4;
const SHORTEST_SILENCE: Duration = Duration::from_millis(250);
const LONGEST_SILENCE: Duration = Duration::from_millis(1500);

/// Whether a call may be made again when the first one may have been carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// It would do more than the first.
    Never,
    /// It comes to the same.
    Safe,
    /// It comes to the same, and finds that nothing is left to remove.
    Removal,
}

impl Repeat {
    /// By the operation and the names behind it.
    pub(crate) fn of(parts: &[&str]) -> Self {
        match parts {
            // Each would make another consumer.
            ["CONSUMER.CREATE", _] => Self::Never,
            [operation, ..] => match *operation {
                "INFO" | "STREAM.INFO" | "STREAM.LIST" | "STREAM.NAMES" | "STREAM.MSG.GET"
                | "STREAM.CREATE" | "STREAM.UPDATE" | "CONSUMER.INFO" | "CONSUMER.LIST"
                | "CONSUMER.NAMES" | "CONSUMER.CREATE" | "CONSUMER.PAUSE" => Self::Safe,
                "STREAM.DELETE" | "CONSUMER.DELETE" => Self::Removal,
                // Leaders would step down twice, pins be lost that are new, messages be purged that came after the answer, and
                // streams on disk do not tell a message that is gone from one that cannot be deleted.
                _ => Self::Never,
            },
            [] => Self::Never,
        }
    }

    /// Whether the error is what is to be expected when an earlier request was carried out.
    pub(crate) fn is_done(self, error: &ApiError) -> bool {
        let gone = matches!(error.err_code, ErrorCode::STREAM_NOT_FOUND | ErrorCode::CONSUMER_NOT_FOUND);
        self == Self::Removal && gone
    }
}

/// The requests of one call.
pub(crate) struct Asking<'a> {
    js: &'a JetStream,
    operation: &'a str,
    body: &'a [u8],
    repeat: Repeat,
    deadline: Instant,
    /// Those that have no answer yet: whichever comes first counts.
    open: Vec<Request<'a>>,
    /// Requests that may have been carried out without an answer.
    unanswered: usize,
    silence: Duration,
    /// When to ask next.
    next: Option<Deadline>,
}

impl<'a> Asking<'a> {
    pub(crate) fn new(
        js: &'a JetStream,
        operation: &'a str,
        body: &'a [u8],
        repeat: Repeat,
        deadline: Instant,
    ) -> Self {
        let silence = (js.timeout / PARTS).clamp(SHORTEST_SILENCE, LONGEST_SILENCE);
        let (open, unanswered, next) = (Vec::new(), 0, None);
        let mut asking = Self { js, operation, body, repeat, deadline, open, unanswered, silence, next };
        asking.ask();
        asking
    }

    fn ask(&mut self) {
        let left = self.deadline.saturating_duration_since(now());
        self.open.push(self.js.client.request(self.operation, self.body).timeout(left));
        self.unanswered += 1;
        self.next = None;
        if self.may_repeat() {
            self.again_in(jittered(self.silence));
            // A server that is slow rather than silent is not to be asked faster than it answers.
            self.silence = self.silence * 3 / 2;
        }
    }

    pub(crate) fn may_repeat(&self) -> bool {
        self.repeat != Repeat::Never
    }

    /// Asks again after this time; false if it would be too late.
    pub(crate) fn again_in(&mut self, wait: Duration) -> bool {
        let at = now() + wait;
        let early = at < self.deadline;
        if early {
            self.next = Some(Deadline::at(&self.js.client.handle.shared, at));
        }
        early
    }

    /// Whether a request without an answer may have been carried out.
    pub(crate) fn is_in_doubt(&self) -> bool {
        self.unanswered > 0
    }

    /// The next answer to any of the requests.
    pub(crate) async fn hear(&mut self) -> Result<Message, RequestError> {
        poll_fn(|cx| self.poll_hear(cx)).await
    }

    fn poll_hear(&mut self, cx: &mut Context<'_>) -> Poll<Result<Message, RequestError>> {
        loop {
            for index in 0..self.open.len() {
                let Some(request) = self.open.get_mut(index) else { break };
                if let Poll::Ready(answer) = Pin::new(request).poll(cx) {
                    drop(self.open.swap_remove(index));
                    self.note(&answer);
                    return Poll::Ready(answer);
                }
            }
            let Some(next) = &self.next else { return Poll::Pending };
            ready!(next.poll(cx));
            self.ask();
        }
    }

    fn note(&mut self, answer: &Result<Message, RequestError>) {
        match answer {
            Ok(_) | Err(RequestError::NoResponders { .. }) => self.unanswered -= 1,
            // The others are lost with it.
            Err(RequestError::Disconnected { .. }) => self.open.clear(),
            Err(_) => {}
        }
    }
}

/// So that those who wait for the same server do not ask all at once.
pub(crate) fn jittered(wait: Duration) -> Duration {
    wait.mul_f64(fastrand::f64().mul_add(0.5, 0.75))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_nothing_or_comes_to_the_same_may_be_asked_twice() {
        let safe = [
            &["INFO"][..],
            &["STREAM.INFO", "S"],
            &["CONSUMER.CREATE", "S", "C"],
            &["CONSUMER.CREATE", "S", "C", "a.b"],
        ];
        assert!(safe.iter().all(|parts| Repeat::of(parts) == Repeat::Safe));
        assert_eq!(Repeat::of(&["CONSUMER.DELETE", "S", "C"]), Repeat::Removal);
    }

    #[test]
    fn what_would_be_done_twice_is_asked_once() {
        let once = [
            &["CONSUMER.CREATE", "S"][..],
            &["STREAM.LEADER.STEPDOWN", "S"],
            &["CONSUMER.RESET", "S", "C"],
            &["CONSUMER.UNPIN", "S", "C"],
            &["STREAM.MSG.DELETE", "S"],
            &["STREAM.PURGE", "S"],
            &["STREAM.SNAPSHOT", "S"],
            &["STREAM.RESTORE", "S"],
            &["STREAM.PEER.REMOVE", "S"],
        ];
        assert!(once.iter().all(|parts| Repeat::of(parts) == Repeat::Never));
    }

    #[test]
    fn only_a_removal_is_done_when_there_is_nothing_left() {
        let gone = ApiError::new(404, ErrorCode::CONSUMER_NOT_FOUND, "consumer not found");
        assert!(Repeat::Removal.is_done(&gone) && !Repeat::Safe.is_done(&gone));
        assert!(!Repeat::Removal.is_done(&ApiError::new(503, ErrorCode::CLUSTER_NOT_AVAILABLE, "not now")));
    }
}
