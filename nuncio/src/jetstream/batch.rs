//! Messages that a stream stores all together or not at all (ADR-50).

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use nuncio_proto::js::batch::{self, Part};
use nuncio_proto::js::level::Feature;
use nuncio_proto::js::puback::PubAck;

use crate::codec::Payload;
use crate::error::shown;
use crate::jetstream::attempts::concluded;
use crate::jetstream::draft::{Draft, message_options};
use crate::jetstream::gate::Ask;
use crate::jetstream::{DecodeError, Error, JetStream, PublishError, Uncertain};
use crate::publish::{Outgoing, Subject};
use crate::request::{Request, not_sent};

impl JetStream {
    /// Begins a batch: its messages are stored together when it is committed, or none is (ADR-50). All must go to one stream,
    /// which must allow it (`allow_atomic`). Needs level 2 of the API (nats-server 2.12), which is asked for once a
    /// connection: an older server would store each message by itself.
    ///
    /// ```no_run
    /// # async fn f(js: nuncio::jetstream::JetStream) -> Result<(), nuncio::Error> {
    /// let mut batch = js.batch();
    /// batch.add("accounts.a", "-10").expect_last_subject_sequence(7).await?;
    /// let ack = batch.commit("accounts.b", "+10").await?;
    /// println!("both are stored, the last as {}", ack.sequence);
    /// # Ok(())
    /// # }
    /// ```
    pub fn batch(&self) -> Batch {
        Batch { js: self.clone(), book: batch::Batch::new() }
    }
}

/// A batch that has not been committed; begun by [`JetStream::batch`].
///
/// The stream checks what messages expect when the batch is committed, against its state before the batch.
///
/// Nothing is stored before [`commit`](Self::commit) or [`finish`](Self::finish): dropped before, the batch is gone. The
/// server forgets it ten seconds after the last message, and takes 1000 messages a batch and 50 batches a stream at
/// once unless it is configured otherwise; the commit of a larger batch is refused.
#[derive(Debug)]
pub struct Batch {
    js: JetStream,
    book: batch::Batch,
}

impl Batch {
    /// Adds a message. The first one waits for the stream's consent; later ones are on their way when this is complete, and
    /// what is wrong with them is told by the commit.
    pub fn add<'a>(
        &'a mut self,
        subject: impl Into<Subject<'a>>,
        payload: impl Into<Payload<'a>>,
    ) -> BatchAdd<'a> {
        BatchAdd {
            js: &self.js,
            timeout: self.js.timeout,
            book: &mut self.book,
            draft: Draft::new(subject.into(), payload.into()),
            state: Adding::New,
        }
    }

    /// Adds the last message and stores the batch.
    pub fn commit<'a>(
        &'a mut self,
        subject: impl Into<Subject<'a>>,
        payload: impl Into<Payload<'a>>,
    ) -> BatchCommit<'a> {
        self.last(Draft::new(subject.into(), payload.into()), Part::Commit)
    }

    fn last<'a>(&'a mut self, draft: Draft<'a>, part: Part) -> BatchCommit<'a> {
        BatchCommit {
            js: &self.js,
            timeout: self.js.timeout,
            book: &mut self.book,
            draft,
            part,
            state: Committing::New,
        }
    }

    /// Stores the batch as it is. `subject` must be one of the stream; nothing is stored under it. Needs level 4 of the
    /// API (nats-server 2.14).
    ///
    /// # Errors
    ///
    /// As those of [`commit`](Self::commit).
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is complete, the batch may be stored or not.
    pub async fn finish(&mut self, subject: &str) -> Result<PubAck, PublishError> {
        self.last(Draft::new(subject.into(), ().into()), Part::End).await
    }

    /// Whether the servers know batches.
    ///
    /// # Errors
    ///
    /// [`Error::Level`] if they do not.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn supported(&self) -> Result<(), Error> {
        self.js.needs(Feature::AtomicPublish.name(), Feature::AtomicPublish.level()).await
    }

    /// Messages that were sent.
    pub fn len(&self) -> u64 {
        self.book.sent()
    }

    /// Whether none was sent.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The id of the batch, which its messages carry.
    pub fn id(&self) -> &str {
        self.book.id()
    }
}

/// A message about to be added to a batch: set its options, then await it. Returned by [`Batch::add`].
///
/// # Errors
///
/// [`PublishError`]. The message is not stored, and after an answer that refuses it, or none, neither is the batch. With
/// [`PublishError::Unknown`] the first message was sent and no answer came: only a server before 2.12, which knows no batches,
/// may have stored it.
///
/// # Cancel safety
///
/// Dropped before it is complete, the message is not part of the batch; if it was the first one, the batch is over.
#[derive(Debug)]
#[must_use = "nothing is added until this is awaited"]
pub struct BatchAdd<'a> {
    js: &'a JetStream,
    timeout: Duration,
    book: &'a mut batch::Batch,
    draft: Draft<'a>,
    state: Adding<'a>,
}

#[derive(Debug)]
enum Adding<'a> {
    New,
    /// It waits for the level of the API.
    Asking(Ask),
    First(Box<Request<'a>>),
    Later,
    Over,
}

impl<'a> BatchAdd<'a> {
    message_options!();

