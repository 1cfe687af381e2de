//! What an administrator does with a consumer.

use nuncio_proto::js::api::consumer::{ConsumerInfo, ConsumerReset, ResetRequest, UnpinRequest};
use nuncio_proto::js::api::pause::{PauseRequest, PauseState};
use nuncio_proto::js::api::stream::Success;
use nuncio_proto::js::level::Feature;
use nuncio_proto::js::time::Timestamp;

use crate::jetstream::stream::step_down;
use crate::jetstream::{Consumer, Error};

impl Consumer {
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
        self.js().call(&["CONSUMER.INFO", self.stream_name(), self.name()], &()).await
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
        self.js()
            .call::<_, Success>(&["CONSUMER.DELETE", self.stream_name(), self.name()], &())
            .await
            .map(drop)
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
        self.js().gate(Some(Feature::Pause)).await?;
        self.js().call(&["CONSUMER.PAUSE", self.stream_name(), self.name()], &request).await
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
        self.js().gate(Some(Feature::PriorityGroups)).await?;
        let parts = ["CONSUMER.UNPIN", self.stream_name(), self.name()];
        self.js().call::<_, Success>(&parts, &UnpinRequest::new(group)).await.map(drop)
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
        self.js().gate(Some(Feature::ConsumerReset)).await?;
        let parts = ["CONSUMER.RESET", self.stream_name(), self.name()];
        match sequence {
            None => self.js().call(&parts, &()).await,
            Some(_) => self.js().call(&parts, &ResetRequest::new(sequence)).await,
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
        let parts = ["CONSUMER.LEADER.STEPDOWN", self.stream_name(), self.name()];
        step_down(self.js(), &parts, preferred).await
    }
}
