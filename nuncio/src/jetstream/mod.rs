//! JetStream: streams that keep messages, and consumers that hand them out.
//!
//! ```no_run
//! use nuncio::jetstream::{ConsumerConfig, StreamConfig};
//!
//! # async fn f() -> Result<(), nuncio::Error> {
//! let nc = nuncio::connect("localhost").await?;
//! let js = nc.jetstream();
//! let orders = js.create_or_update_stream(StreamConfig::new("ORDERS").subjects(["orders.>"])).await?;
//! let ack = js.publish("orders.eu", "42").message_id("a1").await?;
//! println!("stored as {} of {}", ack.sequence, ack.stream);
//!
//! let consumer = orders.create_or_update_consumer(ConsumerConfig::durable("worker")).await?;
//! let mut messages = consumer.consume().max_messages(500).await?;
//! while let Some(message) = messages.next().await {
//!     let message = message?;
//!     println!("{}", message.subject());
//!     message.ack().await?;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! | to | use |
//! | --- | --- |
//! | make and change streams | [`JetStream::create_stream`], [`JetStream::ensure_stream`], [`Stream`] |
//! | make and change consumers | [`Stream::create_consumer`], [`Stream::ensure_consumer`], [`Consumer`] |
//! | publish | [`JetStream::publish`] (one by one), [`JetStream::publisher`] (many in flight), [`JetStream::batch`] (all or none), [`JetStream::fast_ingest`] |
//! | consume | [`Consumer::consume`] (without end), [`Consumer::fetch`] (some), [`Consumer::next`] (one), [`Stream::ordered_consumer`] (all in order, no acks) |
//! | acknowledge | [`JsMessage`] |
//! | read by sequence or subject | [`Stream::get_message`], [`Stream::direct_get`] |
//!
//! Trouble that passes, such as a restart or a new leader, is an event ([`Messages::events`]); a stream of messages ends
//! once, with the reason, on what cannot be mended.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nuncio_proto::js::name::Prefix;

use crate::Client;

mod account;
mod ack;
mod ack_next;
mod advisory;
mod api;
mod asking;
mod attempts;
mod batch;
mod call;
mod calls;
mod consume;
mod consume_error;
mod consume_events;
mod consumer;
mod consumer_admin;
mod counter;
mod direct;
mod direct_batch;
mod direct_parts;
mod draft;
mod engine;
mod ensure;
mod ensure_consumer;
mod error;
mod fast;
mod fetch;
mod flow;
mod gate;
mod get;
mod ground;
mod keep_alive;
mod list;
mod maker;
mod manage_consumer;
mod manage_stream;
mod message;
mod ordered;
mod publish;
mod publish_error;
mod publisher;
mod pull_options;
mod purge;
mod push;
mod restore;
mod snapshot;
mod stream;

pub use ack::{AckError, Acknowledge, DoubleAck};
pub use ack_next::AckNext;
pub use advisory::Advisories;
pub use batch::{Batch, BatchAdd, BatchCommit};
pub use call::CallFuture;
pub use consume::{Consume, ConsumeStats, Messages};
pub use consume_error::ConsumeError;
pub use consume_events::ConsumeEvents;
pub use consumer::Consumer;
pub use counter::{Counter, CounterAdd, Increment};
pub use direct_batch::DirectBatch;
pub use ensure::{EnsureOutcome, Ensured};
pub use ensure_consumer::EnsuredConsumer;
pub use error::Error;
pub use fast::{FastAck, FastEnd, FastIngest, FastIngestBuilder, FastSend};
pub use fetch::{Fetch, Fetched, Next};
pub use keep_alive::KeepAlive;
pub use list::List;
pub use manage_consumer::WriteConsumer;
pub use manage_stream::WriteStream;
pub use message::JsMessage;
pub use nuncio_proto::js::ack::{Ack, Delivery};
pub use nuncio_proto::js::api::account::{AccountInfo, AccountLimits, ApiStats, Tier};
pub use nuncio_proto::js::api::advisory::{Action, Advisory, AdvisoryEvent, Attempt, Span};
pub use nuncio_proto::js::api::cluster::{ClusterInfo, DesiredCluster, DesiredStatus, PeerInfo};
pub use nuncio_proto::js::api::consumer::{ConsumerInfo, ConsumerReset, PriorityGroupInfo, SequenceInfo};
pub use nuncio_proto::js::api::consumer_config::{
    AckPolicy, ConsumerConfig, DeliverPolicy, PriorityPolicy, ReplayPolicy,
};
pub use nuncio_proto::js::api::diff::FieldChange;
pub use nuncio_proto::js::api::direct::DirectGetRequest;
pub use nuncio_proto::js::api::message::StoredMessage;
pub use nuncio_proto::js::api::metadata::Metadata;
pub use nuncio_proto::js::api::pause::PauseState;
pub use nuncio_proto::js::api::snapshot::SnapshotInfo;
pub use nuncio_proto::js::api::source::{
    External, Placement, Republish, SourceConsumer, SourceInfo, StreamSource, SubjectTransform,
};
pub use nuncio_proto::js::api::stream::{LostMessages, StreamAlternate, StreamInfo, StreamState};
pub use nuncio_proto::js::api::stream_config::{
    Compression, ConsumerLimits, DiscardPolicy, PersistenceMode, RetentionPolicy, StorageType, StreamConfig,
};
pub use nuncio_proto::js::batch::BatchError;
pub use nuncio_proto::js::codes::ErrorCode;
pub use nuncio_proto::js::error::{ApiError, DecodeError};
pub use nuncio_proto::js::expect::{OptionError, Rollup};
pub use nuncio_proto::js::fast::OnGap;
pub use nuncio_proto::js::headers;
pub use nuncio_proto::js::level::Feature;
pub use nuncio_proto::js::name::{NameError, NameKind, NameProblem, PrefixError};
pub use nuncio_proto::js::output::{End as ConsumeEnd, Event as ConsumeEvent, Recreation};
pub use nuncio_proto::js::puback::PubAck;
pub use nuncio_proto::js::schedule::{Schedule, ScheduleError, When};
pub use nuncio_proto::js::time::{Timestamp, TimestampError};
pub use nuncio_proto::js::ttl::{Ttl, TtlError};
pub use ordered::{OrderedConsumer, OrderedMessages};
pub use publish::Publish;
pub use publish_error::{PublishError, Uncertain};
pub use publisher::{AckHandle, Publisher, PublisherBuilder, Results, Sending, Unconfirmed};
pub use purge::{DeleteMessage, Purge};
pub use push::{Push, PushMessages};
pub use restore::Restore;
pub use snapshot::{Snapshot, TakeSnapshot};
pub use stream::{Info, Stream};

