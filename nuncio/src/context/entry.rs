//! One context.

use std::fmt;
use std::path::PathBuf;

use serde_json::{Map, Value};

use crate::connector::Socks5;
use crate::context::{ContextError, path};
use crate::nkey::KeyPair;
use crate::{Auth, Connect, ServerAddr, Servers, Tls};

/// A context as it was read.
#[derive(Clone, PartialEq)]
pub struct Context {
    name: String,
    options: Map<String, Value>,
}

/// Options whose text may be shown as it is.
const OPEN: [&str; 18] = [
    "name",
    "description",
    "user",
    "creds",
    "nkey",
    "cert",
    "key",
    "ca",
    "nsc",
    "jetstream_domain",
    "jetstream_api_prefix",
    "jetstream_event_prefix",
    "inbox_prefix",
    "color_scheme",
    "tls_first",
    "windows_cert_store",
    "windows_cert_match",
    "windows_cert_match_by",
];

/// Options that decide how to connect, and hold a text.
const TEXTS: [&str; 13] = [
    "url",
    "socks_proxy",
    "token",
    "user",
    "password",
    "creds",
    "nkey",
    "cert",
    "key",
    "ca",
    "inbox_prefix",
    "user_jwt",
    "user_seed",
];

/// Options that decide how to connect and that this version cannot honour, and what to do instead.
const UNSUPPORTED: [(&str, &str); 2] = [
    (
        "nsc",
        "write the servers into \"url\" and the file of the credentials, as `nsc generate creds` makes it, into \"creds\"",
    ),
    (
        "windows_cert_store",
        "write the certificate and its key to files, and name those in \"cert\" and \"key\"",
    ),
];

/// Stands for an address that cannot be read, and may hold a secret anywhere.
const UNREADABLE: &str = "[no address]";

