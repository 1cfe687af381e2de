//! Credentials in files.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use nuncio_proto::auth::creds::{Creds, CredsError, MAX_CREDS, parse_seed};
use zeroize::Zeroizing;

use crate::auth::AuthError;
use crate::nkey::KeyPair;

/// What is in a credentials file.
pub(super) async fn creds(path: &Path) -> Result<Creds, AuthError> {
    load(path, true, Creds::parse).await
}

/// As [`creds`], for looks at the file that are made again and again: without the warning.
pub(super) async fn peek(path: &Path) -> Result<Creds, AuthError> {
    load(path, false, Creds::parse).await
}

/// The key in a file of its own.
pub(super) async fn key(path: &Path) -> Result<KeyPair, AuthError> {
    load(path, true, parse_seed).await
}

async fn load<T: Send + 'static>(
    path: &Path,
    warn: bool,
    parse: fn(&[u8]) -> Result<T, CredsError>,
) -> Result<T, AuthError> {
    let path = path.to_owned();
    let failed = |path: PathBuf, error: &io::Error| AuthError::File {
        path,
        kind: error.kind(),
        message: error.to_string(),
    };
    let name = path.clone();
    // The file may lie on a slow or dead disk, on which the connection must not wait.
    let loading = tokio::task::spawn_blocking(move || {
        if warn {
            warn_if_open(&path);
        }
        let text = read(&path).map_err(|error| failed(path.clone(), &error))?;
        parse(&text).map_err(|error| AuthError::FileContent { path, error })
    });
    loading.await.unwrap_or_else(|error| Err(failed(name, &io::Error::other(error))))
}

/// One byte more than may be there is read, so that the parser refuses what is too large.
fn read(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a directory"));
    }
    // Room for all from the start: a buffer that grows leaves copies behind.
    let mut text = Zeroizing::new(Vec::with_capacity(MAX_CREDS + 1));
    file.take(MAX_CREDS as u64 + 1).read_to_end(&mut text)?;
    Ok(text)
}

#[cfg(unix)]
fn warn_if_open(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;

    if std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o044 != 0) {
        tracing::warn!(
            path = %path.display(),
            "others than its owner may read this file of credentials: chmod 600 would mend that"
        );
    }
}

#[cfg(not(unix))]
fn warn_if_open(_path: &Path) {}
