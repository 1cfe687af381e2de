//! A server that speaks WebSocket, played by hand.

use std::collections::VecDeque;
use std::future::IntoFuture;

use nuncio::Client;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::support::*;

pub(crate) const INFO: &str =
    r#"INFO {"server_id":"F","version":"2.15.1","proto":1,"headers":true,"max_payload":1048576}"#;

pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;
pub(crate) const FIN: u8 = 0x80;

/// The first byte of a message that is compressed.
pub(crate) const COMPRESSED: u8 = FIN | 0x40 | BINARY;

/// Undoes the compression of one message.
fn inflate(message: &[u8]) -> Vec<u8> {
    // An empty last block, which no message has.
    let whole = [message, &[0, 0, 0xff, 0xff, 3, 0]].concat();
    miniz_oxide::inflate::decompress_to_vec(&whole).expect("it cannot be inflated")
}

pub(crate) struct Gate {
    listener: TcpListener,
}

/// One connection.
pub(crate) struct Peer {
    io: BufReader<TcpStream>,
    /// The head of the request.
    pub(crate) request: String,
    /// Lines of NATS that have come and have not been looked at.
    lines: VecDeque<String>,
    partial: String,
    /// Whether the client's frames have masks.
    pub(crate) masked: bool,
}

/// An unmasked frame, as a server sends it.
pub(crate) fn frame(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let mut frame = vec![first];
    match payload.len() {
        len @ ..=125 => frame.push(len as u8),
        len @ ..=0xffff => {
            frame.push(126);
            frame.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            frame.push(127);
            frame.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(payload);
    frame
}

impl Gate {
    pub(crate) async fn new() -> Gate {
        Gate { listener: TcpListener::bind("127.0.0.1:0").await.unwrap() }
    }

    pub(crate) fn addr(&self) -> String {
        self.listener.local_addr().unwrap().to_string()
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}", self.addr())
    }

    /// Accepts a connection and reads its request.
    pub(crate) async fn accept(&self) -> Peer {
        let (io, _) = timeout(SOON, self.listener.accept()).await.expect("nobody connects").unwrap();
        io.set_nodelay(true).unwrap();
        let mut io = BufReader::new(io);
        let mut request = String::new();
        while !request.ends_with("\r\n\r\n") {
            let read = timeout(SOON, io.read_line(&mut request)).await.expect("no request").unwrap();
            assert!(read > 0, "closed within its request: {request}");
        }
        Peer { io, request, lines: VecDeque::new(), partial: String::new(), masked: true }
    }

    /// Accepts a connection and goes through both handshakes with it.
    pub(crate) async fn welcome_with(&self, info: &str) -> Peer {
        let mut peer = self.accept().await;
        peer.upgrade().await;
        peer.greet(info).await;
        peer
    }

    /// A client and the server's end of its connection.
    pub(crate) async fn pair(&self) -> (Client, Peer) {
        let (nc, peer) = tokio::join!(connect(self.url()).into_future(), self.welcome_with(INFO));
        (nc.unwrap(), peer)
    }
}

impl Peer {
    /// The value of a header of the request.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.request.lines().filter_map(|line| line.split_once(": "));
        headers.find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(crate) fn switching(&self) -> String {
        let key = self.header("Sec-WebSocket-Key").unwrap();
        let accept = nuncio_proto::websocket::accept_key(key);
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n\r\n"
        )
    }

    pub(crate) async fn upgrade(&mut self) {
        self.upgrade_with("").await;
    }

    /// With more lines in the answer, each with its end.
    pub(crate) async fn upgrade_with(&mut self, lines: &str) {
        let answer =
            self.switching().replace("Upgrade: websocket\r\n", &format!("Upgrade: websocket\r\n{lines}"));
        self.raw(answer).await;
    }

    pub(crate) async fn greet(&mut self, info: &str) {
        self.frame(FIN | BINARY, format!("{info}\r\n")).await;
        self.answer_hello().await;
    }

    pub(crate) async fn answer_hello(&mut self) {
        assert!(self.line().await.starts_with("CONNECT {"));
        assert_eq!(self.line().await, "PING");
        self.frame(FIN | BINARY, "PONG\r\n").await;
    }

    pub(crate) async fn raw(&mut self, bytes: impl AsRef<[u8]>) {
        self.io.get_mut().write_all(bytes.as_ref()).await.unwrap();
    }

    /// Like `raw`, to a client that may have gone already.
    pub(crate) async fn raw_if_there(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.io.get_mut().write_all(bytes.as_ref()).await;
    }

    pub(crate) async fn frame(&mut self, first: u8, payload: impl AsRef<[u8]>) {
        self.raw(frame(first, payload)).await;
    }

    /// The first byte and the payload of the client's next frame, which has to be masked unless it was agreed otherwise;
    /// none at the end.
    pub(crate) async fn read_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        timeout(SOON, async {
            let first = self.io.read_u8().await.ok()?;
            let second = self.io.read_u8().await.ok()?;
            assert_eq!(second & 0x80 != 0, self.masked, "a client's frames are masked");
            let len = match second & 0x7f {
                126 => u64::from(self.io.read_u16().await.ok()?),
                127 => self.io.read_u64().await.ok()?,
                len => u64::from(len),
            };
            let mut mask = [0; 4];
            if self.masked {
                self.io.read_exact(&mut mask).await.ok()?;
            }
            let mut payload = vec![0; usize::try_from(len).unwrap()];
            self.io.read_exact(&mut payload).await.ok()?;
            payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
            Some((first, payload))
        })
        .await
        .expect("the client sends nothing")
    }

    /// The next line of NATS; all frames up to there have to be binary.
    pub(crate) async fn line(&mut self) -> String {
        loop {
            if let Some(line) = self.lines.pop_front() {
                return line;
            }
            let (first, payload) = self.read_frame().await.expect("closed");
            let payload = match first {
                COMPRESSED => inflate(&payload),
                first => {
                    assert_eq!(first, FIN | BINARY);
                    payload
                }
            };
            self.partial.push_str(std::str::from_utf8(&payload).unwrap());
            while let Some((line, rest)) = self.partial.split_once("\r\n") {
                self.lines.push_back(line.to_owned());
                self.partial = rest.to_owned();
            }
        }
    }

    /// Reads lines until one starts so.
    pub(crate) async fn until(&mut self, start: &str) -> String {
        loop {
            let line = self.line().await;
            if line.starts_with(start) {
                return line;
            }
        }
    }

    /// Reads frames until the client sends a close frame: its code.
    pub(crate) async fn close_code(&mut self) -> u16 {
        loop {
            let (first, payload) = self.read_frame().await.expect("closed without a close frame");
            if first == FIN | CLOSE {
                return u16::from_be_bytes([payload[0], payload[1]]);
            }
        }
    }
}
