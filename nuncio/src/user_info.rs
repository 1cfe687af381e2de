//! What the server knows of the user that this connection is logged in as.

use std::time::Duration;

use serde::Deserialize;

use crate::codec::{Decode, Json};
use crate::error::UserInfoError;
use crate::{Client, Message};

pub(crate) const SUBJECT: &str = "$SYS.REQ.USER.INFO";

/// Who this connection is to the server, as [`Client::user_info`](crate::Client::user_info) tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UserInfo {
    /// The user: a name, or the public key of an NKEY or JWT. Empty where there is none.
    pub user: String,
    /// The account.
    pub account: String,
    /// The permissions; `None` where there are no limits.
    pub permissions: Option<Permissions>,
    /// For how long the credentials are valid still; `None` for ever.
    pub expires: Option<Duration>,
}

/// What a user may do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Permissions {
    /// What may be published to.
    #[serde(default)]
    pub publish: Option<SubjectPermission>,
    /// What may be subscribed to.
    #[serde(default)]
    pub subscribe: Option<SubjectPermission>,
    /// How far replies may be published to any subject.
    #[serde(default)]
    pub responses: Option<ResponsePermission>,
}

/// Subjects that are allowed and denied. Without allowed ones, all are that are not denied.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct SubjectPermission {
    /// The allowed ones.
    #[serde(default, deserialize_with = "list")]
    pub allow: Vec<String>,
    /// The denied ones.
    #[serde(default, deserialize_with = "list")]
    pub deny: Vec<String>,
}

/// How far replies may be published to any subject.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct ResponsePermission {
    /// Messages a reply subject.
    #[serde(default)]
    pub max: i64,
    /// For how long, in nanoseconds.
    #[serde(default)]
    pub ttl: i64,
}

#[derive(Deserialize)]
struct Envelope {
    data: Option<Wire>,
    error: Option<Fault>,
}

#[derive(Deserialize)]
struct Wire {
    #[serde(default)]
    user: String,
    #[serde(default)]
    account: String,
    permissions: Option<Permissions>,
    #[serde(default)]
    expires: i64,
}

#[derive(Deserialize)]
struct Fault {
    #[serde(default)]
    code: u16,
    #[serde(default)]
    description: String,
}

fn list<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Vec<String>, D::Error> {
    Ok(Option::deserialize(d)?.unwrap_or_default())
}

pub(crate) async fn user_info(client: &Client) -> Result<UserInfo, UserInfoError> {
    let reply = client.request(SUBJECT, "").await?;
    read(&reply)
}

fn read(reply: &Message) -> Result<UserInfo, UserInfoError> {
    let Json(envelope) = Json::<Envelope>::decode(reply.payload())?;
    if let Some(Fault { code, description }) = envelope.error {
        return Err(UserInfoError::Server { code, description });
    }
    let wire = envelope
        .data
        .ok_or_else(|| UserInfoError::Server { code: 0, description: "the answer has no data".into() })?;
    let expires = u64::try_from(wire.expires).ok().filter(|nanos| *nanos > 0).map(Duration::from_nanos);
    Ok(UserInfo { user: wire.user, account: wire.account, permissions: wire.permissions, expires })
}
