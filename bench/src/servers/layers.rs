//! TLS and WebSocket on top of a connection, from the server's side.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use nuncio::rustls::pki_types::pem::PemObject;
use nuncio::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use nuncio::rustls::{ServerConfig, ServerConnection, StreamOwned};
use nuncio_testkit::Authority;
use tempfile::TempDir;
use tungstenite::Message;

/// What a server proves itself with.
pub(super) struct Secure {
    config: Arc<ServerConfig>,
    dir: TempDir,
}

const CA: &str = "bench-ca";

impl Secure {
    pub(super) fn new() -> io::Result<Self> {
        let authority = Authority::new("nuncio bench").map_err(io::Error::other)?;
        let identity = authority.server(["127.0.0.1", "localhost"]).map_err(io::Error::other)?;
        let dir = TempDir::new()?;
        authority.write(dir.path(), CA).map_err(io::Error::other)?;
        let chain = CertificateDer::pem_slice_iter(identity.certificate().as_bytes());
        let chain = chain.collect::<Result<Vec<_>, _>>().map_err(io::Error::other)?;
        let key = PrivateKeyDer::from_pem_slice(identity.key().as_bytes()).map_err(io::Error::other)?;
        let provider = Arc::new(nuncio::rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|config| config.with_no_client_auth().with_single_cert(chain, key))
            .map_err(io::Error::other)?;
        Ok(Self { config: Arc::new(config), dir })
    }

    pub(super) fn ca_file(&self) -> String {
        self.dir.path().join(CA).with_extension("pem").display().to_string()
    }

    pub(super) fn accept(&self, stream: TcpStream) -> io::Result<StreamOwned<ServerConnection, TcpStream>> {
        let connection = ServerConnection::new(Arc::clone(&self.config)).map_err(io::Error::other)?;
        Ok(StreamOwned::new(connection, stream))
    }
}

/// The bytes in the frames of a WebSocket.
pub(super) struct WebSocket {
    socket: tungstenite::WebSocket<TcpStream>,
    rest: Bytes,
}

impl WebSocket {
    pub(super) fn accept(stream: TcpStream) -> io::Result<Self> {
        let socket = tungstenite::accept(stream).map_err(io::Error::other)?;
        Ok(Self { socket, rest: Bytes::new() })
    }
}

impl Read for WebSocket {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            match self.socket.read() {
                Ok(Message::Binary(bytes)) => self.rest = bytes,
                Ok(Message::Close(_)) => return Ok(0),
                Ok(_) => {}
                Err(tungstenite::Error::ConnectionClosed) => return Ok(0),
                Err(tungstenite::Error::Io(error)) => return Err(error),
                // How a client that is done just goes.
                Err(error) => return Err(io::Error::new(io::ErrorKind::ConnectionReset, error)),
            }
        }
        let n = into.len().min(self.rest.len());
        self.rest.copy_to_slice(into.get_mut(..n).unwrap_or_default());
        Ok(n)
    }
}

impl Write for WebSocket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let frame = Message::Binary(Bytes::copy_from_slice(bytes));
        self.socket.send(frame).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush().map_err(io::Error::other)
    }
}
