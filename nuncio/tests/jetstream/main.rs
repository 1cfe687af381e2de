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

mod acks;
mod api;
mod batch;
mod chaos;
mod cluster;
mod consume;
mod consumers;
mod counter;
mod direct;
mod ensure;
mod fast;
mod fetch;
mod get;
mod leaders;
mod levels;
mod lists;
mod ordered;
mod outage;
mod pace;
mod publish;
mod publisher;
mod push;
mod restarts;
mod schedule;
mod snapshots;
mod streams;
mod told;
