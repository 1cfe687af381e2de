//! The life of one connection, with no I/O: handshake, keepalive, fences, deadlines and drain.

pub mod fence;
pub mod handshake;
pub mod keepalive;
pub mod timers;
