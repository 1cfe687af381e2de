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
mod batch;
mod cluster;
mod consumers;
mod counter;
mod direct;
mod ensure;
mod fast;
mod get;
mod levels;
mod outage;
mod publish;
mod publisher;
mod schedule;
mod snapshots;
mod streams;
mod told;
