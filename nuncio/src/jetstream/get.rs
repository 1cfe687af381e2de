//! Reading single messages from the leader of a stream.

use nuncio_proto::js::api::message::{GetMessageReply, GetMessageRequest, StoredMessage};

use crate::jetstream::call::filter;
use crate::jetstream::{Error, Stream};

impl Stream {
    /// The message of this sequence, from the leader: what was stored before is seen.
    ///
    /// # Errors
    ///
    /// As every call; [`Error::is_message_not_found`] if it is not there.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is changed.
    pub async fn get_message(&self, sequence: u64) -> Result<StoredMessage, Error> {
        self.read(GetMessageRequest::sequence(sequence)).await
    }

    /// The last message of this subject, from the leader. With wildcards it is the last of all that match.
    ///
    /// # Errors
    ///
    /// As every call; [`Error::is_message_not_found`] if there is none, [`Error::Option`] if no subject can match.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is changed.
    pub async fn last_message(&self, subject: impl Into<String>) -> Result<StoredMessage, Error> {
        let subject = subject.into();
        filter("subject", &subject)?;
        self.read(GetMessageRequest::last_by_subject(subject)).await
    }

    /// The first message of this subject, which may have wildcards, that has this sequence or a higher one, from the
    /// leader.
    ///
    /// # Errors
    ///
    /// As every call; [`Error::is_message_not_found`] if there is none, [`Error::Option`] if no subject can match.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is changed.
    pub async fn next_message(
        &self,
        subject: impl Into<String>,
        sequence: u64,
    ) -> Result<StoredMessage, Error> {
        let subject = subject.into();
        filter("subject", &subject)?;
        self.read(GetMessageRequest::next_by_subject(subject, sequence)).await
    }

    async fn read(&self, request: GetMessageRequest) -> Result<StoredMessage, Error> {
        let reply: GetMessageReply = self.js.call(&["STREAM.MSG.GET", &self.name], &request).await?;
        Ok(reply.into())
    }
}
