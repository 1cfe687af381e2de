//! TLS: against real nats-server processes, and against servers that do what no good one does.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../common/listening.rs"]
mod listening;
mod support;

mod certificates;
mod embedded;
mod fake;
mod files;
mod hostile;
mod info;
mod plaintext;
mod policy;
mod reconnect;
mod roots;
mod wss;
