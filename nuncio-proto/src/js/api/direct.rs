//! Direct get: reading a stream from any of its replicas and mirrors (ADR-31).

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::message::StoredMessage;
use super::wire::{nullable, unset};
use crate::header;
use crate::js::error::DecodeError;
use crate::js::time::{self, Timestamp, TimestampError};

/// Asks for one message, or for many.
///
/// What goes with what is the server's to say; [`DirectPages`] asks for many without reaching its limits.
///
/// ```
/// use nuncio_proto::js::api::direct::DirectGetRequest;
///
/// let body = DirectGetRequest::sequence(7).no_headers(true);
/// assert_eq!(serde_json::to_string(&body)?, r#"{"seq":7,"no_hdr":true}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct DirectGetRequest {
    /// The sequence; with anything else the first to look at.
    #[serde(rename = "seq", skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// The last message of this subject.
    #[serde(rename = "last_by_subj", skip_serializing_if = "Option::is_none")]
    pub last_by_subject: Option<String>,
    /// The first message of these subjects, with wildcards, from a sequence on.
    #[serde(rename = "next_by_subj", skip_serializing_if = "Option::is_none")]
    pub next_by_subject: Option<String>,
    /// Messages of this time or later. Needs 2.11 (level 1).
    #[serde(with = "time::option", skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Timestamp>,
    /// How many messages. Needs 2.11 (level 1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<u64>,
    /// How many bytes. Needs 2.11 (level 1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<u64>,
    /// The last message of each of these subjects, with wildcards; 1024 subjects at most. Needs 2.11 (level 1).
    #[serde(deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub multi_last: Vec<String>,
    /// As the stream was at this sequence. Needs 2.11 (level 1).
    #[serde(rename = "up_to_seq", skip_serializing_if = "Option::is_none")]
    pub up_to_sequence: Option<u64>,
    /// As the stream was at this time. Needs 2.11 (level 1).
    #[serde(with = "time::option", skip_serializing_if = "Option::is_none")]
    pub up_to_time: Option<Timestamp>,
    /// Whether the reply has no headers at all, which leaves only the payload. Needs 2.12 (level 2).
    #[serde(rename = "no_hdr", skip_serializing_if = "unset")]
    pub no_headers: bool,
}

impl DirectGetRequest {
    /// The message of this sequence, or of the first after it if it is gone.
    pub fn sequence(sequence: u64) -> Self {
        Self { sequence: Some(sequence), ..Self::default() }
    }

    /// The last message of this subject.
    pub fn last_by_subject(subject: impl Into<String>) -> Self {
        Self { last_by_subject: Some(subject.into()), ..Self::default() }
    }

    /// The first message of these subjects, with wildcards, that has this sequence or a higher one.
    pub fn next_by_subject(subject: impl Into<String>, sequence: u64) -> Self {
        Self { sequence: Some(sequence), next_by_subject: Some(subject.into()), ..Self::default() }
    }

    /// The first message of this time or later. Needs 2.11 (level 1).
    pub fn start_time(time: impl Into<Timestamp>) -> Self {
        Self { start_time: Some(time.into()), ..Self::default() }
    }

    /// The last message of each of these subjects, with wildcards. Needs 2.11 (level 1).
    pub fn multi_last<T: Into<String>>(subjects: impl IntoIterator<Item = T>) -> Self {
        Self { multi_last: subjects.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// Whether the reply has no headers at all. Needs 2.12 (level 2).
    #[must_use]
    pub fn no_headers(mut self, on: bool) -> Self {
        self.no_headers = on;
        self
    }
}

/// What one reply to a direct get says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DirectReply {
    /// A message.
    Message(DirectMessage),
    /// The payload of a message, for a request without headers.
    Bare,
    /// The batch is over (204).
    End {
        /// Messages that are left.
        pending: u64,
        /// The last message of the batch.
        last_sequence: u64,
        /// The sequence that a batch of last messages goes up to.
        up_to_sequence: Option<u64>,
    },
    /// There is no such message, or there are none (404).
    NotFound,
    /// The subjects are too many (413).
    TooMany,
    /// The request is not understood (408), or needs a newer server (412), or something else.
    Refused {
        /// The status.
        code: u16,
        /// What the server says.
        description: String,
    },
}

/// What the headers say of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DirectMessage {
    /// The stream that answered, which may be a mirror.
    pub stream: String,
    /// The subject.
    pub subject: String,
    /// The sequence.
    pub sequence: u64,
    /// When it was stored.
    pub time: Timestamp,
    /// How many messages are behind it in the batch and after; `None` from servers that do not know batches, and for
    /// single messages.
    pub pending: Option<u64>,
    /// The message before it in the batch, 0 for the first.
    pub last_sequence: Option<u64>,
}

