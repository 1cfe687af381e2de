//! A consumer: what it is, and what an administrator does with it.

use std::fmt;
use std::sync::Arc;

use nuncio_proto::js::api::consumer::{ConsumerInfo, ConsumerReset, ResetRequest, UnpinRequest};
use nuncio_proto::js::api::pause::{PauseRequest, PauseState};
use nuncio_proto::js::api::stream::Success;
use nuncio_proto::js::level::Feature;
use nuncio_proto::js::time::Timestamp;

use crate::jetstream::stream::step_down;
use crate::jetstream::{Error, JetStream};

/// A handle to a consumer.
///
/// Cheap to clone. It keeps the connection open, as a clone of the [`Client`](crate::Client) does; dropping it does
/// nothing on the wire, and the consumer stays.
#[derive(Clone)]
pub struct Consumer {
    pub(crate) js: JetStream,
    pub(crate) stream: Arc<str>,
    pub(crate) name: Arc<str>,
    info: Option<Arc<ConsumerInfo>>,
}

impl Consumer {
    /// A handle to a consumer of a valid name.
    pub(super) fn bound(js: &JetStream, stream: &Arc<str>, name: &str) -> Self {
        Self { js: js.clone(), stream: Arc::clone(stream), name: name.into(), info: None }
    }

    pub(super) fn with_info(js: &JetStream, info: ConsumerInfo) -> Self {
        let (stream, name) = (info.stream_name.as_str().into(), info.name.as_str().into());
        Self { js: js.clone(), stream, name, info: Some(Arc::new(info)) }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name of its stream.
    pub fn stream_name(&self) -> &str {
        &self.stream
    }

    /// What it was when this handle was made; `None` if that was done without asking, by
    /// [`Stream::bind_consumer`](crate::jetstream::Stream::bind_consumer).
    pub fn cached_info(&self) -> Option<&ConsumerInfo> {
        self.info.as_deref()
    }

    /// JetStream as this handle uses it.
    pub fn jetstream(&self) -> &JetStream {
        &self.js
    }

    /// What it is now.
    ///
    /// # Errors
    ///
    /// As every call; [`Error::is_consumer_not_found`] if it is not there.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is changed.
    pub async fn info(&self) -> Result<ConsumerInfo, Error> {
        self.js.call(&["CONSUMER.INFO", &self.stream, &self.name], &()).await
    }

    /// Deletes it.
    ///
    /// # Errors
    ///
    /// As every call; [`Error::is_consumer_not_found`] if it is not there.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is complete, it may be deleted all the same.
    pub async fn delete(&self) -> Result<(), Error> {
        self.js.call::<_, Success>(&["CONSUMER.DELETE", &self.stream, &self.name], &()).await.map(drop)
    }

    /// Lets it deliver nothing until that time, or until [`resume`](Self::resume). It needs level 1 of the API
    /// (nats-server 2.11).
    ///
    /// A time that has passed lets it go on.
    ///
    /// # Errors
    ///
    /// As every call.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is complete, it may be paused all the same.
    pub async fn pause(&self, until: impl Into<Timestamp>) -> Result<PauseState, Error> {
        self.set_pause(PauseRequest::until(until)).await
    }

    /// Lets it go on delivering. It needs level 1 of the API (nats-server 2.11).
    ///
    /// # Errors
    ///
    /// As every call.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is complete, it may go on all the same.
    pub async fn resume(&self) -> Result<PauseState, Error> {
        self.set_pause(PauseRequest::resume()).await
    }

    async fn set_pause(&self, request: PauseRequest) -> Result<PauseState, Error> {
        self.js.gate(Some(Feature::Pause)).await?;
        self.js.call(&["CONSUMER.PAUSE", &self.stream, &self.name], &request).await
    }

    /// Lets go of the client that is pinned in a priority group, so that another one gets the messages. It needs level 1 of
    /// the API (nats-server 2.11).
    ///
    /// # Errors
    ///
    /// As every call;
    /// [`ErrorCode::CONSUMER_INVALID_PRIORITY_GROUP`](crate::jetstream::ErrorCode::CONSUMER_INVALID_PRIORITY_GROUP) if it
    /// has no such group.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is complete, it may be done all the same.
    pub async fn unpin(&self, group: &str) -> Result<(), Error> {
        self.js.gate(Some(Feature::PriorityGroups)).await?;
        let parts = ["CONSUMER.UNPIN", &*self.stream, &*self.name];
        self.js.call::<_, Success>(&parts, &UnpinRequest::new(group)).await.map(drop)
    }

    /// Lets it begin anew: with the message of this sequence, or with `None` behind the last message up to which all are
    /// acknowledged. It needs level 4 of the API (nats-server 2.14).
    ///
    /// Its own sequence begins anew too. It has to deliver all messages, or from a sequence or time on, and not begin
    /// before that.
    ///
    /// # Errors
    ///
    /// As every call;
    /// [`ErrorCode::CONSUMER_INVALID_RESET`](crate::jetstream::ErrorCode::CONSUMER_INVALID_RESET), with the reason, if it
    /// cannot be reset. If it is not there, nats-server 2.15.1 does not answer, and the call ends with its timeout.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is complete, it may be reset all the same.
    pub async fn reset(&self, sequence: Option<u64>) -> Result<ConsumerReset, Error> {
        self.js.gate(Some(Feature::ConsumerReset)).await?;
        let parts = ["CONSUMER.RESET", &*self.stream, &*self.name];
        match sequence {
            None => self.js.call(&parts, &()).await,
            Some(_) => self.js.call(&parts, &ResetRequest::new(sequence)).await,
        }
    }

    /// Lets another server of its cluster lead it: the one of that name, which needs level 1 of the API (nats-server
    /// 2.11), or any.
    ///
    /// # Errors
    ///
    /// As every call; without a cluster [`ErrorCode::CLUSTER_REQUIRED`](crate::jetstream::ErrorCode::CLUSTER_REQUIRED).
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is complete, the leader may step down all the same.
    pub async fn step_down(&self, preferred: Option<&str>) -> Result<(), Error> {
        let parts = ["CONSUMER.LEADER.STEPDOWN", &*self.stream, &*self.name];
        step_down(&self.js, &parts, preferred).await
    }
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field("stream", &self.stream)
            .field("name", &self.name)
            .field("js", &self.js)
            .finish_non_exhaustive()
    }
}
