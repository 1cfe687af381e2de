//! WebSocket: the same frames to this server and to nats-server 2.15.1.

use nuncio_proto::websocket::{Control, Event, FrameReader, Header, Opcode, Role, accept_key, apply_mask};
use nuncio_server::Server;
use nuncio_testkit::{NatsServer, Port};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::net::TcpStream;

use crate::wire::SOON;

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const MASK: Option<[u8; 4]> = Some([1, 2, 3, 4]);

/// Requests of which each line is one.
const GOOD: &[&str] = &[
    "GET /any?thing HTTP/1.1",
    "Host: h",
    "Upgrade: WebSocket",
    "Connection: keep-alive, upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
];

fn request(lines: &[&str]) -> String {
    lines.iter().map(|line| format!("{line}\r\n")).chain(["\r\n".to_owned()]).collect()
}

/// The head of the answer to a request.
async fn answer<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match tokio::time::timeout(SOON, stream.read_u8()).await.unwrap() {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(head).unwrap()
}

fn frame(fin: bool, opcode: Opcode, mask: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    Header { fin, ..Header::whole(opcode, payload.len(), mask) }.encode(&mut bytes);
    let start = bytes.len();
    bytes.extend_from_slice(payload);
    if let Some(mask) = mask {
        apply_mask(&mut bytes[start..], mask, 0);
    }
    bytes
}

fn text(payload: &str) -> Vec<u8> {
    frame(true, Opcode::Binary, MASK, payload.as_bytes())
}

/// What a server has sent: the bytes of NATS without INFO, the control frames, and whether it was the end.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    nats: String,
    pongs: Vec<Vec<u8>>,
    close: Option<u16>,
}

/// Reads until NATS ends so, or the connection.
async fn until<S: AsyncRead + Unpin>(stream: &mut S, end: &str) -> Seen {
    let (mut seen, mut nats, mut bytes) = (Seen::default(), String::new(), Vec::new());
    let mut reader = FrameReader::new(Role::Server, 1 << 20, false);
    loop {
        loop {
            let (event, skip, len) = reader.next(&mut bytes, usize::MAX).unwrap();
            bytes.drain(..skip);
            let payload: Vec<u8> = bytes.drain(..len).collect();
            match event {
                Event::More => break,
                Event::Payload => nats.push_str(std::str::from_utf8(&payload).unwrap()),
                Event::Control(control) => note(&mut seen, &control),
                Event::End => {}
            }
        }
        if !end.is_empty() && nats.ends_with(end) {
            break;
        }
        let read = tokio::time::timeout(SOON, stream.read_buf(&mut bytes)).await.expect("nothing comes");
        if read.unwrap_or(0) == 0 {
            break;
        }
    }
    seen.nats = nats.split_inclusive("\r\n").filter(|line| !line.starts_with("INFO {")).collect();
    seen
}

fn note(seen: &mut Seen, control: &Control) {
    match control.opcode {
        Opcode::Close => seen.close = Some(control.reason().unwrap().0),
        _ => seen.pongs.push(control.payload().to_vec()),
    }
}

/// A connection on which NATS has begun.
async fn begun<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) -> S {
    assert!(answer(&mut stream, &request(GOOD)).await.starts_with("HTTP/1.1 101 "));
    assert_eq!(until(&mut stream, "\r\n").await, Seen::default());
    stream.write_all(&text("CONNECT {\"verbose\":false}\r\nPING\r\n")).await.unwrap();
    assert_eq!(until(&mut stream, "PONG\r\n").await.nats, "PONG\r\n");
    stream
}

/// Both servers, by the addresses of their ports for WebSocket.
async fn both() -> (Server, NatsServer, Port, [String; 2]) {
    let here = Server::builder().websocket().start().await.unwrap();
    let port = Port::lease().unwrap();
    let config = format!("websocket {{ host: \"127.0.0.1\", port: {}, no_tls: true }}", port.number());
    let there = NatsServer::builder().version("2.15.1").config(config).start().await.unwrap();
    let addrs = [here.websocket_addr().unwrap().to_string(), format!("127.0.0.1:{}", port.number())];
    (here, there, port, addrs)
}

#[tokio::test]
async fn requests_are_answered_as_by_the_real_server() {
    let (_here, _there, _port, addrs) = both().await;
    let mut requests = vec![request(GOOD)];
    for left_out in 1..GOOD.len() {
        let lines: Vec<&str> =
            GOOD.iter().enumerate().filter(|(i, _)| *i != left_out).map(|(_, l)| *l).collect();
        requests.push(request(&lines));
    }
    requests.push(request(GOOD).replace("GET", "POST"));
    requests.push(request(GOOD).replace(": 13", ": 12"));
    requests.push(request(GOOD).replace("WebSocket\r\n", "h2c\r\n"));
    requests.push("nonsense\r\n\r\n".to_owned());
    requests.push(request(GOOD).replace("Host", "Nats-No-Masking: true\r\nHost"));
    for request in requests {
        let mut answers = Vec::new();
        for addr in &addrs {
            let head = answer(&mut TcpStream::connect(addr).await.unwrap(), &request).await;
            let accept = head.contains(&format!("Sec-WebSocket-Accept: {}\r\n", accept_key(KEY)));
            let unmasked = head.contains("Nats-No-Masking: true\r\n");
            answers.push((head.get(..12).map(str::to_owned), accept, unmasked));
        }
        assert_eq!(answers[0], answers[1], "{request}");
    }
}

