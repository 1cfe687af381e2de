//! What goes over the wire, and what the wire is.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// What lies between client and server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
pub(crate) enum Over {
    Tcp,
    Tls,
    WebSocket,
}

/// What messages with headers have, as many of them as are asked for.
pub(crate) const HEADERS: [(&str, &str); 2] = [("trace", "0123456789abcdef"), ("tenant", "blue")];
