//! How the program ends: its exit code and the one line on stderr.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::error::ErrorKind;
use nuncio::context::ContextError;
use nuncio::jetstream;
use nuncio::{
    CloseReason, ConnectError, ConnectionClosed, FlushError, PublishError, RequestError, SubscribeError,
    SubscriptionEnd,
};

use crate::progress::aside;

/// The exit codes, as [`EXIT_CODES`](crate::syntax::EXIT_CODES) explains them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    Error = 1,
    Usage = 2,
    Timeout = 3,
    NoResponders = 4,
    Connection = 5,
    Interrupted = 130,
}

/// Why a command did not do its work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Something to tell.
    Told(Code, String),
    /// Stopped by a signal before the work was done; whoever did that knows.
    Interrupted,
    /// The reader of stdout has what it wanted.
    BrokenPipe,
}

impl Failure {
    pub(crate) fn error(message: impl Into<String>) -> Self {
        Self::Told(Code::Error, message.into())
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::Told(Code::Usage, message.into())
    }

    pub(crate) fn timeout(message: impl Into<String>) -> Self {
        Self::Told(Code::Timeout, message.into())
    }

    pub(crate) fn connection(message: impl Into<String>) -> Self {
        Self::Told(Code::Connection, message.into())
    }

    fn graded(timeout: bool, disconnected: bool, message: String) -> Self {
        let code = match (timeout, disconnected) {
            (true, _) => Code::Timeout,
            (false, true) => Code::Connection,
            (false, false) => Code::Error,
        };
        Self::Told(code, message)
    }

    /// Puts what was to be done before the message.
    pub(crate) fn about(self, what: &str) -> Self {
        match self {
            Self::Told(code, message) => Self::Told(code, format!("{what}: {message}")),
            other => other,
        }
    }

    /// Puts what to do about it behind the message.
    pub(crate) fn mended(self, mend: &str) -> Self {
        match self {
            Self::Told(code, message) => Self::Told(code, format!("{message}; {mend}")),
            other => other,
        }
    }
}

impl From<io::Error> for Failure {
    /// Of writing to stdout; other errors are told with what they are about.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::BrokenPipe,
            _ => Self::error(format!("cannot write to stdout: {error}")),
        }
    }
}

/// What the library calls options, and what they are called on the command line.
const FLAGS: [(&str, &str); 10] = [
    ("`Tls::ca_file` or `Tls::ca_pem`", "--tlsca"),
    ("`Tls::ca_file` or `Tls::webpki_roots`", "--tlsca"),
    ("`Tls::client_cert_files`", "--tlscert and --tlskey"),
    (", or `Tls::server_name`", ""),
    ("`handshake_first`", "--tlsfirst"),
    ("`Connect::tls`", "--tlsca"),
    ("`Connect::user_and_password` or `Connect::token`", "--user and --password, or --token"),
    ("set `Connect::share_credentials`", "give --share-credentials"),
    ("set `Connect::allow_plaintext_auth`", "give --allow-plaintext-auth"),
    ("`user_and_password`", "user:password@ in the URL of --socks-proxy"),
];

/// The mend that an error of the library's names, as it is written on the command line.
fn in_flags(text: String) -> String {
    FLAGS.iter().fold(text, |text, (option, flag)| text.replace(option, flag))
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Timeout { server, after, stage } => Self::connection(format!(
                "{server} did not answer within {after:?}: {stage}; raise --timeout if it is only slow"
            )),
            ConnectError::Address(_) | ConnectError::Option { .. } => Self::usage(error.to_string()),
            error => Self::connection(in_flags(error.to_string())),
        }
    }
}

impl From<ContextError> for Failure {
    fn from(error: ContextError) -> Self {
        match error {
            ContextError::Io { .. } => Self::error(error.to_string()),
            error => Self::usage(error.to_string()),
        }
    }
}

impl From<ConnectionClosed> for Failure {
    fn from(closed: ConnectionClosed) -> Self {
        closed.reason.into()
    }
}

