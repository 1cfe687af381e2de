//! JetStream: names, bodies and error codes of its API, and the machines of those who consume.
//!
//! Nothing here does I/O. The times in bodies are [`time::Timestamp`]s, lossless to the nanosecond; the time that the
//! machines go by is an argument.

pub mod api;
pub mod codes;
pub mod error;
pub mod expect;
pub mod headers;
pub mod level;
pub mod name;
pub mod puback;
pub mod schedule;
pub mod time;
pub mod ttl;
