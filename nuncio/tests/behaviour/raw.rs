//! The protocol by hand.

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::SOON;

/// A bare TCP connection that speaks the protocol by hand.
pub(crate) struct Raw {
    io: BufReader<TcpStream>,
}

impl Raw {
    pub(crate) async fn connect(addr: &str, options: &str) -> Raw {
        let mut raw = Raw { io: BufReader::new(TcpStream::connect(addr).await.unwrap()) };
        assert!(raw.line().await.starts_with(b"INFO "));
        raw.send(format!("CONNECT {options}\r\n")).await;
        raw.sync().await;
        raw
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.io.get_mut().write_all(bytes.as_ref()).await.unwrap();
    }

    /// Publishes with a header block, whatever is in either.
    pub(crate) async fn hpub(&mut self, subject: &[u8], header: &[u8], payload: &[u8]) {
        let counts = format!(" {} {}\r\n", header.len(), header.len() + payload.len());
        self.send([b"HPUB ", subject, counts.as_bytes(), header, payload, b"\r\n"].concat()).await;
    }

    pub(crate) async fn publish(&mut self, subject: &[u8], payload: &[u8]) {
        let count = format!(" {}\r\n", payload.len());
        self.send([b"PUB ", subject, count.as_bytes(), payload, b"\r\n"].concat()).await;
    }

    /// Waits until the server has processed everything, and returns what it said until then.
    pub(crate) async fn sync(&mut self) -> Vec<u8> {
        self.send(b"PING\r\n").await;
        let mut said = Vec::new();
        loop {
            let line = self.line().await;
            if line == b"PONG\r\n" {
                return said;
            }
            said.extend(line);
        }
    }

    pub(crate) async fn line(&mut self) -> Vec<u8> {
        let mut line = Vec::new();
        timeout(SOON, self.io.read_until(b'\n', &mut line)).await.unwrap().unwrap();
        assert!(line.ends_with(b"\n"), "the server closed the connection");
        line
    }

    /// Everything until the server closes the connection.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        timeout(SOON, self.io.read_to_end(&mut rest)).await.unwrap().unwrap();
        rest
    }
}