impl DirectMessage {
    /// The message with its headers and payload.
    pub fn with(self, header_block: Option<Bytes>, payload: Bytes) -> StoredMessage {
        let Self { stream, subject, sequence, time, .. } = self;
        StoredMessage { stream: Some(stream), subject, sequence, time, header_block, payload }
    }
}

impl DirectReply {
    /// Reads the headers of a reply.
    ///
    /// A message may have been stored with malformed headers, so only the server's own are looked at.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] if it is neither a message nor a status.
    pub fn parse(header_block: Option<&[u8]>) -> Result<Self, DecodeError> {
        let Some(block) = header_block else { return Ok(Self::Bare) };
        let told = Told::read(block);
        // A message may have been stored with a status line, which is then the first line of this block as well.
        if let Some(message) = told.message()? {
            return Ok(Self::Message(message));
        }
        let Some(status) = header::status(block) else {
            return Err(DecodeError::new("the header Nats-Sequence is missing"));
        };
        Ok(match status.code().unwrap_or(0) {
            204 => Self::End {
                pending: number(told.pending).unwrap_or(0),
                last_sequence: number(told.last_sequence).unwrap_or(0),
                up_to_sequence: number(told.up_to_sequence),
            },
            404 => Self::NotFound,
            413 => Self::TooMany,
            code => {
                Self::Refused { code, description: String::from_utf8_lossy(status.description).into_owned() }
            }
        })
    }
}

/// The headers that the server adds. They come behind those of the message, which may have the same names, so the last
/// of a name counts.
#[derive(Default)]
struct Told<'a> {
    stream: Option<&'a [u8]>,
    subject: Option<&'a [u8]>,
    sequence: Option<&'a [u8]>,
    time: Option<&'a [u8]>,
    pending: Option<&'a [u8]>,
    last_sequence: Option<&'a [u8]>,
    up_to_sequence: Option<&'a [u8]>,
}

impl<'a> Told<'a> {
    fn read(block: &'a [u8]) -> Self {
        let mut told = Self::default();
        for (name, value) in header::raw_lines(block).flatten() {
            let place = match name {
                b"Nats-Stream" => &mut told.stream,
                b"Nats-Subject" => &mut told.subject,
                b"Nats-Sequence" => &mut told.sequence,
                b"Nats-Time-Stamp" => &mut told.time,
                b"Nats-Num-Pending" => &mut told.pending,
                b"Nats-Last-Sequence" => &mut told.last_sequence,
                b"Nats-UpTo-Sequence" => &mut told.up_to_sequence,
                _ => continue,
            };
            *place = Some(value);
        }
        told
    }

    fn message(&self) -> Result<Option<DirectMessage>, DecodeError> {
        let (Some(stream), Some(subject), Some(sequence), Some(time)) =
            (self.stream, self.subject, self.sequence, self.time)
        else {
            return Ok(None);
        };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let sequence = number(Some(sequence))
            .ok_or_else(|| DecodeError::new(format!("Nats-Sequence is {:?}", text(sequence))))?;
        let time = text(time).parse().map_err(|e: TimestampError| DecodeError::new(e.to_string()))?;
        Ok(Some(DirectMessage {
            stream: text(stream),
            subject: text(subject),
            sequence,
            time,
            pending: number(self.pending),
            last_sequence: number(self.last_sequence),
        }))
    }
}

fn number(value: Option<&[u8]>) -> Option<u64> {
    str::from_utf8(value?).ok()?.parse().ok()
}

