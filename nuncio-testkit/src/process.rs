//! One nats-server process: spawned with its output in a file, signalled, and never left behind.

use std::fs::{self, OpenOptions};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use crate::error::Error;

/// A child process that dies with this value, and with the test process however that ends.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    watchdog: Option<Child>,
}

impl Process {
    /// Starts the command with both outputs appended to the file `log`.
    pub(crate) fn spawn(mut command: Command, log: &Path) -> Result<Process, Error> {
        let what = || format!("run {}", command.get_program().to_string_lossy());
        let open = || {
            let file = OpenOptions::new().create(true).append(true).open(log);
            file.map_err(|e| Error::io(format!("open {}", log.display()), &e))
        };
        let (out, err) = (open()?, open()?);
        let label = what();
        command.stdin(Stdio::null()).stdout(out).stderr(err);
        let child = command.spawn().map_err(|e| Error::io(label, &e))?;
        let mut process = Process { child, watchdog: None };
        // If this fails, `process` is dropped and takes the child with it.
        process.watchdog = Some(watchdog(process.pid())?);
        Ok(process)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it did.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        let status = self.child.try_wait().ok().flatten()?;
        // The number may be given to another process from now on.
        self.call_off();
        Some(status)
    }

    /// Sends a signal by the shell's own `kill`, which even the barest system has. Takes about a millisecond.
    pub(crate) fn signal(&self, name: &str) -> Result<(), Error> {
        let what = || format!("send {name} to process {}", self.pid());
        let mut shell = Command::new("sh");
        shell.args(["-c", r#"kill -s "$0" "$1""#, name, &self.pid().to_string()]);
        let output = shell.stdin(Stdio::null()).output().map_err(|e| Error::io(what(), &e))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(Error::io(what(), &std::io::Error::other(said)))
    }

    /// Whether the system says that the process is stopped; `None` where it cannot be asked.
    pub(crate) fn is_stopped(&self) -> Option<bool> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid())).ok()?;
        // The name of the program, in brackets, may hold anything; the state follows the last bracket.
        let (_, rest) = stat.rsplit_once(')')?;
        Some(rest.trim_start().starts_with('T'))
    }

    fn call_off(&mut self) {
        if let Some(mut watchdog) = self.watchdog.take() {
            let _ = watchdog.kill();
            let _ = watchdog.wait();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.call_off();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A shell that waits for the end of its standard input, which comes when this process dies, and then kills `pid`.
///
/// Without it a test that aborts, or is killed for taking too long, would leave its servers running for ever.
fn watchdog(pid: u32) -> Result<Child, Error> {
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"read _; kill -s KILL "$0" 2>/dev/null"#, &pid.to_string()]);
    shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    // A group of its own, out of reach of the Ctrl-C that ends the tests.
    shell.process_group(0);
    shell.spawn().map_err(|e| Error::io("run sh", &e))
}

/// The last `lines` lines of the file.
pub(crate) fn tail(log: &Path, lines: usize) -> String {
    let bytes = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let skip = text.lines().count().saturating_sub(lines);
    text.lines().skip(skip).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::wait::eventually;

    const SOON: Duration = Duration::from_secs(20);

    fn sleeper() -> (Process, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let mut command = Command::new("sleep");
        command.arg("600");
        (Process::spawn(command, &dir.path().join("log")).unwrap(), dir)
    }

    fn lives(pid: u32) -> bool {
        Command::new("sh")
            .args(["-c", r#"kill -0 "$0" 2>/dev/null"#, &pid.to_string()])
            .status()
            .unwrap()
            .success()
    }

    #[test]
    fn dropping_it_kills_the_process() {
        let (process, _dir) = sleeper();
        let pid = process.pid();
        assert!(lives(pid));
        drop(process);
        assert!(!lives(pid));
    }

    #[tokio::test]
    async fn a_signal_arrives_and_the_end_is_noticed() {
        let (mut process, _dir) = sleeper();
        assert!(process.ended().is_none());
        process.signal("TERM").unwrap();
        eventually("the end", SOON, || process.ended().is_some()).await.unwrap();
        assert!(process.watchdog.is_none());
    }

    #[tokio::test]
    async fn the_watchdog_kills_when_its_input_ends() {
        let (mut process, _dir) = sleeper();
        // What the system does to the pipe when the test process dies.
        drop(process.watchdog.as_mut().unwrap().stdin.take());
        eventually("the watchdog's kill", SOON, || process.ended().is_some()).await.unwrap();
    }

    #[test]
    fn the_tail_holds_the_last_lines_of_both_outputs() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; echo two >&2; echo three"]);
        let mut process = Process::spawn(command, &log).unwrap();
        process.child.wait().unwrap();
        assert_eq!(tail(&log, 2), "two\nthree");
        assert_eq!(tail(&dir.path().join("none"), 2), "");
    }
}
