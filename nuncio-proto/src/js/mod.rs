//! JetStream, with no I/O and no clock.
//!
//! The consuming machines ([`pull`], [`fetch`], [`ordered`], [`push`]) have one shape: give them one thing that
//! happened, poll their [`output`]s until there is none, and wait until their deadline at most.

pub mod ack;
pub mod fetch;
pub mod ordered;
pub mod output;
mod pace;
pub mod pull;
pub mod push;
pub mod status;
