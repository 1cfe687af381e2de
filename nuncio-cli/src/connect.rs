//! The connection that a command works on.

use std::path::PathBuf;
use std::time::Duration;

use nuncio::{Auth, Client, ServerAddr, Servers, WhenFull};

use crate::exit::Failure;
use crate::syntax::Global;

/// The options of every command, known to be good.
pub(crate) struct Settings {
    servers: Vec<ServerAddr>,
    pub(crate) login: Option<Login>,
    pub(crate) token: Option<String>,
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
    let servers = match global.server.trim() {
        "" => vec![ServerAddr::default()],
        // Not in clap's parser: its message would show the text, and with it a password.
        list => ServerAddr::parse_list(list).map_err(|error| Failure::usage(format!("--server: {error}")))?,
    };
    let login = match (given(global.user), given(global.password)) {
        (Some(user), Some(password)) => Some(Login { user, password }),
        (None, None) => None,
        (Some(_), None) => {
            return Err(Failure::usage("--user needs --password, or NATS_PASSWORD in the environment"));
        }
        (None, Some(_)) => {
            return Err(Failure::usage("--password needs --user, or NATS_USER in the environment"));
        }
    };
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
        token: given(global.token),
        name: global.name.unwrap_or_else(|| format!("nuncio {command}")),
        timeout: global.timeout,
        json: global.json,
        reconnect: !global.no_reconnect,
    })
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
    if let Some(token) = &settings.token {
        connect = connect.token(token);
    }
    Ok(settings.files.iter().cloned().fold(connect, nuncio::Connect::auth).await?)
}
