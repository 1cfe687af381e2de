//! Ways to a server other than TCP to its port: WebSocket, Unix sockets, proxies.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod support;

#[cfg(feature = "websocket")]
mod frames;
#[cfg(feature = "websocket")]
mod gate;
#[cfg(all(unix, feature = "websocket"))]
mod mixed;
mod proxies;
#[cfg(unix)]
mod unix;
#[cfg(feature = "websocket")]
mod upgrade;
#[cfg(feature = "websocket")]
mod websocket;
