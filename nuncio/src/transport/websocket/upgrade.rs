//! The HTTP request that opens a WebSocket connection, and the check of its answer (RFC 6455, section 4).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nuncio_proto::addr::ServerAddr;
use nuncio_proto::inbox;
use nuncio_proto::websocket::{DEFLATE, NO_MASKING, accept_key};

use super::options::Options;
use crate::transport::http::shown;

const MOST_HEADERS: usize = 64;

/// What an answer lacks or has too much of; the status where it is not 101.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: Option<u16>,
    pub(super) problem: String,
}

/// What the server has agreed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Agreed {
    /// Whether frames to the server have to be masked.
    pub(super) masked: bool,
    /// Whether messages may be compressed.
    pub(super) deflate: bool,
}

/// A key as a request has it: 16 random bytes.
pub(super) fn key() -> String {
    let mut random = [0; 16];
    inbox::random_bytes(&mut random);
    STANDARD.encode(random)
}

/// Writes the request. The error says which header may not be there; it shows no value, for that may be a secret.
pub(super) fn request(
    server: &ServerAddr,
    key: &str,
    headers: &[(String, String)],
    options: &Options,
) -> Result<Vec<u8>, String> {
    let host = match headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host")) {
        Some((_, host)) => host.clone(),
        None => host(server),
    };
    let path = server.path().unwrap_or("/");
    let mut out = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
    );
    if options.compression {
        out.push_str(&format!("Sec-WebSocket-Extensions: {DEFLATE}\r\n"));
    }
    if options.no_masking {
        out.push_str(&format!("{NO_MASKING}: true\r\n"));
    }
    for (name, value) in headers {
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err(format!(
                "the header name {name:?} may have only letters, digits and !#$%&'*+-.^_`|~"
            ));
        }
        if value.bytes().any(|b| b.is_ascii_control() && b != b'\t') {
            return Err(format!("the value of the header {name} has a control character"));
        }
        if is_reserved(name) {
            return Err(format!("the header {name} belongs to the upgrade itself"));
        }
        if !name.eq_ignore_ascii_case("host") {
            out.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    out.push_str("\r\n");
    Ok(out.into_bytes())
}

fn host(server: &ServerAddr) -> String {
    let (open, close) = if server.host().contains(':') { ("[", "]") } else { ("", "") };
    let port = match server.port() {
        port if port == server.scheme().default_port() => String::new(),
        port => format!(":{port}"),
    };
    // A zone means something on this machine only (RFC 6874).
    let host = server.host().split('%').next().unwrap_or_default();
    format!("{open}{host}{close}{port}")
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn is_reserved(name: &str) -> bool {
    let websocket = name.get(..14).is_some_and(|start| start.eq_ignore_ascii_case("sec-websocket-"));
    let others = ["upgrade", "connection", "content-length", "transfer-encoding", NO_MASKING];
    websocket || others.iter().any(|other| name.eq_ignore_ascii_case(other))
}

/// Checks the whole head of an answer to `key`, and finds what of the options the server agrees to.
pub(super) fn check(head: &[u8], key: &str, options: &Options) -> Result<Agreed, Refusal> {
    let refuse = |status, problem: String| Err(Refusal { status, problem });
    let mut space = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut answer = httparse::Response::new(&mut space);
    let parsed = answer.parse(head);
    let code = match (parsed, answer.code) {
        (Ok(httparse::Status::Complete(_)), Some(code)) => code,
        (Err(error), _) => return refuse(None, format!("its answer is not HTTP: {error}")),
        _ => return refuse(None, "its answer is not HTTP".into()),
    };
    let all = |name: &'static str| {
        let named = answer.headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
        named.map(|header| header.value)
    };
    if code != 101 {
        let reason = shown(answer.reason.unwrap_or_default().as_bytes());
        let mut problem = format!("it answered with status {code} {reason}");
        match (code, all("location").next()) {
            (300..=399, Some(to)) => {
                problem.push_str(&format!("; the redirect to {:?} is not followed", shown(to)));
            }
            (401 | 403 | 407, _) => {
                problem.push_str("; what it wants to see can be given with `websocket_headers`");
            }
            _ => {}
        }
        return refuse(Some(code), problem.trim_end().to_owned());
    }
    if answer.version != Some(1) {
        return refuse(None, "its answer is not HTTP/1.1".into());
    }
    if !all("upgrade").any(|value| value.trim_ascii().eq_ignore_ascii_case(b"websocket")) {
        return refuse(None, "its answer does not upgrade to websocket".into());
    }
    let is_upgrade =
        |value: &[u8]| value.split(|b| *b == b',').any(|t| t.trim_ascii().eq_ignore_ascii_case(b"upgrade"));
    if !all("connection").any(is_upgrade) {
        return refuse(None, "its answer has no \"Connection: Upgrade\"".into());
    }
    let mut accepts = all("sec-websocket-accept");
    let right = accepts.next().is_some_and(|value| value.trim_ascii() == accept_key(key).as_bytes());
    if !right || accepts.next().is_some() {
        return refuse(None, "its Sec-WebSocket-Accept does not fit the key".into());
    }
    let unasked = |name: &str, value: &[u8]| {
        refuse(None, format!("it wants the {name} {:?}, which nobody asked for", shown(value)))
    };
    if let Some(value) = all("sec-websocket-protocol").find(|value| !value.is_empty()) {
        return unasked("sec-websocket-protocol", value);
    }
    let mut deflate = false;
    for value in all("sec-websocket-extensions").filter(|value| !value.is_empty()) {
        if !options.compression || deflate {
            return unasked("sec-websocket-extensions", value);
        }
        is_deflate(value).map_err(|problem| Refusal { status: None, problem })?;
        deflate = true;
    }
    // Whoever has not been asked to do without masks cannot agree to it.
    let agrees = all(NO_MASKING).any(|value| value.trim_ascii().eq_ignore_ascii_case(b"true"));
    Ok(Agreed { masked: !(options.no_masking && agrees), deflate })
}

