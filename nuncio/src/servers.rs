//! Which servers to connect to.

use std::net::Ipv4Addr;

use nuncio_proto::addr::{AddrError, ServerAddr};

use crate::error::ConnectError;

/// The servers to connect to, made from whatever [`connect`](crate::connect()) and
/// [`Client::set_servers`](crate::Client::set_servers) take: a text with one address or several between commas, a slice, array
/// or vector of texts, or a [`ServerAddr`]; these may also be collected.
///
/// By default, which `()` stands for, that is the one at 127.0.0.1:4222, or at another port of the same address with
/// [`Connect::port`](crate::Connect::port).
#[derive(Clone, Debug, Default)]
pub struct Servers(Option<Result<Vec<ServerAddr>, AddrError>>);

impl Servers {
    /// The addresses; `port` is for the server that nobody has named.
    pub(crate) fn resolve(self, port: Option<u16>) -> Result<Vec<ServerAddr>, ConnectError> {
        let wrong = |problem: &str| ConnectError::Option { option: "port", problem: problem.into() };
        match (self.0, port) {
            (Some(_), Some(_)) => {
                Err(wrong("servers are named as well: write the port behind the host of each, or name none"))
            }
            (Some(servers), None) => Ok(servers?),
            (None, None) => Ok(vec![ServerAddr::default()]),
            (None, Some(0)) => Err(wrong("no server listens on port 0; take one from 1 to 65535")),
            (None, Some(port)) => Ok(vec![ServerAddr::parse(&format!("{}:{port}", Ipv4Addr::LOCALHOST))?]),
        }
    }

    fn named(servers: Result<Vec<ServerAddr>, AddrError>) -> Self {
        Self(Some(servers))
    }
}

impl From<()> for Servers {
    /// The default.
    fn from((): ()) -> Self {
        Self::default()
    }
}

impl From<&str> for Servers {
    fn from(list: &str) -> Self {
        Self::named(ServerAddr::parse_list(list))
    }
}

impl From<String> for Servers {
    fn from(list: String) -> Self {
        list.as_str().into()
    }
}

impl From<&String> for Servers {
    fn from(list: &String) -> Self {
        list.as_str().into()
    }
}

impl<T: AsRef<str>> From<&[T]> for Servers {
    fn from(servers: &[T]) -> Self {
        Self::named(servers.iter().map(|s| ServerAddr::parse(s.as_ref())).collect())
    }
}

impl<T: AsRef<str>, const N: usize> From<[T; N]> for Servers {
    fn from(servers: [T; N]) -> Self {
        servers.as_slice().into()
    }
}

impl<T: AsRef<str>> From<Vec<T>> for Servers {
    fn from(servers: Vec<T>) -> Self {
        servers.as_slice().into()
    }
}

impl From<ServerAddr> for Servers {
    fn from(server: ServerAddr) -> Self {
        Self::named(Ok(vec![server]))
    }
}

impl FromIterator<ServerAddr> for Servers {
    fn from_iter<I: IntoIterator<Item = ServerAddr>>(servers: I) -> Self {
        Self::named(Ok(servers.into_iter().collect()))
    }
}
