//! Starting the process and reading its log: what the public methods of a server are made of.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tokio::time::sleep;

use super::{NatsServer, SIGNAL_LIMIT, START_LIMIT};
use crate::builder::Readiness;
use crate::error::Error;
use crate::monitor;
use crate::process::Process;
use crate::wait::{Deadline, eventually_some};

/// The pause between two looks at a server that is starting.
const PAUSE: Duration = Duration::from_millis(5);
/// How many lines of the log an error carries.
const LOG_LINES: usize = 20;

impl NatsServer {
    /// Starts the process and waits until it is up.
    pub(crate) async fn launch(&mut self) -> Result<(), Error> {
        self.process = None;
        self.write_config()?;
        let ports = self.ports_dir();
        remove(&ports)?;
        fs::create_dir_all(&ports).map_err(|e| Error::io(format!("create {}", ports.display()), &e))?;
        self.run_began = self.log().len();
        let mut command = Command::new(&self.program);
        command.current_dir(self.dir.path()).arg("-c").arg(self.config_path());
        // As arguments, since a reload would forget a name or a store given so, but not these.
        command.args(["-a", "127.0.0.1", "-p", &self.port().to_string()]);
        command.args(["-m", &self.monitor.number().to_string(), "--ports_file_dir"]).arg(ports);
        command.args(&self.plan.args);
        self.process = Some(Process::spawn(command, &self.log_path())?);
        let up = self.wait_until_up().await;
        if up.is_err() {
            self.process = None;
        }
        up
    }

    /// Whether the last run ended because another program had one of its ports.
    pub(crate) fn found_its_port_taken(&self) -> bool {
        self.run_log().contains("address already in use")
    }

    async fn wait_until_up(&mut self) -> Result<(), Error> {
        let deadline = Deadline::after(START_LIMIT);
        loop {
            if let Some(status) = self.process.as_mut().and_then(Process::ended) {
                return Err(self.failed_start(format!("it ended ({status})")));
            }
            if self.answers().await? {
                return Ok(());
            }
            if deadline.is_past() {
                return Err(self.failed_start(format!("no answer on {} in {START_LIMIT:?}", self.addr())));
            }
            sleep(PAUSE).await;
        }
    }

    /// One look at whether the server is up; an error if another one answers in its place.
    async fn answers(&self) -> Result<bool, Error> {
        match self.plan.readiness {
            Readiness::Healthz => Ok(self.is_healthy().await),
            Readiness::Info => {
                let Ok((info, port)) = monitor::info_and_port(&self.addr()).await else { return Ok(false) };
                let info: Value = serde_json::from_str(&info).unwrap_or_default();
                match info.get("server_name").and_then(Value::as_str) {
                    Some(name) if name == self.name => self.forgets(port).await.map(|()| true),
                    other => {
                        let other = other.unwrap_or("without a name");
                        Err(self.failed_start(format!("{} belongs to another server ({other})", self.addr())))
                    }
                }
            }
        }
    }

    fn failed_start(&self, reason: String) -> Error {
        let log = self.run_log();
        let skip = log.lines().count().saturating_sub(LOG_LINES);
        let log = log.lines().skip(skip).collect::<Vec<_>>().join("\n");
        Error::Start { name: self.name.clone(), version: self.version.clone(), reason, log }
    }

    pub(super) fn running(&self, what: &'static str) -> Result<&Process, Error> {
        self.process.as_ref().ok_or_else(|| Error::NotRunning { name: self.name.clone(), what })
    }

    /// Sends a signal and waits for a log line that holds one of the texts.
    pub(super) async fn signal_and_read(
        &self,
        signal: &str,
        what: &'static str,
        texts: &[&str],
    ) -> Result<String, Error> {
        let process = self.running(what)?;
        let before = self.log().len();
        process.signal(signal)?;
        let look = || {
            let log = self.log();
            let fresh = String::from_utf8_lossy(log.get(before..).unwrap_or_default()).into_owned();
            // Whole lines only: the last one may still be being written.
            let (fresh, _) = fresh.rsplit_once('\n')?;
            fresh.lines().find(|line| texts.iter().any(|text| line.contains(text))).map(str::to_owned)
        };
        let what = format!("nats-server {} to {what} on SIG{signal}", self.name);
        Ok(eventually_some(&what, SIGNAL_LIMIT, look).await?)
    }

    pub(super) fn write_config(&self) -> Result<(), Error> {
        let path = self.config_path();
        let mut text = format!("server_name: {}\n", self.name);
        if let Some(settings) = &self.plan.jetstream {
            let store = self.store_dir();
            text.push_str(&format!("jetstream {{\n  store_dir: \"{}\"\n  {settings}\n}}\n", store.display()));
        }
        text.push_str(&self.plan.prelude);
        text.push_str(&self.plan.config);
        fs::write(&path, text).map_err(|e| Error::io(format!("write {}", path.display()), &e))
    }

    fn log(&self) -> Vec<u8> {
        fs::read(self.log_path()).unwrap_or_default()
    }

    /// What the present or last run has logged.
    fn run_log(&self) -> String {
        String::from_utf8_lossy(self.log().get(self.run_began..).unwrap_or_default()).into_owned()
    }

    pub(super) fn log_path(&self) -> PathBuf {
        self.dir.path().join("log")
    }

    fn config_path(&self) -> PathBuf {
        self.dir.path().join("nats.conf")
    }

    pub(super) fn ports_dir(&self) -> PathBuf {
        self.dir.path().join("ports")
    }

    pub(super) fn store_dir(&self) -> PathBuf {
        self.dir.path().join("store")
    }
}

/// Removes a directory with all in it, if it is there.
pub(super) fn remove(dir: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(dir) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io(format!("remove {}", dir.display()), &e))
        }
        _ => Ok(()),
    }
}
