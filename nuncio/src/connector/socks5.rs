//! SOCKS version 5 (RFC 1928, RFC 1929).

use std::io;
use std::net::IpAddr;

use nuncio_proto::addr::ServerAddr;
use nuncio_proto::secret::Secret;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::connector::proxy::{Proxy, ProxyError};
use crate::transport::{Connection, Connector, ConnectorFuture};

/// The port of SOCKS (RFC 1928).
const DEFAULT_PORT: u16 = 1080;

const VERSION: u8 = 5;
const NO_LOGIN: u8 = 0;
const PASSWORD: u8 = 2;
const NONE_OF_THEM: u8 = 0xff;
const LOGIN_VERSION: u8 = 1;
const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// Connects through a SOCKS version 5 proxy.
///
/// The proxy looks up the server's name. What goes wrong is
/// [`ConnectError::Proxy`](crate::ConnectError::Proxy).
///
/// ```no_run
/// # async fn f() -> Result<(), nuncio::Error> {
/// let proxy = nuncio::connector::Socks5::new("localhost:1080");
/// let nc = nuncio::connect("nats.example.org").connector(proxy).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Socks5 {
    proxy: Proxy,
}

impl Socks5 {
    /// The proxy at `host:port`.
    pub fn new(host_and_port: impl Into<String>) -> Self {
        Self { proxy: Proxy { at: host_and_port.into(), login: None } }
    }

    /// The proxy of a URL: `socks5://host:port`, with `user:password@` before the host if it asks for that, percent-encoded. The
    /// port is 1080 unless given; `socks5h` means the same.
    ///
    /// # Errors
    ///
    /// [`ProxyError::Option`] for anything else. It never shows the URL.
    pub fn from_url(url: &str) -> Result<Self, ProxyError> {
        let wrong =
            ProxyError::Option { problem: "the URL of a SOCKS proxy is written as socks5://host:port" };
        let (scheme, rest) = url.trim().split_once("://").unwrap_or(("socks5", url.trim()));
        if !["socks5", "socks5h"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
            return Err(wrong);
        }
        // The form is that of a server's address, but for the port that it has where none is named.
        let parse = |scheme: &str| ServerAddr::parse(&format!("{scheme}://{rest}"));
        let (Ok(addr), Ok(other)) = (parse("nats"), parse("ws")) else { return Err(wrong) };
        let port = if addr.port() == other.port() { addr.port() } else { DEFAULT_PORT };
        let host =
            if addr.host().contains(':') { format!("[{}]", addr.host()) } else { addr.host().to_owned() };
        let proxy = Self::new(format!("{host}:{port}"));
        match (addr.user(), addr.password(), addr.token()) {
            (Some(user), Some(password), _) => Ok(proxy.user_and_password(user, password.expose())),
            (None, None, None) => Ok(proxy),
            _ => {
                Err(ProxyError::Option { problem: "the URL of a SOCKS proxy has a user without a password" })
            }
        }
    }

    /// Its URL, without user and password.
    pub(crate) fn url(&self) -> String {
        format!("socks5://{}", self.proxy.at)
    }

    /// Who to be at the proxy, if it asks; each of at most 255 bytes. Default: nobody.
    #[must_use]
    pub fn user_and_password(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.proxy.login = Some((user.into(), Secret::from(password.into())));
        self
    }
}

impl Connector for Socks5 {
    fn connect(&self, server: ServerAddr) -> ConnectorFuture {
        let proxy = self.proxy.clone();
        Box::pin(async move { Ok(Box::new(tunnel(&proxy, &server).await?) as Box<dyn Connection>) })
    }

    /// Not even a server on this machine is: it would be that of the proxy.
    fn is_private(&self, _server: &ServerAddr) -> bool {
        false
    }
}

