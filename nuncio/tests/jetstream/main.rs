//! JetStream on nats-server.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

#[path = "../common/bare.rs"]
mod bare;
#[allow(dead_code, reason = "each module needs some of it")]
mod support;

mod account;
mod ack_next;
mod acks;
mod api;
mod bad_input;
mod batch;
mod chaos;
mod cluster;
mod consume;
mod consumer_config;
mod consumers;
mod counter;
mod direct;
mod ensure;
mod ensure_consumer;
mod errors;
mod fast;
mod fetch;
mod get;
mod leaders;
mod levels;
mod lists;
mod ordered;
mod outage;
mod pace;
mod peers;
mod priority;
mod publish;
mod publish_levels;
mod publisher;
mod push;
mod restarts;
mod schedule;
mod setups;
mod snapshots;
mod stream_config;
mod streams;
mod told;
