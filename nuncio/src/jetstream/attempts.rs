//! What becomes of a message that was sent: an answer, another attempt, or doubt.

use std::time::{Duration, Instant};

use nuncio_proto::header::HeaderView;
use nuncio_proto::js::codes::ErrorCode;
use nuncio_proto::js::error::{ApiError, DecodeError};
use nuncio_proto::js::expect;
use nuncio_proto::js::puback::PubAck;

use crate::driver::shared::Failure;
use crate::error::{ConnectionClosed, RequestError, shown};
use crate::jetstream::{PublishError, Uncertain};

/// How often a message is sent again (ADR-22).
pub(crate) const RETRIES: u32 = 2;
/// The wait before that (ADR-22).
pub(crate) const RETRY_WAIT: Duration = Duration::from_millis(250);

/// The least that an attempt waits for its answer.
const SHORTEST_SHARE: Duration = Duration::from_millis(50);

/// The options of a publish about time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    pub(crate) timeout: Duration,
    pub(crate) retries: u32,
    pub(crate) retry_wait: Duration,
}

impl Patience {
    pub(crate) fn new(timeout: Duration) -> Self {
        Self { timeout, retries: RETRIES, retry_wait: RETRY_WAIT }
    }

    /// How long one attempt of a message that can be sent again waits for its answer: long enough for one, however many
    /// there may be.
    pub(crate) fn share(&self) -> Duration {
        let share = self.timeout / self.retries.saturating_add(1);
        share.max(SHORTEST_SHARE).min(self.timeout)
    }
}

/// The attempts that a message has left, and whether an earlier one may have been stored.
#[derive(Debug)]
pub(crate) struct Attempts {
    left: u32,
    pub(crate) deadline: Instant,
    doubt: Option<Box<Uncertain>>,
}

/// What was sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent<'a> {
    pub(crate) subject: &'a [u8],
    pub(crate) headers: Option<HeaderView<'a>>,
}

/// What came of an attempt.
pub(crate) type Answer = Result<Result<Result<PubAck, ApiError>, DecodeError>, Failure>;

#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    Done(Result<PubAck, PublishError>),
    /// It is to be sent again after this time.
    Again(Duration),
}

impl Sent<'_> {
    /// Whether sending it twice stores it once.
    pub(crate) fn is_idempotent(&self) -> bool {
        self.headers.is_some_and(expect::is_idempotent)
    }

    fn subject(&self) -> String {
        shown(self.subject)
    }

    fn unknown(&self, cause: Uncertain) -> PublishError {
        PublishError::Unknown { subject: self.subject(), cause: Box::new(cause) }
    }
}

impl Attempts {
    pub(crate) fn new(patience: &Patience, deadline: Instant) -> Self {
        Self { left: patience.retries, deadline, doubt: None }
    }

    pub(crate) fn are_left(&self) -> bool {
        self.left > 0
    }

    /// Judges the end of an attempt that was sent.
    pub(crate) fn judge(
        &mut self,
        answer: Answer,
        sent: &Sent<'_>,
        patience: &Patience,
        now: Instant,
    ) -> Verdict {
        match answer {
            Ok(Ok(Ok(ack))) => Verdict::Done(Ok(ack)),
            Ok(Ok(Err(error))) => self.refused(error, sent, patience, now),
            Ok(Err(error)) => Verdict::Done(Err(sent.unknown(Uncertain::Answer(error)))),
            Err(Failure::NoResponders) => {
                let error = PublishError::NoStream { subject: sent.subject() };
                self.later(error, sent, patience.retry_wait, now)
            }
            Err(Failure::Denied) => self.over(PublishError::Denied { subject: sent.subject() }, sent),
            Err(Failure::Timeout) => self.doubted(Uncertain::Timeout { after: patience.timeout }, sent, now),
            Err(Failure::Disconnected) => self.doubted(Uncertain::Disconnected, sent, now),
            Err(Failure::InboxDenied) => Verdict::Done(Err(sent.unknown(Uncertain::InboxDenied))),
            Err(Failure::InboxRefused(error)) => {
                Verdict::Done(Err(sent.unknown(Uncertain::InboxRefused(*error))))
            }
            Err(Failure::Unsent(reason)) => {
                Verdict::Done(Err(self.unsent(ConnectionClosed { reason: *reason }.into(), sent, patience)))
            }
            Err(Failure::Closed(reason)) => Verdict::Done(Err(sent.unknown(Uncertain::Closed(*reason)))),
        }
    }

