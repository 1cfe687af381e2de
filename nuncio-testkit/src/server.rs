//! One real nats-server.

mod launch;
mod questions;

use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::sleep;

use crate::builder::ServerBuilder;
use crate::error::Error;
use crate::port::Port;
use crate::process::{Process, tail};
use crate::wait::{Deadline, eventually};

/// How long a server may take to come up.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How long a server may take to do what a signal asks for.
const SIGNAL_LIMIT: Duration = Duration::from_secs(20);
/// The pause before a port that was in use is tried again.
const PORT_PAUSE: Duration = Duration::from_millis(50);

/// The port for clients: the kit's choice or the caller's.
#[derive(Debug)]
pub(crate) enum Listener {
    Leased(Port),
    Fixed(u16),
}

/// A real nats-server on 127.0.0.1, with a directory of its own for configuration, log and store.
///
/// Dropping it kills the process (SIGKILL) and removes the directory; if the test process dies, the server dies too.
///
/// ```no_run
/// # async fn example() -> Result<(), nuncio_testkit::Error> {
/// let mut server = nuncio_testkit::NatsServer::start().await?;
/// println!("{} {}", server.url(), server.connz().await?);
/// server.kill();
/// server.restart().await?; // the same port and store
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct NatsServer {
    // First, so that the process is gone before its directory.
    process: Option<Process>,
    dir: TempDir,
    plan: ServerBuilder,
    name: String,
    version: String,
    program: PathBuf,
    client: Listener,
    monitor: Port,
    /// Where in the log the present run begins.
    run_began: usize,
}

impl NatsServer {
    /// Starts a server with nothing but the defaults.
    ///
    /// # Errors
    ///
    /// As [`ServerBuilder::start`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the process is killed.
    pub async fn start() -> Result<NatsServer, Error> {
        NatsServer::builder().start().await
    }

