//! JetStream: names, bodies and error codes of its API, and the machines of those who consume.
//!
//! Nothing here does I/O. The times in bodies are [`time::Timestamp`]s, lossless to the nanosecond; the time that the
//! machines go by is an argument.
//!
//! The consuming machines ([`pull`], [`fetch`], [`ordered`], [`push`]) have one shape: give them one thing that
//! happened, poll their [`output`]s until there is none, and wait until their deadline at most.

pub mod ack;
pub mod api;
pub mod batch;
pub mod codes;
pub mod error;
pub mod expect;
pub mod fast;
pub mod fetch;
pub mod headers;
mod hearing;
pub mod level;
pub mod name;
mod options;
pub mod ordered;
pub mod output;
mod pace;
pub mod puback;
pub mod pull;
pub mod push;
pub mod schedule;
pub mod status;
pub mod time;
pub mod ttl;
