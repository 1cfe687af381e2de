//! What breaks on purpose: cuts, partial writes, hostile servers, restarts, cancelled futures, slow consumers.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::string_slice, unreachable_pub)]

mod ack_next;
mod after;
mod burst;
mod cancel;
mod clock;
mod cuts;
mod defaults;
mod down;
mod drops;
mod ending;
mod evil;
mod handshake;
mod hostile;
mod memory;
mod moves;
mod outbox;
mod partial;
mod promises;
mod proxy;
mod real;
mod refused;
mod restart;
mod rolling;
mod session;
mod silent;
mod slow;
mod turns;
mod waits;
mod wire;