    fn refused(&mut self, error: ApiError, sent: &Sent<'_>, patience: &Patience, now: Instant) -> Verdict {
        // The stream looks for the id of a message first; without one, the first attempt may be what is in the way.
        let by_itself =
            error.is_wrong_last_sequence() || error.err_code == ErrorCode::STREAM_WRONG_LAST_MESSAGE_ID;
        let has_id = sent.headers.is_some_and(expect::has_message_id);
        if self.doubt.is_some() && by_itself && !has_id {
            return Verdict::Done(Err(sent.unknown(Uncertain::Again(error))));
        }
        let retryable = error.is_retryable();
        let error = PublishError::Refused { subject: sent.subject(), error };
        // Whatever an earlier attempt came to, this one was told by the stream, which would have found it.
        if retryable { self.later(error, sent, patience.retry_wait, now) } else { Verdict::Done(Err(error)) }
    }

    /// It is not stored by this attempt; another one may do better.
    fn later(&mut self, error: PublishError, sent: &Sent<'_>, wait: Duration, now: Instant) -> Verdict {
        if self.left == 0 || now + wait >= self.deadline {
            return self.over(error, sent);
        }
        self.left -= 1;
        Verdict::Again(wait)
    }

    /// It may be stored; it is sent again only where that cannot store it twice.
    fn doubted(&mut self, cause: Uncertain, sent: &Sent<'_>, now: Instant) -> Verdict {
        if self.left == 0 || now >= self.deadline || !sent.is_idempotent() {
            return Verdict::Done(Err(sent.unknown(cause)));
        }
        self.left -= 1;
        self.doubt = Some(Box::new(cause));
        Verdict::Again(Duration::ZERO)
    }

    /// This attempt stored nothing: the end, unless an earlier one may have.
    fn over(&mut self, error: PublishError, sent: &Sent<'_>) -> Verdict {
        Verdict::Done(Err(match self.doubt.take() {
            Some(cause) => sent.unknown(*cause),
            None => error,
        }))
    }

    /// What it means that an attempt could not be sent.
    pub(crate) fn unsent(
        &mut self,
        error: RequestError,
        sent: &Sent<'_>,
        patience: &Patience,
    ) -> PublishError {
        if let Some(cause) = self.doubt.take() {
            return sent.unknown(*cause);
        }
        PublishError::NotSent(match error {
            RequestError::Timeout { subject, .. } => {
                crate::PublishError::Timeout { subject, after: patience.timeout }.into()
            }
            error => error,
        })
    }
}

/// The outcome of a message that was sent once and is not sent again.
pub(crate) fn concluded(
    answer: Result<crate::Message, RequestError>,
    subject: &[u8],
    after: Duration,
) -> Result<PubAck, PublishError> {
    let sent = Sent { subject, headers: None };
    let cause = match answer {
        Ok(reply) => match PubAck::parse(reply.payload()) {
            Ok(ack) => return ack.map_err(|error| PublishError::Refused { subject: sent.subject(), error }),
            Err(error) => Uncertain::Answer(error),
        },
        Err(RequestError::NoResponders { subject }) => return Err(PublishError::NoStream { subject }),
        Err(RequestError::Denied { subject }) => return Err(PublishError::Denied { subject }),
        Err(RequestError::Timeout { .. }) => Uncertain::Timeout { after },
        Err(RequestError::Disconnected { .. }) => Uncertain::Disconnected,
        Err(RequestError::InboxDenied { .. }) => Uncertain::InboxDenied,
        Err(RequestError::InboxRefused { error, .. }) => Uncertain::InboxRefused(error),
        Err(RequestError::Closed(closed)) => Uncertain::Closed(closed.reason),
        Err(error) => return Err(PublishError::NotSent(error)),
    };
    Err(sent.unknown(cause))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_without_number_do_not_follow_each_other_at_once() {
        let share = |timeout, retries| {
            let timeout = Duration::from_millis(timeout);
            Patience { retries, ..Patience::new(timeout) }.share().as_millis()
        };
        assert_eq!(share(3000, 2), 1000);
        assert_eq!(share(3000, u32::MAX), 50);
        assert_eq!(share(10, 2), 10);
    }
}
