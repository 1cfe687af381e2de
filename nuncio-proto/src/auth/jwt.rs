//! User JWTs (ADR-14): what they say, and issuing them with the key of an account.

use std::time::{Duration, SystemTime};

use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::auth::nkey::{KeyPair, NkeyError, PublicKey, Role};
use crate::secret::Secret;

const HEADER: &[u8] = br#"{"typ":"JWT","alg":"ed25519-nkey"}"#;

/// A JWT cannot be read or issued. It never holds any of the JWT but its type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JwtError {
    /// The text is not a JWT of three parts in base64url, with JSON in the first two.
    #[error("the text is not a JWT")]
    Malformed,
    /// It is signed in a way that NATS does not know.
    #[error("the JWT is not signed with an NKEY (its alg should be ed25519-nkey)")]
    Algorithm,
    /// It is not that of a user.
    #[error("the JWT is not that of a user, but of {0:?}")]
    NotAUser(String),
    /// A key is not what it has to be.
    #[error("the JWT cannot be issued: {0}")]
    Key(NkeyError),
}

impl From<NkeyError> for JwtError {
    fn from(error: NkeyError) -> JwtError {
        JwtError::Key(error)
    }
}

/// What a user may publish or subscribe to; empty lists mean no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permission {
    /// Subjects, with wildcards. With any here, everything else is denied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<String>,
    /// Subjects that are denied even so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deny: Vec<String>,
}

impl Permission {
    fn is_empty(&self) -> bool {
        self.allow.is_empty() && self.deny.is_empty()
    }
}

/// How far a user may publish to the reply subjects of messages that it receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResponsePermission {
    /// Messages a reply subject.
    #[serde(default)]
    pub max: i64,
    /// For how long, in nanoseconds.
    #[serde(default)]
    pub ttl: i64,
}

/// What a user JWT says (ADR-14).
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use nuncio_proto::auth::jwt::UserClaims;
/// use nuncio_proto::auth::nkey::{KeyPair, Role};
///
/// let (account, user) = (KeyPair::generate(Role::Account)?, KeyPair::generate(Role::User)?);
/// let mut claims = UserClaims::new("orders", user.public_key());
/// claims.publish.allow.push("orders.>".into());
/// claims.expires = Some(SystemTime::now() + Duration::from_secs(3600));
/// let jwt = claims.sign(&account, SystemTime::now())?;
/// assert_eq!(UserClaims::decode(jwt.expose())?.issuer, account.public_key());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UserClaims {
    /// The user's name, for people.
    pub name: String,
    /// The user's public key.
    pub subject: String,
    /// The public key of the account, or of its signing key, that issued the JWT; set by signing.
    pub issuer: String,
    /// The account's public key, where the issuer is a signing key of it.
    pub issuer_account: Option<String>,
    /// The id; set by signing.
    pub id: String,
    /// When it was issued; set by signing.
    pub issued_at: Option<SystemTime>,
    /// When it expires, in whole seconds; `None` for never.
    pub expires: Option<SystemTime>,
    /// Before when it is not valid, in whole seconds.
    pub not_before: Option<SystemTime>,
    /// Tags.
    pub tags: Vec<String>,
    /// What may be published to.
    pub publish: Permission,
    /// What may be subscribed to.
    pub subscribe: Permission,
    /// Whether replies may be published, whatever their subjects.
    pub responses: Option<ResponsePermission>,
    /// Whether the JWT alone lets in, without a signature by the user's key.
    pub bearer: bool,
    /// Kinds of connections that are allowed, such as `STANDARD` and `WEBSOCKET`; empty for all.
    pub connection_types: Vec<String>,
    /// Subscriptions at most; `None` for no limit.
    pub max_subscriptions: Option<u64>,
    /// Bytes of a message at most; `None` for no limit.
    pub max_payload: Option<u64>,
    /// The permissions and limits are those of the signing key's role, and this JWT must not have any of its own.
    pub scoped: bool,
}

impl UserClaims {
    /// Claims without limits for the user with this public key.
    pub fn new(name: impl Into<String>, subject: impl Into<String>) -> UserClaims {
        UserClaims {
            name: name.into(),
            subject: subject.into(),
            issuer: String::new(),
            issuer_account: None,
            id: String::new(),
            issued_at: None,
            expires: None,
            not_before: None,
            tags: Vec::new(),
            publish: Permission::default(),
            subscribe: Permission::default(),
            responses: None,
            bearer: false,
            connection_types: Vec::new(),
            max_subscriptions: None,
            max_payload: None,
            scoped: false,
        }
    }

    /// Issues the JWT with the key of an account.
    ///
    /// # Errors
    ///
    /// [`JwtError::Key`]: the subject is not the public key of a user, or the key not that of an account.
    pub fn sign(&self, account: &KeyPair, now: SystemTime) -> Result<Secret, JwtError> {
        expect(Role::User, self.subject.parse::<PublicKey>()?.role())?;
        expect(Role::Account, account.role())?;
        let claims = Claims {
            name: self.name.clone(),
            subject: self.subject.clone(),
            expires: self.expires,
            not_before: self.not_before,
            nats: self.to_wire(),
        };
        claims.sign(account, now)
    }

    /// Reads a JWT **without verifying it**: the signature, the issuer and the times are the server's business.
    ///
    /// # Errors
    ///
    /// [`JwtError`]: it is not a user JWT.
    pub fn decode(jwt: &str) -> Result<UserClaims, JwtError> {
        let mut parts = jwt.trim().split('.');
        let (Some(header), Some(body), Some(sig), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(JwtError::Malformed);
        };
        let header: Header = part(header)?;
        if !header.alg.eq_ignore_ascii_case("ed25519-nkey") && !header.alg.eq_ignore_ascii_case("ed25519") {
            return Err(JwtError::Algorithm);
        }
        let kind: Wire<Kind> = part(body)?;
        // The first version had the type beside the claims.
        let kind = kind.nats.kind.or(kind.kind).unwrap_or_default();
        if kind != "user" {
            return Err(JwtError::NotAUser(kind.chars().take(32).collect()));
        }
        if sig.is_empty() {
            return Err(JwtError::Malformed);
        }
        Ok(UserClaims::from_wire(part(body)?))
    }

