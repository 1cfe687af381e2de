//! Rules for the source tree that no lint of the compiler holds.

use std::fs;
use std::path::{Path, PathBuf};

const PACKAGES: [&str; 5] = ["nuncio", "nuncio-proto", "nuncio-server", "nuncio-testkit", "nuncio-cli"];

/// Written in two parts, so that this file does not find itself.
const UNFINISHED: [&str; 4] =
    [concat!("todo", "!("), concat!("unimplemented", "!("), concat!("FIX", "ME"), concat!("TO", "DO")];
const SWITCHED_OFF: [&str; 2] = [concat!("#[", "ignore"), concat!(", ", "ignore)]")];
const SLEEPS: [&str; 3] = [concat!("thread::", "sleep"), concat!("time::", "sleep"), concat!(" ", "sleep(")];

/// Sleeps that do not wait for anything: an application that is busy for longer than a stall or a timeout is what is tested,
/// and loads have their pace.
/// Under a paused clock a sleep takes no time, so it may set the pace of a test.
const BUSY: [&str; 4] = [
    concat!("tokio::time::", "sleep(stall * 2).await;"),
    concat!("tokio::time::", "sleep(std::time::Duration::from_millis(300)).await;"),
    concat!("tokio::time::", "sleep(Duration::from_millis(40)).await;"),
    concat!("tokio::time::", "sleep(Duration::from_millis(60)).await;"),
];

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn rust_files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Every source file of the workspace, by its path from the root.
fn sources() -> Vec<(String, String)> {
    let root = root();
    let mut paths = Vec::new();
    PACKAGES.iter().for_each(|package| rust_files(&root.join(package), &mut paths));
    assert!(paths.len() > 100, "the tree was not found: {paths:?}");
    let name = |path: &Path| path.strip_prefix(&root).unwrap().display().to_string();
    paths.iter().map(|path| (name(path), fs::read_to_string(path).unwrap())).collect()
}

/// The part of a file that is test code: all of it, or what follows `#[cfg(test)]`.
fn test_code<'a>(name: &str, text: &'a str) -> &'a str {
    if name.contains("/tests/") || name.ends_with("tests.rs") {
        return text;
    }
    text.find("#[cfg(test)]").and_then(|at| text.get(at..)).unwrap_or_default()
}

fn lines_with(text: &str, words: &[&str]) -> Vec<String> {
    text.lines()
        .filter(|line| words.iter().any(|word| line.contains(word)))
        .map(|line| line.trim().to_owned())
        .collect()
}

#[test]
fn nothing_is_left_unfinished() {
    for (name, text) in sources() {
        assert_eq!(lines_with(&text, &UNFINISHED), [""; 0], "{name}");
    }
}

#[test]
fn no_test_is_switched_off() {
    for (name, text) in sources() {
        assert_eq!(lines_with(&text, &SWITCHED_OFF), [""; 0], "{name}");
    }
}

#[test]
fn no_test_sleeps() {
    let paced =
        |(name, text): &(String, String)| text.contains("start_paused") || name.ends_with("faults/clock.rs");
    for (name, text) in sources().into_iter().filter(|source| !paced(source)) {
        let mut sleeps = lines_with(test_code(&name, &text), &SLEEPS);
        sleeps.retain(|line| !BUSY.contains(&line.as_str()));
        assert_eq!(sleeps, [""; 0], "{name}");
    }
}

/// `faults/clock.rs` has a sleep for virtual time.
#[test]
fn virtual_time_passes_in_tests_with_a_paused_clock_only() {
    let imported = concat!("use crate::", "clock::pass;");
    for (name, text) in sources().into_iter().filter(|(_, text)| text.contains(imported)) {
        assert!(text.contains("start_paused"), "{name} has no paused clock");
        let real = ["NatsServer", "Cluster"].into_iter().find(|server| text.contains(server));
        assert_eq!(real, None, "{name} lets virtual time pass, which real servers know nothing of");
    }
}

#[test]
fn every_package_forbids_unsafe_code_by_the_lints_of_the_workspace() {
    let read = |path: &str| fs::read_to_string(root().join(path)).unwrap();
    assert!(read("Cargo.toml").contains("unsafe_code = \"forbid\""));
    for package in PACKAGES {
        let manifest = read(&format!("{package}/Cargo.toml"));
        assert!(manifest.contains("[lints]\nworkspace = true"), "{package}");
    }
}
