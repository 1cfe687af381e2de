//! Frames of WebSocket: a reader written for plainness alone, and the real one over bytes that arrive in pieces.

use crate::websocket::{Event, FrameError, FrameReader, Opcode, Role};

/// What is allowed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) role: Role,
    pub(crate) most: u64,
    pub(crate) compression: bool,
}

/// What is in the frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// All that comes of one message up to its end or a control frame.
    Payload {
        compressed: bool,
        text: bool,
        bytes: Vec<u8>,
    },
    End,
    Control(Opcode, Vec<u8>),
}

fn note(found: &mut Vec<Found>, of: (bool, bool), more: &[u8]) {
    match found.last_mut() {
        Some(Found::Payload { bytes, .. }) => bytes.extend_from_slice(more),
        _ if more.is_empty() => {}
        _ => found.push(Found::Payload { compressed: of.0, text: of.1, bytes: more.to_vec() }),
    }
}

/// The reference: a byte at a time.
pub(crate) fn reference(rules: Rules, data: &[u8]) -> (Vec<Found>, Option<FrameError>) {
    let mut found = Vec::new();
    let mut bytes = data.iter().copied();
    let error = every_frame(rules, &mut bytes, &mut found);
    (found, error.err())
}

/// The end of the bytes is no error, wherever it comes.
fn every_frame(
    rules: Rules,
    bytes: &mut dyn Iterator<Item = u8>,
    found: &mut Vec<Found>,
) -> Result<(), FrameError> {
    // Of the message that is open: whether it is compressed and text, and its bytes so far.
    let mut message: Option<(bool, bool, u128)> = None;
    loop {
        let (Some(first), Some(second)) = (bytes.next(), bytes.next()) else { return Ok(()) };
        let [fin, rsv1, rsv2, rsv3] = [7, 6, 5, 4].map(|bit| first >> bit & 1 == 1);
        let masked = second >= 128;
        if rsv2 || rsv3 {
            return Err(FrameError::Reserved);
        }
        let opcode = match first % 16 {
            0 => Opcode::Continuation,
            1 => Opcode::Text,
            2 => Opcode::Binary,
            8 => Opcode::Close,
            9 => Opcode::Ping,
            10 => Opcode::Pong,
            other => return Err(FrameError::UnknownOpcode(other)),
        };
        let is_control = first % 16 >= 8;
        if is_control && (!fin || second % 128 > 125) {
            return Err(FrameError::Control);
        }
        let digits = match second % 128 {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let mut len = if digits == 0 { u128::from(second % 128) } else { 0 };
        for _ in 0..digits {
            let Some(digit) = bytes.next() else { return Ok(()) };
            len = len * 256 + u128::from(digit);
        }
        if (digits == 2 && len < 126) || (digits == 8 && len < 65_536) {
            return Err(FrameError::Length);
        }
        let mut mask = Vec::new();
        while masked && mask.len() < 4 {
            let Some(byte) = bytes.next() else { return Ok(()) };
            mask.push(byte);
        }
        match rules.role {
            Role::Server if masked => return Err(FrameError::Mask),
            Role::Client if !masked => return Err(FrameError::Mask),
            _ => {}
        }
        if rsv1 && (!rules.compression || is_control || opcode == Opcode::Continuation) {
            return Err(FrameError::Reserved);
        }
        let mut unmask = |at: u128| match (bytes.next(), mask.is_empty()) {
            (Some(byte), false) => Some(byte ^ mask[(at % 4) as usize]),
            (byte, _) => byte,
        };
        if is_control {
            let payload: Vec<u8> = (0..len).map_while(&mut unmask).collect();
            if payload.len() as u128 != len {
                return Ok(());
            }
            found.push(Found::Control(opcode, payload));
            continue;
        }
        let (compressed, text, before) = match (opcode, message) {
            (Opcode::Continuation, Some(message)) => message,
            (Opcode::Text | Opcode::Binary, None) => (rsv1, opcode == Opcode::Text, 0),
            _ => return Err(FrameError::Fragment),
        };
        let total = before + len;
        if total > u128::from(rules.most) {
            let len = u64::try_from(total).unwrap_or(u64::MAX);
            return Err(FrameError::TooLarge { len, max: rules.most });
        }
        for at in 0..len {
            let Some(byte) = unmask(at) else { return Ok(()) };
            note(found, (compressed, text), &[byte]);
        }
        message = Some((compressed, text, total));
        if fin {
            message = None;
            found.push(Found::End);
        }
    }
}

/// What the real reader finds, with room for so much payload at a time. `past` lets payload that may be read past the
/// reader be read so.
pub(crate) fn run(
    rules: Rules,
    data: &[u8],
    arrivals: impl IntoIterator<Item = usize>,
    room: usize,
    past: bool,
) -> (Vec<Found>, Option<FrameError>) {
    let mut reader = FrameReader::new(rules.role, rules.most, rules.compression);
    let (mut found, mut data, mut front, mut arrived) = (Vec::new(), data.to_vec(), 0, 0);
    for arrival in arrivals.into_iter().chain([data.len()]) {
        arrived = arrival.clamp(arrived, data.len());
        loop {
            let plain = usize::try_from(reader.plain()).unwrap_or(usize::MAX).min(arrived - front);
            if past && plain > 0 {
                note(&mut found, (false, reader.is_text()), &data[front..front + plain]);
                reader.pass(plain);
                front += plain;
            }
            let (event, skip, len) = match reader.next(&mut data[front..arrived], room) {
                Ok(next) => next,
                Err(error) => return (found, Some(error)),
            };
            let payload = &data[front + skip..front + skip + len];
            assert!(event != Event::Payload || (1..=room).contains(&len), "{len} bytes for {room}");
            match event {
                Event::More => {}
                Event::Payload => note(&mut found, (reader.is_compressed(), reader.is_text()), payload),
                Event::End => found.push(Found::End),
                Event::Control(control) => {
                    assert_eq!(control.payload(), payload);
                    found.push(Found::Control(control.opcode, payload.to_vec()));
                }
            }
            front += skip + len;
            if event == Event::More {
                break;
            }
        }
        // A header and a control frame are all that is ever kept.
        assert!(arrived - front <= 14 + 125, "{} bytes wait", arrived - front);
    }
    (found, None)
}
