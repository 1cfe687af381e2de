//! Contexts that say who to be.

use nuncio::context::{Context, Contexts};
use nuncio::nkey::{KeyPair, Role};
use serde_json::{Value, json};

use crate::operator::{Operator, text, write};
use crate::support::*;

/// The context of this text, read from a file.
fn context(json: &Value) -> Context {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("context")).unwrap();
    std::fs::write(dir.path().join("context/it.json"), json.to_string()).unwrap();
    Contexts::at(dir.path()).load("it").unwrap()
}

#[tokio::test]
async fn a_context_logs_in_by_a_file_of_credentials_or_by_a_jwt() {
    let op = Operator::start().await;
    let (url, creds) = (op.server.url(), op.user(|_| ()));
    let path = op.path("user.creds");
    write(&path, &text(&creds));
    let seed = creds.key().unwrap().seed().expose().to_owned();
    let bearer = op.user(|claims| claims.bearer = true);
    for (json, user) in [
        (json!({"url": url, "creds": path}), &creds),
        (json!({"url": url, "user_jwt": creds.jwt().expose(), "user_seed": seed}), &creds),
        (json!({"url": url, "user_jwt": bearer.jwt().expose()}), &bearer),
    ] {
        let nc = context(&json).connect().unwrap().await.unwrap();
        assert_eq!(nc.user_info().await.unwrap().user, user.claims().subject);
    }
    let error = context(&json!({"url": url})).connect().unwrap().await.unwrap_err();
    assert!(error.is_auth(), "{error}");
}

#[tokio::test]
async fn a_context_logs_in_by_the_file_of_a_key() {
    let key = KeyPair::generate(Role::User).unwrap();
    let server = server(&format!("authorization {{ users: [{{ nkey: {} }}] }}", key.public_key())).await;
    let path = server.dir().join("user.nk");
    std::fs::write(&path, key.seed().expose()).unwrap();
    let context = context(&json!({"url": server.url(), "nkey": path}));
    assert_eq!(context.path("nkey").unwrap(), Some(path));
    context.connect().unwrap().await.unwrap();
}

#[test]
fn a_variable_of_the_environment_leads_to_the_file() {
    // A variable that cargo sees to.
    let context = context(&json!({"creds": "${CARGO_MANIFEST_DIR}/no.creds", "ca": "a/$CARGO_PKG_NAME.pem"}));
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    assert_eq!(context.path("creds").unwrap(), Some(root.join("no.creds")));
    assert_eq!(context.path("ca").unwrap(), Some("a/nuncio.pem".into()));
}
