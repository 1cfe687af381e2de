//! What can be wrong with TLS, each with its mend.

use std::path::PathBuf;

use thiserror::Error as ThisError;

/// Why there is no TLS with a server, in [`ConnectError::Tls`](crate::ConnectError::Tls).
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum TlsProblem {
    /// This build of the library cannot do TLS.
    #[error("TLS is asked for, which this build lacks: enable the feature `tls-ring` or `tls-aws-lc-rs`")]
    NotCompiled,
    /// There is no crypto provider.
    #[error(
        "TLS needs a crypto provider: install one with rustls, or enable the feature `tls-ring` or `tls-aws-lc-rs`"
    )]
    NoProvider,
    /// The server requires TLS and the options forbid it.
    #[error("the server requires TLS, which the options forbid: leave `Tls::forbidden` out")]
    Forbidden,
    /// TLS is wanted and the server has none.
    #[error(
        "TLS is wanted and the server does not offer it: configure TLS on the server, or use an address and options without TLS; nothing was sent"
    )]
    NotOffered,
    /// The server went on in clear text where TLS begins: somebody on the way adds to what it says.
    #[error(
        "{bytes} bytes in clear text came between INFO and the TLS handshake: somebody on the way may have put them there"
    )]
    Injected {
        /// How many.
        bytes: usize,
    },
    /// The server answered the handshake in clear text.
    #[error(
        "the server answered the TLS handshake in clear text with \"{said}\": if it does not expect TLS first, leave `handshake_first` out"
    )]
    ClearText {
        /// The beginning of what it said.
        said: String,
    },
    /// The server's certificate is not signed by an authority that is trusted, or by another one of the same name.
    #[error(
        "the server's certificate is not signed by a trusted authority: name its authority with `Tls::ca_file` or `Tls::ca_pem`"
    )]
    UnknownAuthority,
    /// The server's certificate is for other names.
    #[error(
        "the server's certificate is not for \"{expected}\" but for {presented}: use a host that it is for, or `Tls::server_name`"
    )]
    WrongName {
        /// The name that was dialled.
        expected: String,
        /// The names that the certificate has.
        presented: String,
    },
    /// The server's certificate is no longer valid.
    #[error("the server's certificate has expired: renew it, or check this machine's clock")]
    Expired,
    /// The server's certificate is not valid yet.
    #[error("the server's certificate is not valid yet: check this machine's clock")]
    NotYetValid,
    /// The server's certificate is not acceptable for another reason.
    #[error("the server's certificate is not acceptable: {message}")]
    Certificate {
        /// What rustls says.
        message: String,
    },
    /// The server refused the client's certificate, or wants one.
    #[error(
        "the server refused the client's certificate or its absence ({message}): give one that the server trusts with `Tls::client_cert_files`"
    )]
    ClientCertificate {
        /// The alert that the server sent.
        message: String,
    },
    /// The server ended the connection between the handshake and its first answer, without a reason.
    #[error(
        "the server ended the connection right after the TLS handshake ({message}): it may refuse the client's certificate or want one, see `Tls::client_cert_files`"
    )]
    Ended {
        /// What was seen of it.
        message: String,
    },
    /// The handshake failed for another reason.
    #[error("the TLS handshake failed: {message}")]
    Handshake {
        /// What rustls or the operating system says.
        message: String,
    },
    /// A file could not be read.
    #[error("cannot read {}: {message}; check its path and permissions", path.display())]
    File {
        /// Its path.
        path: PathBuf,
        /// What the operating system says.
        message: String,
    },
    /// PEM text does not hold what it should.
    #[error("{origin}: {message}")]
    Pem {
        /// Which file or option.
        origin: String,
        /// What is wrong. Never the text itself.
        message: String,
    },
    /// There is no authority to trust.
    #[error(
        "no trusted authorities found on this machine ({message}): install its CA certificates, or use `Tls::ca_file` or `Tls::webpki_roots`"
    )]
    NoAuthorities {
        /// What went wrong with those there are.
        message: String,
    },
    /// The name for the certificate is no name.
    #[error("\"{name}\" can be in no certificate: give the server's name with `Tls::server_name`")]
    Name {
        /// The name.
        name: String,
    },
}

impl TlsProblem {
    /// Whether another attempt, with nothing changed, may succeed: the server, or what lies on the way to it, ended the
    /// attempt.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Ended { .. } | Self::Handshake { .. } | Self::Injected { .. })
    }
}
