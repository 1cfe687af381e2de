//! Connectors in stock: proxies and Unix sockets.
//!
//! Each is given to [`Connect::connector`](crate::Connect::connector), as is any function that makes a connection; the
//! trait is [`Connector`](crate::Connector).
//!
//! | What | How |
//! |---|---|
//! | a proxy that tunnels TCP by HTTP | [`HttpProxy`] |
//! | a SOCKS version 5 proxy | [`Socks5`] |
//! | a Unix socket, whatever the address | [`unix`] (or connect to `unix:///path`) |

mod http;
mod proxy;
mod socks5;
#[cfg(unix)]
mod unix;

pub use http::HttpProxy;
pub use proxy::ProxyError;
pub use socks5::Socks5;
#[cfg(unix)]
pub use unix::{Unix, unix};
