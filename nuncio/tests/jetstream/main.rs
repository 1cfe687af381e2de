//! JetStream on nats-server.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

#[allow(dead_code, reason = "each module needs some of it")]
mod support;

mod api;
mod cluster;
mod consumers;
mod direct;
mod ensure;
mod get;
mod levels;
mod lists;
mod snapshots;
mod streams;
mod told;
