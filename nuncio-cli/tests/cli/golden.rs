//! Output that is kept word by word. `NUNCIO_BLESS=1` in the environment writes it anew, to be read before it is committed.

use std::path::Path;

use crate::context::{contexts, with};
use crate::{program, run};

#[track_caller]
fn assert_golden(name: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/golden").join(name);
    if std::env::var_os("NUNCIO_BLESS").is_some() {
        std::fs::write(&path, actual).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(actual, expected, "{name} is not what it was: run with NUNCIO_BLESS=1 if that is right");
}

/// Help without the spaces at the ends of lines.
async fn help(arguments: &[&str]) -> String {
    let text = run(program(arguments)).await.fine().text().to_owned();
    text.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

#[tokio::test]
async fn the_help_of_the_options_of_every_command() {
    let all = help(&["rtt", "--help"]).await;
    let global = all.split_once("Connection and output:").unwrap().1.split_once("Exit codes:").unwrap().0;
    assert_golden("options.txt", global);
}

/// The help of a command and of the commands below it, without the options of every command.
async fn helps(command: &str, verbs: &[&str]) -> String {
    let mut all = help(&[command, "--help"]).await;
    all.truncate(all.find("Connection and output:").unwrap());
    for verb in verbs {
        let help = help(&[command, verb, "--help"]).await;
        all = all.trim_end().to_owned() + "\n\n" + help.split_once("Connection and output:").unwrap().0;
    }
    all.trim_end().to_owned() + "\n\n"
}

#[tokio::test]
async fn the_help_of_contexts() {
    assert_golden("context-help.txt", &helps("context", &["ls", "select", "show"]).await);
}

#[tokio::test]
async fn the_help_of_streams() {
    let verbs =
        ["ls", "report", "info", "add", "edit", "ensure", "get", "view", "purge", "backup", "restore", "rm"];
    assert_golden("stream-help.txt", &helps("stream", &verbs).await);
}

#[tokio::test]
async fn the_help_of_consumers() {
    let verbs = ["ls", "report", "info", "add", "edit", "ensure", "next", "consume", "pause", "resume", "rm"];
    assert_golden("consumer-help.txt", &helps("consumer", &verbs).await);
}

#[tokio::test]
async fn the_help_of_measurements() {
    let verbs = ["pub", "sub", "request", "reply", "js-pub", "js-sub"];
    assert_golden("bench-help.txt", &helps("bench", &verbs).await);
}

#[tokio::test]
async fn what_contexts_look_like() {
    let full = r#"{
        "description": "everything", "url": "nats://joe:s3cr3t@a.example, tls://b.example:4333/",
        "user": "joe", "password": "s3cr3t", "token": "s3cr3t", "user_jwt": "s3cr3t", "user_seed": "s3cr3t",
        "creds": "~/joe.creds", "nkey": "$HOME/joe.nk", "ca": "ca.pem", "cert": "c.pem", "key": "k.pem",
        "tls_first": true, "socks_proxy": "socks5://joe:s3cr3t@proxy.example", "inbox_prefix": "_JOE",
        "jetstream_domain": "hub", "jetstream_api_prefix": "js.api", "jetstream_event_prefix": "",
        "color_scheme": "", "windows_ca_certs_match": null, "of_tomorrow": "s3cr3t"
    }"#;
    let dir = contexts(&[
        ("full", full.into()),
        ("broken", "s3cr3t".into()),
        ("foreign", r#"{"nsc":"nsc://o/a/u"}"#.into()),
        ("unset", r#"{"creds":"${NUNCIO_IS_NOT_SET}/x"}"#.into()),
    ]);
    let mut all = String::new();
    for arguments in [
        &["ls"][..],
        &["select", "full"],
        &["select", "full", "--json"],
        &["ls"],
        &["ls", "--json"],
        &["show"],
        &["show", "--json"],
        &["show", "foreign"],
        &["show", "foreign", "--json"],
        &["show", "unset"],
    ] {
        let shown = run(with(&dir, &[&["context"], arguments].concat())).await.fine();
        all.push_str(&format!("$ nuncio context {}\n{}", arguments.join(" "), shown.text()));
    }
    assert!(!all.contains("s3cr3t"), "{all}");
    assert_golden("contexts.txt", &all);
}
