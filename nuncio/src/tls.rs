//! TLS: the options of a connection, and what can be wrong with it.

use std::fmt;
use std::path::PathBuf;
#[cfg(feature = "tls")]
use std::sync::Arc;

use zeroize::Zeroizing;

mod info;
mod problem;

pub use info::TlsInfo;
pub use problem::TlsProblem;

/// How a connection uses TLS, for [`Connect::tls`](crate::Connect::tls).
///
/// Without this, a connection uses TLS when the server requires it, when one of the addresses has the scheme `tls`, or when
/// the server offers it and a password would go to another machine (see
/// [`Connect::allow_plaintext_auth`](crate::Connect::allow_plaintext_auth)); and it trusts the certificates of the operating
/// system.
///
/// Once TLS is wanted, by an address, by any option here, or because it was used once, it holds for the rest of the
/// client's life and for every server, those that the cluster tells of included: where a server does not offer it,
/// the attempt fails with [`TlsProblem::NotOffered`] before a byte of credentials is sent.
///
/// The certificate has to be for the host as the address has it, never for a name that a server says; an IP address
/// that a server told of may also be reached under the name of the server that told of it.
///
/// ```no_run
/// use nuncio::Tls;
///
/// # async fn f() -> Result<(), nuncio::Error> {
/// let nc = nuncio::connect("nats.example.org")
///     .tls(Tls::required().ca_file("ca.pem").client_cert_files("client.pem", "client-key.pem"))
///     .await?;
/// # Ok(())
/// # }
/// ```
///
/// # What is believed before the handshake
///
/// A server that does not expect TLS first introduces itself in clear text, where anybody on the way can write. Of that
/// introduction the addresses of other servers are left out and a `max_payload` below 1 MiB is not believed; a server
/// from version 2.15 on repeats all of it inside TLS, an older one when something changes. With
/// [`handshake_first`](Tls::handshake_first), nothing is in clear text.
#[derive(Clone, Default)]
#[must_use = "options do nothing until they are given to a connection"]
pub struct Tls {
    pub(crate) forbidden: bool,
    pub(crate) first: bool,
    pub(crate) native_roots: bool,
    pub(crate) webpki_roots: bool,
    pub(crate) authorities: Vec<Source>,
    pub(crate) identity: Option<Identity>,
    pub(crate) name: Option<String>,
    #[cfg(feature = "tls")]
    pub(crate) config: Option<Arc<rustls::ClientConfig>>,
}

/// Where PEM text comes from.
#[derive(Clone)]
#[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "nothing reads it where there is no TLS"))]
pub(crate) enum Source {
    Bytes(Zeroizing<Vec<u8>>),
    File(PathBuf),
}

impl fmt::Debug for Source {
    /// The bytes may be a private key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(_) => f.write_str("[PEM]"),
            Self::File(path) => path.fmt(f),
        }
    }
}

/// What a client shows to the server: its certificate, those between it and the authority, and its key.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "nothing reads it where there is no TLS"))]
pub(crate) struct Identity {
    pub(crate) certificates: Source,
    pub(crate) key: Source,
}

impl Tls {
    /// TLS and nothing else, with the certificates of the operating system unless others are named.
    pub fn required() -> Self {
        Self::default()
    }

    /// No TLS: a server that requires it is not connected to. No other option goes with this.
    pub fn forbidden() -> Self {
        Self { forbidden: true, ..Self::default() }
    }

    /// Whether the handshake comes before anything else is said, as servers with `handshake_first` expect.
    /// Default: no.
    pub fn handshake_first(mut self, first: bool) -> Self {
        self.first = first;
        self
    }

    /// Trusts the authorities in this PEM text, one or several, instead of those of the operating system. Several
    /// calls add up.
    pub fn ca_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.authorities.push(Source::Bytes(Zeroizing::new(pem.into())));
        self
    }

    /// As [`ca_pem`](Self::ca_pem) from a file, which is read at each attempt to connect.
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.authorities.push(Source::File(path.into()));
        self
    }

    /// Trusts the authorities of the operating system besides those named. Default: only where none are named.
    pub fn native_roots(mut self) -> Self {
        self.native_roots = true;
        self
    }

    /// Trusts the authorities of the Mozilla project, which are part of this build, and those named besides.
    pub fn webpki_roots(mut self) -> Self {
        self.webpki_roots = true;
        self
    }

    /// The client's certificate, followed by those between it and the authority, and its private key, all as PEM
    /// text. Default: none.
    pub fn client_cert_pem(mut self, certificates: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        let bytes = |pem| Source::Bytes(Zeroizing::new(pem));
        let (certificates, key) = (bytes(certificates.into()), bytes(key.into()));
        self.identity = Some(Identity { certificates, key });
        self
    }

    /// As [`client_cert_pem`](Self::client_cert_pem) from two files, which may be one and the same. They are read at
    /// each attempt to connect, so that a renewed certificate is used from the next connection on.
    pub fn client_cert_files(mut self, certificates: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        let (certificates, key) = (Source::File(certificates.into()), Source::File(key.into()));
        self.identity = Some(Identity { certificates, key });
        self
    }

    /// The name that the certificate of every server has to be for, and that the servers are told (SNI). Default: the
    /// host of the address.
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Everything about certificates, as rustls has it: other verifiers, providers, versions. It replaces all other
    /// certificates and keys named here.
    #[cfg(feature = "tls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    pub fn rustls_config(mut self, config: impl Into<Arc<rustls::ClientConfig>>) -> Self {
        self.config = Some(config.into());
        self
    }

    /// Whether options contradict each other: the problem, worded for whoever set them.
    pub(crate) fn contradiction(&self) -> Option<&'static str> {
        let material = self.native_roots
            || self.webpki_roots
            || !self.authorities.is_empty()
            || self.identity.is_some()
            || self.has_config();
        if self.forbidden && (material || self.first || self.name.is_some()) {
            return Some("TLS is forbidden and has options all the same; leave one or the other out");
        }
        None
    }

    #[cfg(feature = "tls")]
    fn has_config(&self) -> bool {
        self.config.is_some()
    }

    #[cfg(not(feature = "tls"))]
    fn has_config(&self) -> bool {
        false
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("forbidden", &self.forbidden)
            .field("handshake_first", &self.first)
            .field("authorities", &self.authorities)
            .field("identity", &self.identity)
            .field("server_name", &self.name)
            .field("rustls_config", &self.has_config())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_keys_nor_certificates_are_shown() {
        let tls = Tls::required().ca_pem("canary-1").client_cert_pem("canary-2", "canary-3");
        let shown = format!("{tls:?} {tls:#?} {:?}", nuncio_connect(tls.clone()));
        assert!(!shown.contains("canary") && !shown.contains("99, 97"), "{shown}");
    }

    fn nuncio_connect(tls: Tls) -> crate::Connect {
        crate::connect("localhost").tls(tls)
    }

    #[test]
    fn options_of_forbidden_tls_are_a_contradiction() {
        assert!(Tls::forbidden().contradiction().is_none());
        assert!(Tls::required().ca_file("ca.pem").contradiction().is_none());
        for tls in [Tls::forbidden().ca_file("ca.pem"), Tls::forbidden().handshake_first(true)] {
            assert!(tls.contradiction().is_some());
        }
    }
}
