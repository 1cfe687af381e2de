//! NATS contexts (ADR-21): named sets of connection options, shared by NATS tools.
//!
//! A context is a JSON file `nats/context/<name>.json` below `$XDG_CONFIG_HOME`, or below `~/.config` where that is not
//! set; `nats/context.txt` beside them names the selected one. The `nats` and `nuncio` programs read and select the same.
//!
//! ```no_run
//! # async fn f() -> Result<(), Box<dyn std::error::Error>> {
//! let nc = nuncio::context::load("production")?.connect()?.name("billing").await?;
//! # Ok(())
//! # }
//! ```

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use thiserror::Error;

use crate::Connect;

/// A context file is no larger than this.
const LARGEST: u64 = 1024 * 1024;

/// A context could not be read, selected or used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ContextError {
    /// Neither `XDG_CONFIG_HOME` nor `HOME` is set.
    #[error("no directory for contexts: set XDG_CONFIG_HOME or HOME")]
    NoDirectory,
    /// A name that cannot be that of a file.
    #[error(
        "\"{name}\" cannot be the name of a context: it must not be empty, begin with a dot or hold a slash"
    )]
    Name {
        /// The name.
        name: String,
    },
    /// There is no such context.
    #[error("no context \"{name}\": there is no file {}", path.display())]
    Unknown {
        /// The name.
        name: String,
        /// Where it was looked for.
        path: PathBuf,
    },
    /// No context is selected.
    #[error("no context is selected: name one, or select one first")]
    NoneSelected,
    /// A file could not be read or written.
    #[error("{}: {message}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Its kind.
        kind: io::ErrorKind,
        /// Its text.
        message: String,
    },
    /// A file does not hold a context.
    #[error("{} is no context: {problem}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The context has an option that cannot be used here.
    #[error("context \"{name}\": option \"{option}\" is not supported")]
    Unsupported {
        /// The context.
        name: String,
        /// The option.
        option: &'static str,
    },
}

/// Where contexts are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contexts {
    dir: PathBuf,
}

impl Contexts {
    /// Those of the user: below `$XDG_CONFIG_HOME/nats`, or `~/.config/nats`.
    ///
    /// # Errors
    ///
    /// When neither `XDG_CONFIG_HOME` nor `HOME` is set.
    pub fn of_user() -> Result<Self, ContextError> {
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let config = set("XDG_CONFIG_HOME").or_else(|| set("HOME").map(|home| home.join(".config")));
        config.map(|config| Self::at(config.join("nats"))).ok_or(ContextError::NoDirectory)
    }

