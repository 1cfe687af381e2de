//! TLS with rustls: certificates and keys, the handshake, and what its failures mean.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use nuncio_proto::addr::ServerAddr;
use nuncio_proto::decode::{Limits, ServerDecoder};
use nuncio_proto::op::ServerOp;
use nuncio_proto::server_error::ServerError;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{AlertDescription, CertificateError, ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use zeroize::Zeroizing;

use crate::error::{ConnectError, shown};
use crate::tls::{Source, Tls, TlsInfo, TlsProblem};
use crate::transport::Transport;
use crate::transport::dial::host_port;
use crate::transport::secure::tls_error;

/// So much of what comes during a handshake is kept to explain its failure.
const OVERHEARD: usize = 512;

/// The encrypted stream as it is kept in a [`Transport`].
pub(crate) type Stream = TlsStream<Overheard>;

/// What is read and parsed once for all attempts.
#[derive(Debug, Default)]
pub(crate) struct Store(Mutex<Kept>);

#[derive(Clone, Debug, Default)]
struct Kept {
    /// Looking through the operating system's certificates takes long.
    native: Option<Arc<RootCertStore>>,
    /// Only where no file goes into it. It remembers sessions, too.
    config: Option<Arc<ClientConfig>>,
}

/// What one handshake needs.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Store {
    pub(crate) async fn prepare(&self, options: &Tls, server: &ServerAddr) -> Result<Prepared, TlsProblem> {
        let name = server_name(options, server)?;
        if let Some(config) = &options.config {
            return Ok(Prepared { config: Arc::clone(config), name });
        }
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(config) = kept.config {
            return Ok(Prepared { config, name });
        }
        let options = options.clone();
        // Files are read, perhaps hundreds of them.
        let built = tokio::task::spawn_blocking(move || build(&options, kept)).await;
        let (config, kept) =
            built.map_err(|error| TlsProblem::Handshake { message: error.to_string() })??;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = kept;
        Ok(Prepared { config, name })
    }
}

fn server_name(options: &Tls, server: &ServerAddr) -> Result<ServerName<'static>, TlsProblem> {
    let name = options.name.as_deref().unwrap_or_else(|| server.tls_name());
    // The zone of an IPv6 address is a matter of this machine.
    let bare = name.split('%').next().unwrap_or(name);
    let bare = bare.trim_start_matches('[').trim_end_matches(']');
    ServerName::try_from(bare.to_owned()).map_err(|_| TlsProblem::Name { name: name.to_owned() })
}

fn build(options: &Tls, mut kept: Kept) -> Result<(Arc<ClientConfig>, Kept), TlsProblem> {
    let rustls = |error: rustls::Error| TlsProblem::Handshake { message: error.to_string() };
    let config = ClientConfig::builder_with_provider(provider()?)
        .with_safe_default_protocol_versions()
        .map_err(rustls)?
        .with_root_certificates(roots(options, &mut kept)?);
    let config = match &options.identity {
        None => config.with_no_client_auth(),
        Some(identity) => {
            let certificates = certificates(&identity.certificates, "Tls::client_cert_pem")?;
            let key = private_key(&identity.key)?;
            config.with_client_auth_cert(certificates, key).map_err(|error| TlsProblem::Pem {
                origin: origin(&identity.key, "Tls::client_cert_pem"),
                message: format!("the key cannot be used with the certificate: {error}"),
            })?
        }
    };
    let config = Arc::new(config);
    let is_file = |source: &Source| matches!(source, Source::File(_));
    let files = options.authorities.iter().any(is_file)
        || options.identity.as_ref().is_some_and(|id| is_file(&id.certificates) || is_file(&id.key));
    kept.config = (!files).then(|| Arc::clone(&config));
    Ok((config, kept))
}

/// The provider that the program has installed goes before that of the features.
fn provider() -> Result<Arc<CryptoProvider>, TlsProblem> {
    match CryptoProvider::get_default() {
        Some(provider) => Ok(Arc::clone(provider)),
        None => built_in().map(Arc::new).ok_or(TlsProblem::NoProvider),
    }
}

#[cfg(feature = "tls-aws-lc-rs")]
fn built_in() -> Option<CryptoProvider> {
    Some(rustls::crypto::aws_lc_rs::default_provider())
}

