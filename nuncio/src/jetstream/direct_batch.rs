//! Reading many messages from any replica or mirror of a stream.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use nuncio_proto::js::api::direct::{DirectGetRequest, DirectPages, DirectReply, DirectStep};
use nuncio_proto::js::api::message::StoredMessage;
use nuncio_proto::js::time::Timestamp;

use crate::RequestError;
use crate::jetstream::api::Refusal;
use crate::jetstream::call::CallFuture;
use crate::jetstream::direct::stored;
use crate::jetstream::direct_parts::Parts;
use crate::jetstream::{Error, Stream};

/// What one request asks for unless told otherwise. The server sends it without waiting for the client, so it should
/// fit well into the client's buffers.
const PAGE: u64 = 1000;
const PAGE_BYTES: u64 = 4 * 1024 * 1024;
/// How often nobody may answer, or nothing may arrive of a page, before that is the answer.
const TRIES: u32 = 3;
const PAUSE: std::time::Duration = std::time::Duration::from_millis(250);

impl Stream {
    /// Messages in the order of their sequences, from any replica or mirror, without a consumer: say where to begin and
    /// how far to go, then poll. It needs level 1 of the API (nats-server 2.11) and a stream that
    /// [allows it](crate::jetstream::StreamConfig::allow_direct).
    ///
    /// ```no_run
    /// # async fn f(stream: nuncio::jetstream::Stream) -> Result<(), nuncio::Error> {
    /// let mut messages = stream.direct_batch().subject("orders.eu").sequence(100).limit(50);
    /// while let Some(message) = messages.next().await {
    ///     let message = message?;
    ///     println!("{} {}", message.sequence, message.subject);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn direct_batch(&self) -> DirectBatch {
        DirectBatch::new(self, DirectGetRequest::default())
    }

    /// The last message of each of these subjects, with wildcards, in the order of their sequences, from any replica or
    /// mirror: as the stream was at one moment, however many pages it takes. It needs level 1 of the API (nats-server
    /// 2.11) and a stream that [allows it](crate::jetstream::StreamConfig::allow_direct).
    ///
    /// The server tells of 1024 subjects at once. More of them are asked for in portions of so many, each in the order of
    /// the sequences. Only one wildcard that more subjects match is refused ([`Error::TooManySubjects`]).
    ///
    /// ```no_run
    /// # async fn f(stream: nuncio::jetstream::Stream) -> Result<(), nuncio::Error> {
    /// for message in stream.last_for(["prices.eu.*", "prices.us.*"]).all().await? {
    ///     println!("{} {:?}", message.subject, message.text());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn last_for<T: Into<String>>(&self, subjects: impl IntoIterator<Item = T>) -> DirectBatch {
        DirectBatch::new(self, DirectGetRequest::multi_last(subjects))
    }
}

/// Many messages by direct get: a [`Stream`](futures_core::Stream) that asks for page after page as it is polled.
/// Returned by [`Stream::direct_batch`](crate::jetstream::Stream::direct_batch) and
/// [`Stream::last_for`](crate::jetstream::Stream::last_for).
///
/// What is lost on the way is asked for again: there is no gap, and nothing comes twice. It ends after an error. No
/// messages at all is an empty stream, not an error.
///
/// Dropping it gives up the page that is being asked for, if any.
#[must_use = "nothing is asked for until it is polled"]
pub struct DirectBatch {
    stream: Stream,
    request: DirectGetRequest,
    limit: Option<u64>,
    page: u64,
    page_bytes: u64,
    /// `None` before the first poll.
    parts: Option<Parts>,
    pages: Option<DirectPages>,
    asked: Option<CallFuture<'static, Heard>>,
    ready: VecDeque<StoredMessage>,
    over: bool,
}

/// A page that was read, and what is to come.
struct Read {
    pages: DirectPages,
    messages: VecDeque<StoredMessage>,
    over: bool,
}

/// What was asked for.
enum Heard {
    Page(Box<Read>),
    /// The last sequence of the stream; `None` if it is empty.
    Moment(Option<u64>),
}

impl DirectBatch {
    fn new(stream: &Stream, request: DirectGetRequest) -> Self {
        Self {
            stream: stream.clone(),
            request,
            limit: None,
            page: PAGE,
            page_bytes: PAGE_BYTES,
            parts: None,
            pages: None,
            asked: None,
            ready: VecDeque::new(),
            over: false,
        }
    }

