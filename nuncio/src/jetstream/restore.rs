//! Putting a snapshot of a stream back.

use std::fmt;

use nuncio_proto::js::api::snapshot::{RestoreReply, RestoreRequest, SnapshotInfo};
use nuncio_proto::js::api::stream::StreamInfo;
use nuncio_proto::js::error::{ApiError, Response};
use nuncio_proto::outbox;

use crate::Payload;
use crate::jetstream::api::Refusal;
use crate::jetstream::call::stream_name;
use crate::jetstream::{Error, JetStream, Stream};

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
        Ok(Restore { js: self.clone(), subject: reply.deliver_subject })
    }
}

/// A stream that is being put back: send all chunks in order, then [`finish`](Self::finish).
///
/// Dropping it earlier puts nothing back; the server gives up after a while.
#[must_use = "without its chunks, and without being finished, nothing is put back"]
pub struct Restore {
    js: JetStream,
    subject: String,
}

impl Restore {
    /// Sends a chunk, and waits until the server has it. Chunks may be cut in another way than the snapshot had them, but
    /// have to fit into a message.
    ///
    /// # Errors
    ///
    /// As every call. The restore has then failed.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: whether the server has the chunk is not known, so the restore has failed.
    pub async fn send<'a>(&mut self, chunk: impl Into<Payload<'a>>) -> Result<(), Error> {
        let chunk: Payload<'a> = chunk.into();
        if chunk.0.as_ref().is_ok_and(outbox::Payload::is_empty) {
            // To the server an empty one is the end.
            return Ok(());
        }
        let request = self.js.client().request(&self.subject, chunk).timeout(self.js.timeout);
        let reply = request.await?;
        if reply.payload().is_empty() {
            return Ok(());
        }
        match Response::<StreamInfo>::parse(reply.payload()) {
            Ok(Err(error)) => Err(self.refused(error)),
            Ok(Ok(_)) => Ok(()),
            Err(error) => Err(Error::Answer { operation: self.subject.clone(), error }),
        }
    }

    /// Says that all chunks are sent, and waits until the stream is there.
    ///
    /// # Errors
    ///
    /// As every call; the chunks may have been incomplete.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is complete, the stream may be put back all the same.
    pub async fn finish(self) -> Result<Stream, Error> {
        let operation = self.subject.clone();
        let read = |reply: crate::Message| match Response::<StreamInfo>::parse(reply.payload()) {
            Ok(answer) => answer.map_err(Refusal::Api),
            Err(error) => Err(Refusal::Error(Error::Answer { operation: operation.clone(), error })),
        };
        let info = self.js.call_raw(&operation, b"", read).await?;
        Ok(Stream::with_info(&self.js, info))
    }

    fn refused(&self, error: ApiError) -> Error {
        Error::Api { operation: self.subject.clone(), error }
    }
}

impl fmt::Debug for Restore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Restore").field("subject", &self.subject).finish_non_exhaustive()
    }
}