#[cfg(all(feature = "tls-ring", not(feature = "tls-aws-lc-rs")))]
fn built_in() -> Option<CryptoProvider> {
    Some(rustls::crypto::ring::default_provider())
}

#[cfg(not(any(feature = "tls-ring", feature = "tls-aws-lc-rs")))]
fn built_in() -> Option<CryptoProvider> {
    None
}

fn roots(options: &Tls, kept: &mut Kept) -> Result<RootCertStore, TlsProblem> {
    let others = options.webpki_roots || !options.authorities.is_empty();
    let mut roots = RootCertStore::empty();
    if options.native_roots || !others {
        let native = match kept.native.take() {
            Some(native) => native,
            None => Arc::new(native_roots(rustls_native_certs::load_native_certs(), others)?),
        };
        roots.roots.extend_from_slice(&native.roots);
        kept.native = Some(native);
    }
    if options.webpki_roots {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    for source in &options.authorities {
        for certificate in certificates(source, "Tls::ca_pem")? {
            roots.add(certificate).map_err(|error| TlsProblem::Pem {
                origin: origin(source, "Tls::ca_pem"),
                message: format!("a certificate cannot be used as an authority: {error}"),
            })?;
        }
    }
    Ok(roots)
}

/// One certificate that cannot be read or used is not the end of all the others.
fn native_roots(
    found: rustls_native_certs::CertificateResult,
    others: bool,
) -> Result<RootCertStore, TlsProblem> {
    let mut roots = RootCertStore::empty();
    let (_, unusable) = roots.add_parsable_certificates(found.certs);
    let errors: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
    if unusable > 0 || !errors.is_empty() {
        tracing::debug!(unusable, ?errors, "some certificates of the operating system cannot be used");
    }
    if roots.is_empty() && !others {
        let message = if errors.is_empty() { "there are none".to_owned() } else { errors.join("; ") };
        return Err(TlsProblem::NoAuthorities { message });
    }
    Ok(roots)
}

fn read(source: &Source) -> Result<Zeroizing<Vec<u8>>, TlsProblem> {
    match source {
        Source::Bytes(bytes) => Ok(bytes.clone()),
        Source::File(path) => std::fs::read(path)
            .map(Zeroizing::new)
            .map_err(|error| TlsProblem::File { path: path.clone(), message: error.to_string() }),
    }
}

fn origin(source: &Source, option: &str) -> String {
    match source {
        Source::Bytes(_) => format!("the PEM text given to `{option}`"),
        Source::File(path) => path.display().to_string(),
    }
}

fn certificates(source: &Source, option: &str) -> Result<Vec<CertificateDer<'static>>, TlsProblem> {
    let fail = |message| TlsProblem::Pem { origin: origin(source, option), message };
    let text = read(source)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let all = all.map_err(|error| fail(in_words(&error)))?;
    if all.is_empty() {
        return Err(fail("there is no certificate in it (BEGIN CERTIFICATE)".into()));
    }
    Ok(all)
}

fn private_key(source: &Source) -> Result<PrivateKeyDer<'static>, TlsProblem> {
    PrivateKeyDer::from_pem_slice(&read(source)?).map_err(|error| TlsProblem::Pem {
        origin: origin(source, "Tls::client_cert_pem"),
        message: match error {
            pem::Error::NoItemsFound => {
                "there is no private key in it (BEGIN PRIVATE KEY); an encrypted one has to be decrypted first".into()
            }
            error => in_words(&error),
        },
    })
}

/// The error's own text may hold a line of a key.
fn in_words(error: &pem::Error) -> String {
    match error {
        pem::Error::MissingSectionEnd { .. } => "a PEM section has no end",
        pem::Error::IllegalSectionStart { .. } => "the first line of a PEM section is wrong",
        pem::Error::Base64Decode(_) => "a PEM section is not base64",
        _ => "it is no PEM text",
    }
    .to_owned()
}

