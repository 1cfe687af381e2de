//! From the client's bytes to operations.

use std::future::pending;

use bytes::{Buf, BufMut, BytesMut};
use nuncio_proto::decode::{ClientDecoder, ClientLimits};
use tokio::io::{AsyncRead, AsyncReadExt, ReadHalf};
use tokio::time::Instant;

use super::{ops, unmuted};
use crate::core::{Closing, Core};
use crate::errors;
use crate::server::Shared;

/// Bytes that one read may bring.
const CHUNK: usize = 16 << 10;

/// Reads until the connection is to close, then waits for ever. `left` is after how many bytes to cut.
pub(super) async fn run<S: AsyncRead>(
    shared: &Shared,
    id: u64,
    reader: &mut ReadHalf<S>,
    mut left: Option<usize>,
) {
    let mut decoder = ClientDecoder::new(ClientLimits::default());
    let mut input = BytesMut::new();
    loop {
        unmuted(shared).await;
        input.reserve(CHUNK);
        let room = left.unwrap_or(usize::MAX).min(CHUNK);
        let count =
            if room == 0 { 0 } else { reader.read_buf(&mut (&mut input).limit(room)).await.unwrap_or(0) };
        unmuted(shared).await;
        if let Some(left) = &mut left {
            *left -= count;
        }
        if !advance(shared, id, &mut decoder, &mut input, count) {
            return pending().await;
        }
    }
}

/// Takes note of new bytes, none meaning the end; false if the connection is to close.
fn advance(shared: &Shared, id: u64, decoder: &mut ClientDecoder, input: &mut BytesMut, new: usize) -> bool {
    let mut core = shared.lock();
    if new == 0 {
        // What the client has been answered before still goes out.
        core.close(id, Closing::Flush);
        return false;
    }
    process(&mut core, id, decoder, input, new)
}

/// Carries out all whole operations of the input; false if the connection is to close.
fn process(core: &mut Core, id: u64, decoder: &mut ClientDecoder, input: &mut BytesMut, new: usize) -> bool {
    let Some(client) = core.open_client(id) else { return false };
    client.last_input = Instant::now();
    client.bytes_in += new as u64;
    decoder.set_limits(ClientLimits {
        control_line: core.config.settings.max_control_line,
        max_payload: core.info.max_payload().unwrap_or(usize::MAX),
    });
    let mut used = 0;
    while let Some(rest) = input.get(used..).filter(|rest| !rest.is_empty()) {
        let Some(client) = core.open_client(id) else { return false };
        if !client.authenticated && !matches!(rest.first(), Some(b'C' | b'c')) {
            core.fail(id, errors::AUTHORIZATION);
            return false;
        }
        match decoder.decode(rest) {
            Ok(None) => break,
            Ok(Some((op, len))) => {
                ops::apply(core, id, op);
                used += len;
            }
            Err(fault) => {
                ops::refuse(core, id, &fault);
                return false;
            }
        }
    }
    input.advance(used);
    core.open_client(id).is_some()
}
