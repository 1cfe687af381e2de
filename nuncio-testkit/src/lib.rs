//! What nuncio's tests run against: real nats-server processes of several versions, clusters of them, certificates for
//! them, and a TCP proxy that injects faults.
//!
//! ```no_run
//! use std::time::Duration;
//! use nuncio_testkit::{Cut, NatsServer, Proxy, eventually};
//!
//! # async fn example() -> Result<(), nuncio_testkit::Error> {
//! let mut server = NatsServer::builder().version("2.14.6").jetstream().start().await?;
//! let proxy = Proxy::start(server.addr()).await?;
//! proxy.to_client().cut_once_after(1500, Cut::Rst);
//! // … connect a client to proxy.url(), then:
//! eventually("a second connection", Duration::from_secs(5), || proxy.stats().accepted == 2).await?;
//! server.kill();
//! server.restart().await?;
//! # Ok(())
//! # }
//! ```
//!
//! The kit waits for real processes and sockets, so it must not be used under tokio's paused clock. It needs a Unix
//! with a POSIX shell.

mod binary;
mod builder;
mod certs;
mod cluster;
mod error;
mod install;
mod monitor;
mod port;
mod process;
mod proxy;
mod server;
mod wait;

pub use binary::{DEFAULT_VERSION, PINNED_VERSIONS, default_version, nats_server};
pub use builder::{Readiness, ServerBuilder};
pub use certs::{Authority, Identity};
pub use cluster::{Cluster, ClusterBuilder};
pub use error::Error;
pub use monitor::{get, info};
pub use port::Port;
pub use proxy::{Cut, Proxy, ProxyStats, Toxics};
pub use server::NatsServer;
pub use wait::{Deadline, TimedOut, eventually, eventually_async, eventually_some};
