//! Pieces of the protocol, for counting their instructions.

use std::hint::black_box;
use std::sync::Arc;

use bytes::Bytes;
use nuncio_proto::decode::{Limits, ServerDecoder};
use nuncio_proto::header::{HeaderMap, look_up};
use nuncio_proto::message::{Chunk, Message};
use nuncio_proto::op::{Layout, ServerOp};
use nuncio_proto::outbox::{Batch, Payload};
use nuncio_proto::registry::{Delivery, Interest, Registry};

use crate::servers::flooded;
use crate::wire::HEADERS;
use crate::work::{Figures, Job, Piece};

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// A read brings so many messages.
const READ: u64 = 500;

pub(crate) fn run(piece: Piece, job: &Job) -> Result<Figures, Failed> {
    match piece {
        Piece::Encode => encode(job)?,
        Piece::Decode => decode(job, |_, _| ())?,
        Piece::Dispatch => dispatch(job)?,
        Piece::View => view(job)?,
    }
    Ok(Figures { messages: job.messages, delivered: job.messages, ..Figures::default() })
}

fn encode(job: &Job) -> Result<(), Failed> {
    let payload = vec![b'x'; job.size];
    let mut headers = HeaderMap::new();
    for (name, value) in HEADERS.iter().take(job.headers) {
        headers.append(name, value)?;
    }
    let headers = (job.headers > 0).then_some(headers);
    let mut batch = Batch::new();
    for n in 0..job.messages {
        batch.publish(b"bench.subject", None, headers.as_ref(), &Payload::Borrowed(black_box(&payload)));
        if n % READ == 0 {
            black_box(&batch);
            batch.clear(usize::MAX);
        }
    }
    Ok(())
}

/// Decodes reads of many messages, and hands each read on with what was found in it.
fn decode(job: &Job, mut found: impl FnMut(&Bytes, &mut Vec<(u32, Layout)>)) -> Result<(), Failed> {
    let read = Bytes::from(flooded("2", job.size, job.headers).repeat(usize::try_from(READ)?));
    let mut decoder = ServerDecoder::new(Limits::default());
    let mut frames = Vec::new();
    for _ in 0..job.messages / READ {
        let mut at = 0;
        while let Some((op, len)) = decoder.decode(black_box(read.get(at..).unwrap_or_default()))? {
            if let ServerOp::Msg(layout) = op {
                frames.push((u32::try_from(at)?, layout));
            }
            at += len;
        }
        found(&read, &mut frames);
        black_box(&frames);
        frames.clear();
    }
    Ok(())
}

fn dispatch(job: &Job) -> Result<(), Failed> {
    let mut registry = Registry::default();
    for sid in 2..12 {
        registry.insert(
            sid,
            Interest { subject: b"flooded".as_slice().into(), queue: None },
            None,
            Vec::new(),
        );
    }
    decode(job, |read, frames| {
        let chunk = Chunk::new(read.clone(), ());
        for (at, layout) in frames.drain(..) {
            if let Delivery::Route(queue) = registry.deliver(layout.sid) {
                queue.push(Message::new(Arc::clone(&chunk), at, layout));
            }
        }
        if let Delivery::Route(queue) = registry.deliver(2) {
            black_box(&queue);
            queue.clear();
        }
    })
}

fn view(job: &Job) -> Result<(), Failed> {
    let mut block = String::from("NATS/1.0\r\n");
    for (name, value) in HEADERS.iter().take(job.headers) {
        block.push_str(&format!("{name}: {value}\r\n"));
    }
    block.push_str("\r\n");
    let name = HEADERS.last().map_or("", |(name, _)| name);
    for _ in 0..job.messages {
        black_box(look_up(black_box(block.as_bytes()), name));
    }
    Ok(())
}
