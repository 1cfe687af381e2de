//! Taking a stream out of the servers, chunk by chunk.

use std::fmt;
use std::future::{IntoFuture, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use nuncio_proto::js::api::snapshot::{SnapshotInfo, SnapshotRequest, chunk_index};
use nuncio_proto::js::level::Feature;

use crate::driver::wait::Deadline;
use crate::jetstream::call::CallFuture;
use crate::jetstream::{Error, JetStream, Stream};
use crate::{Message, Subscription};

/// Room for the largest window that the server takes, 32 MiB, and for what is on the way.
const ROOM: (usize, usize) = (1024 * 1024, 64 * 1024 * 1024);

impl Stream {
    /// Takes a snapshot: configuration, messages and consumers, as chunks of bytes that
    /// [`JetStream::restore_stream`](crate::jetstream::JetStream::restore_stream) puts back.
    ///
    /// ```no_run
    /// # async fn f(stream: nuncio::jetstream::Stream) -> Result<(), Box<dyn std::error::Error>> {
    /// use std::io::Write;
    ///
    /// let mut snapshot = stream.snapshot().await?;
    /// std::fs::write("ORDERS.json", serde_json::to_vec(snapshot.info())?)?;
    /// let mut file = std::fs::File::create("ORDERS.snapshot")?;
    /// while let Some(chunk) = snapshot.next().await {
    ///     file.write_all(&chunk?)?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn snapshot(&self) -> TakeSnapshot<'_> {
        TakeSnapshot { stream: self, request: SnapshotRequest::new("") }
    }
}

/// Begins a snapshot: returned by [`Stream::snapshot`], to be awaited.
///
/// # Errors
///
/// As every call, and as [`Client::subscribe`](crate::Client::subscribe).
///
/// # Cancel safety
///
/// Dropped before it is complete, the server gives up a snapshot that it may have begun after a few seconds.
#[derive(Clone, Debug)]
#[must_use = "nothing is asked for until this is awaited"]
pub struct TakeSnapshot<'a> {
    stream: &'a Stream,
    request: SnapshotRequest,
}

impl TakeSnapshot<'_> {
    /// Leaves the consumers out.
    pub fn without_consumers(mut self) -> Self {
        self.request.no_consumers = true;
        self
    }

    /// How large a chunk is, in bytes: 1 KiB to 1 MiB. Default: 128 KiB.
    pub fn chunk_size(mut self, bytes: u64) -> Self {
        self.request.chunk_size = Some(bytes);
        self
    }

    /// How many bytes may be under way, 32 MiB at most. It needs level 3 of the API (nats-server 2.12.5). Default: 8 MiB.
    pub fn window(mut self, bytes: u64) -> Self {
        self.request.window_size = Some(bytes);
        self
    }

    /// Lets the server check the messages first.
    pub fn check(mut self) -> Self {
        self.request.check = true;
        self
    }

    async fn begin(self) -> Result<Snapshot, Error> {
        let Self { stream, mut request } = self;
        let js = &stream.js;
        js.gate(request.window_size.map(|_| Feature::SnapshotWindow)).await?;
        request.deliver_subject = js.client().new_inbox();
        let subscribe = js.client().subscribe(&request.deliver_subject).limits(ROOM.0, ROOM.1);
        let chunks = subscribe.await?;
        let info = js.call(&["STREAM.SNAPSHOT", &stream.name], &request).await?;
        Ok(Snapshot {
            js: js.clone(),
            name: stream.name.to_string(),
            info,
            chunks,
            deadline: None,
            read: 0,
            over: false,
        })
    }
}

impl<'a> IntoFuture for TakeSnapshot<'a> {
    type Output = Result<Snapshot, Error>;
    type IntoFuture = CallFuture<'a, Snapshot>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.begin())
    }
}

/// A snapshot being taken: a [`Stream`](futures_core::Stream) of chunks, which ends with the snapshot, or after an
/// error. What was read before an error is of no use.
///
/// Each chunk is acknowledged as it is handed out, which lets the server send more. It gives up when that takes longer
/// than about five seconds.
///
/// Dropping it ends the subscription; the server gives up.
#[must_use = "nothing is read until it is polled"]
pub struct Snapshot {
    js: JetStream,
    name: String,
    info: SnapshotInfo,
    chunks: Subscription,
    /// Runs while somebody waits.
    deadline: Option<Deadline>,
    read: u64,
    over: bool,
}

impl Snapshot {
    /// What the snapshot is of. It is needed to put it back, and can be kept as JSON.
    pub fn info(&self) -> &SnapshotInfo {
        &self.info
    }

    /// The next chunk; `None` when the snapshot is complete.
    ///
    /// # Errors
    ///
    /// [`Error::Snapshot`] if it broke off, [`Error::Timeout`] if nothing came for as long as a call may take. It is the
    /// last item.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a chunk that was not returned is returned by the next call.
    pub async fn next(&mut self) -> Option<Result<Bytes, Error>> {
        poll_fn(|cx| self.poll_chunk(cx)).await
    }

    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        if self.over {
            return Poll::Ready(None);
        }
        let outcome = match futures_core::Stream::poll_next(Pin::new(&mut self.chunks), cx) {
            Poll::Ready(Some(message)) => self.take(&message),
            Poll::Ready(None) => Err(self.broken("the subscription to its chunks has ended")),
            Poll::Pending => {
                let (js, shared) = (&self.js, &self.js.client().handle.shared);
                let deadline = self.deadline.get_or_insert_with(|| Deadline::after(shared, js.timeout));
                if deadline.poll(cx).is_pending() {
                    return Poll::Pending;
                }
                let operation = format!("STREAM.SNAPSHOT.{}", self.name);
                Err(Error::Timeout { operation, after: js.timeout })
            }
        };
        self.deadline = None;
        self.over = !matches!(outcome, Ok(Some(_)));
        Poll::Ready(outcome.transpose())
    }

    fn take(&mut self, message: &Message) -> Result<Option<Bytes>, Error> {
        if message.payload().is_empty() {
            // Servers before 2.14 end with a message that has no status.
            return match message.status() {
                Some(status) if status.code() != Some(204) => {
                    Err(self.broken(&String::from_utf8_lossy(status.description)))
                }
                _ => Ok(None),
            };
        }
        self.read += 1;
        if let Some(reply) = message.reply_bytes() {
            if chunk_index(reply).is_some_and(|index| index != self.read) {
                return Err(self.broken("a chunk was lost"));
            }
            self.js.post(reply, None, b"").map_err(|error| self.broken(&error.to_string()))?;
        }
        Ok(Some(message.payload_bytes()))
    }

    fn broken(&self, problem: &str) -> Error {
        Error::Snapshot { stream: self.name.clone(), problem: problem.into() }
    }
}

impl futures_core::Stream for Snapshot {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_chunk(cx)
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("stream", &self.name)
            .field("read", &self.read)
            .field("over", &self.over)
            .finish_non_exhaustive()
    }
}