/// Goes through the handshake with a server that `wants_certificate` of the client, as far as it has said so.
pub(crate) async fn encrypt(
    io: Transport,
    prepared: Prepared,
    server: &ServerAddr,
    wants_certificate: bool,
) -> Result<Transport, ConnectError> {
    let expected = prepared.name.to_str().into_owned();
    let io = Overheard { io, heard: Some(Vec::new()) };
    match TlsConnector::from(prepared.config).connect(prepared.name, io).into_fallible().await {
        Ok(mut stream) => {
            stream.get_mut().0.heard = None;
            Ok(Transport::Tls(Box::new(stream)))
        }
        Err((error, io)) => {
            let heard = io.heard.unwrap_or_default();
            Err(in_the_clear(&heard, server)
                .unwrap_or_else(|| tls_error(server, handshake_problem(&error, expected, wants_certificate))))
        }
    }
}

/// What a handshake came to.
pub(crate) fn info(connection: &rustls::ClientConnection) -> TlsInfo {
    let version = match connection.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_3) => "1.3".to_owned(),
        Some(rustls::ProtocolVersion::TLSv1_2) => "1.2".to_owned(),
        other => other.map(|version| format!("{version:?}")).unwrap_or_default(),
    };
    let suite = connection.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite()));
    // Suites of TLS 1.3 have names of their own in rustls.
    let suite = suite.unwrap_or_default();
    let cipher_suite = suite.strip_prefix("TLS13_").map_or(suite.clone(), |rest| format!("TLS_{rest}"));
    let certificates = connection.peer_certificates().unwrap_or_default();
    TlsInfo { version, cipher_suite, certificates: certificates.iter().map(|c| c.to_vec()).collect() }
}

/// What the server said if it did not speak TLS. A throttled connection is told so in clear text.
fn in_the_clear(heard: &[u8], server: &ServerAddr) -> Option<ConnectError> {
    // The types of a TLS record.
    if heard.first().is_none_or(|first| (20..=24).contains(first)) {
        return None;
    }
    if is_throttled(heard) {
        return Some(ConnectError::Refused { server: host_port(server), error: ServerError::Throttled });
    }
    let line = heard.split(|b| matches!(b, b'\r' | b'\n')).next().unwrap_or_default();
    let said = shown(line.get(..64).unwrap_or(line));
    Some(tls_error(server, TlsProblem::ClearText { said }))
}

/// Whether the server refuses the connection because too many come at once.
///
/// In clear text that is the one refusal to believe: others have consequences.
pub(crate) fn is_throttled(bytes: &[u8]) -> bool {
    match ServerDecoder::new(Limits::default()).decode(bytes) {
        Ok(Some((ServerOp::Err(text), _))) => ServerError::parse(text) == ServerError::Throttled,
        _ => false,
    }
}

fn handshake_problem(error: &io::Error, expected: String, wants_certificate: bool) -> TlsProblem {
    let Some(rustls) = rustls_error(error) else {
        return TlsProblem::Handshake { message: error.to_string() };
    };
    let rustls::Error::InvalidCertificate(certificate) = rustls else {
        // All that TLS 1.2 says about a certificate that is missing.
        let failure = AlertDescription::HandshakeFailure;
        if wants_certificate && *rustls == rustls::Error::AlertReceived(failure) {
            return TlsProblem::ClientCertificate { message: format!("{failure:?}") };
        }
        return match client_certificate_alert(rustls) {
            Some(alert) => alert,
            None => TlsProblem::Handshake { message: rustls.to_string() },
        };
    };
    match certificate {
        // The signature is wrong where an authority was renewed under its old name.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => TlsProblem::UnknownAuthority,
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => TlsProblem::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            TlsProblem::NotYetValid
        }
        CertificateError::NotValidForName => {
            TlsProblem::WrongName { expected, presented: "other names".into() }
        }
        CertificateError::NotValidForNameContext { presented, .. } => {
            let presented =
                if presented.is_empty() { "no name at all".to_owned() } else { presented.join(", ") };
            TlsProblem::WrongName { expected, presented: shown(presented.as_bytes()) }
        }
        other => TlsProblem::Certificate { message: other.to_string() },
    }
}

fn rustls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref().and_then(|inner| inner.downcast_ref())
}

