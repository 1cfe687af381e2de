//! Addresses of servers, as users write them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::secret::Secret;

mod error;
#[cfg(test)]
mod tests;

pub use error::AddrError;

/// Longest name that DNS knows.
const MAX_HOST: usize = 253;

/// How a server is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scheme {
    /// `nats://`: TCP, with TLS where the server or the client's options ask for it.
    #[default]
    Nats,
    /// `tls://`: TCP, never without TLS.
    Tls,
    /// `ws://`: WebSocket.
    Ws,
    /// `wss://`: WebSocket over TLS.
    Wss,
    /// `unix://`: a Unix socket.
    Unix,
}

impl Scheme {
    const ALL: [Scheme; 5] = [Scheme::Nats, Scheme::Tls, Scheme::Ws, Scheme::Wss, Scheme::Unix];

    /// The name, without `://`.
    pub fn as_str(self) -> &'static str {
        match self {
            Scheme::Nats => "nats",
            Scheme::Tls => "tls",
            Scheme::Ws => "ws",
            Scheme::Wss => "wss",
            Scheme::Unix => "unix",
        }
    }

    /// The port where an address names none.
    pub fn default_port(self) -> u16 {
        match self {
            Scheme::Nats | Scheme::Tls | Scheme::Unix => 4222,
            Scheme::Ws => 80,
            Scheme::Wss => 443,
        }
    }

    /// Whether TLS is a must.
    pub fn is_tls(self) -> bool {
        matches!(self, Scheme::Tls | Scheme::Wss)
    }

    /// Whether it is WebSocket.
    pub fn is_websocket(self) -> bool {
        matches!(self, Scheme::Ws | Scheme::Wss)
    }

    /// The same transport, never without TLS.
    fn with_tls(self) -> Scheme {
        if self.is_websocket() { Scheme::Wss } else { Scheme::Tls }
    }
}

/// Who logs in, where the address says so.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Credentials {
    Password { user: String, password: Secret },
    Token(Secret),
}

/// The address of one server.
///
/// Neither `Display` nor `Debug` shows what stands before the `@`, and no error does.
///
/// ```
/// use nuncio_proto::addr::ServerAddr;
///
/// let addr = ServerAddr::parse("tls://me:s3cr3t@nats.example.org")?;
/// assert_eq!(addr.to_string(), "tls://nats.example.org:4222");
/// assert_eq!(addr.user(), Some("me"));
/// assert_eq!(ServerAddr::parse("::1")?.to_string(), "nats://[::1]:4222");
/// # Ok::<(), nuncio_proto::addr::AddrError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ServerAddr {
    scheme: Scheme,
    host: String,
    port: u16,
    path: Option<String>,
    credentials: Option<Credentials>,
    tls_name: Option<String>,
}

impl Default for ServerAddr {
    /// `nats://127.0.0.1:4222`
    fn default() -> ServerAddr {
        ServerAddr {
            scheme: Scheme::Nats,
            host: Ipv4Addr::LOCALHOST.to_string(),
            port: Scheme::Nats.default_port(),
            path: None,
            credentials: None,
            tls_name: None,
        }
    }
}

