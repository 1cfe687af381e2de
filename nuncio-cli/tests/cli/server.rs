//! `nuncio server`.

use nuncio_server::Server;

use crate::{Lines, finish, program, run, signal};

#[tokio::test]
async fn it_prints_its_url_and_serves_until_it_is_stopped() {
    let mut child = program(&["server", "--port", "0"]).spawn().unwrap();
    // That nobody reads any more does not stop it.
    let url = Lines::of(&mut child).next().await;
    assert!(url.starts_with("nats://127.0.0.1:"), "{url}");
    run(program(&["--server", &url, "pub", "a", "b"])).await.fine();
    signal(&child, "TERM").await;
    finish(child).await.fine();
}

#[tokio::test]
async fn with_json_the_url_is_an_object() {
    let mut child = program(&["server", "--port", "0", "--addr", "localhost", "--json"]).spawn().unwrap();
    let line = Lines::of(&mut child).next().await;
    assert!(line.starts_with("{\"url\":\"nats://") && line.ends_with("\"}"), "{line}");
}

#[tokio::test]
async fn clients_have_to_bring_the_password_or_token_that_it_was_given() {
    for secrets in [&[("NATS_USER", "joe"), ("NATS_PASSWORD", "s3cr3t")][..], &[("NATS_TOKEN", "s3cr3t")]] {
        let mut command = program(&["server", "--port", "0"]);
        let mut child = command.envs(secrets.iter().copied()).spawn().unwrap();
        let url = Lines::of(&mut child).next().await;
        assert!(!url.contains("s3cr3t"), "{url}");
        run(program(&["--server", &url, "pub", "a", "b"])).await.failed(5, &["credentials"]);
        let mut known = program(&["--server", &url, "pub", "a", "b"]);
        known.envs(secrets.iter().copied());
        run(known).await.fine();
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_an_error_that_names_it() {
    let server = Server::start().await.unwrap();
    let port = server.port().to_string();
    run(program(&["server", "--port", &port])).await.failed(1, &["127.0.0.1", &port]);
}

#[tokio::test]
async fn its_help_sends_production_to_nats_server() {
    let ran = run(program(&["server", "--help"])).await.fine();
    assert!(ran.text().contains("not for production, which runs nats-server"), "{}", ran.text());
}
