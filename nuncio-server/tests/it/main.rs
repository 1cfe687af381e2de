//! The raw protocol, spoken to the server over pipes and TCP.

mod control;
mod faults;
mod garbage;
mod handshake;
mod limits;
mod permissions;
mod pubsub;
mod texts;
mod time;
mod wire;
