//! HTTP proxies.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nuncio_proto::addr::ServerAddr;
use nuncio_proto::secret::Secret;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::connector::proxy::{Proxy, ProxyError};
use crate::transport::dial::host_port;
use crate::transport::http::{read_head, status};
use crate::transport::{Connection, Connector, ConnectorFuture};

/// Larger reads go past the buffer, so that it costs nothing once the tunnel stands.
const BUFFER: usize = 1024;

/// Connects through an HTTP proxy, by the method `CONNECT` (RFC 9110, section 9.3.6).
///
/// The proxy looks up the server's name. The connection to the proxy is not encrypted; what runs through it may be.
/// What goes wrong is [`ConnectError::Proxy`](crate::ConnectError::Proxy).
///
/// ```no_run
/// # async fn f() -> Result<(), nuncio::Error> {
/// let proxy = nuncio::connector::HttpProxy::new("proxy.example.org:3128").user_and_password("me", "secret");
/// let nc = nuncio::connect("nats.example.org").connector(proxy).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct HttpProxy {
    proxy: Proxy,
}

impl HttpProxy {
    /// The proxy at `host:port`.
    pub fn new(host_and_port: impl Into<String>) -> Self {
        Self { proxy: Proxy { at: host_and_port.into(), login: None } }
    }

    /// Who to be at the proxy, by the scheme `Basic`. Default: nobody.
    #[must_use]
    pub fn user_and_password(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.proxy.login = Some((user.into(), Secret::from(password.into())));
        self
    }
}

impl Connector for HttpProxy {
    fn connect(&self, server: ServerAddr) -> ConnectorFuture {
        let proxy = self.proxy.clone();
        Box::pin(async move { Ok(Box::new(tunnel(&proxy, &server).await?) as Box<dyn Connection>) })
    }

    /// Not even a server on this machine is: it would be that of the proxy.
    fn is_private(&self, _server: &ServerAddr) -> bool {
        false
    }
}

async fn tunnel(proxy: &Proxy, server: &ServerAddr) -> Result<BufReader<TcpStream>, ProxyError> {
    let request = request(proxy, &host_port(server))?;
    let mut stream = BufReader::with_capacity(BUFFER, proxy.reach(server).await?);
    stream.write_all(request.as_bytes()).await.map_err(|error| proxy.failed(&error))?;
    let head = read_head(&mut stream).await.map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => proxy.astray(error.to_string()),
        _ => proxy.failed(&error),
    })?;
    match status(&head) {
        Some((200..=299, _)) => Ok(stream),
        Some((401 | 407, _)) => Err(ProxyError::Authentication),
        Some((code, reason)) => Err(ProxyError::Refused { code, reason }),
        None => Err(proxy.astray("its answer is not HTTP")),
    }
}

fn request(proxy: &Proxy, target: &str) -> Result<String, ProxyError> {
    let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
    if let Some((user, password)) = &proxy.login {
        if user.contains(':') {
            return Err(ProxyError::Option { problem: "the user of an HTTP proxy may not hold a colon" });
        }
        let login = STANDARD.encode(format!("{user}:{}", password.expose()));
        request.push_str(&format!("Proxy-Authorization: Basic {login}\r\n"));
    }
    request.push_str("\r\n");
    Ok(request)
}