#[tokio::test]
async fn frames_are_answered_as_by_the_real_server() {
    let (_here, _there, _port, addrs) = both().await;
    let ping = |payload: &[u8]| frame(true, Opcode::Ping, MASK, payload);
    let whole = text("SUB a 1\r\nPUB a 5\r\nhello\r\nPING\r\n");
    let bytes = b"SUB a 1\r\nPUB a 5\r\nhello\r\nPING\r\n";
    let mut all = vec![
        ("a message", whole.clone()),
        ("text", frame(true, Opcode::Text, MASK, bytes)),
        ("pings", [ping(b""), ping(b"hello?"), text("PING\r\n")].concat()),
        ("a pong that nobody asked for", [frame(true, Opcode::Pong, MASK, b"x"), text("PING\r\n")].concat()),
        ("no mask", frame(true, Opcode::Binary, None, bytes)),
        ("a fragment of nothing", frame(true, Opcode::Continuation, MASK, bytes)),
        ("a message within another", [frame(false, Opcode::Binary, MASK, b""), text("PING\r\n")].concat()),
        ("a ping in fragments", frame(false, Opcode::Ping, MASK, b"")),
        ("an unknown operation", vec![0x83, 0x80, 1, 2, 3, 4]),
        ("a close", [text("PING\r\n"), Control::close(1000, "bye").encoded()].concat()),
        ("a close without a code", Control::new(Opcode::Close, b"").encoded()),
    ];
    for cut in [1, 9, bytes.len() - 1] {
        let (one, two) = bytes.split_at(cut);
        let fragments = [
            frame(false, Opcode::Binary, MASK, one),
            ping(b"between"),
            frame(false, Opcode::Continuation, MASK, b""),
            frame(true, Opcode::Continuation, MASK, two),
        ];
        all.push(("fragments", fragments.concat()));
    }
    for (name, bytes) in all {
        let mut seen = Vec::new();
        for addr in &addrs {
            let mut stream = begun(TcpStream::connect(addr).await.unwrap()).await;
            stream.write_all(&bytes).await.unwrap();
            seen.push(until(&mut stream, "PONG\r\n").await);
        }
        let [mut here, mut there] = <[Seen; 2]>::try_from(seen).unwrap();
        // It may come a little later, and at times nats-server ends the connection before it is written.
        if here.close.is_none() || there.close.is_none() {
            (here.close, there.close) = (None, None);
        }
        assert_eq!(here, there, "{name}");
    }
}

trait Encoded {
    fn encoded(&self) -> Vec<u8>;
}

impl Encoded for Control {
    fn encoded(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.encode(MASK, &mut bytes);
        bytes
    }
}

async fn pipe(server: &Server) -> DuplexStream {
    begun(server.websocket_pipe()).await
}

#[tokio::test]
async fn clients_of_both_kinds_meet_in_memory_too() {
    let server = Server::builder().in_memory().websocket().start().await.unwrap();
    let mut stream = pipe(&server).await;
    stream.write_all(&text("SUB a 1\r\nPING\r\n")).await.unwrap();
    until(&mut stream, "PONG\r\n").await;
    let mut other = crate::wire::quiet(&server).await;
    other.ask("PUB a 5\r\nhello\r\n").await;
    assert_eq!(until(&mut stream, "hello\r\n").await.nats, "MSG a 1 5\r\nhello\r\n");
}

#[tokio::test]
async fn large_messages_come_in_several_frames_to_a_client_that_reads_slowly() {
    let server = Server::builder().in_memory().websocket().start().await.unwrap();
    let mut stream = pipe(&server).await;
    let payload = "x".repeat(300_000);
    let mut sent = text("SUB a 1\r\n");
    sent.extend(text(&format!("PUB a 300000\r\n{payload}\r\n")));
    let (mut from, mut to) = tokio::io::split(stream);
    let (seen, ()) = tokio::join!(until(&mut from, "x\r\n"), async { to.write_all(&sent).await.unwrap() });
    assert_eq!(seen.nats, format!("MSG a 1 300000\r\n{payload}\r\n"));
    stream = from.unsplit(to);
    server.shutdown().await;
    assert_eq!(until(&mut stream, "").await.close, Some(1000));
}

#[tokio::test]
async fn who_says_something_before_the_answer_is_refused() {
    let server = Server::builder().in_memory().websocket().start().await.unwrap();
    let mut stream = server.websocket_pipe();
    stream.write_all(&[request(GOOD).into_bytes(), text("PING\r\n")].concat()).await.unwrap();
    let mut all = Vec::new();
    tokio::time::timeout(SOON, stream.read_to_end(&mut all)).await.unwrap().unwrap();
    assert!(!all.starts_with(b"HTTP/1.1 101"));
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_is_closed_in_time() {
    let server = Server::builder().in_memory().websocket().start().await.unwrap();
    let mut stream = server.websocket_pipe();
    assert_eq!(stream.read(&mut [0; 10]).await.unwrap(), 0);
    server.wait_for_connections(0).await;
}
