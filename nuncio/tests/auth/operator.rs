//! A server in operator mode, whose operator, accounts and users are made by the library's own helpers.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use nuncio::auth::Creds;
use nuncio::jwt::{Claims, UserClaims};
use nuncio::nkey::{KeyPair, Role};
use nuncio_testkit::NatsServer;
use serde_json::{Value, json};

use crate::support::server;

pub(crate) struct Operator {
    pub(crate) server: NatsServer,
    pub(crate) account: KeyPair,
}

impl Operator {
    pub(crate) async fn start() -> Self {
        let operator = KeyPair::generate(Role::Operator).unwrap();
        let account = KeyPair::generate(Role::Account).unwrap();
        let system = KeyPair::generate(Role::Account).unwrap();
        let claims = |name: &str, subject: String, nats: Value| {
            let claims = Claims { name: name.into(), subject, expires: None, not_before: None, nats };
            claims.sign(&operator, SystemTime::now()).unwrap().expose().to_owned()
        };
        let no_limits = json!({
            "limits": {
                "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1,
                "wildcards": true, "conn": -1, "leaf": -1,
            },
            "type": "account", "version": 2,
        });
        let config = format!(
            "operator: {}\nsystem_account: {sys}\nresolver: MEMORY\nresolver_preload: {{\n{acc}: {}\n{sys}: {}\n}}",
            claims("O", operator.public_key(), json!({"type": "operator", "version": 2})),
            claims("A", account.public_key(), no_limits.clone()),
            claims("SYS", system.public_key(), no_limits),
            sys = system.public_key(),
            acc = account.public_key(),
        );
        Self { server: server(&config).await, account }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.server.dir().join(name)
    }

    /// Issues credentials, as `change` wants them.
    pub(crate) fn user(&self, change: impl FnOnce(&mut UserClaims)) -> Creds {
        let user = KeyPair::generate(Role::User).unwrap();
        let mut claims = UserClaims::new("demo", user.public_key());
        change(&mut claims);
        let jwt = claims.sign(&self.account, SystemTime::now()).unwrap();
        Creds::new(jwt.expose(), Some(user)).unwrap()
    }

    pub(crate) fn expiring(&self, expires: SystemTime) -> Creds {
        self.user(|claims| claims.expires = Some(expires))
    }
}

pub(crate) fn text(creds: &Creds) -> String {
    creds.to_text().expose().to_owned()
}

/// Replaces the file in one step, as whoever rotates credentials should.
pub(crate) fn write(path: &Path, text: &str) {
    let new = path.with_extension("new");
    std::fs::write(&new, text).unwrap();
    std::fs::rename(&new, path).unwrap();
}
