//! The examples print what docs/examples.md says, on whatever server they run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use nuncio_testkit::NatsServer;
use tokio::process::Command;

const PAGE: &str = include_str!("../../../docs/examples.md");
const CI: &str = include_str!("../../../.ci/run");

/// Long enough for a machine with much else to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// The documented examples, by name, with what each prints.
fn documented() -> Vec<(&'static str, &'static str)> {
    let section = |text: &'static str| {
        let (name, rest) = text.split_once('\n')?;
        let (_, block) = rest.split_once("```text\n")?;
        Some((name, block.split_once("```")?.0))
    };
    PAGE.split("\n## ").skip(1).map(|text| section(text).expect("a section has a block of text")).collect()
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")
}

/// The single-file examples that there are.
fn written() -> Vec<String> {
    let files = fs::read_dir(sources()).unwrap().map(|entry| entry.unwrap().path());
    let sources = files.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    let mut names: Vec<_> = sources.map(|path| path.file_stem().unwrap().to_str().unwrap().into()).collect();
    names.sort();
    names
}

/// The place of an example's program: beside that of this one.
fn program(name: &str) -> PathBuf {
    let deps = std::env::current_exe().unwrap();
    deps.parent().unwrap().parent().unwrap().join("examples").join(name)
}

fn is_current(name: &str) -> bool {
    let changed = |path: &Path| fs::metadata(path).and_then(|file| file.modified());
    let source = changed(&sources().join(name).with_extension("rs")).unwrap();
    changed(&program(name)).is_ok_and(|built| built >= source)
}

/// `cargo test` has built the examples, unless it was asked for this program alone.
async fn build(names: &[(&str, &str)]) {
    if names.iter().all(|(name, _)| is_current(name)) {
        return;
    }
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--offline", "--package", "nuncio", "--examples"]);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    // What cargo says of the package under test makes build scripts run again.
    std::env::vars().filter(|(name, _)| name.starts_with("CARGO_PKG_")).for_each(|(name, _)| {
        cargo.env_remove(name);
    });
    cargo.env_remove("CARGO_MANIFEST_DIR").current_dir(env!("CARGO_MANIFEST_DIR"));
    let built = cargo.output().await.unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
}

async fn run(name: &str, server: &str) -> Output {
    let mut program = Command::new(program(name));
    program.env("NATS_URL", server).stdin(Stdio::null()).kill_on_drop(true);
    tokio::time::timeout(PATIENCE, program.output()).await.expect("the example ends").unwrap()
}

/// What the examples of JetStream print where there is none.
const NO_JETSTREAM: &str = "this server has no JetStream: start `nats-server -js` and name it in NATS_URL\n";

async fn each_prints_what_is_documented(server: &str, has_jetstream: bool) {
    let examples = documented();
    build(&examples).await;
    for (name, text) in examples {
        let text = if name.starts_with("jetstream") && !has_jetstream { NO_JETSTREAM } else { text };
        let Output { status, stdout, stderr } = run(name, server).await;
        let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        assert!(status.success(), "{name}: {status}\n{stdout}{stderr}");
        assert_eq!(stdout, text, "{name}");
        assert_eq!(stderr, "", "{name}");
    }
}

#[tokio::test]
async fn the_examples_print_what_is_documented_without_a_server() {
    each_prints_what_is_documented("", false).await;
}

#[tokio::test]
async fn the_examples_print_what_is_documented_on_a_real_server() {
    let server = NatsServer::builder().version("2.15.1").jetstream().start().await.unwrap();
    each_prints_what_is_documented(&server.url(), true).await;
}

#[test]
fn every_example_is_documented_and_run() {
    let mut documented: Vec<_> = documented().into_iter().map(|(name, _)| name).collect();
    documented.sort_unstable();
    assert_eq!(written(), documented);
    for name in documented {
        assert!(CI.split_ascii_whitespace().any(|word| word.trim_end_matches(';') == name), "{name}");
    }
}
