//! `--creds` and `--nkey`.

use nuncio::nkey::{KeyPair, Role};
use nuncio_server::Server;

use crate::{client, run};

#[tokio::test]
async fn a_key_in_a_file_lets_in() {
    let key = KeyPair::generate(Role::User).unwrap();
    let server = Server::builder().nkey(key.public_key()).start().await.unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), key.seed().expose()).unwrap();
    let path = file.path().to_str().unwrap();
    run(client(&server, &["rtt", "--nkey", path])).await.fine();
    let mut by_environment = client(&server, &["rtt"]);
    by_environment.env("NATS_NKEY", path).env("NATS_CREDS", "");
    run(by_environment).await.fine();
    run(client(&server, &["rtt"])).await.failed(5, &["refused"]);
}

#[tokio::test]
async fn credentials_that_cannot_be_had_are_told_with_their_file() {
    let server = Server::start().await.unwrap();
    let absent = run(client(&server, &["rtt", "--creds", "/nowhere/user.creds"])).await;
    absent.failed(5, &["/nowhere/user.creds", "No such file"]);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "canary").unwrap();
    let path = file.path().to_str().unwrap();
    let bad = run(client(&server, &["rtt", "--creds", path])).await;
    bad.failed(5, &[path, "no JWT"]);
    assert!(!bad.stderr.contains("canary"));
}