    fn begin(&mut self) -> Result<(), PublishError> {
        let book = &*self.book;
        self.draft.set(|map, _| book.stamp(map, Part::Member));
        if book.sent() == 0 {
            self.draft.need(Feature::AtomicPublish);
        }
        self.draft.check()?;
        match self.draft.admitted(self.js) {
            Some(admitted) => admitted.map(|()| self.send()),
            None => {
                self.state = Adding::Asking(Ask::new(self.js, self.timeout));
                Ok(())
            }
        }
    }

    fn send(&mut self) {
        if self.book.sent() > 0 {
            self.state = Adding::Later;
            return;
        }
        let message = mem::replace(&mut self.draft.message, Outgoing::new("".into(), ().into()));
        let request = Request::of(&self.js.client.handle.shared, message).timeout(self.timeout);
        self.state = Adding::First(Box::new(request));
    }
}

impl Future for BatchAdd<'_> {
    type Output = Result<(), PublishError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let Adding::New = this.state
            && let Err(error) = this.begin()
        {
            this.state = Adding::Over;
            return Poll::Ready(Err(error));
        }
        if let Adding::Asking(ask) = &mut this.state {
            if let Err(error) = ready!(ask.poll(&this.draft, cx)) {
                this.state = Adding::Over;
                return Poll::Ready(Err(error));
            }
            this.send();
        }
        let ended = match &mut this.state {
            Adding::First(request) => {
                let answer = ready!(Pin::new(&mut **request).poll(cx));
                consent(answer, &request.message.subject.0, this.timeout)
            }
            Adding::Later => {
                let sent = ready!(this.draft.message.poll_send(&this.js.client.handle.shared, None, cx));
                sent.map_err(|error| PublishError::NotSent(not_sent(error)))
            }
            Adding::New | Adding::Asking(_) | Adding::Over => return Poll::Pending,
        };
        let first = matches!(mem::replace(&mut this.state, Adding::Over), Adding::First(_));
        match &ended {
            Ok(()) => this.book.count(),
            Err(_) if first => this.book.end(),
            Err(_) => {}
        }
        Poll::Ready(ended)
    }
}

/// The first message of a batch is answered with nothing if it may go on.
fn consent(
    answer: Result<crate::Message, crate::RequestError>,
    subject: &[u8],
    after: Duration,
) -> Result<(), PublishError> {
    match answer {
        Ok(reply) if reply.payload().is_empty() => Ok(()),
        Ok(reply) => {
            concluded(Ok(reply), subject, after)?;
            let cause = DecodeError::new("the server knows no batches and has stored the message alone");
            Err(PublishError::Unknown { subject: shown(subject), cause: Box::new(Uncertain::Answer(cause)) })
        }
        Err(error) => concluded(Err(error), subject, after).map(drop),
    }
}

impl Drop for BatchAdd<'_> {
    fn drop(&mut self) {
        if let Adding::First(_) = self.state {
            self.book.end();
        }
    }
}

/// The end of a batch: set the options of its last message, then await the acknowledgement. Returned by
/// [`Batch::commit`].
///
/// # Errors
///
/// [`PublishError`]: no message of the batch is stored. With [`PublishError::Unknown`] all may be.
///
/// # Cancel safety
///
/// Dropped before it is complete, the batch may be stored or not; it is over.
#[derive(Debug)]
#[must_use = "nothing is stored until this is awaited"]
pub struct BatchCommit<'a> {
    js: &'a JetStream,
    timeout: Duration,
    book: &'a mut batch::Batch,
    draft: Draft<'a>,
    part: Part,
    state: Committing<'a>,
}

#[derive(Debug)]
enum Committing<'a> {
    New,
    /// It waits for the level of the API.
    Asking(Ask),
    Asked(Box<Request<'a>>),
    Over,
}

impl<'a> BatchCommit<'a> {
    message_options!();

    /// How long to wait for the acknowledgement. Default: that of [`JetStream::timeout`], 5 seconds unless set.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    fn begin(&mut self) -> Result<(), PublishError> {
        let (book, part) = (&*self.book, self.part);
        self.draft.set(|map, _| book.stamp(map, part));
        match part {
            Part::End => self.draft.need(Feature::BatchEnd),
            _ if book.sent() == 0 => self.draft.need(Feature::AtomicPublish),
            _ => {}
        }
        self.draft.check()?;
        match self.draft.admitted(self.js) {
            Some(admitted) => admitted.map(|()| self.send()),
            None => {
                self.state = Committing::Asking(Ask::new(self.js, self.timeout));
                Ok(())
            }
        }
    }

    fn send(&mut self) {
        let message = mem::replace(&mut self.draft.message, Outgoing::new("".into(), ().into()));
        let request = Request::of(&self.js.client.handle.shared, message).timeout(self.timeout);
        self.state = Committing::Asked(Box::new(request));
        self.book.end();
    }
}

impl Future for BatchCommit<'_> {
    type Output = Result<PubAck, PublishError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let Committing::New = this.state
            && let Err(error) = this.begin()
        {
            this.state = Committing::Over;
            return Poll::Ready(Err(error));
        }
        if let Committing::Asking(ask) = &mut this.state {
            if let Err(error) = ready!(ask.poll(&this.draft, cx)) {
                this.state = Committing::Over;
                return Poll::Ready(Err(error));
            }
            this.send();
        }
        let Committing::Asked(request) = &mut this.state else { return Poll::Pending };
        let answer = ready!(Pin::new(&mut **request).poll(cx));
        let ended = concluded(answer, &request.message.subject.0, this.timeout);
        this.state = Committing::Over;
        Poll::Ready(ended)
    }
}