impl ServerAddr {
    /// Reads one address: `[scheme://][user:password@ or token@]host[:port][/]`.
    ///
    /// The host is a name, an IPv4 or an IPv6 address, the last with or without square brackets (with them if
    /// a port follows). An IPv4 address that is mapped to IPv6 becomes IPv4. User, password and token are
    /// percent-decoded. `ws` and `wss` may have a path.
    ///
    /// A Unix socket is `unix://[user:password@ or token@]/path`, with the path percent-decoded.
    ///
    /// # Errors
    ///
    /// [`AddrError`] says what is wrong and how to mend it, without the user information.
    pub fn parse(text: &str) -> Result<ServerAddr, AddrError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(AddrError::Empty);
        }
        let fail = |kind: fn(String) -> AddrError| kind(error::without_secrets(text));
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => {
                (scheme_named(scheme).ok_or_else(|| fail(|addr| AddrError::UnknownScheme { addr }))?, rest)
            }
            None => (Scheme::Nats, text),
        };
        let ends_host = |c: char| c == '/' || scheme != Scheme::Unix && (c == '?' || c == '#');
        let (authority, path) =
            rest.split_at_checked(rest.find(ends_host).unwrap_or(rest.len())).unwrap_or((rest, ""));
        // An unencoded `/` in a password would else make half of the password a host.
        if path.contains('@') {
            return Err(fail(|addr| AddrError::InvalidUserInfo { addr }));
        }
        let path = path_of(scheme, path).ok_or_else(|| fail(|addr| AddrError::InvalidPath { addr }))?;
        let (credentials, location) = match authority.rsplit_once('@') {
            Some((user_info, location)) => {
                let credentials = credentials_of(user_info);
                (credentials.ok_or_else(|| fail(|addr| AddrError::InvalidUserInfo { addr }))?, location)
            }
            None => (None, authority),
        };
        if scheme == Scheme::Unix {
            if path.is_none() || !location.is_empty() {
                return Err(fail(|addr| AddrError::InvalidPath { addr }));
            }
            return Ok(ServerAddr {
                scheme,
                path,
                credentials,
                host: "localhost".into(),
                ..ServerAddr::default()
            });
        }
        let (host, port) = host_and_port(location, scheme.default_port()).map_err(fail)?;
        Ok(ServerAddr { scheme, host, port, path, credentials, tls_name: None })
    }

    /// Reads addresses with commas between them; what is empty between two commas is skipped.
    ///
    /// # Errors
    ///
    /// [`AddrError`] of the first address that is wrong; [`AddrError::Empty`] if there is none at all.
    pub fn parse_list(text: &str) -> Result<Vec<ServerAddr>, AddrError> {
        let parts = text.split(',').filter(|part| !part.trim().is_empty());
        let addrs = parts.map(ServerAddr::parse).collect::<Result<Vec<_>, _>>()?;
        if addrs.is_empty() { Err(AddrError::Empty) } else { Ok(addrs) }
    }

    /// Reads what a server says about its cluster: a bare `host:port`. `None` for anything else.
    ///
    /// The new address inherits the scheme of `from`, the server that said it, hardened if the connection has
    /// TLS; the name for the certificate, where the new host is an IP address; and, if `credentials`, those.
    /// A server behind a Unix socket speaks of TCP.
    pub(crate) fn gossiped(
        text: &str,
        from: &ServerAddr,
        tls: bool,
        credentials: bool,
    ) -> Option<ServerAddr> {
        let spoken_of = if from.scheme == Scheme::Unix { Scheme::Nats } else { from.scheme };
        let scheme = if tls { spoken_of.with_tls() } else { spoken_of };
        let (host, port) = host_and_port(text.trim(), scheme.default_port()).ok()?;
        let ip = host.parse::<IpAddr>().ok();
        if ip.is_some_and(|ip| ip.is_unspecified()) {
            return None;
        }
        let tls_name = ip.and_then(|_| from.dns_name()).map(str::to_owned);
        let credentials = from.credentials.clone().filter(|_| credentials);
        let path = from.path.clone().filter(|_| scheme.is_websocket());
        Some(ServerAddr { scheme, host, port, path, credentials, tls_name })
    }

    /// The scheme; `nats` where the text has none.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host, in lower case; an IPv6 address is without brackets. That of a Unix socket is `localhost`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The path and query of a WebSocket address, beginning with `/`, unless that is all there is; the path of a
    /// Unix socket.
    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// The user, percent-decoded.
    pub fn user(&self) -> Option<&str> {
        match &self.credentials {
            Some(Credentials::Password { user, .. }) => Some(user),
            _ => None,
        }
    }

    /// The password, percent-decoded; there whenever there is a user.
    pub fn password(&self) -> Option<&Secret> {
        match &self.credentials {
            Some(Credentials::Password { password, .. }) => Some(password),
            _ => None,
        }
    }

    /// The token, percent-decoded: user information without a colon.
    pub fn token(&self) -> Option<&Secret> {
        match &self.credentials {
            Some(Credentials::Token(token)) => Some(token),
            _ => None,
        }
    }

    /// Whether the address has user information.
    pub fn has_credentials(&self) -> bool {
        self.credentials.is_some()
    }

    /// The name that the server's certificate has to be for: the host, except for an IP address that was
    /// learnt from a server which is known by a name.
    pub fn tls_name(&self) -> &str {
        self.tls_name.as_deref().unwrap_or(&self.host)
    }

    /// Whether the host is this machine.
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
    }

    /// Whether both are the same listener of the same server, whoever logs in.
    pub fn same_server(&self, other: &ServerAddr) -> bool {
        self.host == other.host
            && self.port == other.port
            && self.scheme.is_websocket() == other.scheme.is_websocket()
            && self.socket() == other.socket()
    }

    /// The path of a Unix socket.
    fn socket(&self) -> Option<&str> {
        self.path().filter(|_| self.scheme == Scheme::Unix)
    }

    /// The name that addresses learnt from this server inherit.
    fn dns_name(&self) -> Option<&str> {
        let is_name = self.scheme != Scheme::Unix && self.host.parse::<IpAddr>().is_err();
        let own = Some(self.host.as_str()).filter(|_| is_name);
        self.tls_name.as_deref().or(own)
    }
}

