//! Removing messages from a stream.

use std::future::IntoFuture;

use nuncio_proto::js::api::purge::{DeleteMessageRequest, PurgeRequest, Purged};
use nuncio_proto::js::api::stream::Success;

use crate::jetstream::asking::Repeat;
use crate::jetstream::call::{CallFuture, filter};
use crate::jetstream::{Error, Stream};

impl Stream {
    /// Removes messages: all of them unless something is set before it is awaited. Its output is how many were removed.
    ///
    /// ```no_run
    /// # async fn f(stream: nuncio::jetstream::Stream) -> Result<(), nuncio::Error> {
    /// let removed = stream.purge().filter("orders.eu").keep(10).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn purge(&self) -> Purge<'_> {
        Purge { stream: self, request: PurgeRequest::new() }
    }

    /// Deletes the message of this sequence. Its bytes stay on disk until they are overwritten by the way; see
    /// [`DeleteMessage::erase`].
    pub fn delete_message(&self, sequence: u64) -> DeleteMessage<'_> {
        DeleteMessage { stream: self, request: DeleteMessageRequest::delete(sequence) }
    }
}

/// Removes messages from a stream: returned by [`Stream::purge`], to be awaited.
///
/// # Errors
///
/// [`Error::Option`] if both a sequence and how many to keep are set, or no subject can match the filter. Else as every call;
/// [`ErrorCode::STREAM_PURGE_FAILED`](crate::jetstream::ErrorCode::STREAM_PURGE_FAILED) if the stream does not allow it.
///
/// # Cancel safety
///
/// Dropped before it is complete, messages may be removed all the same.
#[derive(Clone, Debug)]
#[must_use = "nothing is removed until this is awaited"]
pub struct Purge<'a> {
    stream: &'a Stream,
    request: PurgeRequest,
}

impl Purge<'_> {
    /// Only messages of these subjects, with wildcards.
    pub fn filter(mut self, filter: impl Into<String>) -> Self {
        self.request.filter = Some(filter.into());
        self
    }

    /// Only messages before this sequence. It excludes [`keep`](Self::keep).
    pub fn sequence(mut self, sequence: u64) -> Self {
        self.request.sequence = Some(sequence);
        self
    }

    /// All but so many of the last. It excludes [`sequence`](Self::sequence).
    pub fn keep(mut self, messages: u64) -> Self {
        self.request.keep = Some(messages);
        self
    }

    async fn purge(self) -> Result<u64, Error> {
        let Self { stream, request } = self;
        if request.sequence.is_some() && request.keep.is_some() {
            let problem = "it cannot go with `sequence`; say where to stop, or how many to leave".into();
            return Err(Error::Option { option: "keep", problem });
        }
        request.filter.iter().try_for_each(|subject| filter("filter", subject))?;
        let parts = ["STREAM.PURGE", &*stream.name];
        let purged: Purged = if request == PurgeRequest::default() {
            stream.js.call(&parts, &()).await?
        } else {
            // Only with an end of its own it removes nothing that comes later, however often it is carried out.
            let repeat = if request.sequence.is_some() { Repeat::Safe } else { Repeat::Never };
            stream.js.call_as(&parts, &request, repeat).await?
        };
        Ok(purged.purged)
    }
}

impl<'a> IntoFuture for Purge<'a> {
    type Output = Result<u64, Error>;
    type IntoFuture = CallFuture<'a, u64>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.purge())
    }
}

/// Deletes a message: returned by [`Stream::delete_message`], to be awaited.
///
/// # Errors
///
/// As every call. For a sequence that is not there [`Error::is_message_not_found`] from streams in memory, and
/// [`ErrorCode::STREAM_MESSAGE_DELETE_FAILED`](crate::jetstream::ErrorCode::STREAM_MESSAGE_DELETE_FAILED) from streams on
/// disk (nats-server 2.15.1).
///
/// # Cancel safety
///
/// Dropped before it is complete, the message may be deleted all the same.
#[derive(Clone, Debug)]
#[must_use = "nothing is deleted until this is awaited"]
pub struct DeleteMessage<'a> {
    stream: &'a Stream,
    request: DeleteMessageRequest,
}

impl DeleteMessage<'_> {
    /// Overwrites the bytes with random ones at once, which takes longer.
    pub fn erase(mut self) -> Self {
        self.request.no_erase = false;
        self
    }

    async fn delete(self) -> Result<(), Error> {
        let parts = ["STREAM.MSG.DELETE", &*self.stream.name];
        self.stream.js.call::<_, Success>(&parts, &self.request).await.map(drop)
    }
}

impl<'a> IntoFuture for DeleteMessage<'a> {
    type Output = Result<(), Error>;
    type IntoFuture = CallFuture<'a, ()>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.delete())
    }
}
