//! An in-process NATS server for tests, demos and offline work.
//!
//! It speaks the client protocol of nats-server 2.15, with users, tokens and permissions, over TCP or through
//! memory, and it can be made to fail on purpose. **Production runs
//! [nats-server](https://github.com/nats-io/nats-server)**: here there are no clusters, no accounts, no TLS and no
//! persistence.
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
//! Where a client keeps to the protocol, nothing that is meant to. Faults that nats-server 2.15.1 lets pass and that
//! close the connection here: text behind `PING` and `PONG`, `INFO` and `+OK` from a client, `CONNECT` with no space
//! before its JSON. Faults that close the connection there and pass here: fields of the wrong type in `CONNECT`.

mod builder;
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

pub use builder::ServerBuilder;
pub use control::{ConnectionInfo, SubscriptionInfo};
pub use faults::{Direction, Faults};
pub use nuncio_proto::info::ServerInfo;
pub use permissions::Permissions;
pub use server::Server;
