//! A stream: what it is, what it holds, and who keeps it.

use std::collections::BTreeMap;
use std::fmt;
use std::future::IntoFuture;
use std::sync::Arc;

use nuncio_proto::js::api::stream::{PeerRequest, StepDownRequest, StreamInfo, StreamInfoRequest, Success};
use nuncio_proto::js::level::Feature;

use crate::jetstream::call::{CallFuture, filter};
use crate::jetstream::{Error, JetStream};

/// A handle to a stream.
///
/// Cheap to clone. It keeps the connection open, as a clone of the [`Client`](crate::Client) does; dropping it does
/// nothing on the wire.
///
/// ```no_run
/// # async fn f(js: nuncio::jetstream::JetStream) -> Result<(), nuncio::Error> {
/// let stream = js.get_stream("ORDERS").await?;
/// let info = stream.info().await?;
/// println!("{} messages, {} bytes", info.state.messages, info.state.bytes);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Stream {
    pub(crate) js: JetStream,
    pub(crate) name: Arc<str>,
    info: Option<Arc<StreamInfo>>,
}

impl Stream {
    /// A handle to a stream of a valid name.
    pub(super) fn bound(js: &JetStream, name: &str) -> Self {
        Self { js: js.clone(), name: name.into(), info: None }
    }

    pub(super) fn with_info(js: &JetStream, info: StreamInfo) -> Self {
        Self { js: js.clone(), name: info.config.name.as_str().into(), info: Some(Arc::new(info)) }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it was when this handle was made; `None` if that was done without asking, by
    /// [`JetStream::bind_stream`](crate::jetstream::JetStream::bind_stream).
    pub fn cached_info(&self) -> Option<&StreamInfo> {
        self.info.as_deref()
    }

    /// JetStream as this handle uses it.
    pub fn jetstream(&self) -> &JetStream {
        &self.js
    }

    /// What it is now. Details can be asked for before awaiting it.
    pub fn info(&self) -> Info<'_> {
        Info { stream: self, request: StreamInfoRequest::new() }
    }

    /// How many messages it holds of each subject that matches `filter`, which may have wildcards: all pages of the
    /// server's list, which has 100 000 subjects a page.
    ///
    /// # Errors
    ///
    /// As [`info`](Self::info).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is changed.
    pub async fn subjects(&self, filter: impl Into<String>) -> Result<BTreeMap<String, u64>, Error> {
        Ok(self.info().subjects(filter).await?.state.subjects)
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
        step_down(&self.js, &["STREAM.LEADER.STEPDOWN", &self.name], preferred).await
    }

    /// Takes the stream from a server of its cluster; another one takes its place if there is one.
    ///
    /// # Errors
    ///
    /// As every call; without a cluster [`ErrorCode::CLUSTER_REQUIRED`](crate::jetstream::ErrorCode::CLUSTER_REQUIRED).
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is complete, it may be done all the same.
    pub async fn remove_peer(&self, server: &str) -> Result<(), Error> {
        self.peer("STREAM.PEER.REMOVE", server).await
    }

    /// Moves the stream away from a server of its cluster, without going below its number of replicas meanwhile. It needs
    /// level 5 of the API (nats-server 2.15).
    ///
    /// # Errors
    ///
    /// As every call; without a cluster [`ErrorCode::CLUSTER_REQUIRED`](crate::jetstream::ErrorCode::CLUSTER_REQUIRED).
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is complete, it may be done all the same.
    pub async fn evacuate_peer(&self, server: &str) -> Result<(), Error> {
        self.js.gate(Some(Feature::PeerEvacuate)).await?;
        self.peer("STREAM.PEER.EVACUATE", server).await
    }

    /// Calls off a move, or a change of replicas, that is under way. It needs level 5 of the API (nats-server 2.15).
    ///
    /// # Errors
    ///
    /// As every call; when nothing is under way
    /// [`ErrorCode::STREAM_MOVE_NOT_IN_PROGRESS`](crate::jetstream::ErrorCode::STREAM_MOVE_NOT_IN_PROGRESS).
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is complete, it may be done all the same.
    pub async fn cancel_move(&self) -> Result<(), Error> {
        self.js.gate(Some(Feature::CancelMove)).await?;
        self.js.call::<_, Success>(&["STREAM.CANCEL_MOVE", &self.name], &()).await.map(drop)
    }

    async fn peer(&self, operation: &str, server: &str) -> Result<(), Error> {
        let body = PeerRequest::new(server);
        self.js.call::<_, Success>(&[operation, &self.name], &body).await.map(drop)
    }
}

pub(super) async fn step_down(js: &JetStream, parts: &[&str], preferred: Option<&str>) -> Result<(), Error> {
    if preferred.is_none() {
        return js.call::<_, Success>(parts, &()).await.map(drop);
    }
    js.gate(Some(Feature::PreferredLeader)).await?;
    js.call::<_, Success>(parts, &StepDownRequest::new(preferred)).await.map(drop)
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("name", &self.name).field("js", &self.js).finish_non_exhaustive()
    }
}

/// Asks for a stream as it is: returned by [`Stream::info`], to be awaited.
///
/// # Errors
///
/// As every call; [`Error::is_stream_not_found`] if it is not there.
///
/// # Cancel safety
///
/// Cancel safe: nothing is changed.
#[derive(Clone, Debug)]
#[must_use = "nothing is asked until this is awaited"]
pub struct Info<'a> {
    stream: &'a Stream,
    request: StreamInfoRequest,
}

impl Info<'_> {
    /// Tell how many messages there are of each of these subjects, with wildcards, in
    /// [`StreamState::subjects`](crate::jetstream::StreamState::subjects). All pages are asked for.
    pub fn subjects(mut self, filter: impl Into<String>) -> Self {
        self.request.subjects_filter = Some(filter.into());
        self
    }

    /// Tell which sequences are deleted, in [`StreamState::deleted`](crate::jetstream::StreamState::deleted).
    pub fn deleted(mut self) -> Self {
        self.request.deleted_details = true;
        self
    }

    async fn ask(self) -> Result<StreamInfo, Error> {
        let Self { stream, mut request } = self;
        request.subjects_filter.iter().try_for_each(|subject| filter("subjects", subject))?;
        let parts = ["STREAM.INFO", &*stream.name];
        if request == StreamInfoRequest::default() {
            return stream.js.call(&parts, &()).await;
        }
        let mut info: StreamInfo = stream.js.call(&parts, &request).await?;
        let mut found = info.state.subjects.len();
        while let Some(offset) = info.page.next(found) {
            request = request.offset(offset).deleted_details(false);
            let more: StreamInfo = stream.js.call(&parts, &request).await?;
            found = more.state.subjects.len();
            info.page.offset = offset;
            info.page.total = more.page.total;
            info.state.subjects.extend(more.state.subjects);
        }
        info.page.offset = 0;
        Ok(info)
    }
}

impl<'a> IntoFuture for Info<'a> {
    type Output = Result<StreamInfo, Error>;
    type IntoFuture = CallFuture<'a, StreamInfo>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.ask())
    }
}
