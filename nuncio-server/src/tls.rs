//! TLS: with what, and of whom a certificate is wanted.

use std::fmt;
use std::io;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio_rustls::TlsAcceptor;

/// TLS of a server, for [`ServerBuilder::tls`](crate::ServerBuilder::tls) and
/// [`ServerBuilder::websocket_tls`](crate::ServerBuilder::websocket_tls).
///
/// ```
/// # async fn example(certificate: String, key: String) -> std::io::Result<()> {
/// use nuncio_server::{Server, Tls};
///
/// let server = Server::builder().tls(Tls::pem(certificate, key)).start().await?;
/// # drop(server);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "it is for `ServerBuilder::tls`"]
pub struct Tls {
    certificates: Vec<u8>,
    key: Vec<u8>,
    authorities: Option<Vec<u8>>,
    handshake_first: bool,
}

/// Without the key.
impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { certificates: _, key: _, authorities, handshake_first } = self;
        f.debug_struct("Tls")
            .field("verify", &authorities.is_some())
            .field("handshake_first", handshake_first)
            .finish_non_exhaustive()
    }
}

impl Tls {
    /// The server's certificates, its own first, and the private key, as PEM text.
    pub fn pem(certificates: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Tls {
        Tls { certificates: certificates.into(), key: key.into(), authorities: None, handshake_first: false }
    }

    /// Lets only clients in with a certificate of one of these authorities, as PEM text. Default: no certificate is asked
    /// for.
    pub fn verify(mut self, authorities: impl Into<Vec<u8>>) -> Tls {
        self.authorities = Some(authorities.into());
        self
    }

    /// Waits for the client's handshake before the INFO (`handshake_first: true`). Default: the INFO comes first, in clear
    /// text. WebSocket has TLS first always.
    pub fn handshake_first(mut self) -> Tls {
        self.handshake_first = true;
        self
    }

    pub(crate) fn compile(&self) -> io::Result<Door> {
        let wrong = |what: &str, error: &dyn fmt::Display| {
            io::Error::new(io::ErrorKind::InvalidInput, format!("TLS: {what}: {error}"))
        };
        let provider = CryptoProvider::get_default()
            .cloned()
            .unwrap_or_else(|| Arc::new(rustls::crypto::ring::default_provider()));
        let parse = |pem: &[u8]| CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
        let certificates =
            parse(&self.certificates).map_err(|error| wrong("the certificates are no PEM text", &error))?;
        // The error's own text may show a line of the key.
        let key = PrivateKeyDer::from_pem_slice(&self.key)
            .map_err(|_| wrong("the key is no PEM text", &"BEGIN PRIVATE KEY is missing"))?;
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| wrong("the crypto provider has no protocol", &error))?;
        let config = match &self.authorities {
            None => config.with_no_client_auth(),
            Some(pem) => {
                let mut roots = RootCertStore::empty();
                for authority in
                    parse(pem).map_err(|error| wrong("the authorities are no PEM text", &error))?
                {
                    roots.add(authority).map_err(|error| wrong("an authority cannot be used", &error))?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
                config.with_client_cert_verifier(
                    verifier.map_err(|error| wrong("the authorities cannot be used", &error))?,
                )
            }
        };
        let config = config
            .with_single_cert(certificates, key)
            .map_err(|error| wrong("certificate and key cannot be used", &error))?;
        Ok(Door {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            first: self.handshake_first,
            verify: self.authorities.is_some(),
        })
    }
}

/// TLS, ready for use.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) acceptor: TlsAcceptor,
    pub(crate) first: bool,
    pub(crate) verify: bool,
}
