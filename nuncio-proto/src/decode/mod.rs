//! Decoding the wire in place: operations are ranges and slices of the caller's buffer, and nothing is copied.
//!
//! No bytes of a peer can make a decoder panic or allocate; only an error allocates, for its short text.

mod args;
mod client_op;
mod error;
mod fast;
mod line;
mod message;
mod server_op;

pub use client_op::ClientDecoder;
pub use error::DecodeError;
pub use server_op::ServerDecoder;

/// No line is so short that a limit under this would mean anything.
const SHORTEST_LINE: usize = 64;
/// Lines and bodies under these keep every offset of a [`Layout`](crate::op::Layout) below 2^32.
const LONGEST_LINE: usize = 1 << 30;
const LARGEST_BODY: usize = 1 << 31;

/// How much a server may send at once. Over a limit the connection is given up, so that no server can fill a
/// client's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes of a control line's arguments; 64 KiB by default, sixteen times what nats-server allows its own
    /// clients. At least 64.
    pub control_line: usize,
    /// Most bytes of an `INFO`'s text; 1 MiB by default, room for ten thousand servers of a cluster. At least 64.
    pub info: usize,
    /// Most bytes of a message's header block and payload together; by default 64 MiB, the most that nats-server's
    /// `max_payload` allows, and a tenth more. At most 2 GiB.
    pub message: usize,
}

impl Default for Limits {
    fn default() -> Self {
        const MIB: usize = 1 << 20;
        Self { control_line: 64 << 10, info: MIB, message: 64 * MIB + 64 * MIB / 10 }
    }
}

impl Limits {
    fn clamped(self) -> Self {
        Self {
            control_line: self.control_line.clamp(SHORTEST_LINE, LONGEST_LINE),
            info: self.info.clamp(SHORTEST_LINE, LONGEST_LINE),
            message: self.message.min(LARGEST_BODY),
        }
    }
}

/// How much a client may send at once; nats-server's defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientLimits {
    /// Most bytes of a control line's arguments, `CONNECT` included; 4096 by default. At least 64.
    pub control_line: usize,
    /// Most bytes of a publish's header block and payload together; 1 MiB by default. At most 2 GiB.
    pub max_payload: usize,
}

impl Default for ClientLimits {
    fn default() -> Self {
        Self { control_line: 4096, max_payload: 1 << 20 }
    }
}

impl ClientLimits {
    fn clamped(self) -> Self {
        Self {
            control_line: self.control_line.clamp(SHORTEST_LINE, LONGEST_LINE),
            max_payload: self.max_payload.min(LARGEST_BODY),
        }
    }
}

#[cfg(test)]
mod tests;