    /// Begins with this sequence. Default: with the first message.
    pub fn sequence(mut self, sequence: u64) -> Self {
        self.request.sequence = Some(sequence);
        self
    }

    /// Only messages of these subjects, with wildcards. It is for batches from [`Stream::direct_batch`]. Default: all.
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.request.next_by_subject = Some(subject.into());
        self
    }

    /// Begins with the first message that was stored at this time or later. It is for batches from
    /// [`Stream::direct_batch`].
    pub fn since(mut self, time: impl Into<Timestamp>) -> Self {
        self.request.start_time = Some(time.into());
        self
    }

    /// As the stream was at this sequence. It is for batches from [`Stream::last_for`].
    pub fn up_to_sequence(mut self, sequence: u64) -> Self {
        self.request.up_to_sequence = Some(sequence);
        self
    }

    /// As the stream was at this time. It is for batches from [`Stream::last_for`].
    pub fn up_to_time(mut self, time: impl Into<Timestamp>) -> Self {
        self.request.up_to_time = Some(time.into());
        self
    }

    /// Ends after so many messages. Default: when there are no more.
    pub fn limit(mut self, messages: u64) -> Self {
        self.limit = Some(messages);
        self
    }

    /// How many messages and bytes one request asks for. Default: 1000 messages and 4 MiB.
    pub fn page(mut self, messages: u64, bytes: u64) -> Self {
        self.page = messages;
        self.page_bytes = bytes;
        self
    }

    /// The next message; `None` when there are no more.
    ///
    /// # Errors
    ///
    /// [`Error::Level`] if the servers are too old, [`Error::NoDirectGet`] if the stream does not allow it,
    /// [`Error::TooManySubjects`]; else as every call. It is the last item.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: what was not returned is returned by the next call.
    pub async fn next(&mut self) -> Option<Result<StoredMessage, Error>> {
        poll_fn(|cx| self.poll_message(cx)).await
    }

    /// All messages that are left.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next).
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is complete, the messages that it has read are gone.
    pub async fn all(mut self) -> Result<Vec<StoredMessage>, Error> {
        let mut all = Vec::new();
        while let Some(message) = self.next().await {
            all.push(message?);
        }
        Ok(all)
    }

    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<StoredMessage, Error>>> {
        loop {
            if let Some(message) = self.take_ready() {
                return Poll::Ready(Some(Ok(message)));
            }
            if self.over && !self.take_part() {
                return Poll::Ready(None);
            }
            if self.asked.is_none() {
                self.asked = Some(self.ask());
            }
            let Some(asked) = &mut self.asked else { return Poll::Ready(None) };
            let outcome = ready!(asked.as_mut().poll(cx));
            self.asked = None;
            match outcome {
                Ok(Heard::Page(read)) => {
                    self.over = read.over;
                    self.pages = Some(read.pages);
                    self.ready = read.messages;
                }
                Ok(Heard::Moment(Some(sequence))) => self.request.up_to_sequence = Some(sequence),
                Ok(Heard::Moment(None)) => self.finish(),
                Err(Error::TooManySubjects { .. }) if self.halve() => self.pages = None,
                Err(error) => {
                    self.finish();
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
    }

    fn take_ready(&mut self) -> Option<StoredMessage> {
        loop {
            let message = self.ready.pop_front()?;
            let Some(parts) = self.parts.as_mut().filter(|parts| parts.are_many()) else {
                return Some(message);
            };
            if !parts.is_new(message.sequence) {
                continue;
            }
            if let Some(left) = &mut self.limit {
                *left = left.saturating_sub(1);
                if *left == 0 {
                    self.finish();
                }
            }
            return Some(message);
        }
    }

    /// Goes on with the next portion of subjects; false if there is none.
    fn take_part(&mut self) -> bool {
        let Some(next) = self.parts.as_mut().and_then(Parts::next) else { return false };
        self.request.multi_last = next;
        self.pages = None;
        self.over = false;
        true
    }

    fn halve(&mut self) -> bool {
        let Self { parts, request, .. } = self;
        parts.as_mut().is_some_and(|parts| parts.halve(&mut request.multi_last))
    }

    fn finish(&mut self) {
        self.over = true;
        self.ready.clear();
        self.parts.get_or_insert_default().clear();
    }

    fn ask(&mut self) -> CallFuture<'static, Heard> {
        let request = &mut self.request;
        let many = self.parts.get_or_insert_with(|| Parts::of(&mut request.multi_last)).are_many();
        let stream = self.stream.clone();
        if many && request.up_to_sequence.is_none() && request.up_to_time.is_none() {
            // All portions are of this moment.
            return Box::pin(async move {
                match stream.direct_last(">").await {
                    Ok(last) => Ok(Heard::Moment(Some(last.sequence))),
                    Err(error) if error.is_message_not_found() => Ok(Heard::Moment(None)),
                    Err(error) => Err(error),
                }
            });
        }
        // What comes twice does not count, so the messages of several portions are counted here.
        let limit = self.limit.filter(|limit| !many || *limit == 0);
        let pages = self
            .pages
            .take()
            .unwrap_or_else(|| DirectPages::new(request.clone(), self.page, Some(self.page_bytes), limit));
        Box::pin(async move { read_page(stream, pages).await.map(|read| Heard::Page(Box::new(read))) })
    }
}

impl futures_core::Stream for DirectBatch {
    type Item = Result<StoredMessage, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_message(cx)
    }
}