    /// Begins to choose version, configuration and more.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    pub(crate) fn new(
        plan: ServerBuilder,
        version: String,
        program: PathBuf,
        client: Listener,
        monitor: Port,
    ) -> Result<NatsServer, Error> {
        let dir = tempfile::Builder::new().prefix("nuncio-nats-").tempdir();
        let dir = dir.map_err(|e| Error::io("make a temporary directory", &e))?;
        let name = plan.name.clone().unwrap_or_else(|| format!("nuncio-{:016x}", fastrand::u64(..)));
        Ok(NatsServer { process: None, dir, plan, name, version, program, client, monitor, run_began: 0 })
    }

    /// The URL for clients, `nats://127.0.0.1:port`.
    pub fn url(&self) -> String {
        format!("nats://{}", self.addr())
    }

    /// The address for clients, `127.0.0.1:port`.
    pub fn addr(&self) -> String {
        format!("127.0.0.1:{}", self.port())
    }

    /// The port for clients; the same after each restart.
    pub fn port(&self) -> u16 {
        match &self.client {
            Listener::Leased(port) => port.number(),
            Listener::Fixed(number) => *number,
        }
    }

    /// The URL of the monitoring port, `http://127.0.0.1:port`.
    pub fn monitor_url(&self) -> String {
        format!("http://{}", self.monitor_addr())
    }

    fn monitor_addr(&self) -> String {
        format!("127.0.0.1:{}", self.monitor.number())
    }

    /// The server's name, as INFO gives it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The version that was asked for.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The server's directory; files put here are removed with it.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The process number, if the server runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::pid)
    }

    /// Whether the process runs; a paused one does.
    pub fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(|process| process.ended().is_none())
    }

    /// The last `lines` lines of the log, over all runs.
    pub fn log_tail(&self, lines: usize) -> String {
        tail(&self.log_path(), lines)
    }

    /// Kills the process at once (SIGKILL), as a crash would. Does nothing if it does not run.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Stops the server in good order (SIGINT), even if it is paused, and waits for its end. Does nothing if it does
    /// not run.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`] if it is not gone within twenty seconds.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the server goes on stopping.
    pub async fn stop(&mut self) -> Result<(), Error> {
        let what = format!("the end of nats-server {}", self.name);
        if !self.is_running() {
            self.process = None;
        }
        let Some(process) = self.process.as_mut() else { return Ok(()) };
        process.signal("INT")?;
        // A paused process sees the first signal only after this one; on any other it has no effect.
        process.signal("CONT")?;
        eventually(&what, SIGNAL_LIMIT, || process.ended().is_some()).await?;
        self.process = None;
        Ok(())
    }

    /// Starts the server again with the same ports, store and configuration, stopping it first if it runs.
    ///
    /// # Errors
    ///
    /// As [`stop`](Self::stop) and [`ServerBuilder::start`].
    ///
    /// # Cancel safety
    ///
    /// Not atomic: the server may be left stopped. Calling it again is right.
    pub async fn restart(&mut self) -> Result<(), Error> {
        self.stop().await?;
        let deadline = Deadline::after(START_LIMIT);
        loop {
            match self.launch().await {
                // A connection of some other program may hold the port for a while.
                Err(_) if self.found_its_port_taken() && !deadline.is_past() => sleep(PORT_PAUSE).await,
                result => return result,
            }
        }
    }

    /// Removes all that JetStream has stored, so that the next start begins empty.
    ///
    /// # Errors
    ///
    /// [`Error::Running`] unless the server is stopped.
    pub fn wipe_store(&mut self) -> Result<(), Error> {
        if self.is_running() {
            return Err(Error::Running { name: self.name.clone(), what: "removing its store" });
        }
        launch::remove(&self.store_dir())
    }

    /// Freezes the process (SIGSTOP): its connections stay open and nothing is answered.
    ///
    /// # Errors
    ///
    /// [`Error::NotRunning`], or that the signal could not be sent.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the signal is sent or not.
    pub async fn pause(&mut self) -> Result<(), Error> {
        let process = self.running("be paused")?;
        process.signal("STOP")?;
        // The signal is on its way to each of the threads: come back only when the last has stopped.
        let stopped = || process.is_stopped() != Some(false);
        Ok(eventually("the process to stop", SIGNAL_LIMIT, stopped).await?)
    }

    /// Lets a paused process go on (SIGCONT).
    ///
    /// # Errors
    ///
    /// [`Error::NotRunning`], or that the signal could not be sent.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the signal is sent or not.
    pub async fn resume(&mut self) -> Result<(), Error> {
        self.running("be resumed")?.signal("CONT")
    }

    /// Puts the server into lame duck mode (SIGUSR2) and returns when it says that it is: it tells its clients, and
    /// after `lame_duck_grace_period` closes them over `lame_duck_duration`, then ends.
    ///
    /// # Errors
    ///
    /// [`Error::NotRunning`], or [`Error::TimedOut`] if it does not say so within twenty seconds.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the signal is sent or not.
    pub async fn lame_duck(&mut self) -> Result<(), Error> {
        self.signal_and_read("USR2", "go lame", &["Entering lame duck mode"]).await.map(drop)
    }

    /// Replaces the configuration text given to the builder; it takes effect with [`reload`](Self::reload) or
    /// [`restart`](Self::restart).
    pub fn set_config(&mut self, text: impl Into<String>) {
        self.plan.config = text.into();
    }

    /// Has the server read its configuration anew (SIGHUP) and returns when it has taken effect.
    ///
    /// # Errors
    ///
    /// [`Error::Reload`] with the server's reason if it refuses; it then goes on with the old configuration.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the signal is sent or not.
    pub async fn reload(&mut self) -> Result<(), Error> {
        const REFUSED: &str = "Failed to reload server configuration";
        self.write_config()?;
        let line = self.signal_and_read("HUP", "reload", &["Reloaded server configuration", REFUSED]).await?;
        match line.split_once(REFUSED) {
            None => Ok(()),
            Some((_, reason)) => {
                let reason = reason.trim_start_matches([':', ' ']).to_owned();
                Err(Error::Reload { name: self.name.clone(), reason })
            }
        }
    }
}
