//! The raw protocol, spoken to the server over pipes and TCP.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "tests")]

mod control;
mod faults;
mod garbage;
mod handshake;
mod info;
mod limits;
mod permissions;
mod pubsub;
mod texts;
mod time;
mod transcripts;
mod websocket;
mod wire;
