//! How many crates a program gets with this one.

use std::collections::BTreeSet;
use std::process::Command;

/// What a program with async-nats 0.51 and its default features gets, counted in the same way.
const ASYNC_NATS: usize = 129;

const README: &str = include_str!("../../../README.md");

#[test]
fn a_program_gets_fewer_crates_than_with_async_nats() {
    // All that is built is there already, so nothing is fetched.
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "-p", "nuncio", "-e", "normal", "--prefix", "none"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let crates: BTreeSet<&str> = text.lines().map(|line| line.trim_end_matches(" (*)")).collect();
    assert!(crates.iter().any(|line| line.starts_with("tokio v")), "{crates:?}");
    assert!(crates.len() < ASYNC_NATS, "{} crates: {crates:?}", crates.len());
    let told = format!("| {} | {ASYNC_NATS} |", crates.len());
    assert!(README.contains(&told), "the README's table does not say {told}");
}
