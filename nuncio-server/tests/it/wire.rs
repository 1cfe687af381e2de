//! A client that knows bytes only.

use std::time::Duration;

use nuncio_server::Server;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::net::TcpStream;

/// Longer than any pause of the server in paused time; no test waits for it unless it fails.
pub(crate) const SOON: Duration = Duration::from_secs(300);

pub(crate) struct Wire<S> {
    stream: S,
    seen: Vec<u8>,
}

pub(crate) const QUIET: &str =
    r#"{"verbose":false,"pedantic":false,"protocol":0,"headers":true,"no_responders":true}"#;

pub(crate) async fn memory() -> Server {
    Server::builder().in_memory().seed(1).start().await.unwrap()
}

/// A pipe whose handshake is done, with the usual options.
pub(crate) async fn quiet(server: &Server) -> Wire<DuplexStream> {
    connected(server, QUIET).await
}

/// A pipe whose handshake is done.
pub(crate) async fn connected(server: &Server, options: &str) -> Wire<DuplexStream> {
    let mut wire = Wire::new(server.pipe());
    wire.handshake(options).await;
    wire
}

pub(crate) async fn tcp(server: &Server) -> Wire<TcpStream> {
    Wire::new(TcpStream::connect(server.addr().unwrap()).await.unwrap())
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(crate) fn new(stream: S) -> Wire<S> {
        Wire { stream, seen: Vec::new() }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Sends to a server that may have ended the connection.
    pub(crate) async fn try_send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref()).await;
    }

    pub(crate) async fn half_close(&mut self) {
        let _ = self.stream.shutdown().await;
    }

    /// All up to and including `end`.
    pub(crate) async fn until(&mut self, end: &str) -> String {
        loop {
            if let Some(at) = self.seen.windows(end.len()).position(|part| part == end.as_bytes()) {
                let rest = self.seen.split_off(at + end.len());
                return text(&std::mem::replace(&mut self.seen, rest));
            }
            if !self.read().await {
                panic!("the connection ended before {end:?}; there was {:?}", text(&self.seen));
            }
        }
    }

    pub(crate) async fn line(&mut self) -> String {
        self.until("\r\n").await
    }

    /// A line, unless the connection ends before.
    pub(crate) async fn line_or_end(&mut self) -> Option<String> {
        while !self.seen.windows(2).any(|end| end == b"\r\n") {
            if !self.read().await {
                return None;
            }
        }
        Some(self.line().await)
    }

    /// All up to the end of the connection.
    pub(crate) async fn rest(&mut self) -> String {
        while self.read().await {}
        text(&std::mem::take(&mut self.seen))
    }

    async fn read(&mut self) -> bool {
        let read = tokio::time::timeout(SOON, self.stream.read_buf(&mut self.seen)).await;
        match read {
            Ok(result) => result.is_ok_and(|count| count > 0),
            Err(_) => panic!("nothing came any more behind {:?}", text(&self.seen)),
        }
    }

    pub(crate) async fn handshake(&mut self, options: &str) {
        assert!(self.line().await.starts_with("INFO {"));
        self.send(format!("CONNECT {options}\r\nPING\r\n")).await;
        self.until("PONG\r\n").await;
    }

    /// Sends operations and answers what came before the PONG behind them.
    pub(crate) async fn ask(&mut self, operations: impl AsRef<[u8]>) -> String {
        self.send(operations).await;
        self.send("PING\r\n").await;
        let answer = self.until("PONG\r\n").await;
        answer.strip_suffix("PONG\r\n").unwrap().to_owned()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