    /// Those below another directory, which holds `context/` and `context.txt`.
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// All names, in order; none where there is no directory.
    ///
    /// # Errors
    ///
    /// When the directory cannot be read.
    pub fn names(&self) -> Result<Vec<String>, ContextError> {
        let dir = self.dir.join("context");
        let entries = match fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(&dir, &error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| failed(&dir, &error))?.path();
            let is_json = path.extension().is_some_and(|extension| extension == "json");
            let name =
                path.file_stem().and_then(|stem| stem.to_str()).filter(|name| is_json && is_name(name));
            names.extend(name.map(str::to_owned));
        }
        names.sort_unstable();
        Ok(names)
    }

    /// The name of the selected context, if one is selected.
    ///
    /// # Errors
    ///
    /// When the file that names it cannot be read.
    pub fn selected(&self) -> Result<Option<String>, ContextError> {
        let path = self.dir.join("context.txt");
        match read(&path) {
            Ok(text) => Ok(Some(text.trim().to_owned()).filter(|name| !name.is_empty())),
            Err(ContextError::Io { kind: io::ErrorKind::NotFound, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Selects a context, for every program that uses the selected one.
    ///
    /// # Errors
    ///
    /// When there is no such context, or the file that names it cannot be written.
    pub fn select(&self, name: &str) -> Result<(), ContextError> {
        let file = self.file(name)?;
        if !file.is_file() {
            return Err(ContextError::Unknown { name: name.into(), path: file });
        }
        // Beside it and renamed, so that nobody reads half a name.
        let path = self.dir.join("context.txt");
        let new = self.dir.join(format!(".context.txt.{}", std::process::id()));
        fs::write(&new, name).and_then(|()| fs::rename(&new, &path)).map_err(|error| failed(&path, &error))
    }

    /// Reads a context; an empty name stands for the selected one.
    ///
    /// # Errors
    ///
    /// When there is no such context, or its file cannot be read or understood.
    pub fn load(&self, name: &str) -> Result<Context, ContextError> {
        if name.is_empty() {
            let selected = self.selected()?.ok_or(ContextError::NoneSelected)?;
            return self.load_named(&selected);
        }
        self.load_named(name)
    }

    fn load_named(&self, name: &str) -> Result<Context, ContextError> {
        let path = self.file(name)?;
        match read(&path) {
            Ok(text) => {
                Context::parse(name, &text).map_err(|problem| ContextError::Malformed { path, problem })
            }
            Err(ContextError::Io { kind: io::ErrorKind::NotFound, .. }) => {
                Err(ContextError::Unknown { name: name.into(), path })
            }
            Err(error) => Err(error),
        }
    }

    fn file(&self, name: &str) -> Result<PathBuf, ContextError> {
        if !is_name(name) {
            return Err(ContextError::Name { name: crate::error::shown(name.as_bytes()) });
        }
        Ok(self.dir.join("context").join(format!("{name}.json")))
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', '\0'])
}

fn read(path: &Path) -> Result<String, ContextError> {
    let read = || {
        if fs::metadata(path)?.len() > LARGEST {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the file is too large"));
        }
        fs::read_to_string(path)
    };
    read().map_err(|error| failed(path, &error))
}

fn failed(path: &Path, error: &io::Error) -> ContextError {
    ContextError::Io { path: path.into(), kind: error.kind(), message: error.to_string() }
}

/// Reads one of the user's contexts; an empty name stands for the selected one.
///
/// # Errors
///
/// As [`Contexts::of_user`] and [`Contexts::load`].
pub fn load(name: &str) -> Result<Context, ContextError> {
    Contexts::of_user()?.load(name)
}

/// A context as it was read.
#[derive(Clone, PartialEq)]
pub struct Context {
    name: String,
    options: Map<String, Value>,
}

/// Options whose text must not be shown.
const SECRETS: [&str; 4] = ["password", "token", "user_jwt", "user_seed"];

/// Options that decide how to connect and that this version cannot honour.
const UNSUPPORTED: [&str; 9] =
    ["creds", "nkey", "user_jwt", "user_seed", "cert", "key", "ca", "nsc", "socks_proxy"];

impl Context {
    fn parse(name: &str, text: &str) -> Result<Self, String> {
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

    /// A file with credentials.
    pub fn creds(&self) -> Option<&Path> {
        self.text("creds").map(Path::new)
    }

    /// The domain of JetStream to use.
    pub fn jetstream_domain(&self) -> Option<&str> {
        self.text("jetstream_domain")
    }

    /// The prefix of JetStream's API to use.
    pub fn jetstream_api_prefix(&self) -> Option<&str> {
        self.text("jetstream_api_prefix")
    }

    /// An option by its name in the file, where it is a text that is not empty. Secrets included: mind where it goes.
    pub fn text(&self, option: &str) -> Option<&str> {
        self.options.get(option)?.as_str().filter(|text| !text.is_empty())
    }

    /// All options that say something, in the order of their names, with what must not be shown replaced.
    pub fn shown(&self) -> impl Iterator<Item = (&str, String)> {
        self.options.iter().filter(|(_, value)| says_something(value)).map(|(name, value)| {
            let text = match value {
                _ if SECRETS.contains(&name.as_str()) => "[redacted]".into(),
                Value::String(urls) if name == "url" => without_credentials(urls),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            (name.as_str(), text)
        })
    }

    /// The builder of a connection with the options of this context; set others on it, which go before these.
    ///
    /// # Errors
    ///
    /// When the context asks for something that this version cannot do. Nothing of it is left out in silence that
    /// decides who connects or how.
    pub fn connect(&self) -> Result<Connect, ContextError> {
        let unsupported = UNSUPPORTED.into_iter().find(|option| self.text(option).is_some());
        let tls_first = self.options.get("tls_first") == Some(&Value::Bool(true));
        if let Some(option) = unsupported.or(tls_first.then_some("tls_first")) {
            return Err(ContextError::Unsupported { name: self.name.clone(), option });
        }
        let mut connect = crate::connect(self.url().unwrap_or("nats://127.0.0.1:4222"));
        if let Some(user) = self.text("user") {
            connect = connect.user_and_password(user, self.text("password").unwrap_or_default());
        }
        if let Some(token) = self.text("token") {
            connect = connect.token(token);
        }
        if let Some(prefix) = self.text("inbox_prefix") {
            connect = connect.inbox_prefix(prefix);
        }
        Ok(connect)
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

/// Each URL without what is before its `@`.
fn without_credentials(urls: &str) -> String {
    let bare = |url: &str| {
        let (scheme, rest) = url.split_once("://").map_or(("", url), |(scheme, rest)| (scheme, rest));
        let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
        if scheme.is_empty() { host.to_owned() } else { format!("{scheme}://{host}") }
    };
    urls.split(',').map(|url| bare(url.trim())).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(json: &str) -> Context {
        Context::parse("test", json).unwrap()
    }

    #[test]
    fn secrets_are_not_shown() {
        let context = context(
            r#"{"url":"nats://joe:s3cr3t@a:1, b","password":"s3cr3t","token":"s3cr3t","user_jwt":"s3cr3t",
                "user_seed":"s3cr3t","description":"for tests","nkey":"","tls_first":false,"cert":null}"#,
        );
        let debug = format!("{context:?}");
        assert!(!debug.contains("s3cr3t"), "{debug}");
        let shown: Vec<_> = context.shown().map(|(name, _)| name).collect();
        assert_eq!(shown, ["description", "password", "token", "url", "user_jwt", "user_seed"]);
        assert!(context.shown().any(|(_, text)| text == "nats://a:1,b"), "{debug}");
        assert!(!format!("{:?}", Context::parse("x", "s3cr3t")).contains("s3cr3t"));
    }

    #[test]
    fn what_cannot_be_honoured_is_refused_and_not_left_out() {
        for option in ["creds", "nkey", "cert", "ca", "nsc", "user_jwt", "socks_proxy"] {
            let error = context(&format!(r#"{{"{option}":"x"}}"#)).connect().unwrap_err();
            assert_eq!(error, ContextError::Unsupported { name: "test".into(), option });
        }
        let error = context(r#"{"tls_first":true}"#).connect().unwrap_err();
        assert_eq!(error, ContextError::Unsupported { name: "test".into(), option: "tls_first" });
        let harmless = context(r#"{"tls_first":false,"creds":"","nkey":null,"color_scheme":"x"}"#);
        assert!(harmless.connect().is_ok());
    }

    #[test]
    fn a_name_never_leaves_the_directory() {
        let contexts = Contexts::at("/nowhere");
        for name in ["../x", "a/b", ".hidden", "a\\b"] {
            assert!(matches!(contexts.load(name), Err(ContextError::Name { .. })), "{name}");
            assert!(matches!(contexts.select(name), Err(ContextError::Name { .. })), "{name}");
        }
    }

    #[test]
    fn without_a_directory_there_are_no_contexts() {
        let contexts = Contexts::at("/nowhere/at/all");
        assert_eq!((contexts.names(), contexts.selected()), (Ok(vec![]), Ok(None)));
        assert_eq!(contexts.load(""), Err(ContextError::NoneSelected));
        assert!(matches!(contexts.load("a"), Err(ContextError::Unknown { .. })));
    }
}
