//! What nuncio's tests run against: real nats-server processes of several versions, and clusters of them.
//!
//! ```no_run
//! use std::time::Duration;
//! use nuncio_testkit::{NatsServer, eventually_async};
//!
//! # async fn example() -> Result<(), nuncio_testkit::Error> {
//! let mut server = NatsServer::builder().version("2.14.6").jetstream().start().await?;
//! server.kill(); // … and once more, with clients connected to server.url():
//! server.restart().await?;
//! let back = async || server.connz().await.ok()?.contains("\"num_connections\": 1").then_some(());
//! eventually_async("the client's return", Duration::from_secs(5), back).await?;
//! # Ok(())
//! # }
//! ```
//!
//! The kit waits for real processes and sockets, so it must not be used under tokio's paused clock. It needs a Unix
//! with a POSIX shell.

mod binary;
mod builder;
mod cluster;
mod error;
mod install;
mod monitor;
mod port;
mod process;
mod server;
mod wait;

pub use binary::{DEFAULT_VERSION, PINNED_VERSIONS, default_version, nats_server};
pub use builder::{Readiness, ServerBuilder};
pub use cluster::{Cluster, ClusterBuilder};
pub use error::Error;
pub use monitor::{get, info};
pub use port::Port;
pub use server::NatsServer;
pub use wait::{Deadline, TimedOut, eventually, eventually_async, eventually_some};
