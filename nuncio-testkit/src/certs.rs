//! Certificates for tests, made when they are needed.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

use crate::error::Error;

/// An authority that signs certificates, known to nobody but the test.
///
/// ```
/// # fn example() -> Result<(), nuncio_testkit::Error> {
/// let authority = nuncio_testkit::Authority::new("test authority")?;
/// let server = authority.server(["localhost", "127.0.0.1"])?;
/// assert!(server.certificate().starts_with("-----BEGIN CERTIFICATE-----"));
/// # Ok(())
/// # }
/// # example().unwrap();
/// ```
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its private key, as PEM text.
#[derive(Clone)]
pub struct Identity {
    certificate: String,
    key: String,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authority")
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity")
    }
}

impl Authority {
    /// Makes an authority with a new key.
    ///
    /// # Errors
    ///
    /// [`Error::Certificate`] if the key or the certificate cannot be made.
    pub fn new(name: &str) -> Result<Authority, Error> {
        let mut params = params(name, [])?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().map_err(failed)?;
        Ok(Authority(CertifiedIssuer::self_signed(params, key).map_err(failed)?))
    }

    /// The certificate of the authority itself, as PEM text.
    pub fn certificate(&self) -> String {
        self.0.pem()
    }

    /// Writes the certificate of the authority to `<dir>/<stem>.pem` and returns that path.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the file cannot be written.
    pub fn write(&self, dir: &Path, stem: &str) -> Result<PathBuf, Error> {
        write(dir.join(format!("{stem}.pem")), &self.certificate())
    }

    /// Signs a certificate for a server with these host names and IP addresses.
    ///
    /// # Errors
    ///
    /// [`Error::Certificate`] if a name is none.
    pub fn server<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Result<Identity, Error> {
        let mut params = params("server", names)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(&params)
    }

    /// As [`server`](Self::server), but expired long ago.
    ///
    /// # Errors
    ///
    /// As [`server`](Self::server).
    pub fn expired_server<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Result<Identity, Error> {
        let mut params = params("expired server", names)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.not_after = date_time_ymd(2001, 1, 1);
        self.sign(&params)
    }

    /// Signs a certificate for a client; the name becomes its common name.
    ///
    /// # Errors
    ///
    /// [`Error::Certificate`] if the certificate cannot be made.
    pub fn client(&self, name: &str) -> Result<Identity, Error> {
        let mut params = params(name, [])?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> Result<Identity, Error> {
        let key = KeyPair::generate().map_err(failed)?;
        let certificate = params.signed_by(&key, &self.0).map_err(failed)?;
        Ok(Identity { certificate: certificate.pem(), key: key.serialize_pem() })
    }
}

impl Identity {
    /// The certificate, as PEM text.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// The private key, as PEM text.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Writes `<dir>/<stem>.pem` and `<dir>/<stem>-key.pem`, replacing what is there, and returns both paths.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if a file cannot be written.
    pub fn write(&self, dir: &Path, stem: &str) -> Result<(PathBuf, PathBuf), Error> {
        let certificate = write(dir.join(format!("{stem}.pem")), &self.certificate)?;
        Ok((certificate, write(dir.join(format!("{stem}-key.pem")), &self.key)?))
    }
}

fn params<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Result<CertificateParams, Error> {
    let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
    let mut params = CertificateParams::new(names).map_err(failed)?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2000, 1, 1);
    Ok(params)
}

fn failed(error: rcgen::Error) -> Error {
    Error::Certificate { reason: error.to_string() }
}

fn write(path: PathBuf, text: &str) -> Result<PathBuf, Error> {
    fs::write(&path, text).map_err(|e| Error::io(format!("write {}", path.display()), &e))?;
    Ok(path)
}
