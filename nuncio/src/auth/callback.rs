//! Credentials that the application makes itself.

use std::error::Error;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;

use nuncio_proto::auth::creds::CredsError;
use nuncio_proto::auth::nkey::Role;
use nuncio_proto::secret::Secret;

use crate::auth::{AuthError, Creds};
use crate::nkey::KeyPair;

type Answering = Pin<Box<dyn Future<Output = Answer> + Send>>;
type Answer = Result<Credentials, Box<dyn Error + Send + Sync>>;

/// What a server asks of a client that wants to connect.
#[derive(Clone)]
pub struct Challenge {
    server: String,
    nonce: Option<String>,
}

impl Challenge {
    pub(crate) fn new(server: String, nonce: Option<String>) -> Self {
        Self { server, nonce }
    }

    /// Host and port of the server.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// What has to be signed; `None` if the server knows no keys.
    pub fn nonce(&self) -> Option<&str> {
        self.nonce.as_deref()
    }

    /// The credentials of a key, by its seed.
    ///
    /// # Errors
    ///
    /// The seed cannot be read, or there is no nonce that could be signed.
    pub fn nkey(&self, seed: &str) -> Result<Credentials, AuthError> {
        self.of_key(&KeyPair::from_seed_of(Role::User, seed).map_err(CredsError::from)?)
    }

    /// The credentials of a JWT and the seed of its key.
    ///
    /// # Errors
    ///
    /// JWT or seed cannot be read, or there is no nonce that could be signed.
    pub fn jwt(&self, jwt: &str, seed: &str) -> Result<Credentials, AuthError> {
        let key = KeyPair::from_seed_of(Role::User, seed).map_err(CredsError::from)?;
        self.of_creds(&Creds::new(jwt, Some(key))?)
    }

    /// The credentials of the text of a credentials file.
    ///
    /// # Errors
    ///
    /// The text cannot be read, or there is no nonce that could be signed.
    pub fn creds(&self, text: impl AsRef<[u8]>) -> Result<Credentials, AuthError> {
        self.of_creds(&Creds::parse(text.as_ref())?)
    }

    pub(super) fn of_key(&self, key: &KeyPair) -> Result<Credentials, AuthError> {
        let signature = key.sign_nonce(self.nonce())?;
        Ok(Credentials { nkey: Some(key.public_key()), signature: Some(signature), ..Credentials::new() })
    }

    pub(super) fn of_creds(&self, creds: &Creds) -> Result<Credentials, AuthError> {
        let signed = match creds.key() {
            Some(key) if !creds.claims().bearer || self.nonce.is_some() => self.of_key(key)?,
            _ => Credentials::new(),
        };
        Ok(Credentials { jwt: Some(creds.jwt().clone()), ..signed })
    }
}

impl fmt::Debug for Challenge {
    /// Without the nonce.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Challenge").field("server", &self.server).finish_non_exhaustive()
    }
}

/// What a client says of itself to a server; anything may be left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    pub(super) user: Option<String>,
    pub(super) password: Option<Secret>,
    pub(super) token: Option<Secret>,
    pub(super) jwt: Option<Secret>,
    pub(super) nkey: Option<String>,
    pub(super) signature: Option<Secret>,
}

impl Credentials {
    /// No credentials.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets user name and password.
    pub fn user_and_password(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self.password = Some(Secret::new(password));
        self
    }

    /// Sets the token.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(Secret::new(token));
        self
    }

    /// Sets the JWT.
    pub fn jwt(mut self, jwt: impl Into<String>) -> Self {
        self.jwt = Some(Secret::new(jwt));
        self
    }

    /// Sets the public key, for a signature that is made elsewhere.
    pub fn nkey(mut self, public_key: impl Into<String>) -> Self {
        self.nkey = Some(public_key.into());
        self
    }

    /// Sets the signature of the nonce: base64url without padding.
    pub fn signature(mut self, signature: impl Into<String>) -> Self {
        self.signature = Some(Secret::new(signature));
        self
    }

    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Takes over what the other one has.
    pub(super) fn merge(&mut self, other: Self) {
        let Self { user, password, token, jwt, nkey, signature } = other;
        self.user = user.or(self.user.take());
        self.password = password.or(self.password.take());
        self.token = token.or(self.token.take());
        self.jwt = jwt.or(self.jwt.take());
        self.nkey = nkey.or(self.nkey.take());
        self.signature = signature.or(self.signature.take());
    }
}

pub(super) struct Callback(Box<dyn Fn(Challenge) -> Answering + Send + Sync>);

impl Callback {
    pub(super) fn new<F, T>(call: F) -> Self
    where
        F: Fn(Challenge) -> T + Send + Sync + 'static,
        T: Future<Output = Answer> + Send + 'static,
    {
        Self(Box::new(move |challenge| Box::pin(call(challenge))))
    }

    /// Neither its panic nor its error may end the connection.
    pub(super) async fn call(&self, challenge: Challenge) -> Result<Credentials, AuthError> {
        let panicked = |_| AuthError::CallbackPanicked;
        let mut answer = catch_unwind(AssertUnwindSafe(|| (self.0)(challenge))).map_err(panicked)?;
        poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(cx))) {
            Ok(answer) => answer.map(|answer| answer.map_err(|error| AuthError::Callback(error.to_string()))),
            Err(panic) => Poll::Ready(Err(panicked(panic))),
        })
        .await
    }
}
