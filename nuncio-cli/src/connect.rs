//! The connection that a command works on.

use std::path::PathBuf;
use std::time::Duration;

use nuncio::context::{self, Context, ContextError};
use nuncio::{Auth, Client, ServerAddr, Servers, WhenFull};

use crate::exit::Failure;
use crate::syntax::Global;

/// The options of every command, known to be good.
pub(crate) struct Settings {
    servers: Vec<ServerAddr>,
    pub(crate) login: Option<Login>,
    pub(crate) token: Option<String>,
    inbox_prefix: Option<String>,
    files: Vec<Auth>,
    name: String,
    pub(crate) timeout: Duration,
    pub(crate) json: bool,
    reconnect: bool,
}

/// A user and its password.
pub(crate) struct Login {
    pub(crate) user: String,
    pub(crate) password: String,
}

pub(crate) fn resolve(global: Global, command: &str) -> Result<Settings, Failure> {
    // An empty variable in the environment is as good as none.
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let server = given(global.server).filter(|list| !list.trim().is_empty());
    // The server of `nuncio server` is its own, and `nuncio context` must work when the selected one does not.
    let context = match given(global.context) {
        _ if matches!(command, "server" | "context") => None,
        Some(name) => Some(usable(context::load(&name)?)?),
        None if server.is_some() => None,
        None => selected()?,
    };
    let from_context = |option| context.as_ref().and_then(|context| context.text(option));
    let servers = match (&server, from_context("url")) {
        // Not in clap's parser: its message would show the text, and with it a password.
        (Some(list), _) => parse("--server", list)?,
        (None, Some(list)) => parse("the context's url", list)?,
        (None, None) => vec![ServerAddr::default()],
    };
    let mut token = given(global.token);
    let mut login = match (given(global.user), given(global.password)) {
        (Some(user), Some(password)) => Some(Login { user, password }),
        (None, None) => None,
        (Some(_), None) => {
            return Err(Failure::usage("--user needs --password, or NATS_PASSWORD in the environment"));
        }
        (None, Some(_)) => {
            return Err(Failure::usage("--password needs --user, or NATS_USER in the environment"));
        }
    };
    // Credentials are not mixed: those given replace the context's.
    if login.is_none() && token.is_none() {
        token = from_context("token").map(str::to_owned);
        login = from_context("user").map(|user| Login {
            user: user.to_owned(),
            password: from_context("password").unwrap_or_default().to_owned(),
        });
    }
    let inbox_prefix = from_context("inbox_prefix").map(str::to_owned);
    let file = |path: Option<PathBuf>, auth: fn(PathBuf) -> Auth| {
        path.filter(|path| !path.as_os_str().is_empty()).map(auth)
    };
    Ok(Settings {
        files: [file(global.nkey, Auth::nkey_file), file(global.creds, Auth::creds_file)]
            .into_iter()
            .flatten()
            .collect(),
        servers,
        login,
        token,
        inbox_prefix,
        name: global.name.unwrap_or_else(|| format!("nuncio {command}")),
        timeout: global.timeout,
        json: global.json,
        reconnect: !global.no_reconnect,
    })
}

fn parse(what: &str, list: &str) -> Result<Vec<ServerAddr>, Failure> {
    ServerAddr::parse_list(list).map_err(|error| Failure::usage(format!("{what}: {error}")))
}

/// Nothing that a context says about how to connect is left out in silence.
fn usable(context: Context) -> Result<Context, Failure> {
    drop(context.connect()?);
    Ok(context)
}

/// The selected context, if one is.
fn selected() -> Result<Option<Context>, Failure> {
    match context::load("") {
        Ok(context) => usable(context).map(Some),
        Err(ContextError::NoneSelected | ContextError::NoDirectory) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Connects, each server being tried once.
pub(crate) async fn connect(settings: &Settings) -> Result<Client, Failure> {
    let timeout = settings.timeout;
    let mut connect = nuncio::connect(settings.servers.iter().cloned().collect::<Servers>())
        .name(&settings.name)
        .connect_timeout(timeout)
        .request_timeout(timeout)
        .flush_timeout(timeout)
        .drain_timeout(timeout)
        .when_full(WhenFull::Wait(timeout))
        .reconnect(settings.reconnect)
        .max_reconnects(None);
    if let Some(login) = &settings.login {
        connect = connect.user_and_password(&login.user, &login.password);
    }
    if let Some(prefix) = &settings.inbox_prefix {
        connect = connect.inbox_prefix(prefix);
    }
    if let Some(token) = &settings.token {
        connect = connect.token(token);
    }
    Ok(settings.files.iter().cloned().fold(connect, nuncio::Connect::auth).await?)
}