impl From<CloseReason> for Failure {
    fn from(reason: CloseReason) -> Self {
        Self::connection(match reason {
            CloseReason::ReconnectOff(cause) => format!("the connection was lost: {cause}"),
            reason => in_flags(format!("the connection is closed: {reason}")),
        })
    }
}

impl From<PublishError> for Failure {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::Subject(_) | PublishError::Header(_) | PublishError::SubjectTooLong { .. } => {
                Self::usage(error.to_string())
            }
            PublishError::Timeout { .. } => Self::timeout(error.to_string()),
            PublishError::Closed(closed) => closed.into(),
            error => Self::error(error.to_string()),
        }
    }
}

impl From<SubscribeError> for Failure {
    fn from(error: SubscribeError) -> Self {
        match error {
            SubscribeError::Subject(_) | SubscribeError::Option { .. } => Self::usage(error.to_string()),
            SubscribeError::Closed(closed) => closed.into(),
            error => Self::error(error.to_string()),
        }
    }
}

impl From<RequestError> for Failure {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::NoResponders { .. } => Self::Told(Code::NoResponders, error.to_string()),
            RequestError::Timeout { .. } => {
                Self::timeout(format!("{error}; raise --timeout if it is only slow"))
            }
            RequestError::Disconnected { .. } => Self::connection(error.to_string()),
            RequestError::Publish(error) => error.into(),
            RequestError::Closed(closed) => closed.into(),
            error => Self::error(error.to_string()),
        }
    }
}

impl From<jetstream::Error> for Failure {
    fn from(error: jetstream::Error) -> Self {
        match error {
            jetstream::Error::Name(_) | jetstream::Error::Prefix(_) | jetstream::Error::Option { .. } => {
                Self::usage(error.to_string())
            }
            jetstream::Error::Timeout { .. } => {
                Self::timeout(format!("{error}; raise --timeout if it is only slow"))
            }
            jetstream::Error::Subscribe(error) => error.into(),
            jetstream::Error::Request(error) => error.into(),
            error => Self::error(error.to_string()),
        }
    }
}

impl From<jetstream::PublishError> for Failure {
    fn from(error: jetstream::PublishError) -> Self {
        match error {
            jetstream::PublishError::Option { .. } => Self::usage(error.to_string()),
            jetstream::PublishError::NotSent(error) => error.into(),
            error => Self::graded(error.is_timeout(), error.is_disconnected(), error.to_string()),
        }
    }
}

impl From<jetstream::ConsumeError> for Failure {
    fn from(error: jetstream::ConsumeError) -> Self {
        match error {
            jetstream::ConsumeError::Option { .. } => Self::usage(error.to_string()),
            jetstream::ConsumeError::Subscribe(error) => error.into(),
            jetstream::ConsumeError::Closed(closed) => closed.into(),
            jetstream::ConsumeError::Api(error) => (*error).into(),
            error => Self::graded(error.is_timeout(), error.is_disconnected(), error.to_string()),
        }
    }
}

impl From<jetstream::AckError> for Failure {
    fn from(error: jetstream::AckError) -> Self {
        Self::graded(error.is_timeout(), error.is_disconnected(), error.to_string())
    }
}

impl From<FlushError> for Failure {
    fn from(error: FlushError) -> Self {
        match error {
            FlushError::Timeout { .. } => {
                Self::timeout(format!("{error}; raise --timeout if it is only slow"))
            }
            FlushError::Disconnected => {
                Self::connection("the connection was lost before the server confirmed")
            }
            FlushError::Closed(closed) => closed.into(),
            error => Self::error(error.to_string()),
        }
    }
}

/// What the end of a subscription means: nothing, where it was to end so.
pub(crate) fn ended(end: Option<SubscriptionEnd>) -> Result<(), Failure> {
    match end {
        Some(SubscriptionEnd::Closed(reason)) if !reason.is_wanted() => Err(reason.into()),
        Some(end @ SubscriptionEnd::Denied { .. }) => Err(Failure::error(end.to_string())),
        _ => Ok(()),
    }
}

