//! INFO with TLS and WebSocket: that of this server and that of nats-server 2.15.1, before and after the `CONNECT`.

use std::io::Cursor;
use std::sync::Arc;

use nuncio_proto::websocket::{Event, FrameReader, Header, Opcode, Role, apply_mask};
use nuncio_server::{Server, ServerBuilder, Tls};
use nuncio_testkit::{Authority, Identity, NatsServer, Port, Readiness};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Map, Value};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::wire::SOON;

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// How a client gets to NATS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Plain,
    Tls,
    TlsFirst,
    WebSocket,
    WebSocketTls,
}

/// What names a server or a version of it, and is different by right.
const NAMES: &[&str] = &["server_id", "server_name", "version", "git_commit", "go", "xkey"];

/// An INFO as far as two servers can have the same.
fn comparable(line: &str, addr: &str) -> Map<String, Value> {
    let mut info: Map<String, Value> = serde_json::from_str(line.strip_prefix("INFO ").unwrap()).unwrap();
    NAMES.iter().for_each(|name| drop(info.remove(*name)));
    let (host, port) = (info.remove("host").unwrap(), info.remove("port").unwrap());
    let told = format!("{}:{port}", host.as_str().unwrap());
    info.insert("address".into(), Value::Bool(told == addr));
    if let Some(nonce) = info.get_mut("nonce") {
        *nonce = Value::from(nonce.as_str().unwrap().len());
    }
    // nats-server counts its own clients too.
    assert!(info.remove("client_id").is_some_and(|id| id.as_u64() > Some(0)));
    info
}

/// A connection that hands out lines.
struct Lines {
    stream: Box<dyn Stream>,
    frames: Option<FrameReader>,
    raw: Vec<u8>,
    nats: Vec<u8>,
}

impl Lines {
    fn new(stream: Box<dyn Stream>) -> Lines {
        Lines { stream, frames: None, raw: Vec::new(), nats: Vec::new() }
    }

    async fn line(&mut self) -> String {
        loop {
            self.unpack();
            if let Some(at) = self.nats.windows(2).position(|end| end == b"\r\n") {
                let line: Vec<u8> = self.nats.drain(..at + 2).collect();
                return String::from_utf8(line).unwrap();
            }
            let read = tokio::time::timeout(SOON, self.stream.read_buf(&mut self.raw)).await;
            assert!(read.expect("nothing comes").unwrap() > 0, "the end");
        }
    }

    /// What is in the frames that have come, or all where there are none.
    fn unpack(&mut self) {
        let Some(frames) = &mut self.frames else { return self.nats.append(&mut self.raw) };
        loop {
            let (event, skip, len) = frames.next(&mut self.raw, usize::MAX).unwrap();
            self.raw.drain(..skip);
            let payload = self.raw.drain(..len);
            match event {
                Event::More => return,
                Event::Payload => self.nats.extend(payload),
                _ => {}
            }
        }
    }

    async fn send(&mut self, text: &str) {
        let bytes = match self.frames {
            None => text.as_bytes().to_vec(),
            Some(_) => {
                let (mask, mut bytes) = ([1, 2, 3, 4], Vec::new());
                Header::whole(Opcode::Binary, text.len(), Some(mask)).encode(&mut bytes);
                let start = bytes.len();
                bytes.extend_from_slice(text.as_bytes());
                apply_mask(&mut bytes[start..], mask, 0);
                bytes
            }
        };
        self.stream.write_all(&bytes).await.unwrap();
    }

    async fn upgrade(&mut self) {
        let request = "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
        self.stream.write_all(request.as_bytes()).await.unwrap();
        assert!(self.line().await.starts_with("HTTP/1.1 101 "));
        while self.line().await != "\r\n" {}
        // What came behind the answer is frames already.
        self.raw = std::mem::take(&mut self.nats);
        self.frames = Some(FrameReader::new(Role::Server, 1 << 20, false));
    }
}

/// What clients of the test show and trust.
struct Trust {
    authority: Authority,
    client: Identity,
}

impl Trust {
    async fn encrypt(&self, stream: Box<dyn Stream>) -> Box<dyn Stream> {
        let mut roots = RootCertStore::empty();
        let pem = self.authority.certificate();
        roots.add(CertificateDer::from_pem_reader(Cursor::new(pem)).unwrap()).unwrap();
        let certificate = CertificateDer::from_pem_reader(Cursor::new(self.client.certificate())).unwrap();
        let key = PrivateKeyDer::from_pem_reader(Cursor::new(self.client.key())).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.unwrap().with_root_certificates(roots);
        let config = config.with_client_auth_cert(vec![certificate], key).unwrap();
        let name = ServerName::try_from("127.0.0.1").unwrap();
        Box::new(TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap())
    }
}

