//! What breaks on purpose: cuts, partial writes, hostile servers, restarts, cancelled futures, slow consumers.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    unreachable_pub
)]

mod cuts;
mod down;
mod evil;
mod hostile;
mod partial;
mod session;
mod wire;
