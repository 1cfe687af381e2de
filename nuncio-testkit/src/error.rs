//! What can go wrong in the test kit, worded so that a failing test says how to mend it.

use crate::wait::TimedOut;

/// A failure of the test kit itself, not of the code under test.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No nats-server of the asked-for version could be found or installed.
    #[error("no nats-server {version}: {}; {mend}", tried.join("; "))]
    NoBinary {
        /// The version asked for.
        version: String,
        /// Each place that was looked at, with the reason why it would not do.
        tried: Vec<String>,
        /// What the reader can do about it.
        mend: String,
    },
    /// A server did not come up.
    #[error("nats-server {name} ({version}) did not start: {reason}; the end of its log:\n{log}")]
    Start {
        /// The server's name.
        name: String,
        /// The server's version.
        version: String,
        /// What went wrong.
        reason: String,
        /// The last lines that it wrote.
        log: String,
    },
    /// Something was asked of a server that does not run.
    #[error("nats-server {name} is not running, so it cannot {what}; call restart() first")]
    NotRunning {
        /// The server's name.
        name: String,
        /// What was asked of it.
        what: &'static str,
    },
    /// Something was asked of a server that must be stopped first.
    #[error("nats-server {name} is running, so {what} is refused; call stop() or kill() first")]
    Running {
        /// The server's name.
        name: String,
        /// What was asked.
        what: &'static str,
    },
    /// The server refused its new configuration and goes on with the old one.
    #[error("nats-server {name} refused its new configuration: {reason}")]
    Reload {
        /// The server's name.
        name: String,
        /// The server's own words.
        reason: String,
    },
    /// The monitoring port gave no usable answer.
    #[error("GET {url} failed: {reason}")]
    Http {
        /// What was asked for.
        url: String,
        /// What came instead.
        reason: String,
    },
    /// A cluster has no node of that number.
    #[error("no node {index}: the cluster has {nodes}, counted from 0")]
    NoSuchNode {
        /// The number asked for.
        index: usize,
        /// How many nodes there are.
        nodes: usize,
    },
    /// A certificate could not be made.
    #[error("cannot make a certificate: {reason}")]
    Certificate {
        /// What the library says.
        reason: String,
    },
    /// The operating system refused something.
    #[error("could not {what}: {reason}")]
    Io {
        /// What was being done.
        what: String,
        /// The kind of the failure.
        kind: std::io::ErrorKind,
        /// The system's own words.
        reason: String,
    },
    /// Something awaited did not come to pass in time.
    #[error(transparent)]
    TimedOut(#[from] TimedOut),
}

impl Error {
    /// Wraps a system error with what was being done.
    pub(crate) fn io(what: impl Into<String>, error: &std::io::Error) -> Error {
        Error::Io { what: what.into(), kind: error.kind(), reason: error.to_string() }
    }
}
