//! `nuncio server`.

use std::io::{self, Write};

use clap::Args;
use nuncio_server::Server;
use serde::Serialize;

use crate::command::Session;
use crate::exit::Failure;
use crate::output::Show;

/// Run a small NATS server in this process, for trying things out.
///
/// It is not for production, which runs nats-server from nats.io: here there are no clusters, no accounts, no TLS and
/// no JetStream.
///
/// Prints the URL for clients once it takes connections (with --json as an object: url), and runs until Ctrl-C or
/// SIGTERM. With --user and --password, or --token, clients have to bring these.
#[derive(Debug, Args)]
pub(crate) struct Syntax {
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1")]
    addr: String,
    /// Port to listen on; 0 for a free one.
    #[arg(long, default_value = "4222")]
    port: u16,
}

pub(crate) struct Task {
    bind: String,
}

impl Syntax {
    pub(crate) fn resolve(self) -> Result<Task, Failure> {
        let addr = self.addr.trim_start_matches('[').trim_end_matches(']');
        if addr.is_empty() {
            return Err(Failure::usage("--addr: give an address or a host, such as 127.0.0.1"));
        }
        let bind = if addr.contains(':') {
            format!("[{addr}]:{}", self.port)
        } else {
            format!("{addr}:{}", self.port)
        };
        Ok(Task { bind })
    }
}

#[derive(Serialize)]
struct Listening {
    url: String,
}

impl Show for Listening {
    fn show(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.url)
    }
}

impl Task {
    pub(crate) async fn run(self, session: Session) -> Result<(), Failure> {
        let Session { settings, mut out, stop } = session;
        let mut builder = Server::builder().bind(&self.bind);
        if let Some(login) = settings.login {
            builder = builder.user(login.user, login.password);
        }
        if let Some(token) = settings.token {
            builder = builder.token(token);
        }
        let server = builder
            .start()
            .await
            .map_err(|error| Failure::error(format!("cannot listen on {}: {error}", self.bind)))?;
        out.show(&Listening { url: server.url() })?;
        out.flush()?;
        // Whoever reads the URL may close the pipe then: that is no reason to stop.
        stop.signal().await;
        server.shutdown().await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bind(addr: &str) -> Option<String> {
        Syntax { addr: addr.into(), port: 1 }.resolve().ok().map(|task| task.bind)
    }

    #[test]
    fn an_ipv6_address_gets_brackets() {
        assert_eq!(bind("localhost").as_deref(), Some("localhost:1"));
        assert_eq!(bind("::1").as_deref(), Some("[::1]:1"));
        assert_eq!(bind("[::1]").as_deref(), Some("[::1]:1"));
        assert_eq!(bind(""), None);
    }
}