/// All that a client is told of the server on that way: in each INFO up to the one behind the first PONG.
async fn told(addr: &str, way: Way, trust: &Trust, connect: &str) -> Vec<Map<String, Value>> {
    let mut stream: Box<dyn Stream> = Box::new(TcpStream::connect(addr).await.unwrap());
    if matches!(way, Way::TlsFirst | Way::WebSocketTls) {
        stream = trust.encrypt(stream).await;
    }
    let mut lines = Lines::new(stream);
    if matches!(way, Way::WebSocket | Way::WebSocketTls) {
        lines.upgrade().await;
    }
    let mut told = vec![comparable(&lines.line().await, addr)];
    if way == Way::Tls {
        assert!(lines.nats.is_empty());
        lines = Lines::new(trust.encrypt(lines.stream).await);
    }
    lines.send(&format!("CONNECT {connect}\r\nPING\r\n")).await;
    loop {
        match lines.line().await {
            line if line.starts_with("INFO ") => told.push(comparable(&line, addr)),
            line => assert_eq!(line, "PONG\r\n"),
        }
        if told.len() == 2 {
            return told;
        }
    }
}

const CONNECT: &str = r#"{"verbose":false,"protocol":1,"headers":true,"user":"u","pass":"p"}"#;

/// Where both servers tell something else on one of these ways.
async fn differ(name: &str, here: ServerBuilder, config: &str, ways: &[Way], trust: &Trust) -> Vec<String> {
    let port = Port::lease().unwrap();
    let config = config.replace("PORT", &port.number().to_string());
    let here = here.start().await.unwrap();
    // A server that waits for TLS greets nobody who asks whether it is there.
    let there = NatsServer::builder().version("2.15.1").readiness(Readiness::Healthz).config(config);
    let there = there.start().await.unwrap();
    let mut differ = Vec::new();
    for way in ways {
        let addrs = match way {
            Way::WebSocket | Way::WebSocketTls => {
                [here.websocket_addr().unwrap().to_string(), format!("127.0.0.1:{}", port.number())]
            }
            _ => [here.addr().unwrap().to_string(), there.addr()],
        };
        let ours = told(&addrs[0], *way, trust, CONNECT).await;
        let theirs = told(&addrs[1], *way, trust, CONNECT).await;
        if ours != theirs {
            differ.push(format!("{name}, {way:?}:\n  nuncio-server {ours:?}\n  nats-server   {theirs:?}"));
        }
    }
    differ
}

#[tokio::test]
async fn info_is_that_of_the_real_server_with_tls_and_websocket() {
    let authority = Authority::new("test").unwrap();
    let client = authority.client("client").unwrap();
    let trust = Trust { authority, client };
    let dir = tempfile::tempdir().unwrap();
    let identity = trust.authority.server(["127.0.0.1"]).unwrap();
    let (certificate, key) = identity.write(dir.path(), "server").unwrap();
    let ca = trust.authority.write(dir.path(), "ca").unwrap();
    let files = format!("cert_file: {certificate:?}, key_file: {key:?}");
    let verify = format!("{files}, ca_file: {ca:?}, verify: true");
    let websocket = "websocket { host: \"127.0.0.1\", port: PORT";
    let tls = || Tls::pem(identity.certificate(), identity.key());
    let user = "authorization { user: u, password: p }";
    let of = Server::builder;
    let (plain, secure) = (&[Way::Plain, Way::WebSocket][..], &[Way::Tls][..]);
    let all = [
        ("neither", of().websocket(), format!("{websocket}, no_tls: true }}"), plain),
        ("a user", of().websocket().user("u", "p"), format!("{websocket}, no_tls: true }}\n{user}"), plain),
        ("TLS", of().tls(tls()), format!("tls {{ {files} }}"), secure),
        ("TLS and a user", of().tls(tls()).user("u", "p"), format!("tls {{ {files} }}\n{user}"), secure),
        (
            "client certificates",
            of().tls(tls().verify(trust.authority.certificate())),
            format!("tls {{ {verify} }}"),
            secure,
        ),
        (
            "TLS first",
            of().tls(tls().handshake_first()),
            format!("tls {{ {files}, handshake_first: true }}"),
            &[Way::TlsFirst],
        ),
        (
            "TLS beneath WebSocket",
            of().websocket_tls(tls()),
            format!("{websocket}, tls {{ {files} }} }}"),
            &[Way::Plain, Way::WebSocketTls],
        ),
        (
            "client certificates beneath WebSocket",
            of().websocket_tls(tls().verify(trust.authority.certificate())),
            format!("{websocket}, tls {{ {verify} }} }}"),
            &[Way::WebSocketTls],
        ),
        (
            "client certificates, and WebSocket without TLS",
            of().tls(tls().verify(trust.authority.certificate())).websocket(),
            format!("tls {{ {verify} }}\n{websocket}, no_tls: true }}"),
            &[Way::Tls, Way::WebSocket],
        ),
        (
            "TLS, and WebSocket without",
            of().tls(tls()).websocket(),
            format!("tls {{ {files} }}\n{websocket}, no_tls: true }}"),
            &[Way::Tls, Way::WebSocket],
        ),
    ];
    let mut all_that_differ = Vec::new();
    for (name, here, config, ways) in all {
        all_that_differ.extend(differ(name, here, &config, ways, &trust).await);
    }
    assert!(all_that_differ.is_empty(), "{}", all_that_differ.join("\n"));
}
