//! The operations that carry a payload: their control line and their end.

use super::{DecodeError, args::Arg, args::decimal, args::length, line::Line};
use crate::op::Layout;

/// The layout of the message whose control line is `line`. `max` bounds header block and payload together, and
/// `too_large` makes the error for more. A control line of a server also has a subscription id.
pub(super) fn layout(
    line: &Line<'_>,
    from_server: bool,
    max: usize,
    too_large: fn(u64, usize) -> DecodeError,
) -> Result<Layout, DecodeError> {
    let mut args = line.args();
    let mut next = || args.next();
    let subject = next().ok_or_else(|| line.malformed())?;
    let sid = if from_server { Some(next().ok_or_else(|| line.malformed())?) } else { None };
    let (first, second, third, surplus) = (next(), next(), next(), next());
    let (reply, header, total) = match (line.operation.has_header(), first, second, third, surplus) {
        (false, Some(total), None, ..) => (None, None, total),
        (false, Some(reply), Some(total), None, _) => (Some(reply), None, total),
        (true, Some(header), Some(total), None, _) => (None, Some(header), total),
        (true, Some(reply), Some(header), Some(total), None) => (Some(reply), Some(header), total),
        _ => return Err(line.malformed()),
    };
    let number = |arg: Arg<'_>| length(arg.text).ok_or_else(|| line.invalid_number());
    let sid = sid.map_or(Ok(0), |sid| decimal(sid.text)).map_err(|_| line.invalid_number())?;
    let header = header.map(number).transpose()?;
    let total = number(total)?;
    if total > max as u64 {
        return Err(too_large(total, max));
    }
    // nats-server refuses an empty header block from a client; a client takes one as none.
    if header.is_some_and(|header| header > total || (header == 0 && !from_server)) {
        return Err(DecodeError::InvalidHeaderLength { header: header.unwrap_or_default(), total });
    }
    let header = header.unwrap_or_default();
    // The limits keep every number below 2^32.
    Ok(Layout {
        sid,
        subject_at: subject.at as u32,
        subject_len: subject.text.len() as u32,
        reply_at: reply.map_or(0, |reply| reply.at as u32),
        reply_len: reply.map_or(0, |reply| reply.text.len() as u32),
        body_at: line.text.len() as u32,
        header_len: header as u32,
        payload_len: (total - header) as u32,
    })
}

/// Bytes of the whole frame, with the CRLF behind the payload.
pub(super) fn frame_len(layout: &Layout) -> usize {
    layout.body_at as usize + layout.header_len as usize + layout.payload_len as usize + 2
}

/// Bytes of the frame if `buf` holds all of it; `None` if more are needed.
pub(super) fn complete(buf: &[u8], layout: &Layout) -> Result<Option<usize>, DecodeError> {
    let len = frame_len(layout);
    match buf.get(len.saturating_sub(2)..len) {
        None => Ok(None),
        Some(b"\r\n") => Ok(Some(len)),
        Some(other) => Err(missing_end(other)),
    }
}

#[cold]
fn missing_end(found: &[u8]) -> DecodeError {
    DecodeError::MissingPayloadEnd { found: found.escape_ascii().to_string() }
}
