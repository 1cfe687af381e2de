//! What the server says on the reply subject of a pull, or to a push consumer, in place of a message.

use std::fmt;
use std::time::Duration;

use crate::header::{self, HeaderView};
use crate::js::ack::decimal;
use crate::js::ttl::GoDuration;
use crate::subject::excerpt;

/// A status: a message without a payload whose header block begins with a status line.
///
/// A message of a stream may have headers that look like it; only the status line counts.
///
/// # Examples
///
/// ```
/// use nuncio_proto::js::status::{Pending, PullStatus, StatusKind};
///
/// let block = b"NATS/1.0 408 Request Timeout\r\nNats-Pending-Messages: 5\r\nNats-Pending-Bytes: 0\r\n\r\n";
/// let status = PullStatus::classify(block).unwrap();
/// assert_eq!(status.kind, StatusKind::Expired);
/// assert_eq!(status.pending, Some(Pending { messages: 5, bytes: 0 }));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PullStatus<'a> {
    /// The code, 0 if it is none.
    pub code: u16,
    /// What it means.
    pub kind: StatusKind<'a>,
    /// What the pull asked for and did not get, where the server says so.
    pub pending: Option<Pending>,
    /// The text behind the code.
    pub text: &'a [u8],
}

/// What was left of a pull when it ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pending {
    /// Messages.
    pub messages: u64,
    /// Bytes; 0 for a pull without a limit of bytes.
    pub bytes: u64,
}

/// The meaning of a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StatusKind<'a> {
    /// 100 Idle Heartbeat: nothing to deliver, but all is well.
    Heartbeat {
        /// The consumer sequence that was delivered last.
        last_consumer: Option<u64>,
        /// The stream sequence that was delivered last.
        last_stream: Option<u64>,
        /// Where to answer so that a push consumer goes on whose flow control request was lost.
        stalled: Option<&'a str>,
    },
    /// 100 FlowControl Request: a push consumer waits for an answer.
    FlowControl,
    /// 204: the end of a batch of direct gets.
    EndOfBatch,
    /// 400 Bad Request.
    BadRequest,
    /// 404 No Messages.
    NoMessages,
    /// 408 Request Timeout: the pull expired.
    Expired,
    /// 408 Requests Pending: others wait already.
    RequestsPending,
    /// 408 Interest Expired: the reply subject is not subscribed to any more.
    InterestExpired,
    /// 409 Batch Completed: all messages asked for have come, with room for bytes left.
    BatchCompleted,
    /// 409 Message Size Exceeds MaxBytes: the next message does not fit into what is left of the pull.
    SizeExceeded,
    /// 409 Exceeded MaxWaiting: too many pulls wait already.
    MaxWaiting,
    /// 409 Exceeded MaxRequestBatch, MaxRequestExpires or MaxRequestMaxBytes.
    LimitExceeded(Option<RequestLimit>),
    /// 409 Consumer Deleted.
    ConsumerDeleted,
    /// 409 Consumer is push based.
    PushBased,
    /// 409 Leadership Change: the consumer has a new leader, which knows nothing of this pull.
    LeadershipChange,
    /// 409 Server Shutdown.
    ServerShutdown,
    /// 412 Required Api Level.
    ApiLevel,
    /// 423: the pin of this pull is not, or no longer, the right one.
    PinMismatch,
    /// 503: nobody listens; the consumer is gone, or between two leaders.
    NoResponders,
    /// Anything else.
    Unknown,
}

/// A limit of a consumer on single pulls, as the server tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestLimit {
    /// At most so many messages.
    Batch(u64),
    /// At most this long.
    Expires(Duration),
    /// At most so many bytes.
    Bytes(u64),
}

impl<'a> PullStatus<'a> {
    /// Reads the header block of a message without a payload; `None` if its first line has no status.
    ///
    /// Texts are compared by their beginnings and ignoring case.
    pub fn classify(block: &'a [u8]) -> Option<Self> {
        let line = header::status(block)?;
        let headers = HeaderView::parse(block).ok();
        let number = |name| decimal(headers?.get(name)?.as_bytes());
        let code = line.code().unwrap_or(0);
        let kind = match kind(code, line.description) {
            StatusKind::Heartbeat { .. } => StatusKind::Heartbeat {
                last_consumer: number("Nats-Last-Consumer"),
                last_stream: number("Nats-Last-Stream"),
                stalled: headers.and_then(|headers| headers.get("Nats-Consumer-Stalled")),
            },
            kind => kind,
        };
        let pending = number("Nats-Pending-Messages")
            .map(|messages| Pending { messages, bytes: number("Nats-Pending-Bytes").unwrap_or(0) });
        Some(Self { code, kind, pending, text: line.description })
    }

    /// The text in a printable form, cut where it is long.
    pub fn description(&self) -> String {
        excerpt(self.text)
    }
}

impl fmt::Debug for PullStatus<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, pending, kind, .. } = self;
        write!(f, "PullStatus({code} {}, {kind:?}, {pending:?})", self.description())
    }
}

fn kind<'a>(code: u16, text: &[u8]) -> StatusKind<'a> {
    match code {
        100 if begins(text, b"flow").is_some() => StatusKind::FlowControl,
        100 => StatusKind::Heartbeat { last_consumer: None, last_stream: None, stalled: None },
        204 => StatusKind::EndOfBatch,
        400 => StatusKind::BadRequest,
        404 => StatusKind::NoMessages,
        408 if begins(text, b"requests pending").is_some() => StatusKind::RequestsPending,
        408 if begins(text, b"interest expired").is_some() => StatusKind::InterestExpired,
        408 => StatusKind::Expired,
        409 => conflict(text),
        412 => StatusKind::ApiLevel,
        423 => StatusKind::PinMismatch,
        503 => StatusKind::NoResponders,
        _ => StatusKind::Unknown,
    }
}

fn conflict<'a>(text: &[u8]) -> StatusKind<'a> {
    let texts: [(&[u8], StatusKind<'a>); 7] = [
        (b"batch completed", StatusKind::BatchCompleted),
        (b"message size exceeds maxbytes", StatusKind::SizeExceeded),
        (b"exceeded maxwaiting", StatusKind::MaxWaiting),
        (b"consumer deleted", StatusKind::ConsumerDeleted),
        (b"consumer is push based", StatusKind::PushBased),
        (b"leadership change", StatusKind::LeadershipChange),
        (b"server shutdown", StatusKind::ServerShutdown),
    ];
    if let Some((_, kind)) = texts.into_iter().find(|(beginning, _)| begins(text, beginning).is_some()) {
        return kind;
    }
    match begins(text, b"exceeded maxrequest") {
        Some(rest) => StatusKind::LimitExceeded(limit(rest)),
        None => StatusKind::Unknown,
    }
}

fn limit(rest: &[u8]) -> Option<RequestLimit> {
    if let Some(value) = begins(rest, b"batch of ") {
        return decimal(value).map(RequestLimit::Batch);
    }
    if let Some(value) = begins(rest, b"maxbytes of ") {
        return decimal(value).map(RequestLimit::Bytes);
    }
    let expires: GoDuration = std::str::from_utf8(begins(rest, b"expires of ")?).ok()?.parse().ok()?;
    Some(RequestLimit::Expires(expires.0))
}

/// What follows, if the text begins so, in any case.
fn begins<'t>(text: &'t [u8], beginning: &[u8]) -> Option<&'t [u8]> {
    let (head, rest) = text.split_at_checked(beginning.len())?;
    head.eq_ignore_ascii_case(beginning).then_some(rest)
}

#[cfg(test)]
mod tests;
