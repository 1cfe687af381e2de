//! Authentication against nats-server: keys, JWTs, credentials files, callbacks, and credentials that expire.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

#[path = "../common/listening.rs"]
mod listening;
mod operator;
mod support;

mod callback;
mod cluster;
mod context;
mod creds;
mod expiry;
mod nkey;
mod rotation;
mod secrets;
mod shown;
