//! Putting a snapshot of a stream back.

use std::fmt;

use nuncio_proto::js::api::snapshot::{RestoreReply, RestoreRequest, SnapshotInfo};
use nuncio_proto::js::api::stream::StreamInfo;
use nuncio_proto::js::error::Response;
use nuncio_proto::outbox;

use crate::jetstream::api::{Crowd, Refusal};
use crate::jetstream::asking::Repeat;
use crate::jetstream::call::stream_name;
use crate::jetstream::{Error, JetStream, Stream};
use crate::{Message, Payload, RequestError};

const NO_MORE: &str = "the server takes no more of it";

impl JetStream {
    /// Puts back a stream from a snapshot that [`Stream::snapshot`] took. There must be no stream of that name.
    ///
    /// ```no_run
    /// # async fn f(js: nuncio::jetstream::JetStream) -> Result<(), Box<dyn std::error::Error>> {
    /// let info = serde_json::from_slice(&std::fs::read("ORDERS.json")?)?;
    /// let mut restore = js.restore_stream(&info).await?;
    /// for chunk in std::fs::read("ORDERS.snapshot")?.chunks(128 * 1024) {
    ///     restore.send(chunk).await?;
    /// }
    /// let stream = restore.finish().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As every call; [`Error::is_name_in_use`] or
    /// [`ErrorCode::STREAM_NAME_EXIST_RESTORE_FAILED`](crate::jetstream::ErrorCode::STREAM_NAME_EXIST_RESTORE_FAILED) if
    /// there is a stream of that name.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is complete, the server gives up a restore that it may have begun after a while.
    pub async fn restore_stream(&self, info: &SnapshotInfo) -> Result<Restore, Error> {
        let name = &info.config.name;
        stream_name(name)?;
        self.gate(info.config.needs()).await?;
        let reply: RestoreReply = self.call(&["STREAM.RESTORE", name], &RestoreRequest::new(info)).await?;
        Ok(Restore { js: self.clone(), stream: name.clone(), subject: reply.deliver_subject, failed: None })
    }
}

/// A stream that is being put back: send all chunks in order, then [`finish`](Self::finish).
///
/// Dropping it earlier puts nothing back; the server gives up after a while.
#[must_use = "without its chunks, and without being finished, nothing is put back"]
pub struct Restore {
    js: JetStream,
    stream: String,
    subject: String,
    failed: Option<Error>,
}

impl Restore {
    /// Sends a chunk, and waits until the server has it. Chunks may be cut in another way than the snapshot had them, but
    /// have to fit into a message.
    ///
    /// # Errors
    ///
    /// [`Error::Restore`] if the server takes no more; else as every call. The restore has then failed, and every later
    /// call says the same.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: whether the server has the chunk is not known, so the restore has failed.
    pub async fn send<'a>(&mut self, chunk: impl Into<Payload<'a>>) -> Result<(), Error> {
        let chunk: Payload<'a> = chunk.into();
        self.still_going()?;
        if chunk.0.as_ref().is_ok_and(outbox::Payload::is_empty) {
            // To the server an empty one is the end.
            return Ok(());
        }
        // Whoever drops this future does not know what the server has.
        self.failed = Some(self.broken("a chunk was given up half-way"));
        let outcome = self.send_chunk(chunk).await;
        self.failed = outcome.as_ref().err().cloned();
        outcome
    }

    async fn send_chunk(&self, chunk: Payload<'_>) -> Result<(), Error> {
        let request = self.js.client().request(&self.subject, chunk).timeout(self.js.timeout);
        let reply = match request.await {
            Err(RequestError::NoResponders { .. }) => return Err(self.broken(NO_MORE)),
            reply => reply?,
        };
        if reply.payload().is_empty() {
            return Ok(());
        }
        match Response::<serde_json::Value>::parse(reply.payload()) {
            Ok(Err(error)) => Err(Error::Api { operation: self.subject.clone(), error }),
            Ok(Ok(_)) => Ok(()),
            Err(error) => Err(Error::Answer { operation: self.subject.clone(), error }),
        }
    }

    /// Says that all chunks are sent, and waits until the stream is there.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send); the chunks may have been incomplete.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is complete, the stream may be put back all the same.
    pub async fn finish(self) -> Result<Stream, Error> {
        self.still_going()?;
        let operation = &self.subject;
        let read = |reply: Message, _| match Response::<StreamInfo>::parse(reply.payload()) {
            Ok(answer) => answer.map_err(Refusal::Api),
            Err(error) => Err(Refusal::Error(Error::Answer { operation: operation.clone(), error })),
        };
        match self.js.call_raw(operation, b"", Crowd::Free, Repeat::Never, read).await {
            Ok(info) => Ok(Stream::with_info(&self.js, info)),
            Err(Error::NoJetStream { .. }) => Err(self.broken(NO_MORE)),
            Err(error) => Err(error),
        }
    }

    fn still_going(&self) -> Result<(), Error> {
        self.failed.clone().map_or(Ok(()), Err)
    }

    fn broken(&self, problem: &'static str) -> Error {
        Error::Restore { stream: self.stream.clone(), problem }
    }
}

impl fmt::Debug for Restore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Restore")
            .field("stream", &self.stream)
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}
