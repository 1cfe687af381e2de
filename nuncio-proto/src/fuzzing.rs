//! The bodies of the fuzz targets, as plain functions, so that stable tests run them too.
//!
//! Each takes any bytes and panics if nuncio breaks a promise on them. Panicking is their job, so what the rest of the
//! crate may not do is allowed here.
#![allow(clippy::panic, clippy::indexing_slicing, clippy::expect_used, clippy::unwrap_used)]

pub(crate) mod frames;
mod js;
pub(crate) mod ops;
pub(crate) mod reference;
#[cfg(test)]
mod smoke;

use crate::{
    addr::ServerAddr,
    connect::ConnectRequest,
    decode::{ClientDecoder, ClientLimits, Limits, ServerDecoder},
    header::{HeaderView, is_no_responders, look_up, raw_lines, status},
    info::ServerInfo,
    server_error::ServerError,
    websocket::Role,
};
use frames::Rules;
pub use js::{ack_subjects, api_replies, pubacks, statuses};
use ops::Op;
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
    for op in &expected.0 {
        if let Op::Err(text) = op {
            let _ = ServerError::parse(text);
        }
    }
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

/// Frames of WebSocket: the reader agrees with the plain reference, however the bytes are split and whatever room there is.
///
/// The first two bytes choose whose frames they are, what is allowed and the room, and the split.
pub fn websocket_frames(data: &[u8]) {
    let [choice, step, data @ ..] = data else { return };
    let role = [Role::Server, Role::Client, Role::ClientWithoutMasks][usize::from(choice % 3)];
    let most = if choice & 8 == 0 { 1 << 20 } else { 40 };
    let rules = Rules { role, most, compression: choice & 4 != 0 };
    let expected = frames::reference(rules, data);
    let room = usize::from(choice >> 4) + 1;
    assert_eq!(frames::run(rules, data, [], usize::MAX, false), expected, "in one piece");
    let pieces = || arrivals(*step, data.len());
    assert_eq!(frames::run(rules, data, pieces(), room, false), expected, "in pieces");
    assert_eq!(frames::run(rules, data, pieces(), room, true), expected, "read past the reader");
}

/// Pieces of 1 to 16 bytes, or two pieces cut somewhere in the first 240 bytes.
fn arrivals(step: u8, len: usize) -> Vec<usize> {
    match usize::from(step) {
        step @ 0..16 => (0..len).step_by(step + 1).collect(),
        cut => vec![cut - 16],
    }
}

/// A header block: the strict view takes what the plain reference takes, all its getters agree, and a map made of it
/// is the same block again; the lenient readers end on any bytes.
pub fn headers(block: &[u8]) {
    assert!(raw_lines(block).count() <= block.len() + 2, "lines out of nothing");
    let no_responders = status(block).is_some_and(|status| status.is_no_responders());
    assert_eq!(is_no_responders(block), no_responders);
    let view = HeaderView::parse(block);
    assert_eq!(view.is_ok(), reference::is_header_block(block), "{view:?}");
    assert_eq!(view, HeaderView::check(block), "the quick look and the strict one");
    let names = raw_lines(block).flatten().filter_map(|(name, _)| str::from_utf8(name).ok());
    for name in names.flat_map(|name| [name.to_owned(), name.to_ascii_uppercase()]) {
        assert_eq!(look_up(block, &name), HeaderView::check(block).ok().and_then(|view| view.get(&name)));
    }
    let Ok(view) = view else { return };

    let entries: Vec<(&str, &str)> = view.iter().collect();
    let lines: Vec<_> = raw_lines(block).map(|line| line.expect("a strict block is a lenient one")).collect();
    assert!(entries.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).eq(lines));
    assert_eq!(view.len(), entries.len());
    assert_eq!(view.is_empty(), entries.is_empty() && view.status().is_none());
    assert_eq!(view.status(), status(block));
    let keys: Vec<&str> = view.keys().collect();
    for (at, name) in keys.iter().enumerate() {
        assert!(!keys[..at].contains(name), "{name} twice");
        let values: Vec<&str> =
            entries.iter().filter(|(candidate, _)| candidate == name).map(|(_, value)| *value).collect();
        assert_eq!(view.get(name), values.first().copied());
        assert_eq!(view.get_exact(name), values.first().copied());
        assert_eq!(view.get_last(name), values.last().copied());
        assert!(view.get_all(name).eq(values));
        assert!(view.get(&name.to_ascii_lowercase()).is_some() && view.contains(name));
        let _ = view.get_canonical(name);
    }
    assert!(entries.iter().all(|(name, _)| keys.contains(name)));

    let map = view.to_map();
    let mut again = Vec::new();
    map.encode_into(&mut again);
    assert_eq!(again, block);
    assert_eq!(map.encoded_len(), block.len());
    assert!(map.iter().eq(entries));
}

/// The JSON of an `INFO`: its fields stay within their bounds, and it is the same after it is written and read again.
/// The JSON of a `CONNECT` is read by the same rules.
pub fn info(text: &[u8]) {
    let info = ServerInfo::parse(text);
    assert_eq!(info.is_ok(), ConnectRequest::parse(text).is_ok());
    let Ok(info) = info else { return };
    assert!(info.connect_urls.len() <= 256);
    assert!(info.max_payload().is_none_or(|limit| (1..=i32::MAX as usize).contains(&limit)));
    let _ = info.version_at_least(2, 10, 0);
    assert_eq!(ServerInfo::parse(&info.to_json()).as_ref(), Ok(&info));
}

/// The address of a server as a user writes it: what is displayed is an address of the same server, without secrets.
pub fn urls(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    let _ = ServerAddr::parse_list(text).map(|addrs| assert!(!addrs.is_empty()));
    let Ok(addr) = ServerAddr::parse(text) else { return };
    if addr.host().contains("%25") {
        // An address is shown with a bare `%` before its zone, so that a zone named 25… reads as an escaped `%`.
        return;
    }
    let shown = addr.to_string();
    let again = ServerAddr::parse(&shown).expect("what is displayed is an address");
    assert!(again.same_server(&addr) && again.scheme() == addr.scheme(), "{shown}");
    assert!(!again.has_credentials(), "{shown}");
    // A query is not shown; the slash before it then means nothing.
    assert_eq!(again.to_string().trim_end_matches('/'), shown.trim_end_matches('/'));
    let all = format!("{shown} {addr:?}");
    for secret in [addr.password(), addr.token()].into_iter().flatten() {
        let secret = secret.expose();
        let public = format!("{} {}", addr.host(), addr.path().unwrap_or_default());
        assert!(
            secret.len() < 8 || public.contains(secret) || !all.contains(secret),
            "{shown} tells a secret"
        );
    }
}
