//! The server that the examples use: that of `NATS_URL`, or one in this process.

use std::io;

use nuncio_server::Server;

/// A server to connect to. One in this process ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) url: String,
    _embedded: Option<Server>,
}

/// The server named by `NATS_URL`; without that variable, one started in this process on a free port.
pub(crate) async fn target() -> io::Result<Target> {
    match std::env::var("NATS_URL") {
        Ok(url) if !url.is_empty() => Ok(Target { url, _embedded: None }),
        _ => {
            let server = Server::start().await?;
            Ok(Target { url: server.url(), _embedded: Some(server) })
        }
    }
}
