//! Servers played by hand.

use std::sync::Arc;

use nuncio::rustls::ServerConfig;
use nuncio::rustls::pki_types::pem::PemObject;
use nuncio::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use nuncio::{Connect, Connection, ServerAddr, Tls, rustls};
use nuncio_testkit::{Authority, Identity};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::support::*;

pub(crate) const SECRET: &str = "s3cr3t";

/// What the servers say of themselves, with more fields.
pub(crate) fn info(fields: &str) -> String {
    format!("INFO {{\"server_id\":\"F\",\"version\":\"2.15.1\",\"proto\":1,\"headers\":true{fields}}}\r\n")
}

pub(crate) const REQUIRED: &str = ",\"tls_required\":true";

/// A listener with a certificate.
pub(crate) struct Fake {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

/// One connection of a fake server.
pub(crate) struct Peer<S> {
    pub(crate) io: BufReader<S>,
}

impl Fake {
    pub(crate) async fn new(identity: &Identity) -> Fake {
        Fake::at("127.0.0.1:0", identity).await
    }

    async fn at(addr: &str, identity: &Identity) -> Fake {
        let listener = TcpListener::bind(addr).await.unwrap();
        let certificate = CertificateDer::from_pem_slice(identity.certificate().as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(identity.key().as_bytes()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        Fake { listener, acceptor: TlsAcceptor::from(Arc::new(config)) }
    }

    pub(crate) fn addr(&self) -> String {
        self.listener.local_addr().unwrap().to_string()
    }

    pub(crate) async fn accept(&self) -> Peer<TcpStream> {
        let (io, _) = timeout(SOON, self.listener.accept()).await.expect("nobody connects").unwrap();
        io.set_nodelay(true).unwrap();
        Peer { io: BufReader::new(io) }
    }

    /// Accepts a connection and introduces itself in clear text.
    pub(crate) async fn greet(&self, fields: &str) -> Peer<TcpStream> {
        let mut peer = self.accept().await;
        peer.send(info(fields)).await;
        peer
    }

    /// The same, and goes through the TLS handshake.
    pub(crate) async fn encrypted(&self, fields: &str) -> Peer<TlsStream<TcpStream>> {
        Peer { io: BufReader::new(self.try_encrypted(fields).await.unwrap()) }
    }

    /// The same where the handshake may fail.
    pub(crate) async fn try_encrypted(&self, fields: &str) -> std::io::Result<TlsStream<TcpStream>> {
        let peer = self.greet(fields).await;
        timeout(SOON, self.acceptor.accept(peer.io.into_inner())).await.expect("no handshake")
    }

    /// All the way to the first `PONG`; the `CONNECT` line as well.
    pub(crate) async fn welcome(&self, fields: &str) -> (Peer<TlsStream<TcpStream>>, String) {
        let mut peer = self.encrypted(fields).await;
        let connect = peer.line().await;
        assert!(connect.starts_with("CONNECT {"), "{connect:?}");
        assert_eq!(peer.line().await, "PING\r\n");
        peer.send("PONG\r\n").await;
        (peer, connect)
    }
}

impl<S: Connection> Peer<S> {
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.io.get_mut().write_all(bytes.as_ref()).await.unwrap();
        self.io.get_mut().flush().await.unwrap();
    }

    pub(crate) async fn line(&mut self) -> String {
        let mut line = String::new();
        timeout(SOON, self.io.read_line(&mut line)).await.expect("nothing is sent").unwrap();
        line
    }

    /// All that the client sends until it closes the connection.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        let _ = timeout(SOON, self.io.read_to_end(&mut rest)).await.expect("still open");
        rest
    }
}

/// An authority, its options for a client, and a server with a certificate for these names.
pub(crate) async fn pair<'a>(names: impl IntoIterator<Item = &'a str>) -> (Authority, Tls, Fake) {
    let authority = authority();
    let fake = Fake::new(&authority.server(names).unwrap()).await;
    let tls = Tls::required().ca_pem(authority.certificate());
    (authority, tls, fake)
}

/// A connection with credentials.
pub(crate) fn connect(server: impl Into<nuncio::Servers>) -> Connect {
    quick(nuncio::connect(server)).user_and_password("me", SECRET)
}

/// Leads every address to the one that is given for it, whatever the machine's name look-up says.
pub(crate) fn detour(ways: Vec<(&'static str, String)>) -> impl nuncio::Connector {
    move |server: ServerAddr| {
        let to = ways.iter().find(|(host, _)| *host == server.host()).map(|(_, to)| to.clone());
        async move {
            let to = to.ok_or(std::io::ErrorKind::HostUnreachable)?;
            Ok(Box::new(TcpStream::connect(to).await?) as Box<dyn Connection>)
        }
    }
}
