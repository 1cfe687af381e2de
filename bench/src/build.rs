//! How long a small program takes to build when nothing of it is there yet.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::process;
use crate::work::Figures;

const DEADLINE: Duration = Duration::from_secs(900);

/// Builds a program that connects, publishes and receives, in release mode and with the crates of the workspace's
/// lock file, into a folder of its own.
pub(crate) fn cold(client: &str) -> Result<Figures, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")).to_owned();
    let (dependencies, source) = program(client, &root)?;
    let dir = TempDir::new().map_err(|e| e.to_string())?;
    let write = |name: &str, text: &str| {
        let path: PathBuf = dir.path().join(name);
        path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, text))
    };
    let manifest = format!(
        "[package]\nname = \"minimal\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n\
         {dependencies}tokio = {{ version = \"1\", features = [\"macros\", \"rt-multi-thread\"] }}\n"
    );
    write("Cargo.toml", &manifest).map_err(|e| e.to_string())?;
    write("src/main.rs", source).map_err(|e| e.to_string())?;
    fs::copy(root.join("Cargo.lock"), dir.path().join("Cargo.lock")).map_err(|e| e.to_string())?;
    let cargo = |arguments: &[&str]| {
        let mut command = Command::new("cargo");
        command.args(arguments).current_dir(dir.path()).env("CARGO_TARGET_DIR", dir.path().join("target"));
        command.env_remove("RUSTC_WRAPPER");
        process::run(command, DEADLINE).map(|(out, _)| out)
    };
    cargo(&["fetch", "--quiet"])?;
    let start = Instant::now();
    cargo(&["build", "--release", "--offline", "--quiet"])?;
    let seconds = start.elapsed().as_secs_f64();
    let tree = cargo(&["tree", "--offline", "-e", "normal", "--prefix", "none"])?;
    let crates: BTreeSet<&str> = tree.lines().map(|line| line.trim_end_matches(" (*)")).collect();
    // The program itself is none of them.
    let crates = (crates.len() as u64).saturating_sub(1);
    Ok(Figures { messages: 1, delivered: 1, seconds, crates, ..Figures::default() })
}

fn program(client: &str, root: &Path) -> Result<(String, &'static str), String> {
    match client {
        "nuncio" => Ok((
            format!("nuncio = {{ path = {:?} }}\n", root.join("nuncio")),
            include_str!("minimal/nuncio.rs"),
        )),
        "async-nats" => Ok((
            "async-nats = \"0.51\"\nfutures-util = { version = \"0.3\", default-features = false }\n".into(),
            include_str!("minimal/async_nats.rs"),
        )),
        other => Err(format!("no program for {other:?}")),
    }
}
