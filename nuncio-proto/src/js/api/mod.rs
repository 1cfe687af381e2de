//! The bodies of JetStream's API, both ways.
//!
//! - **What is not set is not sent**: since 2.12 the server refuses fields that it does not know, so a body holds only
//!   what the caller has set, and works on old servers as long as nothing new is asked for.
//! - **What is not known is kept**: a configuration that was read from a newer server holds the fields unknown to this
//!   version in `extra`, and sends them back. Reading a configuration, changing one field and writing it back never
//!   resets another.
//! - **What is the server's stays with the server**: metadata whose keys begin with `_nats.` can be read and is never
//!   sent or compared.
//! - Times and durations are lossless; Go's zero time and `null` are `None`; `-1`, the server's word for no limit, is
//!   `None` where that is the default as well.

#[macro_use]
mod settings;

pub mod account;
pub mod advisory;
pub mod cluster;
pub mod consumer;
pub mod consumer_config;
pub mod diff;
pub mod direct;
pub mod lists;
pub mod message;
pub mod metadata;
pub mod paging;
pub mod pause;
pub mod purge;
pub mod snapshot;
pub mod source;
pub mod stream;
pub mod stream_config;
#[cfg(test)]
mod tests;
mod wire;