impl FromStr for ServerAddr {
    type Err = AddrError;

    fn from_str(text: &str) -> Result<ServerAddr, AddrError> {
        ServerAddr::parse(text)
    }
}

impl fmt::Display for ServerAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(socket) = self.socket() {
            return write!(f, "unix://{}", socket.replace('%', "%25").replace('@', "%40"));
        }
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "{}://{open}{}{close}:{}", self.scheme.as_str(), self.host, self.port)?;
        // A query may hold a key.
        match self.path.as_deref().and_then(|path| path.split('?').next()) {
            Some(path) => f.write_str(path),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for ServerAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let redacted = if self.has_credentials() { ", [redacted]" } else { "" };
        write!(f, "ServerAddr({self}{redacted})")
    }
}

fn scheme_named(name: &str) -> Option<Scheme> {
    Scheme::ALL.into_iter().find(|scheme| name.eq_ignore_ascii_case(scheme.as_str()))
}

/// The path to keep; the outer `None` if it may not be.
fn path_of(scheme: Scheme, path: &str) -> Option<Option<String>> {
    if scheme == Scheme::Unix {
        let socket = percent_decoded(path)?;
        let may_be = socket.len() > 1 && !socket.contains(char::is_control);
        return may_be.then_some(Some(socket));
    }
    if path.trim_end_matches('/').is_empty() {
        return Some(None);
    }
    let may_be = scheme.is_websocket() && path.starts_with('/') && !path.contains('#');
    (may_be && path.bytes().all(|b| b.is_ascii_graphic())).then(|| Some(path.to_owned()))
}

/// The credentials, none for empty user information; the outer `None` if the encoding is wrong.
fn credentials_of(user_info: &str) -> Option<Option<Credentials>> {
    if user_info.is_empty() {
        return Some(None);
    }
    Some(Some(match user_info.split_once(':') {
        Some((user, password)) => Credentials::Password {
            user: percent_decoded(user)?,
            password: percent_decoded(password)?.into(),
        },
        None => Credentials::Token(percent_decoded(user_info)?.into()),
    }))
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let mut digit = || char::from(bytes.next()?).to_digit(16);
        let (high, low) = (digit()?, digit()?);
        out.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(out).ok()
}

fn host_and_port(text: &str, default_port: u16) -> Result<(String, u16), fn(String) -> AddrError> {
    let invalid_host: fn(String) -> AddrError = |addr| AddrError::InvalidHost { addr };
    if let Some(rest) = text.strip_prefix('[') {
        let (host, behind) = rest.split_once(']').ok_or(invalid_host)?;
        let port = match behind.strip_prefix(':') {
            Some(port) => port,
            None if behind.is_empty() => "",
            None => return Err(invalid_host),
        };
        return Ok((ipv6_host(host).ok_or(invalid_host)?, port_of(port, default_port)?));
    }
    // Two colons and more can only be an IPv6 address without its brackets.
    if text.bytes().filter(|b| *b == b':').count() > 1 {
        return Ok((ipv6_host(text).ok_or(invalid_host)?, default_port));
    }
    let (host, port) = text.split_once(':').unwrap_or((text, ""));
    if host.is_empty() {
        return Err(|addr| AddrError::MissingHost { addr });
    }
    let port = port_of(port, default_port)?;
    let is_name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    if host.len() > MAX_HOST || !host.bytes().all(is_name) {
        return Err(invalid_host);
    }
    Ok((host.to_ascii_lowercase(), port))
}

fn port_of(digits: &str, default_port: u16) -> Result<u16, fn(String) -> AddrError> {
    if digits.is_empty() {
        return Ok(default_port);
    }
    let port = if digits.bytes().all(|b| b.is_ascii_digit()) { digits.parse().unwrap_or(0) } else { 0 };
    if port == 0 { Err(|addr| AddrError::InvalidPort { addr }) } else { Ok(port) }
}

/// An IPv6 address in its canonical form, with its zone if it has one (RFC 6874 writes `%` as `%25`).
fn ipv6_host(text: &str) -> Option<String> {
    let (address, zone) = match text.split_once('%') {
        Some((address, zone)) => (address, Some(zone.strip_prefix("25").unwrap_or(zone))),
        None => (text, None),
    };
    let address: Ipv6Addr = address.parse().ok()?;
    match (address.to_ipv4_mapped(), zone) {
        (Some(v4), None) => Some(v4.to_string()),
        (_, None) => Some(address.to_string()),
        (_, Some(zone)) => {
            let is_zone = !zone.is_empty()
                && zone.len() <= 32
                && zone.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
            is_zone.then(|| format!("{address}%{zone}"))
        }
    }
}
