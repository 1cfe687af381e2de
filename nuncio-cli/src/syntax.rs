//! What may be written on the command line.

use std::convert::Infallible;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser};

use crate::command::Command;

/// How the program ends, for `--help`.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
    0  done; also when stopped with Ctrl-C while waiting for messages, and when the reader of stdout went away
    1  error: something was refused or failed
    2  usage: an argument, a subject or a header that cannot work
    3  timeout: no reply or no confirmation in time, or fewer messages than asked for
    4  no responders: nobody subscribes to the subject of the request
    5  connection failed: no server could be reached, it refused the credentials, or the connection was lost
  130  stopped with Ctrl-C or SIGTERM before the work was done";

/// Publish, subscribe, request and serve on NATS.
///
/// Every command works with stdin closed and stdout a pipe or a file, and never asks anything. Results go to stdout,
/// as text or with --json as one JSON object a line; errors go to stderr as one line that begins with "nuncio:".
#[derive(Debug, Parser)]
#[command(name = "nuncio", version, after_help = EXIT_CODES, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Args)]
#[command(next_help_heading = "Connection and output")]
pub(crate) struct Global {
    /// Server to connect to, or several with commas between: host, host:port or nats://host:port.
    ///
    /// A user and password, or a token, in a URL go before --user, --password and --token; put secrets in the
    /// environment rather than on the command line, where other users of the machine can see them.
    #[arg(short, long, global = true, env = "NATS_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) server: Option<String>,
    /// NATS context to take servers, credentials, TLS, proxy and inbox prefix from; other options go before it.
    ///
    /// Credentials are not mixed: any that are given replace all of the context's.
    ///
    /// Without --context, and without --server, the selected context is used, if one is: see `nuncio context`. Without any of
    /// them the server is nats://127.0.0.1:4222.
    #[arg(long, global = true, env = "NATS_CONTEXT", value_name = "NAME")]
    pub(crate) context: Option<String>,
    /// User to log in as; for `nuncio server`, the user that clients have to be.
    #[arg(long, global = true, env = "NATS_USER", hide_env_values = true)]
    pub(crate) user: Option<String>,
    /// Password of the user.
    #[arg(long, global = true, env = "NATS_PASSWORD", hide_env_values = true)]
    pub(crate) password: Option<String>,
    /// Token to log in with; for `nuncio server`, the token that clients have to bring.
    #[arg(long, global = true, env = "NATS_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// Credentials file to log in with: a user JWT and its seed. It is read again whenever the connection is made anew.
    #[arg(long, global = true, env = "NATS_CREDS", value_name = "FILE", value_parser = path)]
    pub(crate) creds: Option<PathBuf>,
    /// File with the seed of a user's NKEY to log in with.
    #[arg(long, global = true, env = "NATS_NKEY", value_name = "FILE", value_parser = path)]
    pub(crate) nkey: Option<PathBuf>,
    /// File with the certificates of the authorities to trust, instead of the system's. This, like each option of TLS, makes
    /// TLS a must.
    #[arg(long, global = true, env = "NATS_CA", value_name = "FILE", value_parser = path)]
    pub(crate) tlsca: Option<PathBuf>,
    /// File with the certificate to show to the server; goes with --tlskey.
    #[arg(long, global = true, env = "NATS_CERT", value_name = "FILE", value_parser = path)]
    pub(crate) tlscert: Option<PathBuf>,
    /// File with the private key of that certificate.
    #[arg(long, global = true, env = "NATS_KEY", value_name = "FILE", value_parser = path)]
    pub(crate) tlskey: Option<PathBuf>,
    /// Begin with TLS, before the server says anything; for servers with `handshake_first`.
    #[arg(long, global = true)]
    pub(crate) tlsfirst: bool,
    /// Let passwords, tokens and bearer JWTs go to other machines without TLS, where anybody on the way can read them.
    #[arg(long, global = true)]
    pub(crate) allow_plaintext_auth: bool,
    /// Let servers that the cluster tells of have the user and password, or the token, in the URL of a server.
    ///
    /// They have those of --user, --password and --token in any case, and those in a URL where TLS is used.
    #[arg(long, global = true)]
    pub(crate) share_credentials: bool,
    /// SOCKS proxy to connect through: socks5://host:port, with user:password@ before the host if it asks for that.
    #[arg(long, global = true, env = "NATS_SOCKS_PROXY", hide_env_values = true, value_name = "URL")]
    pub(crate) socks_proxy: Option<String>,
    /// What reply subjects begin with. Default: _INBOX.
    #[arg(long, global = true, value_name = "PREFIX")]
    pub(crate) inbox_prefix: Option<String>,
    /// Name of the connection, for the server's monitoring. Default: "nuncio" and the command.
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// How long each of these may take: connecting, a confirmation by the server, a reply. Such as 500ms, 2s, 1m.
    #[arg(long, global = true, env = "NATS_TIMEOUT", value_name = "DURATION", default_value = DEFAULT_TIMEOUT, value_parser = timeout)]
    pub(crate) timeout: Duration,
    /// Print one JSON object a line.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// End when the connection is lost, instead of connecting again for as long as it takes.
    #[arg(long, global = true)]
    pub(crate) no_reconnect: bool,
}

impl std::fmt::Debug for Global {
    /// Without the secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Global")
            .field("name", &self.name)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// Any path; an empty one, as from the environment, is as good as none.
fn path(text: &str) -> Result<PathBuf, Infallible> {
    Ok(PathBuf::from(text))
}

const DEFAULT_TIMEOUT: &str = "5s";

/// As [`duration`]; an empty one, as from the environment, is as good as none.
fn timeout(text: &str) -> Result<Duration, String> {
    duration(if text.is_empty() { DEFAULT_TIMEOUT } else { text })
}

/// A time that is longer than nothing.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => Err("must be longer than nothing".into()),
        Ok(duration) => Ok(duration),
        Err(error) => Err(format!("{error}; write it as 500ms, 2s or 1m")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_duration_needs_a_unit_and_must_not_be_zero() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("1m 30s"), Ok(Duration::from_secs(90)));
        assert!(duration("5").is_err());
        assert!(duration("0s").is_err());
    }

    #[test]
    fn debug_shows_no_secrets() {
        let cli =
            Cli::try_parse_from(["nuncio", "rtt", "--password", "s3cr3t", "--token", "s3cr3t"]).unwrap();
        assert!(!format!("{cli:?}").contains("s3cr3t"));
    }
}