/// Tells what went wrong and yields the exit code.
pub(crate) fn finish(done: Result<(), Failure>) -> ExitCode {
    match done {
        Ok(()) | Err(Failure::BrokenPipe) => ExitCode::SUCCESS,
        Err(Failure::Interrupted) => ExitCode::from(Code::Interrupted as u8),
        Err(Failure::Told(code, message)) => {
            tell(&message);
            ExitCode::from(code as u8)
        }
    }
}

/// Writes one line to stderr, if anybody listens there.
pub(crate) fn tell(message: &str) {
    let mut line = String::from("nuncio: ");
    for c in message.chars() {
        match c {
            '\n' => line.push(' '),
            c if c.is_control() => line.extend(c.escape_default()),
            c => line.push(c),
        }
    }
    line.push('\n');
    aside(|| {
        let _ = io::stderr().lock().write_all(line.as_bytes());
    });
}

/// A command line that asks for help, or that cannot be understood.
pub(crate) fn misused(error: &clap::Error) -> ExitCode {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        // Whoever does not read to the end has read enough.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    finish(Err(Failure::usage(one_line(&error.to_string()))))
}

/// The message of an error of clap's, without its paragraphs about usage.
fn one_line(text: &str) -> String {
    let mut lines = text.lines().map(str::trim).take_while(|line| !line.starts_with("Usage:"));
    let first = lines.next().unwrap_or_default();
    let mut out = first.strip_prefix("error: ").unwrap_or(first).to_owned();
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with("For more information")) {
        out.push_str(if out.ends_with(':') { " " } else { "; " });
        out.push_str(line);
    }
    out.push_str("; see --help");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_usage_error_becomes_one_line() {
        let text = "error: the following required arguments were not provided:\n  <SUBJECT>\n\nUsage: nuncio pub\n\nFor more";
        assert_eq!(
            one_line(text),
            "the following required arguments were not provided: <SUBJECT>; see --help"
        );
    }

    #[test]
    fn a_mend_is_told_by_the_flags_of_the_command_line() {
        use nuncio::{ServerError, TlsProblem};
        let server = || "a:1".to_owned();
        let withheld = ConnectError::CredentialsWithheld {
            server: server(),
            error: ServerError::AuthorizationViolation,
        };
        let exhausted = CloseReason::Exhausted { last: Box::new(withheld.clone()) };
        let tls = |problem| ConnectError::Tls { server: server(), problem }.into();
        let message = String::new;
        for (failure, flags) in [
            (
                ConnectError::PlaintextAuth { server: server(), secret: "a token" }.into(),
                "--allow-plaintext-auth",
            ),
            (withheld.into(), "--share-credentials"),
            (exhausted.into(), "--user and --password, or --token"),
            (tls(TlsProblem::UnknownAuthority), "--tlsca"),
            (tls(TlsProblem::NoAuthorities { message: message() }), "--tlsca"),
            (tls(TlsProblem::ClientCertificate { message: message() }), "--tlscert"),
            (tls(TlsProblem::Ended { message: message() }), "--tlskey"),
            (tls(TlsProblem::ClearText { said: message() }), "--tlsfirst"),
        ] {
            let Failure::Told(Code::Connection, text) = failure else { panic!("{failure:?}") };
            assert!(text.contains(flags) && !text.contains('`'), "{text}");
        }
    }

    #[test]
    fn a_closed_stdout_is_no_failure_and_a_full_disk_is_one() {
        assert_eq!(Failure::from(io::Error::from(io::ErrorKind::BrokenPipe)), Failure::BrokenPipe);
        assert!(matches!(
            Failure::from(io::Error::from(io::ErrorKind::StorageFull)),
            Failure::Told(Code::Error, _)
        ));
    }

    #[test]
    fn an_end_that_was_wanted_is_no_failure() {
        assert_eq!(ended(Some(SubscriptionEnd::Max)), Ok(()));
        assert_eq!(ended(Some(SubscriptionEnd::Closed(CloseReason::Closed))), Ok(()));
        assert!(ended(Some(SubscriptionEnd::Closed(CloseReason::RuntimeEnded))).is_err());
        assert!(ended(Some(SubscriptionEnd::Denied { subject: "a".into() })).is_err());
    }
}