/// Many messages by direct get: asks for page after page, and notices when a reply is lost.
///
/// Ask for [`next_request`](Self::next_request) and send it, give what comes back to [`reply`](Self::reply) until it says
/// that the page is over, and begin again. When nothing comes any more, [`lost`](Self::lost) makes the next page begin
/// behind the last message that came.
#[derive(Clone, Debug)]
pub struct DirectPages {
    next: Option<DirectGetRequest>,
    current: DirectGetRequest,
    /// How many messages are still wanted.
    left: Option<u64>,
    page: u64,
    /// The message before, in this page.
    last: u64,
    /// How many come behind it.
    pending: u64,
}

/// What follows from a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DirectStep {
    /// It is a message of the batch.
    Message(DirectMessage),
    /// A reply before this one was lost: the page is to be asked for again, from there on. This one is not to be used.
    Lost,
    /// The page is over.
    PageEnd,
    /// It is of no use: it was not asked for, or it has come already.
    Ignore,
    /// The server has something against it.
    Refused(DirectReply),
}

impl DirectPages {
    /// What `request` asks for, `page` messages and `max_bytes` at a time, and `limit` in all.
    ///
    /// A request for a batch has to say where it begins: without a sequence, a time or a subject it begins with the
    /// first message.
    pub fn new(mut request: DirectGetRequest, page: u64, max_bytes: Option<u64>, limit: Option<u64>) -> Self {
        if request.sequence.is_none() && request.start_time.is_none() && request.multi_last.is_empty() {
            request.sequence = Some(1);
        }
        request.max_bytes = max_bytes;
        let next = (limit != Some(0)).then(|| request.clone());
        Self { next, current: request, left: limit, page: page.max(1), last: 0, pending: 0 }
    }

    /// The request for the next page; `None` when there is no more.
    pub fn next_request(&mut self) -> Option<DirectGetRequest> {
        let mut request = self.next.take()?;
        request.batch = Some(self.left.map_or(self.page, |left| left.min(self.page)));
        self.current = request.clone();
        (self.last, self.pending) = (0, 0);
        Some(request)
    }

    /// Takes a reply to the present page.
    pub fn reply(&mut self, reply: DirectReply) -> DirectStep {
        match reply {
            DirectReply::Message(message) => self.message(message),
            DirectReply::End { pending, last_sequence, up_to_sequence } => {
                if last_sequence > self.last {
                    // The messages at the end of the page did not arrive.
                    self.again();
                    return DirectStep::Lost;
                }
                self.end(pending, up_to_sequence)
            }
            // A page behind the last message: there was something when the page before ended, and now there is not.
            DirectReply::NotFound if self.began() => DirectStep::PageEnd,
            other => DirectStep::Refused(other),
        }
    }

    /// Nothing more comes to the present page: the next one begins behind the last message that came.
    pub fn lost(&mut self) {
        self.again();
    }

    fn message(&mut self, message: DirectMessage) -> DirectStep {
        let first = self.current.sequence.unwrap_or(0).max(self.last.saturating_add(1));
        if message.sequence < first || self.left == Some(0) {
            return DirectStep::Ignore;
        }
        if message.last_sequence.unwrap_or(self.last) != self.last {
            self.again();
            return DirectStep::Lost;
        }
        self.last = message.sequence;
        self.pending = message.pending.unwrap_or(0);
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(1);
        }
        // A server that knows no batches has answered with one message, and sends no end.
        if message.pending.is_none() {
            self.next = None;
        }
        DirectStep::Message(message)
    }

    fn end(&mut self, pending: u64, up_to_sequence: Option<u64>) -> DirectStep {
        // The end of a page counts one too few on nats-server 2.11; the message before it does not.
        let pending = pending.max(self.pending);
        // Without a message there would be no way on.
        if pending > 0 && self.last > 0 && self.left != Some(0) {
            self.again();
            if let Some(next) = self.next.as_mut().filter(|next| !next.multi_last.is_empty()) {
                next.up_to_time = None;
                next.up_to_sequence = up_to_sequence.or(next.up_to_sequence);
            }
        }
        DirectStep::PageEnd
    }

    fn began(&self) -> bool {
        self.last > 0 || self.current.sequence > Some(1) && !self.current.multi_last.is_empty()
    }

    /// The present page once more, from behind the last message that came.
    fn again(&mut self) {
        let mut next = self.current.clone();
        if self.last > 0 {
            next.sequence = Some(self.last.saturating_add(1));
            next.start_time = None;
        }
        self.next = (self.left != Some(0)).then_some(next);
    }
}
