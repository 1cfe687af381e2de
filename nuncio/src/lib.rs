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
//! # Where to start
//!
//! | To | see |
//! |---|---|
//! | connect, to one server or several | [`connect()`] and the options of [`Connect`] |
//! | say who one is | [`Auth`], [`auth`]; keys and JWTs: [`nkey`], [`jwt`] |
//! | encrypt | [`Tls`] |
//! | publish | [`Client::publish`], [`Client::try_publish`] |
//! | subscribe | [`Client::subscribe`], [`Subscription`]; [a loop or a callback](Subscribe::callback) |
//! | ask and answer | [`Client::request`], [`Request::many`], [`Message::respond`] |
//! | read messages and headers | [`Message`], [`HeaderMap`], [`codec`] |
//! | keep messages in streams and consume them | [`Client::jetstream`], [`jetstream`] |
//! | know that something has arrived | [`Client::flush`], [`Publish::confirmed`], [`Subscribe::confirmed`] |
//! | end without loss | [`Client::drain`], [`Subscription::drain`] |
//! | know what happens | [`Client::events`], [`Client::closed`], [`Client::statistics`] |
//! | go through a proxy, WebSocket or a Unix socket | [`connector`], [`Connect`] |
//!
//! Guides for those who come from async-nats, NATS.deno or nats.js, and a short program for each topic, are in the
//! repository, below `docs` and `nuncio/examples`.
//!
//! # What holds everywhere
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
pub mod jetstream;
mod listen;
mod message;
mod publish;
mod publish_confirmed;
mod queue;
mod request;
mod request_many;
mod servers;
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
pub use connect::{Connect, Connecting, connect};
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
pub use servers::Servers;
pub use stats::Statistics;
pub use subscribe::Subscribe;
pub use subscription::{Subscription, SubscriptionStats};
pub use tls::{Tls, TlsInfo, TlsProblem};
pub use transport::{Connection, Connector, ConnectorFuture};
pub use user_info::{Permissions, ResponsePermission, SubjectPermission, UserInfo};

/// The bodies of the fuzz targets.
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing {
    /// A server that sends any frames of WebSocket. Panics where they are not read as they should be.
    pub fn websocket(data: &[u8]) {
        crate::transport::websocket::fuzzing::websocket(data);
    }
}

/// The programs in the README and in the guides compile.
#[cfg(doctest)]
mod guides {
    #[doc = include_str!("../../README.md")]
    struct Readme;
    #[doc = include_str!("../../docs/from-async-nats.md")]
    struct FromAsyncNats;
    #[doc = include_str!("../../docs/from-nats-js.md")]
    struct FromNatsJs;
}