/// How long a call waits for its answer unless told otherwise.
const TIMEOUT: Duration = Duration::from_secs(5);

/// JetStream over a connection: returned by [`Client::jetstream`].
///
/// Cheap to clone. It keeps the connection open, as a clone of the [`Client`] does. An option that cannot be is
/// reported by the calls that are made with it.
#[derive(Clone)]
pub struct JetStream {
    client: Client,
    prefix: Arc<Result<Prefix, PrefixError>>,
    timeout: Duration,
    level: Arc<Mutex<Option<api::Level>>>,
    calls: Arc<calls::Calls>,
}

impl JetStream {
    pub(crate) fn new(client: Client) -> Self {
        Self {
            client,
            prefix: Arc::new(Ok(Prefix::default())),
            timeout: TIMEOUT,
            level: Arc::default(),
            calls: Arc::default(),
        }
    }

    /// JetStream of another domain: its API is below `$JS.<domain>.API`. Publishing is not changed by it.
    pub fn domain(self, domain: &str) -> Self {
        self.under(Prefix::domain(domain))
    }

    /// JetStream whose API is below another subject than `$JS.API`, as an account that imports it sees it.
    pub fn prefix(self, prefix: &str) -> Self {
        self.under(Prefix::custom(prefix))
    }

    fn under(self, prefix: Result<Prefix, PrefixError>) -> Self {
        Self { prefix: Arc::new(prefix), level: Arc::default(), ..self }
    }

    /// How long each call may take in all, attempts and what lies between them included. Default: 5 seconds.
    ///
    /// A request that reaches a server in the moment when its leader changes is lost without a word. So after a quarter of this
    /// time, 1.5 seconds at most, and again after longer and longer silences, a call is asked again, and whichever answer
    /// comes first counts; after a lost connection too. That is done where asking twice comes to the same: reading and
    /// listing, creating and updating by name with one configuration, pausing, purging up to a sequence (the figure is that
    /// of the request which is answered), and deleting streams and consumers, where there being none any more is then
    /// success. All else, such as other purges, which could remove what was stored after the answer, stepping down,
    /// resetting and deleting single messages, is asked once.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// How many calls of the API this context and its clones make at once; further ones wait for their turn, within their
    /// time. Default: 64; 1 at least. Direct gets, publishing and consuming are not among them.
    ///
    /// A server keeps the calls that it has not come to in a queue of a certain length, and drops what does not fit into it
    /// without an answer (it tells by the advisory `$JS.EVENT.ADVISORY.API.LIMIT_REACHED`).
    pub fn max_calls(self, calls: usize) -> Self {
        Self { calls: Arc::new(calls::Calls::new(calls)), ..self }
    }

    /// The connection.
    pub fn client(&self) -> &Client {
        &self.client
    }
}

impl fmt::Debug for JetStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JetStream")
            .field("prefix", &self.prefix)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
