//! The connection that a command works on.

use std::path::PathBuf;
use std::time::Duration;

use nuncio::connector::Socks5;
use nuncio::context::{self, Context, ContextError};
use nuncio::{Auth, Client, Connect, Servers, Tls, WhenFull};

use crate::exit::Failure;
use crate::syntax::Global;

/// The options of every command, known to be good.
pub(crate) struct Settings {
    servers: Servers,
    pub(crate) login: Option<Login>,
    pub(crate) token: Option<String>,
    auth: Vec<Auth>,
    tls: Option<Tls>,
    proxy: Option<Socks5>,
    inbox_prefix: Option<String>,
    allow_plaintext_auth: bool,
    share_credentials: bool,
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
    let server = given(global.server).filter(|list| !list.trim().is_empty());
    // The server of `nuncio server` is its own, and `nuncio context` must work when the selected one does not.
    let context = match given(global.context) {
        _ if matches!(command, "server" | "context") => None,
        Some(name) => Some(usable(context::load(&name)?)?),
        None if server.is_some() => None,
        None => selected()?,
    };
    let context = context.as_ref();
    let servers = match (&server, context.and_then(Context::url)) {
        // Not in clap's parser: its message would show the text, and with it a password.
        (Some(list), _) => parse(list)?,
        (None, Some(list)) => Servers::from(list),
        (None, None) => Servers::default(),
    };
    let (login, token) = (login(global.user, global.password)?, given(global.token));
    let mut auth: Vec<Auth> = Vec::new();
    auth.extend(login.as_ref().map(|login| Auth::user_and_password(&login.user, &login.password)));
    auth.extend(token.as_deref().map(Auth::token));
    auth.extend(file(global.nkey).map(Auth::nkey_file));
    auth.extend(file(global.creds).map(Auth::creds_file));
    if let (true, Some(context)) = (auth.is_empty(), context) {
        auth = context.auth()?;
    }
    let certificates =
        Certificates { ca: file(global.tlsca), cert: file(global.tlscert), key: file(global.tlskey) };
    let proxy = match given(global.socks_proxy) {
        Some(url) => {
            Some(Socks5::from_url(&url).map_err(|error| Failure::usage(format!("--socks-proxy: {error}")))?)
        }
        None => context.map(Context::socks_proxy).transpose()?.flatten(),
    };
    let inbox_prefix = given(global.inbox_prefix);
    Ok(Settings {
        servers,
        login,
        token,
        auth,
        tls: tls(certificates, global.tlsfirst, context)?,
        proxy,
        inbox_prefix: inbox_prefix.or_else(|| context.and_then(Context::inbox_prefix).map(str::to_owned)),
        allow_plaintext_auth: global.allow_plaintext_auth,
        share_credentials: global.share_credentials,
        name: global.name.unwrap_or_else(|| format!("nuncio {command}")),
        timeout: global.timeout,
        json: global.json,
        reconnect: !global.no_reconnect,
    })
}

/// An empty variable in the environment is as good as none.
fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn file(path: Option<PathBuf>) -> Option<PathBuf> {
    path.filter(|path| !path.as_os_str().is_empty())
}

fn login(user: Option<String>, password: Option<String>) -> Result<Option<Login>, Failure> {
    match (given(user), given(password)) {
        (Some(user), Some(password)) => Ok(Some(Login { user, password })),
        (None, None) => Ok(None),
        (Some(_), None) => {
            Err(Failure::usage("--user needs --password, or NATS_PASSWORD in the environment"))
        }
        (None, Some(_)) => Err(Failure::usage("--password needs --user, or NATS_USER in the environment")),
    }
}

fn parse(list: &str) -> Result<Servers, Failure> {
    nuncio::ServerAddr::parse_list(list)
        .map(Servers::from_iter)
        .map_err(|error| Failure::usage(format!("--server: {error}")))
}

/// What there is of TLS; a file that is given goes before the context's.
fn tls(given: Certificates, first: bool, context: Option<&Context>) -> Result<Option<Tls>, Failure> {
    let of_context = |option| context.map_or(Ok(None), |context| context.path(option));
    let ca = match given.ca {
        Some(ca) => Some(ca),
        None => of_context("ca")?,
    };
    let (cert, key) = match (given.cert, given.key) {
        (None, None) => (of_context("cert")?, of_context("key")?),
        given => given,
    };
    let first = first || context.is_some_and(Context::tls_first);
    if !first && ca.is_none() && cert.is_none() && key.is_none() {
        return Ok(None);
    }
    let mut tls = Tls::required().handshake_first(first);
    if let Some(ca) = ca {
        tls = tls.ca_file(ca);
    }
    match (cert, key) {
        (Some(cert), Some(key)) => Ok(Some(tls.client_cert_files(cert, key))),
        (None, None) => Ok(Some(tls)),
        (Some(_), None) => Err(Failure::usage("--tlscert needs --tlskey, or NATS_KEY in the environment")),
        (None, Some(_)) => Err(Failure::usage("--tlskey needs --tlscert, or NATS_CERT in the environment")),
    }
}

/// The files of TLS that were given.
struct Certificates {
    ca: Option<PathBuf>,
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
}

/// Nothing that a context says about how to connect is left out in silence.
fn usable(context: Context) -> Result<Context, Failure> {
    context.check()?;
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
    let mut connect = nuncio::connect(settings.servers.clone())
        .name(&settings.name)
        .connect_timeout(timeout)
        .request_timeout(timeout)
        .flush_timeout(timeout)
        .drain_timeout(timeout)
        .when_full(WhenFull::Wait(timeout))
        .reconnect(settings.reconnect)
        .max_reconnects(None)
        .allow_plaintext_auth(settings.allow_plaintext_auth)
        .share_credentials(settings.share_credentials);
    if let Some(prefix) = &settings.inbox_prefix {
        connect = connect.inbox_prefix(prefix);
    }
    if let Some(tls) = &settings.tls {
        connect = connect.tls(tls.clone());
    }
    if let Some(proxy) = &settings.proxy {
        connect = connect.connector(proxy.clone());
    }
    Ok(settings.auth.iter().cloned().fold(connect, Connect::auth).await?)
}
