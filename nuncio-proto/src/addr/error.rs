//! Why a text is not an address, said without its secrets.

/// Longest text of an address that an error shows.
const MAX_SHOWN: usize = 128;

/// Why a text is not the address of a server.
///
/// `addr` is as much of the text as is certainly no secret; `…` stands for the rest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddrError {
    /// There is no address at all.
    #[error("the server address is empty: write it as nats://host:4222")]
    Empty,
    /// The scheme is not one of NATS's.
    #[error("the scheme of the server address {addr:?} is not known: use nats, tls, ws, wss or unix")]
    UnknownScheme {
        /// The address.
        addr: String,
    },
    /// There is no host.
    #[error("the server address {addr:?} has no host: write it as nats://host:4222")]
    MissingHost {
        /// The address.
        addr: String,
    },
    /// The host is neither a name nor an IP address.
    #[error(
        "the host of the server address {addr:?} is neither a name nor an IP address: \
         write IPv6 as [::1]:4222 and international names in their xn-- form"
    )]
    InvalidHost {
        /// The address.
        addr: String,
    },
    /// The port is not a number from 1 to 65535.
    #[error("the port of the server address {addr:?} is not a number from 1 to 65535")]
    InvalidPort {
        /// The address.
        addr: String,
    },
    /// The user information is not well encoded.
    #[error(
        "the user information of the server address {addr:?} is not well encoded: \
         write %25 for %, %2F for /, %40 for @, %3A for : and %2C for a comma in it"
    )]
    InvalidUserInfo {
        /// The address.
        addr: String,
    },
    /// There is a path that may not be there, or a Unix socket's is missing.
    #[error(
        "the path of the server address {addr:?} is wrong: only ws and wss addresses may have one, \
         and a Unix socket is written as unix:///path"
    )]
    InvalidPath {
        /// The address.
        addr: String,
    },
}

/// As much of the text of an address as is certainly no part of a user, a password or a token.
///
/// Where the text is wrong it is not clear which part is which. So nothing before the last `@` is shown, and
/// behind a host nothing but a number.
pub(super) fn without_secrets(text: &str) -> String {
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (Some(scheme), rest),
        None => (None, text),
    };
    let mut shown = String::new();
    if let Some(scheme) = scheme {
        let is_scheme = scheme.len() <= 8 && scheme.bytes().all(|b| b.is_ascii_alphanumeric());
        shown.push_str(if is_scheme { scheme } else { "…" });
        shown.push_str("://");
    }
    let location = match rest.rsplit_once('@') {
        Some((_, location)) => {
            shown.push_str("…@");
            location
        }
        None => rest,
    };
    shown.push_str(&plain_location(location));
    shown
}

fn plain_location(text: &str) -> String {
    let is_ipv6 = |b: u8| b.is_ascii_hexdigit() || b":.[]".contains(&b);
    let in_host = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let mut shown: String = if text.starts_with('[') && text.bytes().all(is_ipv6) {
        text.chars().take(MAX_SHOWN).collect()
    } else {
        text.chars().take_while(|c| in_host(*c)).take(MAX_SHOWN).collect()
    };
    let behind = text.strip_prefix(shown.as_str()).unwrap_or("");
    let port: String = behind
        .strip_prefix(':')
        .map(|port| port.chars().take_while(char::is_ascii_digit).take(8).collect())
        .unwrap_or_default();
    if behind.strip_prefix(':') == Some(port.as_str()) {
        shown.push(':');
        shown.push_str(&port);
    } else if !behind.is_empty() {
        shown.push('…');
    }
    shown
}