impl Context {
    pub(super) fn parse(name: &str, text: &str) -> Result<Self, String> {
        match serde_json::from_str(text) {
            Ok(Value::Object(options)) => Ok(Self { name: name.into(), options }),
            Ok(_) => Err("it is no JSON object".into()),
            // The error's own text may show a piece of the file.
            Err(error) => Err(format!("it is no JSON (line {}, column {})", error.line(), error.column())),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is for.
    pub fn description(&self) -> Option<&str> {
        self.text("description")
    }

    /// The servers, with commas between. They may hold user and password.
    pub fn url(&self) -> Option<&str> {
        self.text("url")
    }

    /// Whether the TLS handshake comes before anything else is said.
    pub fn tls_first(&self) -> bool {
        self.options.get("tls_first") == Some(&Value::Bool(true))
    }

    /// What inboxes are to begin with.
    pub fn inbox_prefix(&self) -> Option<&str> {
        self.text("inbox_prefix")
    }

    /// The domain of JetStream to use.
    pub fn jetstream_domain(&self) -> Option<&str> {
        self.text("jetstream_domain")
    }

    /// The prefix of JetStream's API to use.
    pub fn jetstream_api_prefix(&self) -> Option<&str> {
        self.text("jetstream_api_prefix")
    }

    /// The prefix of JetStream's events to use.
    pub fn jetstream_event_prefix(&self) -> Option<&str> {
        self.text("jetstream_event_prefix")
    }

    /// An option by its name in the file, where it is a text that is not empty. Secrets included: mind where it goes.
    pub fn text(&self, option: &str) -> Option<&str> {
        self.options.get(option)?.as_str().filter(|text| !text.is_empty())
    }

    /// An option that is the path of a file, with `~` and variables put in. `None` where it is not there.
    ///
    /// # Errors
    ///
    /// [`ContextError::Value`] when a variable is not set, or the home directory not known.
    pub fn path(&self, option: &'static str) -> Result<Option<PathBuf>, ContextError> {
        let expand = |text| path::expand(text, std::env::home_dir(), |name| std::env::var(name).ok());
        self.text(option).map(expand).transpose().map_err(|problem| self.wrong(option, problem))
    }

    /// Who to be: each is to be given to [`Connect::auth`].
    ///
    /// # Errors
    ///
    /// [`ContextError::Value`], as [`path`](Self::path), and where parts do not belong together.
    pub fn auth(&self) -> Result<Vec<Auth>, ContextError> {
        let mut auth = Vec::new();
        if let Some(user) = self.text("user") {
            auth.push(Auth::user_and_password(user, self.text("password").unwrap_or_default()));
        } else if let Some(creds) = self.path("creds")? {
            auth.push(Auth::creds_file(creds));
        } else if let Some(nkey) = self.nkey()? {
            auth.push(Auth::nkey_file(nkey));
        } else if let Some(jwt) = self.text("user_jwt") {
            auth.push(match self.text("user_seed") {
                Some(seed) => Auth::jwt(jwt, seed),
                None => Auth::bearer(jwt),
            });
        } else if self.text("user_seed").is_some() {
            return Err(self.wrong("user_seed", "there is no \"user_jwt\" that it belongs to"));
        } else if self.text("password").is_some() {
            return Err(self.wrong("password", "there is no \"user\" that it belongs to"));
        }
        auth.extend(self.text("token").map(Auth::token));
        Ok(auth)
    }

    fn nkey(&self) -> Result<Option<PathBuf>, ContextError> {
        if self.is_seed("nkey") {
            return Err(self.wrong("nkey", "it is a seed itself: put it into a file, and name that"));
        }
        self.path("nkey")
    }

    /// The options of TLS, if there are any.
    ///
    /// # Errors
    ///
    /// As [`auth`](Self::auth).
    pub fn tls(&self) -> Result<Option<Tls>, ContextError> {
        let (ca, cert, key) = (self.path("ca")?, self.path("cert")?, self.path("key")?);
        let first = self.tls_first();
        if !first && ca.is_none() && cert.is_none() && key.is_none() {
            return Ok(None);
        }
        let mut tls = Tls::required().handshake_first(first);
        if let Some(ca) = ca {
            tls = tls.ca_file(ca);
        }
        match (cert, key) {
            (Some(cert), Some(key)) => tls = tls.client_cert_files(cert, key),
            (None, None) => {}
            (Some(_), None) => return Err(self.wrong("cert", "there is no \"key\" that belongs to it")),
            (None, Some(_)) => return Err(self.wrong("key", "there is no \"cert\" that it belongs to")),
        }
        Ok(Some(tls))
    }

    /// The SOCKS proxy to connect through, if there is one.
    ///
    /// # Errors
    ///
    /// [`ContextError::Value`] when it is none.
    pub fn socks_proxy(&self) -> Result<Option<Socks5>, ContextError> {
        let proxy = self.text("socks_proxy").map(Socks5::from_url).transpose();
        proxy.map_err(|error| self.wrong("socks_proxy", error.to_string()))
    }

    /// Whether it can be used at all.
    ///
    /// # Errors
    ///
    /// [`ContextError::Unsupported`] for an option that decides how to connect and that this version cannot honour;
    /// [`ContextError::Value`] for one that is not of its type, and for a `url` that cannot be read.
    pub fn check(&self) -> Result<(), ContextError> {
        for (option, instead) in UNSUPPORTED {
            if self.text(option).is_some() {
                return Err(ContextError::Unsupported { name: self.name.clone(), option, instead });
            }
        }
        let other =
            |option: &&str| !matches!(self.options.get(*option), None | Some(Value::Null | Value::String(_)));
        if let Some(option) = TEXTS.iter().find(|option| other(option)) {
            return Err(self.wrong(option, "it has to be a text"));
        }
        if let Some(Err(error)) = self.url().map(ServerAddr::parse_list) {
            return Err(self.wrong("url", error.to_string()));
        }
        match self.options.get("tls_first") {
            None | Some(Value::Null | Value::Bool(_)) => Ok(()),
            Some(_) => Err(self.wrong("tls_first", "it has to be true or false")),
        }
    }

    /// The builder of a connection with the options of this context; set others on it, which go before these.
    ///
    /// Nothing is read but the context; the files that it names are read when the connection is made.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check), [`auth`](Self::auth), [`tls`](Self::tls) and [`socks_proxy`](Self::socks_proxy). Nothing
    /// of it is left out in silence that decides who connects or how.
    pub fn connect(&self) -> Result<Connect, ContextError> {
        self.check()?;
        let mut connect = crate::connect(self.url().map_or_else(Servers::default, Servers::from));
        connect = self.auth()?.into_iter().fold(connect, Connect::auth);
        if let Some(tls) = self.tls()? {
            connect = connect.tls(tls);
        }
        if let Some(proxy) = self.socks_proxy()? {
            connect = connect.connector(proxy);
        }
        if let Some(prefix) = self.inbox_prefix() {
            connect = connect.inbox_prefix(prefix);
        }
        Ok(connect)
    }

    fn wrong(&self, option: &'static str, problem: impl Into<String>) -> ContextError {
        ContextError::Value { name: self.name.clone(), option, problem: problem.into() }
    }

    fn is_seed(&self, option: &str) -> bool {
        self.text(option).is_some_and(|text| KeyPair::from_seed(text.trim()).is_ok())
    }

    /// All options that say something, in the order of their names. Secrets are replaced, and so is whatever this version does
    /// not know.
    pub fn shown(&self) -> impl Iterator<Item = (&str, String)> {
        self.options.iter().filter(|(_, value)| says_something(value)).map(|(name, value)| {
            let text = match value {
                Value::String(urls) if name == "url" => servers(urls),
                Value::String(url) if name == "socks_proxy" => {
                    Socks5::from_url(url).map_or_else(|_| UNREADABLE.into(), |proxy| proxy.url())
                }
                _ if !OPEN.contains(&name.as_str()) || self.is_seed(name) => "[redacted]".into(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            (name.as_str(), text)
        })
    }
}

impl fmt::Debug for Context {
    /// Without the secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("name", &self.name).field("options", &Shown(self)).finish()
    }
}

struct Shown<'a>(&'a Context);

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.shown()).finish()
    }
}

fn says_something(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(false)) && value.as_str() != Some("")
}

/// The addresses without what is secret in them. In what is no address nobody can tell which part that is.
fn servers(urls: &str) -> String {
    match ServerAddr::parse_list(urls) {
        Ok(all) => all.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
        Err(_) => UNREADABLE.into(),
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
