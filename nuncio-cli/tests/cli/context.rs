//! `nuncio context` and `--context`.

use nuncio_server::Server;
use tempfile::TempDir;
use tokio::process::Command;

use crate::{program, run};

pub(crate) fn contexts(entries: &[(&str, String)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let files = dir.path().join("nats").join("context");
    std::fs::create_dir_all(&files).unwrap();
    for (name, text) in entries {
        std::fs::write(files.join(format!("{name}.json")), text).unwrap();
    }
    dir
}

pub(crate) fn with(dir: &TempDir, arguments: &[&str]) -> Command {
    let mut command = program(arguments);
    command.env("XDG_CONFIG_HOME", dir.path()).env("HOME", dir.path());
    command
}

#[tokio::test]
async fn contexts_are_listed_selected_and_shown_without_secrets() {
    let one = r#"{"description":"the first","url":"nats://u:s3cr3t@a:1","password":"s3cr3t","user":"joe"}"#;
    let dir = contexts(&[("one", one.into()), ("two", "{}".into())]);
    let listed = run(with(&dir, &["context", "ls"])).await.fine();
    assert_eq!(listed.text(), "  one  the first\n  two\n");
    assert_eq!(run(with(&dir, &["context", "select", "one"])).await.fine().text(), "");
    let listed = run(with(&dir, &["context", "ls", "--json"])).await.fine();
    assert_eq!(listed.json()[0]["selected"], true);
    let shown = run(with(&dir, &["context", "show"])).await.fine();
    assert_eq!(
        shown.text(),
        "one (selected)\n  description: the first\n  password: [redacted]\n  url: nats://a:1\n  user: joe\n"
    );
    let shown = run(with(&dir, &["context", "show", "one", "--json"])).await.fine();
    assert_eq!(shown.json()[0]["options"]["user"], "joe");
    assert!(!shown.text().contains("s3cr3t"));
}

#[tokio::test]
async fn a_context_says_where_and_as_whom_to_connect() {
    let server = Server::builder().user("joe", "s3cr3t").start().await.unwrap();
    let json = format!(r#"{{"url":"{}","user":"joe","password":"s3cr3t"}}"#, server.url());
    let dir = contexts(&[("here", json), ("away", r#"{"url":"127.0.0.1:1"}"#.into())]);
    run(with(&dir, &["--context", "here", "rtt", "--count", "1"])).await.fine();
    run(with(&dir, &["context", "select", "here"])).await.fine();
    run(with(&dir, &["rtt", "--count", "1"])).await.fine();
    run(with(&dir, &["--context", "away", "rtt"])).await.failed(5, &["127.0.0.1:1"]);
    let url = server.url();
    run(with(&dir, &["--server", &url, "rtt"])).await.failed(5, &["credentials"]);
    run(with(&dir, &["--server", &url, "--context", "here", "rtt", "--count", "1"])).await.fine();
}

#[tokio::test]
async fn a_context_that_is_not_there_or_not_usable_is_a_usage_error() {
    let dir = contexts(&[("creds", r#"{"nsc":"nsc://o/a/u"}"#.into())]);
    run(with(&dir, &["--context", "no", "rtt"])).await.failed(2, &["no context \"no\""]);
    run(with(&dir, &["--context", "../x", "rtt"])).await.failed(2, &["cannot be the name"]);
    run(with(&dir, &["--context", "creds", "rtt"])).await.failed(2, &["nsc", "not supported"]);
    run(with(&dir, &["context", "show"])).await.failed(2, &["no context is selected"]);
    run(with(&dir, &["context", "select", "no"])).await.failed(2, &["no context \"no\""]);
    assert_eq!(run(with(&dir, &["context", "ls"])).await.fine().text(), "  creds  (cannot be used)\n");
}
