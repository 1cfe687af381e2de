//! What is presented to one server.

use std::time::{Duration, SystemTime};

use nuncio_proto::addr::ServerAddr;
use nuncio_proto::auth::nkey::NonceError;
use nuncio_proto::connect::Connect;

use crate::auth::{Auth, AuthError, Challenge, Credentials, Source, file};
use crate::jwt::UserClaims;

/// The clocks of client and server may differ by so much, and a JWT has whole seconds only.
const SKEW: Duration = Duration::from_secs(1);

/// What is known of the credentials that were presented.
#[derive(Clone, Debug, Default)]
pub(crate) struct Presented {
    /// When the JWT among them expires.
    pub(crate) expires: Option<SystemTime>,
    /// There were none.
    pub(crate) nothing: bool,
    /// Where that came from, if it may yield another one.
    source: Option<Auth>,
}

impl Presented {
    /// Whether they have expired by now.
    pub(crate) fn have_expired(&self) -> bool {
        self.expires.is_some_and(|expires| expires <= SystemTime::now() + SKEW)
    }

    /// Whether they have expired and others may come.
    pub(crate) fn are_outdated(&self) -> bool {
        self.source.is_some() && self.have_expired()
    }

    /// Whether there may be others before they expire.
    pub(crate) fn may_be_renewed(&self) -> bool {
        self.source.is_some() && self.expires.is_some()
    }

    /// Whether others can be had only by connecting again.
    pub(crate) fn are_called_for(&self) -> bool {
        self.source.as_ref().is_some_and(|auth| matches!(*auth.0, Source::Callback(_)))
    }

    /// Whether there are newer ones now, as far as can be told without connecting.
    pub(crate) async fn have_successor(&self) -> bool {
        let (Some(expires), Some(source)) = (self.expires, &self.source) else { return false };
        match &*source.0 {
            Source::CredsFile(path) => match file::peek(path).await {
                Ok(creds) => creds.claims().expires.is_none_or(|later| later > expires),
                Err(error) => {
                    tracing::debug!(%error, "no newer credentials");
                    false
                }
            },
            _ => false,
        }
    }
}

/// Evaluates all authenticators and fills in `CONNECT`.
pub(crate) async fn present(
    auth: &[Auth],
    server: &ServerAddr,
    challenge: &Challenge,
    connect: &mut Connect,
) -> Result<Presented, AuthError> {
    let mut all = Credentials::new();
    let mut presented = Presented::default();
    let mut unsigned = None;
    for auth in auth {
        match auth.evaluate(challenge).await {
            Ok(credentials) => {
                if let Some(jwt) = &credentials.jwt {
                    let claims = UserClaims::decode(jwt.expose()).ok();
                    presented.expires = claims.and_then(|claims| claims.expires);
                    presented.source = Some(auth.clone()).filter(Auth::may_change);
                }
                all.merge(credentials);
            }
            // A server without keys may well take something else.
            Err(error @ AuthError::Nonce(NonceError::Missing)) => unsigned = Some(error),
            Err(error) => return Err(error),
        }
    }
    if let Some(error) = unsigned.filter(|_| all.is_empty() && !server.has_credentials()) {
        return Err(error);
    }
    presented.nothing = all.is_empty() && !server.has_credentials();
    if server.has_credentials() {
        connect.user = server.user().map(str::to_owned);
        connect.pass = server.password().cloned();
        connect.auth_token = server.token().cloned();
    } else {
        (connect.user, connect.pass, connect.auth_token) = (all.user, all.password, all.token);
    }
    (connect.jwt, connect.nkey, connect.sig) = (all.jwt, all.nkey, all.signature);
    Ok(presented)
}