impl fmt::Debug for DirectBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DirectBatch")
            .field("stream", &self.stream.name())
            .field("request", &self.request)
            .field("over", &self.over)
            .finish_non_exhaustive()
    }
}

async fn read_page(stream: Stream, mut pages: DirectPages) -> Result<Read, Error> {
    let mut messages = VecDeque::new();
    let mut tries = TRIES;
    loop {
        let Some(request) = pages.next_request() else {
            return Ok(Read { pages, messages, over: true });
        };
        stream.js.gate(request.needs()).await?;
        match read_replies(&stream, &mut pages, &request, &mut messages).await {
            Ok(Some(over)) => return Ok(Read { pages, messages, over }),
            // Something was lost. What came is handed out first.
            Ok(None) if !messages.is_empty() => return Ok(Read { pages, messages, over: false }),
            Ok(None) => {
                tries -= 1;
                if tries == 0 {
                    let (operation, _) = stream.direct_call(&request)?;
                    return Err(Error::Timeout { operation, after: stream.js.timeout });
                }
            }
            Err(error @ Error::NoJetStream { .. }) => {
                tries -= 1;
                if tries == 0 {
                    return Err(stream.direct_error(error));
                }
                pages.lost();
                stream.js.pause(PAUSE).await;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Reads the replies to one request. The answer is whether there is no more; `None` if replies were lost.
async fn read_replies(
    stream: &Stream,
    pages: &mut DirectPages,
    request: &DirectGetRequest,
    messages: &mut VecDeque<StoredMessage>,
) -> Result<Option<bool>, Error> {
    let (operation, body) = stream.direct_call(request)?;
    let client = stream.js.client();
    let mut replies = client.request(&operation, &body).timeout(stream.js.timeout).many().await?;
    while let Some(reply) = replies.next().await {
        let reply = match reply {
            Ok(reply) => reply,
            Err(RequestError::NoResponders { .. }) => return Err(Error::NoJetStream { operation }),
            Err(error) => return Err(error.into()),
        };
        let parsed = DirectReply::parse(reply.raw_headers());
        let step = match parsed {
            Ok(parsed) => pages.reply(parsed),
            error @ Err(_) => return Err(refused(stream, operation, error)),
        };
        match step {
            DirectStep::Message(message) => {
                let single = message.pending.is_none();
                messages.push_back(stored(message, &reply));
                if single {
                    return Ok(Some(true));
                }
            }
            DirectStep::PageEnd => return Ok(Some(false)),
            DirectStep::Lost => return Ok(None),
            // There is nothing, or nothing more.
            DirectStep::Refused(DirectReply::NotFound) => return Ok(Some(true)),
            DirectStep::Refused(DirectReply::TooMany) => {
                let filter = request.multi_last.first().cloned().unwrap_or_default();
                return Err(Error::TooManySubjects { stream: stream.name().to_owned(), filter });
            }
            DirectStep::Refused(reply) => return Err(refused(stream, operation, Ok(reply))),
            _ => {}
        }
    }
    pages.lost();
    Ok(None)
}

fn refused(
    stream: &Stream,
    operation: String,
    reply: Result<DirectReply, nuncio_proto::js::error::DecodeError>,
) -> Error {
    match stream.unexpected(reply) {
        Refusal::Api(error) => Error::Api { operation, error },
        Refusal::Error(error) => error,
    }
}
