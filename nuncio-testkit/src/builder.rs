//! The choices made before a nats-server starts.

use std::ffi::OsString;

use crate::binary;
use crate::error::Error;
use crate::port::Port;
use crate::server::{Listener, NatsServer};

/// How often a start is tried anew because a port was taken between the look at it and its use.
const PORT_TRIES: usize = 5;

/// How it is told that a server is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Readiness {
    /// A new connection is greeted by an INFO line with the server's own name.
    #[default]
    Info,
    /// The monitoring port says that the server is healthy: for servers that do not greet first, such as those with
    /// `handshake_first` in their TLS block.
    Healthz,
}

/// Builds a [`NatsServer`].
///
/// ```no_run
/// # async fn example() -> Result<(), nuncio_testkit::Error> {
/// let server = nuncio_testkit::NatsServer::builder()
///     .version("2.12.8")
///     .jetstream()
///     .config("authorization { token: secret }")
///     .start()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
#[must_use = "a builder does nothing until start() is awaited"]
pub struct ServerBuilder {
    pub(crate) version: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) config: String,
    /// What the kit itself adds to the configuration, out of reach of `set_config`.
    pub(crate) prelude: String,
    pub(crate) jetstream: Option<String>,
    pub(crate) args: Vec<OsString>,
    pub(crate) port: Option<u16>,
    pub(crate) readiness: Readiness,
}

impl ServerBuilder {
    /// The version to run; [`default_version`](crate::default_version) unless set.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// The server's name, without spaces; a random one unless set.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Adds text to the configuration file.
    ///
    /// The kit itself sets the addresses of the client and monitoring ports, the name and, after
    /// [`jetstream`](Self::jetstream), the `jetstream` block; leave these out, and `log_file` too.
    pub fn config(mut self, text: impl AsRef<str>) -> Self {
        self.config.push_str(text.as_ref());
        self.config.push('\n');
        self
    }

    /// Adds an argument to the command line.
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Turns JetStream on, with its store in the server's own temporary directory.
    pub fn jetstream(self) -> Self {
        self.jetstream_with("")
    }

    /// Turns JetStream on with more settings for its block, such as `domain: hub`.
    pub fn jetstream_with(mut self, settings: impl Into<String>) -> Self {
        self.jetstream = Some(settings.into());
        self
    }

    /// Listens for clients on this port rather than on one of the kit's choice. The start fails if it is in use.
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// How it is told that the server is up.
    pub fn readiness(mut self, readiness: Readiness) -> Self {
        self.readiness = readiness;
        self
    }

    /// Starts the server and waits until it is up.
    ///
    /// # Errors
    ///
    /// [`Error::NoBinary`] if the version cannot be had; [`Error::Start`], with the end of the log, if it does not
    /// come up within thirty seconds.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the process is killed.
    pub async fn start(self) -> Result<NatsServer, Error> {
        let version = self.version.clone().unwrap_or_else(binary::default_version);
        let program = binary::nats_server(&version).await?;
        let mut tries = PORT_TRIES;
        loop {
            let client = match self.port {
                Some(number) => Listener::Fixed(number),
                None => Listener::Leased(Port::lease()?),
            };
            let monitor = Port::lease()?;
            let mut server =
                NatsServer::new(self.clone(), version.clone(), program.clone(), client, monitor)?;
            tries -= 1;
            match server.launch().await {
                Ok(()) => return Ok(server),
                Err(_) if self.port.is_none() && tries > 0 && server.found_its_port_taken() => {}
                Err(e) => return Err(e),
            }
        }
    }
}
