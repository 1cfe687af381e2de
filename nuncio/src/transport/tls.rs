//! TLS with rustls: certificates and keys, and what a handshake is made with.

use std::sync::{Arc, Mutex, PoisonError};

use nuncio_proto::addr::ServerAddr;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use zeroize::Zeroizing;

use crate::tls::{Source, Tls, TlsProblem};

mod handshake;

pub(crate) use handshake::{Stream, early_end, encrypt, info, is_throttled};

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