/// Whether an extension is the compression that was offered. A server may announce how little of a message it looks back
/// to, which takes nothing to undo; what it may not do is keep anything for the next message.
fn is_deflate(value: &[u8]) -> Result<(), String> {
    let mut parts = value.split(|b| *b == b';').map(<[u8]>::trim_ascii);
    let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(b"permessage-deflate"));
    let mut forgets = false;
    let known = parts.all(|part| match part.split(|b| *b == b'=').next().map(<[u8]>::trim_ascii) {
        Some(name) if name.eq_ignore_ascii_case(b"server_no_context_takeover") => {
            forgets = true;
            true
        }
        Some(name) => {
            name.eq_ignore_ascii_case(b"client_no_context_takeover")
                || name.eq_ignore_ascii_case(b"server_max_window_bits")
        }
        None => false,
    });
    if named && known && forgets {
        return Ok(());
    }
    Err(format!("it wants the sec-websocket-extensions {:?}, where {DEFLATE:?} was offered", shown(value)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

    fn request_to(url: &str, headers: &[(&str, &str)]) -> Result<String, String> {
        let headers: Vec<_> = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        request(&ServerAddr::parse(url).unwrap(), KEY, &headers, &Options::default())
            .map(|out| String::from_utf8(out).unwrap())
    }

    fn answer(lines: &str) -> Result<Agreed, Refusal> {
        answer_with(lines, &Options::default())
    }

    fn answer_with(lines: &str, options: &Options) -> Result<Agreed, Refusal> {
        let lines = lines.replace('\n', "\r\n");
        check(format!("{lines}\r\n\r\n").as_bytes(), KEY, options)
    }

    const PLAIN: Agreed = Agreed { masked: true, deflate: false };

    const GOOD: &str = "HTTP/1.1 101 Switching Protocols\nupgrade: WebSocket\nConnection: keep-alive, Upgrade\n\
                        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

    #[test]
    fn the_sample_of_the_rfc_is_accepted() {
        assert_eq!(answer(GOOD), Ok(PLAIN));
        assert_eq!(STANDARD.decode(key()).unwrap().len(), 16);
        assert_ne!(key(), key());
    }

    #[test]
    fn path_query_and_host_are_those_of_the_address() {
        let to = |url| request_to(url, &[]).unwrap();
        assert!(to("ws://host/a/b?c=d").starts_with("GET /a/b?c=d HTTP/1.1\r\nHost: host\r\n"));
        assert!(to("ws://me:x@host:8080").starts_with("GET / HTTP/1.1\r\nHost: host:8080\r\n"));
        assert!(to("wss://[::1]").contains("\r\nHost: [::1]\r\n"));
        assert!(to("wss://[fe80::1%eth0]:80").contains("\r\nHost: [fe80::1]:80\r\n"));
    }

    #[test]
    fn headers_are_added_and_those_that_break_the_request_are_refused() {
        let with = |headers: &[(&str, &str)]| request_to("ws://host", headers);
        let all = with(&[("Cookie", "a=b"), ("host", "other"), ("X-Two", "1"), ("X-Two", "2")]).unwrap();
        assert!(all.contains("\r\nHost: other\r\n") && !all.contains("host: "));
        assert!(all.ends_with("\r\nCookie: a=b\r\nX-Two: 1\r\nX-Two: 2\r\n\r\n"));
        for bad in [
            "",
            "a b",
            "a:",
            "a\r\nb",
            "é",
            "Upgrade",
            "SEC-websocket-Key",
            "Transfer-Encoding",
            "nats-no-masking",
        ] {
            assert!(with(&[(bad, "canary")]).is_err_and(|e| !e.contains("canary")), "{bad}");
        }
        for bad in ["a\r\nb: c", "a\0", "\u{7f}"] {
            assert!(with(&[("Cookie", bad)]).is_err() && with(&[("Host", bad)]).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_answer_that_is_not_exactly_an_upgrade_is_refused() {
        let status = |lines: &str| answer(lines).unwrap_err().status;
        assert_eq!(status("HTTP/1.1 200 OK"), Some(200));
        assert_eq!(status("HTTP/1.0 101 Switching Protocols"), None);
        assert_eq!(status("hello"), None);
        let moved = answer("HTTP/1.1 302 Found\nLocation: ws://else").unwrap_err();
        assert!(moved.problem.contains("ws://else") && moved.status == Some(302));
        for (from, to) in [
            ("WebSocket", "h2c"),
            ("keep-alive, Upgrade", "keep-alive"),
            ("xOo=", "xOo"),
            ("xOo=", "xOo=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
            ("xOo=", "xOo=\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
            ("xOo=", "xOo=\nSec-WebSocket-Extensions: permessage-deflate"),
            ("xOo=", "xOo=\nSec-WebSocket-Protocol: mqtt"),
            ("Sec-WebSocket-Accept", "Other"),
        ] {
            assert!(GOOD.contains(from));
            assert_eq!(status(&GOOD.replace(from, to)), None, "{to}");
        }
    }

    #[test]
    fn what_is_offered_and_agreed_to_is_agreed() {
        let both = Options { headers: None, compression: true, no_masking: true };
        let request = request(&ServerAddr::parse("ws://a").unwrap(), KEY, &[], &both).unwrap();
        let request = String::from_utf8(request).unwrap();
        assert!(request.contains(&format!("\r\nSec-WebSocket-Extensions: {DEFLATE}\r\n")));
        assert!(request.contains("\r\nNats-No-Masking: true\r\n"));
        let with = |line: &str| answer_with(&format!("{GOOD}\n{line}"), &both);
        let extension = |value: &str| with(&format!("Sec-WebSocket-Extensions: {value}"));
        assert_eq!(answer_with(GOOD, &both), Ok(PLAIN));
        assert_eq!(with("Nats-No-Masking: true"), Ok(Agreed { masked: false, deflate: false }));
        assert_eq!(with("Nats-No-Masking: false"), Ok(PLAIN));
        assert_eq!(extension(DEFLATE), Ok(Agreed { masked: true, deflate: true }));
        for good in
            ["Permessage-Deflate;server_no_context_takeover", &format!("{DEFLATE}; server_max_window_bits=9")]
        {
            assert!(extension(good).unwrap().deflate, "{good}");
        }
        for bad in [
            "permessage-deflate",
            "x-webkit-deflate-frame",
            &format!("{DEFLATE}; client_max_window_bits=9"),
            &format!("{DEFLATE}, {DEFLATE}"),
            &format!("{DEFLATE}\nSec-WebSocket-Extensions: {DEFLATE}"),
        ] {
            assert!(extension(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_was_not_offered_is_not_agreed_to() {
        assert!(answer(&format!("{GOOD}\nSec-WebSocket-Extensions: {DEFLATE}")).is_err());
        assert_eq!(answer(&format!("{GOOD}\nNats-No-Masking: true")), Ok(PLAIN));
    }
}