    fn to_wire(&self) -> User {
        let limit = |max: Option<u64>| {
            let max = max.map_or(-1, |max| i64::try_from(max).unwrap_or(-1));
            (!self.scoped).then_some(max)
        };
        let own = |permission: &Permission| {
            if self.scoped { Permission::default() } else { permission.clone() }
        };
        User {
            publish: own(&self.publish),
            subscribe: own(&self.subscribe),
            resp: self.responses.filter(|_| !self.scoped),
            subs: limit(self.max_subscriptions),
            data: limit(None),
            payload: limit(self.max_payload),
            bearer_token: self.bearer && !self.scoped,
            allowed_connection_types: self.connection_types.clone(),
            issuer_account: self.issuer_account.clone(),
            tags: self.tags.clone(),
            kind: "user".into(),
            version: 2,
        }
    }

    fn from_wire(wire: Wire<User>) -> UserClaims {
        let nats = wire.nats;
        let limit = |max: Option<i64>| max.and_then(|max| u64::try_from(max).ok());
        UserClaims {
            name: wire.name,
            subject: wire.sub,
            issuer: wire.iss,
            issuer_account: nats.issuer_account,
            id: wire.jti,
            issued_at: wire.iat.and_then(time),
            expires: wire.exp.and_then(time),
            not_before: wire.nbf.and_then(time),
            tags: nats.tags,
            scoped: nats.subs.is_none() && nats.data.is_none() && nats.payload.is_none(),
            publish: nats.publish,
            subscribe: nats.subscribe,
            responses: nats.resp,
            bearer: nats.bearer_token,
            connection_types: nats.allowed_connection_types,
            max_subscriptions: limit(nats.subs),
            max_payload: limit(nats.payload),
        }
    }
}

/// The claims of any NATS JWT, with the part that depends on its kind left to the caller: for accounts and operators.
#[derive(Clone, Debug)]
pub struct Claims<N> {
    /// The name, for people.
    pub name: String,
    /// The public key of whom the JWT is about.
    pub subject: String,
    /// When it expires, in whole seconds; `None` for never.
    pub expires: Option<SystemTime>,
    /// Before when it is not valid, in whole seconds.
    pub not_before: Option<SystemTime>,
    /// What stands under `nats`, with `type` and `version`.
    pub nats: N,
}

impl<N: Serialize> Claims<N> {
    /// Issues the JWT. Whether the key may do so is not looked at.
    ///
    /// # Errors
    ///
    /// [`JwtError::Malformed`]: what stands under `nats` cannot be written as JSON.
    pub fn sign(&self, key: &KeyPair, now: SystemTime) -> Result<Secret, JwtError> {
        let mut body = Wire {
            jti: String::new(),
            iat: seconds(now),
            iss: key.public_key(),
            name: self.name.clone(),
            sub: self.subject.clone(),
            exp: self.expires.and_then(seconds),
            nbf: self.not_before.and_then(seconds),
            kind: None,
            nats: &self.nats,
        };
        body.jti = BASE32_NOPAD.encode(&Sha256::digest(json(&body)?));
        let mut jwt = BASE64URL_NOPAD.encode(HEADER);
        jwt.push('.');
        BASE64URL_NOPAD.encode_append(&json(&body)?, &mut jwt);
        let signature = key.sign(jwt.as_bytes());
        jwt.push('.');
        BASE64URL_NOPAD.encode_append(&signature, &mut jwt);
        Ok(Secret::new(jwt))
    }
}

#[derive(Deserialize)]
struct Header {
    #[serde(default)]
    alg: String,
}

#[derive(Serialize, Deserialize)]
struct Wire<N> {
    #[serde(default)]
    jti: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    iat: Option<i64>,
    #[serde(default)]
    iss: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    sub: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    nats: N,
}

#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "type")]
    kind: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct User {
    #[serde(rename = "pub", default, skip_serializing_if = "Permission::is_empty")]
    publish: Permission,
    #[serde(rename = "sub", default, skip_serializing_if = "Permission::is_empty")]
    subscribe: Permission,
    #[serde(skip_serializing_if = "Option::is_none")]
    resp: Option<ResponsePermission>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subs: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<i64>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    bearer_token: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    allowed_connection_types: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer_account: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    version: u32,
}

fn expect(expected: Role, found: Role) -> Result<(), NkeyError> {
    if found == expected { Ok(()) } else { Err(NkeyError::Role { expected, found }) }
}

fn part<T: DeserializeOwned>(text: &str) -> Result<T, JwtError> {
    let json =
        BASE64URL_NOPAD.decode(text.trim_end_matches('=').as_bytes()).map_err(|_| JwtError::Malformed)?;
    // The parser's own error would show what it found.
    serde_json::from_slice(&json).map_err(|_| JwtError::Malformed)
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, JwtError> {
    serde_json::to_vec(value).map_err(|_| JwtError::Malformed)
}

fn seconds(time: SystemTime) -> Option<i64> {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_secs()).ok()
}

/// `None` for what means never: nought, and times beyond all sense.
fn time(seconds: i64) -> Option<SystemTime> {
    let seconds = u64::try_from(seconds).ok().filter(|seconds| *seconds > 0)?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests;