/// What an alert of the server says about the client's certificate.
fn client_certificate_alert(error: &rustls::Error) -> Option<TlsProblem> {
    use AlertDescription as A;
    match error {
        rustls::Error::AlertReceived(
            alert @ (A::CertificateRequired
            | A::NoCertificate
            | A::BadCertificate
            | A::UnsupportedCertificate
            | A::CertificateRevoked
            | A::CertificateExpired
            | A::CertificateUnknown
            | A::UnknownCA
            | A::AccessDenied),
        ) => Some(TlsProblem::ClientCertificate { message: format!("{alert:?}") }),
        _ => None,
    }
}

/// What it means that reading or writing failed between the handshake and the first `PONG`.
///
/// With TLS 1.3 the server looks at the client's certificate only after the handshake has succeeded for the client.
pub(crate) fn early_end(error: &io::Error) -> TlsProblem {
    rustls_error(error)
        .and_then(client_certificate_alert)
        .unwrap_or_else(|| TlsProblem::Ended { message: error.to_string() })
}

/// A transport under TLS, of which is kept what is read during the handshake.
#[derive(Debug)]
pub(crate) struct Overheard {
    io: Transport,
    heard: Option<Vec<u8>>,
}

impl Overheard {
    pub(crate) fn inner(&self) -> &Transport {
        &self.io
    }
}

impl AsyncRead for Overheard {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.io).poll_read(cx, buf);
        if let Some(heard) = &mut self.heard {
            let fresh = buf.filled().iter().skip(before);
            heard.extend(fresh.take(OVERHEARD.saturating_sub(heard.len())));
        }
        polled
    }
}

impl AsyncWrite for Overheard {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_certificate_of_the_operating_system_leaves_the_others() {
        let mut found = rustls_native_certs::load_native_certs();
        let good = found.certs.len();
        found.certs.insert(0, CertificateDer::from(vec![1, 2, 3]));
        match native_roots(found, false) {
            Ok(roots) => assert!(roots.len() <= good && !roots.is_empty()),
            Err(error) => assert!(good == 0 && matches!(error, TlsProblem::NoAuthorities { .. })),
        }
    }

    #[test]
    fn no_usable_authority_is_an_error_unless_others_are_named() {
        let bad = || {
            let mut found = rustls_native_certs::CertificateResult::default();
            found.certs.push(CertificateDer::from(vec![1, 2, 3]));
            found
        };
        assert!(matches!(native_roots(bad(), false), Err(TlsProblem::NoAuthorities { .. })));
        assert!(native_roots(bad(), true).is_ok());
    }

    #[test]
    fn the_name_for_the_certificate_is_the_host_or_the_one_that_is_set() {
        let name = |options: Tls, server: &str| {
            server_name(&options, &ServerAddr::parse(server).unwrap()).map(|name| name.to_str().into_owned())
        };
        assert_eq!(name(Tls::required(), "nats.example").as_deref(), Ok("nats.example"));
        assert_eq!(name(Tls::required(), "10.0.0.1").as_deref(), Ok("10.0.0.1"));
        assert_eq!(name(Tls::required(), "[fe80::1%25eth0]:4222").as_deref(), Ok("fe80::1"));
        assert_eq!(name(Tls::required().server_name("a.example"), "10.0.0.1").as_deref(), Ok("a.example"));
        let wrong = name(Tls::required().server_name("no name"), "a");
        assert_eq!(wrong, Err(TlsProblem::Name { name: "no name".into() }));
    }

    #[test]
    fn throttling_alone_is_believed_in_clear_text() {
        assert!(is_throttled(b"-ERR 'Connection throttling is active. Please try again later.'\r\n"));
        assert!(!is_throttled(b"-ERR 'Authorization Violation'\r\n"));
        assert!(!is_throttled(b"PING\r\n"));
    }

    #[test]
    fn errors_about_pem_text_do_not_show_it() {
        for text in ["-----BEGIN canary", "-----BEGIN PRIVATE KEY-----\ncanary\n", "canary", ""] {
            let error = private_key(&Source::Bytes(Zeroizing::new(text.into()))).map(drop).unwrap_err();
            assert!(!format!("{error:?} {error}").contains("canary"), "{error:?}");
            let shown =
                format!("{:?}", certificates(&Source::Bytes(Zeroizing::new(text.into())), "x").unwrap_err());
            assert!(!shown.contains("canary"), "{shown}");
        }
    }
}
