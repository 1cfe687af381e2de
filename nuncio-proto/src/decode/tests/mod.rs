//! Tests of both decoders.

mod client;
mod properties;
mod server;

use super::{ClientDecoder, ClientLimits, DecodeError, Limits, ServerDecoder};
use crate::fuzzing::ops::{Decoder, Fault, Op, run};

fn server(data: &[u8]) -> (Vec<Op>, Option<Fault>) {
    run(ServerDecoder::new(Limits::default()), data, [])
}

fn client(data: &[u8]) -> (Vec<Op>, Option<Fault>) {
    run(ClientDecoder::new(ClientLimits::default()), data, [])
}

fn message(subject: &str, sid: u64, reply: Option<&str>, header: &str, payload: &str) -> Op {
    Op::Message {
        sid,
        subject: subject.into(),
        reply: reply.map(Into::into),
        header: header.into(),
        payload: payload.into(),
    }
}

fn publish(subject: &str, reply: Option<&str>, header: &str, payload: &str) -> Op {
    Op::Publish {
        subject: subject.into(),
        reply: reply.map(Into::into),
        header: header.into(),
        payload: payload.into(),
    }
}
