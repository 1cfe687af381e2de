//! Saying who one is: what goes into `CONNECT`, made anew for each connection.

mod callback;
mod error;
mod file;
mod present;

use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;

use nuncio_proto::auth::creds::CredsError;
use nuncio_proto::auth::nkey::Role;
use nuncio_proto::secret::Secret;

pub use callback::{Challenge, Credentials};
pub use error::AuthError;
pub use nuncio_proto::auth::creds::Creds;
pub(crate) use present::{Presented, present};

use crate::auth::callback::Callback;
use crate::nkey::KeyPair;

/// A way to authenticate: given to [`Connect::auth`](crate::Connect::auth).
///
/// Each is evaluated anew for every connection, so files are read again and callbacks called again. Of several, what
/// each yields is merged, the later ones going first; user, password and token in a server's URL go before them all.
///
/// ```no_run
/// # async fn f() -> Result<(), nuncio::Error> {
/// use nuncio::Auth;
///
/// let nc = nuncio::connect("localhost").auth(Auth::creds_file("/etc/app/user.creds")).await?;
/// # Ok(())
/// # }
/// ```
///
/// Secrets are held in memory that is overwritten when it is freed, and never shown.
#[derive(Clone)]
pub struct Auth(Arc<Source>);

enum Source {
    Fixed(Credentials),
    Key(KeyPair),
    Creds(Box<Creds>),
    KeyFile(PathBuf),
    CredsFile(PathBuf),
    Callback(Callback),
    /// An argument was wrong, which is told when the connection is made.
    Bad(AuthError),
}

impl Auth {
    fn new(source: Source) -> Self {
        Self(Arc::new(source))
    }

    fn checked(source: Result<Source, CredsError>) -> Self {
        Self::new(source.unwrap_or_else(|error| Source::Bad(AuthError::Creds(error))))
    }

    /// A user name and its password.
    pub fn user_and_password(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self::new(Source::Fixed(Credentials::new().user_and_password(user, password)))
    }

    /// A token.
    pub fn token(token: impl Into<String>) -> Self {
        Self::new(Source::Fixed(Credentials::new().token(token)))
    }

    /// The key of a user by its seed, `SU…`. The seed stays here; the server gets the public key and a signature.
    ///
    /// A server that sends no nonce is not given a signature: that is an error, unless other credentials are there.
    pub fn nkey(seed: impl Into<String>) -> Self {
        let seed = Secret::new(seed);
        let key = KeyPair::from_seed_of(Role::User, seed.expose());
        Self::checked(key.map(Source::Key).map_err(CredsError::from))
    }

    /// As [`nkey`](Self::nkey), the seed being read from a file at each connect.
    pub fn nkey_file(path: impl Into<PathBuf>) -> Self {
        Self::new(Source::KeyFile(path.into()))
    }

    /// A user JWT and the seed of its key, `SU…`.
    pub fn jwt(jwt: impl Into<String>, seed: impl Into<String>) -> Self {
        let (jwt, seed) = (Secret::new(jwt), Secret::new(seed));
        let creds = KeyPair::from_seed_of(Role::User, seed.expose())
            .map_err(CredsError::from)
            .and_then(|key| Creds::new(jwt.expose(), Some(key)));
        Self::checked(creds.map(Box::new).map(Source::Creds))
    }

    /// A bearer JWT, which needs no signature. It is sent as it is.
    pub fn bearer(jwt: impl Into<String>) -> Self {
        Self::new(Source::Fixed(Credentials::new().jwt(jwt)))
    }

    /// The text of a credentials file.
    pub fn creds(text: impl AsRef<[u8]>) -> Self {
        Self::checked(Creds::parse(text.as_ref()).map(Box::new).map(Source::Creds))
    }

    /// A credentials file. It is read at each connect, and again shortly before its JWT expires: when there is a newer
    /// one by then, the connection is made anew in time: at a moment when no request is open, if there is one soon, and
    /// with everything confirmed that was published. Events tell it as a disconnect with
    /// [`DisconnectCause::CredentialsRenewed`](crate::DisconnectCause::CredentialsRenewed). Messages for subscriptions
    /// that come between the two connections are missed, as at any reconnect.
    ///
    /// A file larger than 64 KiB is refused. A warning is logged if others than its owner may read it.
    pub fn creds_file(path: impl Into<PathBuf>) -> Self {
        Self::new(Source::CredsFile(path.into()))
    }

    /// Calls a function for each connection, with the server's name and its nonce.
    ///
    /// Its error, or a panic, fails that attempt and no more. It has as long as the attempt has
    /// ([`Connect::connect_timeout`](crate::Connect::connect_timeout)) and the server's patience lasts, 2 seconds
    /// unless configured.
    ///
    /// When it yields a JWT that expires, it is called again shortly before that, once, for a new connection.
    ///
    /// ```no_run
    /// # async fn ask_the_vault() -> Result<(String, String), std::io::Error> { Ok(Default::default()) }
    /// # async fn f() -> Result<(), nuncio::Error> {
    /// use nuncio::Auth;
    ///
    /// let vault = Auth::callback(|challenge| async move {
    ///     let (jwt, seed) = ask_the_vault().await?;
    ///     Ok(challenge.jwt(&jwt, &seed)?)
    /// });
    /// let nc = nuncio::connect("localhost").auth(vault).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn callback<F, T>(call: F) -> Self
    where
        F: Fn(Challenge) -> T + Send + Sync + 'static,
        T: Future<Output = Result<Credentials, Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
    {
        Self::new(Source::Callback(Callback::new(call)))
    }

    /// What is wrong with the arguments, if anything.
    pub(crate) fn problem(&self) -> Option<&AuthError> {
        match &*self.0 {
            Source::Bad(error) => Some(error),
            _ => None,
        }
    }

    /// Whether it is clear by now that it yields what lets in whoever reads it.
    pub(crate) fn holds_secret(&self) -> bool {
        match &*self.0 {
            Source::Fixed(fixed) => fixed.password.is_some() || fixed.token.is_some() || fixed.jwt.is_some(),
            Source::Creds(creds) => creds.claims().bearer,
            _ => false,
        }
    }

    /// Whether it may yield other credentials the next time.
    fn may_change(&self) -> bool {
        matches!(&*self.0, Source::KeyFile(_) | Source::CredsFile(_) | Source::Callback(_))
    }

    async fn evaluate(&self, challenge: &Challenge) -> Result<Credentials, AuthError> {
        match &*self.0 {
            Source::Fixed(credentials) => Ok(credentials.clone()),
            Source::Key(key) => challenge.of_key(key),
            Source::Creds(creds) => challenge.of_creds(creds),
            Source::KeyFile(path) => challenge.of_key(&file::key(path).await?),
            Source::CredsFile(path) => challenge.of_creds(&file::creds(path).await?),
            Source::Callback(callback) => callback.call(challenge.clone()).await,
            Source::Bad(error) => Err(error.clone()),
        }
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Source::Fixed(credentials) => credentials.fmt(f),
            Source::Key(key) => key.fmt(f),
            Source::Creds(creds) => creds.fmt(f),
            Source::KeyFile(path) => f.debug_tuple("KeyFile").field(path).finish(),
            Source::CredsFile(path) => f.debug_tuple("CredsFile").field(path).finish(),
            Source::Callback(_) => f.write_str("Callback"),
            Source::Bad(error) => error.fmt(f),
        }
    }
}
