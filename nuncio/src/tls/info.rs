//! What a connection's TLS came to.

use std::fmt;

/// The TLS of a connection that stands, from [`Client::tls_info`](crate::Client::tls_info).
///
/// ```no_run
/// # async fn f() -> Result<(), nuncio::Error> {
/// let nc = nuncio::connect("tls://nats.example.org").await?;
/// if let Some(tls) = nc.tls_info() {
///     println!("TLS {} with {}", tls.version(), tls.cipher_suite());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct TlsInfo {
    pub(crate) version: String,
    pub(crate) cipher_suite: String,
    pub(crate) certificates: Vec<Vec<u8>>,
}

impl TlsInfo {
    /// The version of TLS: `1.2` or `1.3`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The cipher suite by its name at IANA, such as `TLS_AES_128_GCM_SHA256`.
    pub fn cipher_suite(&self) -> &str {
        &self.cipher_suite
    }

    /// The certificates that the server showed, in DER: its own first, then those between it and the authority.
    pub fn peer_certificates(&self) -> &[Vec<u8>] {
        &self.certificates
    }
}

impl fmt::Debug for TlsInfo {
    /// Certificates by their number only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsInfo")
            .field("version", &self.version)
            .field("cipher_suite", &self.cipher_suite)
            .field("peer_certificates", &self.certificates.len())
            .finish()
    }
}