async fn tunnel(proxy: &Proxy, server: &ServerAddr) -> Result<TcpStream, ProxyError> {
    let login = login(proxy)?;
    let request = request(server)?;
    let mut stream = proxy.reach(server).await?;
    let broken = |error: io::Error| proxy.failed(&error);

    let offer: &[u8] =
        if login.is_some() { &[VERSION, 2, NO_LOGIN, PASSWORD] } else { &[VERSION, 1, NO_LOGIN] };
    stream.write_all(offer).await.map_err(broken)?;
    match (read(proxy, &mut stream).await?, login) {
        ([VERSION, NO_LOGIN], _) => {}
        ([VERSION, PASSWORD], Some(login)) => {
            stream.write_all(&login).await.map_err(broken)?;
            let [_, status] = read(proxy, &mut stream).await?;
            if status != 0 {
                return Err(ProxyError::Authentication);
            }
        }
        ([VERSION, NONE_OF_THEM], _) => return Err(ProxyError::Authentication),
        ([VERSION, method], _) => {
            return Err(proxy.astray(format!("it chose the method {method}, which was not offered")));
        }
        _ => return Err(proxy.astray("it does not speak SOCKS version 5")),
    }

    stream.write_all(&request).await.map_err(broken)?;
    let [version, reply, _, kind] = read(proxy, &mut stream).await?;
    if version != VERSION {
        return Err(proxy.astray("it does not speak SOCKS version 5"));
    }
    if reply != 0 {
        return Err(ProxyError::Refused { code: reply.into(), reason: meaning(reply).into() });
    }
    // The address that the proxy connects from, which is of no interest, and its port.
    let length = match kind {
        IPV4 => 4,
        IPV6 => 16,
        NAME => {
            let [length] = read(proxy, &mut stream).await?;
            usize::from(length)
        }
        other => return Err(proxy.astray(format!("its address is of the unknown kind {other}"))),
    };
    let mut address = vec![0; length + 2];
    stream.read_exact(&mut address).await.map_err(broken)?;
    Ok(stream)
}

async fn read<const N: usize>(proxy: &Proxy, stream: &mut TcpStream) -> Result<[u8; N], ProxyError> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await.map_err(|error| proxy.failed(&error))?;
    Ok(bytes)
}

/// The message that names user and password.
fn login(proxy: &Proxy) -> Result<Option<Vec<u8>>, ProxyError> {
    let Some((user, password)) = &proxy.login else { return Ok(None) };
    let mut login = vec![LOGIN_VERSION];
    for part in [user.as_str(), password.expose()] {
        let length = u8::try_from(part.len()).ok().filter(|length| *length > 0);
        let problem = "user and password of a SOCKS proxy have from 1 to 255 bytes each";
        login.push(length.ok_or(ProxyError::Option { problem })?);
        login.extend_from_slice(part.as_bytes());
    }
    Ok(Some(login))
}

fn request(server: &ServerAddr) -> Result<Vec<u8>, ProxyError> {
    let mut request = vec![VERSION, CONNECT, 0];
    match server.host().parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => {
            request.push(IPV4);
            request.extend_from_slice(&ip.octets());
        }
        Ok(IpAddr::V6(ip)) => {
            request.push(IPV6);
            request.extend_from_slice(&ip.octets());
        }
        Err(_) => {
            let problem = "a SOCKS proxy takes names of at most 255 bytes";
            let length = u8::try_from(server.host().len()).map_err(|_| ProxyError::Option { problem })?;
            request.extend_from_slice(&[NAME, length]);
            request.extend_from_slice(server.host().as_bytes());
        }
    }
    request.extend_from_slice(&server.port().to_be_bytes());
    Ok(request)
}

fn meaning(reply: u8) -> &'static str {
    match reply {
        1 => "general failure",
        2 => "its rules do not allow the connection",
        3 => "network unreachable",
        4 => "host unreachable",
        5 => "connection refused",
        6 => "the time to live expired",
        7 => "it does not know the command CONNECT",
        8 => "it does not know this kind of address",
        _ => "unknown reply",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_of_a_proxy_has_host_port_and_login() {
        for (url, at) in [
            ("socks5://proxy.example:1081", "proxy.example:1081"),
            ("socks5h://proxy.example", "proxy.example:1080"),
            ("proxy.example:4222", "proxy.example:4222"),
            ("SOCKS5://10.0.0.1:80", "10.0.0.1:80"),
            ("socks5://[::1]", "[::1]:1080"),
        ] {
            let proxy = Socks5::from_url(url).unwrap().proxy;
            assert_eq!((proxy.at.as_str(), proxy.login.is_none()), (at, true), "{url}");
        }
        let proxy = Socks5::from_url("socks5://me:a%40b@proxy.example").unwrap();
        let (user, password) = proxy.proxy.login.clone().unwrap();
        assert_eq!((user.as_str(), password.expose()), ("me", "a@b"));
        assert_eq!(proxy.url(), "socks5://proxy.example:1080");
        assert!(!format!("{proxy:?}").contains("a@b"));
    }

    #[test]
    fn what_is_no_url_of_a_socks_proxy_is_refused_without_being_shown() {
        for url in [
            "http://canary:8080",
            "socks5://canary@proxy.example",
            "socks5://me:can ary@x y",
            "socks5://",
            "",
        ] {
            let error = Socks5::from_url(url).unwrap_err();
            assert!(
                matches!(error, ProxyError::Option { .. }) && !format!("{error:?}").contains("canary"),
                "{url}"
            );
        }
    }
}
