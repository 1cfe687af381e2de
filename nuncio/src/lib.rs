//! nuncio: a NATS client.
//!
//! ```no_run
//! #[tokio::main]
//! async fn main() -> Result<(), nuncio::Error> {
//!     let nc = nuncio::connect("localhost").name("demo").await?;
//!     let mut greetings = nc.subscribe("greet.*").await?;
//!     nc.publish("greet.joe", "hello").await?;
//!     if let Some(m) = greetings.next().await {
//!         println!("{}: {}", m.subject(), m.text()?);
//!     }
//!     nc.drain().await?;
//!     Ok(())
//! }
//! ```
//!
//! Start at [`connect()`] and [`Client`].
//!
//! - **Builders are awaited.** [`connect()`], [`Client::publish`], [`Client::subscribe`] and [`Client::request`] return
//!   values to set options on; nothing happens before they are awaited, and a bad argument is reported then.
//! - **Only the connection runs on tokio.** It is one task; every other future can be polled by any executor, on any
//!   thread, and every value dropped anywhere.
//! - **The numbers add up.** Each message that was accepted is written, buffered, lost or maybe lost:
//!   [`Client::statistics`].
//! - **Nothing a peer sends is fatal.** What cannot be understood is reported where it is looked at.

pub mod auth;
mod callback;
mod client;
pub mod codec;
mod config;
mod confirm;
mod connect;
pub mod connector;
pub mod context;
mod drain;
mod driver;
pub mod error;
mod events;
mod flush;
mod message;
mod publish;
mod publish_confirmed;
mod queue;
mod request;
mod request_many;
mod stats;
mod subscribe;
mod subscription;
mod sync;
mod tls;
pub mod trace;
mod transport;
mod user_info;
mod wire;

pub use auth::{Auth, AuthError};
#[cfg(feature = "tls")]
#[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
pub use rustls;

pub use callback::{CallbackSubscription, SubscribeCallback};
pub use client::{Client, ConnectionState};
pub use codec::{CodecError, Decode, Json, Payload, Text};
pub use config::WhenFull;
pub use confirm::{SubscribeCallbackConfirmed, SubscribeConfirmed};
pub use connect::{Connect, Connecting, Servers, connect};
pub use drain::DrainReport;
pub use error::{
    CloseReason, ConfirmError, ConnectError, ConnectionClosed, DisconnectCause, DrainError, Error,
    FlushError, PublishError, RequestError, SubscribeError, UserInfoError,
};
pub use events::{Event, Events};
pub use message::{Message, RequestInfo};
pub use nuncio_proto::addr::{AddrError, Scheme, ServerAddr};
/// User JWTs (ADR-14): reading them and issuing them.
pub use nuncio_proto::auth::jwt;
/// NKEYs: making keys, reading seeds, signing.
pub use nuncio_proto::auth::nkey;
pub use nuncio_proto::header::{HeaderError, HeaderMap, HeaderView, Status};
pub use nuncio_proto::inbox::nuid;
pub use nuncio_proto::info::ServerInfo;
pub use nuncio_proto::pool::{Backoff, Server as PoolServer, ServerId};
pub use nuncio_proto::server_error::ServerError;
pub use nuncio_proto::subject::SubjectError;
pub use publish::{Publish, Subject};
pub use publish_confirmed::PublishConfirmed;
pub use queue::{Limits, OnFull, SubscriptionEnd};
pub use request::Request;
pub use request_many::{Replies, RequestMany};
pub use stats::Statistics;
pub use subscribe::Subscribe;
pub use subscription::{Subscription, SubscriptionStats};
pub use tls::{Tls, TlsProblem};
pub use transport::{Connection, Connector, ConnectorFuture};
pub use user_info::{Permissions, ResponsePermission, SubjectPermission, UserInfo};

/// The programs in the README compile.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
