//! The bodies of the fuzz targets, as plain functions, so that stable tests run them too.
//!
//! Each takes any bytes and panics if nuncio breaks a promise on them. Panicking is their job, so what the rest of the
//! crate may not do is allowed here.
#![allow(clippy::panic, clippy::indexing_slicing, clippy::expect_used, clippy::unwrap_used)]

pub(crate) mod ops;
pub(crate) mod reference;
#[cfg(test)]
mod smoke;

use crate::decode::{ClientDecoder, ClientLimits, Limits, ServerDecoder};
use reference::Peer;

/// What a server might send: the decoder agrees with the plain reference, however the bytes are split.
///
/// The first two bytes choose the limits and the split.
pub fn server_ops(data: &[u8]) {
    let [choice, step, data @ ..] = data else { return };
    let limits = match choice % 2 {
        0 => Limits::default(),
        _ => Limits { control_line: 64, info: 96, message: 80 },
    };
    let expected = reference::run(Peer::Server(limits), data);
    let decoder = || ServerDecoder::new(limits);
    assert_eq!(ops::run(decoder(), data, []), expected, "in one piece");
    assert_eq!(ops::run(decoder(), data, arrivals(*step, data.len())), expected, "in pieces");
}

/// What a client might send: the decoder agrees with the plain reference, however the bytes are split.
///
/// The first two bytes choose the limits and the split.
pub fn client_ops(data: &[u8]) {
    let [choice, step, data @ ..] = data else { return };
    let limits = match choice % 2 {
        0 => ClientLimits::default(),
        _ => ClientLimits { control_line: 64, max_payload: 80 },
    };
    let expected = reference::run(Peer::Client(limits), data);
    let decoder = || ClientDecoder::new(limits);
    assert_eq!(ops::run(decoder(), data, []), expected, "in one piece");
    assert_eq!(ops::run(decoder(), data, arrivals(*step, data.len())), expected, "in pieces");
}

/// Pieces of 1 to 16 bytes, or two pieces cut somewhere in the first 240 bytes.
fn arrivals(step: u8, len: usize) -> Vec<usize> {
    match usize::from(step) {
        step @ 0..16 => (0..len).step_by(step + 1).collect(),
        cut => vec![cut - 16],
    }
}
