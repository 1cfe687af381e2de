//! Ways to a server other than TCP to its port: WebSocket, Unix sockets, proxies.
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
mod support;

#[cfg(feature = "websocket-deflate")]
mod agreed;
#[cfg(feature = "websocket-deflate")]
mod embedded;
#[cfg(feature = "websocket-deflate")]
mod frames;
#[cfg(feature = "websocket-deflate")]
mod gate;
#[cfg(all(unix, feature = "websocket"))]
mod mixed;
mod proxies;
#[cfg(unix)]
mod unix;
#[cfg(feature = "websocket-deflate")]
mod upgrade;
#[cfg(feature = "websocket-deflate")]
mod websocket;
