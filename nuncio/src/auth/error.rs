//! Why there are no credentials.

use std::io;
use std::path::PathBuf;

use nuncio_proto::auth::creds::CredsError;
use nuncio_proto::auth::nkey::NonceError;
use thiserror::Error as ThisError;

/// An [`Auth`](crate::Auth) yielded no credentials. It never holds any secret of the library's own; what a callback
/// says is passed on.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum AuthError {
    /// A file could not be read.
    #[error("cannot read credentials from {}: {message}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The kind of the operating system's error.
        kind: io::ErrorKind,
        /// Its text.
        message: String,
    },
    /// What a file has in it cannot be used.
    #[error("cannot use {}: {error}", path.display())]
    FileContent {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: CredsError,
    },
    /// Credentials that were given cannot be used.
    #[error(transparent)]
    Creds(#[from] CredsError),
    /// The server's nonce cannot be signed.
    #[error(transparent)]
    Nonce(#[from] NonceError),
    /// A callback failed.
    #[error("the callback for credentials failed: {0}")]
    Callback(String),
    /// A callback panicked.
    #[error("the callback for credentials panicked")]
    CallbackPanicked,
}

impl AuthError {
    /// Whether the next attempt may go better though nothing is changed in the program.
    pub fn is_retryable(&self) -> bool {
        !matches!(self, Self::Creds(_) | Self::CallbackPanicked)
    }
}
