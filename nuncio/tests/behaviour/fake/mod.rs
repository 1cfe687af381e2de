//! Servers that do what no good one does, played by hand. No kind of server is the target here.

mod complaints;
mod handshake;
mod infos;
mod lines;

use std::future::IntoFuture;
use std::time::Duration;

use nuncio::{Backoff, DisconnectCause, Event};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::support::*;

const INFO: &str =
    r#"INFO {"server_id":"F","version":"2.15.1","proto":1,"headers":true,"max_payload":1048576}"#;

struct Fake {
    listener: TcpListener,
}

/// One connection of a fake server.
struct Peer {
    io: BufReader<TcpStream>,
}

impl Fake {
    async fn new() -> Fake {
        Fake { listener: TcpListener::bind("127.0.0.1:0").await.unwrap() }
    }

    fn addr(&self) -> String {
        self.listener.local_addr().unwrap().to_string()
    }

    fn connect(&self) -> nuncio::Connect {
        nuncio::connect(self.addr())
            .max_reconnects(None)
            .backoff(Backoff::fixed(Duration::from_millis(5), Duration::ZERO))
    }

    async fn accept(&self) -> Peer {
        let (io, _) =
            tokio::time::timeout(SOON, self.listener.accept()).await.expect("nobody connects").unwrap();
        io.set_nodelay(true).unwrap();
        Peer { io: BufReader::new(io) }
    }

    /// Accepts a connection and goes through the handshake with it.
    async fn welcome(&self) -> Peer {
        let mut peer = self.accept().await;
        peer.send(format!("{INFO}\r\n")).await;
        assert!(peer.line().await.starts_with("CONNECT {"));
        assert_eq!(peer.line().await, "PING\r\n");
        peer.send("PONG\r\n").await;
        peer
    }

    /// A client and the server's end of its connection.
    async fn pair(&self) -> (nuncio::Client, Peer) {
        let (nc, peer) = tokio::join!(self.connect().into_future(), self.welcome());
        (nc.unwrap(), peer)
    }
}

impl Peer {
    async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.io.get_mut().write_all(bytes.as_ref()).await.unwrap();
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        tokio::time::timeout(SOON, self.io.read_line(&mut line)).await.expect("nothing is sent").unwrap();
        line
    }

    /// Reads lines until one starts so.
    async fn until(&mut self, start: &str) -> String {
        loop {
            let line = self.line().await;
            assert!(!line.is_empty(), "closed before {start:?} came");
            if line.starts_with(start) {
                return line;
            }
        }
    }

    /// Waits until the client closes the connection.
    async fn closed(&mut self) {
        let mut rest = Vec::new();
        let _ = tokio::time::timeout(SOON, self.io.read_to_end(&mut rest)).await.expect("still open");
    }
}

async fn lost(events: &mut nuncio::Events) -> DisconnectCause {
    event(events, |e| match e {
        Event::Disconnected { cause, .. } => Some(cause),
        _ => None,
    })
    .await
}
