//! An in-process NATS server for tests, demos and offline work.
//!
//! It speaks the client protocol of nats-server 2.15, with users, tokens and permissions, over TCP or through
//! memory, and it can be made to fail on purpose. **Production runs
//! [nats-server](https://github.com/nats-io/nats-server)**: here there are no clusters, no accounts and no
//! persistence. Clients can be told of other servers all the same, and be sent away ([`Server::set_connect_urls`],
//! [`Server::lame_duck`]). WebSocket and TLS are the features `websocket` and `tls`.
//!
//! ```
//! use nuncio_server::Server;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let server = Server::start().await?; // a free port of 127.0.0.1
//! println!("connect to {}", server.url());
//! server.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! # Time
//!
//! A server keeps tokio's time. With [`ServerBuilder::in_memory`], a [`ServerBuilder::seed`] and a paused
//! single-threaded runtime everything that happens is the same at each run, and two minutes without a `PING` take
//! no time at all.
//!
//! # What differs from nats-server
//!
//! Where a client keeps to the protocol, only what is missing: `$SYS` requests, `$JS`, accounts and mappings.
//!
//! Some faults of clients that nats-server 2.15.1 lets pass close the connection here, so that they are noticed: text
//! behind `PING` and `PONG`, operations that only a server sends, `CONNECT` with no space before its JSON or with
//! `null` for it, an `UNSUB` whose count is no number, an `HPUB` whose header block has no bytes. Some that close the
//! connection there pass here: fields of the wrong type in `CONNECT` (which has exact names here, any case there), and
//! lengths with leading zeros beyond nine digits. Leading zeros of a length are not passed on.

mod builder;
mod config;
mod connection;
mod control;
mod core;
mod errors;
mod faults;
mod info;
mod listener;
mod permissions;
mod server;
mod sublist;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "websocket")]
mod websocket;

pub use builder::ServerBuilder;
pub use control::{ConnectionInfo, SubscriptionInfo};
pub use faults::{Direction, Faults};
pub use nuncio_proto::info::ServerInfo;
pub use permissions::Permissions;
pub use server::Server;
#[cfg(feature = "tls")]
pub use tls::Tls;
