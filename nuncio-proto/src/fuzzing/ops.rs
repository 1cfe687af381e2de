//! Operations that own their bytes, and running a decoder over bytes that arrive in pieces.

use crate::{
    decode::{ClientDecoder, DecodeError, ServerDecoder},
    op::{ClientOp, Layout, ServerOp},
};

/// Any operation, both ways.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Message { sid: u64, subject: Vec<u8>, reply: Option<Vec<u8>>, header: Vec<u8>, payload: Vec<u8> },
    Publish { subject: Vec<u8>, reply: Option<Vec<u8>>, header: Vec<u8>, payload: Vec<u8> },
    Subscribe { subject: Vec<u8>, queue: Option<Vec<u8>>, sid: Vec<u8> },
    Unsubscribe { sid: Vec<u8>, max: Option<u64> },
    Info(Vec<u8>),
    Connect(Vec<u8>),
    Err(Vec<u8>),
    Ok,
    Ping,
    Pong,
}

/// What is wrong, without the details that depend on how much had arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Operation,
    LineTooLong,
    Arguments,
    Number,
    HeaderLength,
    TooLarge(u64),
    PayloadEnd,
}

impl From<&DecodeError> for Fault {
    fn from(error: &DecodeError) -> Self {
        match error {
            DecodeError::UnknownOperation { .. } => Self::Operation,
            DecodeError::ControlLineTooLong { .. } => Self::LineTooLong,
            DecodeError::MalformedArguments { .. } => Self::Arguments,
            DecodeError::InvalidNumber { .. } => Self::Number,
            DecodeError::InvalidHeaderLength { .. } => Self::HeaderLength,
            DecodeError::MessageTooLarge { announced, .. }
            | DecodeError::PayloadTooLarge { announced, .. } => Self::TooLarge(*announced),
            DecodeError::MissingPayloadEnd { .. } => Self::PayloadEnd,
        }
    }
}

/// Either decoder.
pub(crate) trait Decoder {
    fn decode_owned(&mut self, buf: &[u8]) -> Result<Option<(Op, usize)>, DecodeError>;
    fn needed_bytes(&self) -> usize;
}

impl Decoder for ServerDecoder {
    fn decode_owned(&mut self, buf: &[u8]) -> Result<Option<(Op, usize)>, DecodeError> {
        let Some((op, len)) = self.decode(buf)? else { return Ok(None) };
        let op = match op {
            ServerOp::Msg(layout) => {
                assert_eq!((layout.body_at + layout.header_len + layout.payload_len) as usize + 2, len);
                message(buf, &layout)
            }
            ServerOp::Info(json) => Op::Info(json.to_vec()),
            ServerOp::Err(text) => Op::Err(text.to_vec()),
            ServerOp::Ok => Op::Ok,
            ServerOp::Ping => Op::Ping,
            ServerOp::Pong => Op::Pong,
        };
        Ok(Some((op, len)))
    }

    fn needed_bytes(&self) -> usize {
        self.needed()
    }
}

impl Decoder for ClientDecoder {
    fn decode_owned(&mut self, buf: &[u8]) -> Result<Option<(Op, usize)>, DecodeError> {
        let Some((op, len)) = self.decode(buf)? else { return Ok(None) };
        let op = match op {
            ClientOp::Publish { subject, reply, header, payload } => Op::Publish {
                subject: subject.to_vec(),
                reply: reply.map(<[u8]>::to_vec),
                header: header.unwrap_or_default().to_vec(),
                payload: payload.to_vec(),
            },
            ClientOp::Subscribe { subject, queue, sid } => Op::Subscribe {
                subject: subject.to_vec(),
                queue: queue.map(<[u8]>::to_vec),
                sid: sid.to_vec(),
            },
            ClientOp::Unsubscribe { sid, max } => Op::Unsubscribe { sid: sid.to_vec(), max },
            ClientOp::Connect(json) => Op::Connect(json.to_vec()),
            ClientOp::Ping => Op::Ping,
            ClientOp::Pong => Op::Pong,
        };
        Ok(Some((op, len)))
    }

    fn needed_bytes(&self) -> usize {
        self.needed()
    }
}

fn message(buf: &[u8], layout: &Layout) -> Op {
    let part = |at: u32, len: u32| buf[at as usize..][..len as usize].to_vec();
    Op::Message {
        sid: layout.sid,
        subject: part(layout.subject_at, layout.subject_len),
        reply: (layout.reply_len != 0).then(|| part(layout.reply_at, layout.reply_len)),
        header: part(layout.body_at, layout.header_len),
        payload: part(layout.body_at + layout.header_len, layout.payload_len),
    }
}

/// Decodes all of `data`, of which a piece arrives at each of the given positions, and tells what became of it.
pub(crate) fn run(
    mut decoder: impl Decoder,
    data: &[u8],
    arrivals: impl IntoIterator<Item = usize>,
) -> (Vec<Op>, Option<Fault>) {
    let (mut ops, mut front, mut arrived) = (Vec::new(), 0, 0);
    for arrival in arrivals.into_iter().chain([data.len()]) {
        arrived = arrival.clamp(arrived, data.len());
        loop {
            let buf = &data[front..arrived];
            match decoder.decode_owned(buf) {
                Ok(Some((op, len))) => {
                    assert!((1..=buf.len()).contains(&len), "a frame of {len} bytes in {}", buf.len());
                    assert_eq!(decoder.needed_bytes(), 0, "nothing is pending behind a whole frame");
                    ops.push(op);
                    front += len;
                }
                Ok(None) => {
                    let needed = decoder.needed_bytes();
                    assert!(needed == 0 || needed > buf.len(), "{needed} needed, {} there", buf.len());
                    break;
                }
                Err(error) => return (ops, Some(Fault::from(&error))),
            }
        }
    }
    (ops, None)
}
