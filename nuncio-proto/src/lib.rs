//! The NATS client protocol with no I/O, no clock and no runtime.

pub mod addr;
pub mod auth;
pub mod connect;
pub mod decode;
pub mod encode;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
pub mod header;
pub mod inbox;
pub mod info;
mod json;
pub mod message;
pub mod op;
pub mod outbox;
pub mod pool;
pub mod registry;
pub mod requests;
pub mod secret;
pub mod server_error;
pub mod session;
pub mod slots;
pub mod subject;
