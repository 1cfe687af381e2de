//! NATS contexts (ADR-21): named sets of connection options, shared by NATS tools.
//!
//! A context is a JSON file `nats/context/<name>.json` below `$XDG_CONFIG_HOME`, or below `~/.config` where that is not
//! set; `nats/context.txt` beside them names the selected one. The `nats` and `nuncio` programs read and select the same.
//!
//! What a context says decides as it does for the `nats` program: the servers in `url`; of `user` with `password`, `creds`,
//! `nkey`, and `user_jwt` with `user_seed` the first that is there, and `token` besides; `ca`, `cert` with `key` and `tls_first`,
//! any of which makes TLS a must; `socks_proxy`; `inbox_prefix`. What [`Connect`](crate::Connect) says of secrets in clear text holds
//! for contexts, too. `nsc` and certificates in the stores of Windows are not supported: such a context is refused.
//!
//! In the paths of files, `~` at the beginning is the home directory, and `$NAME` and `${NAME}` are variables of the environment.
//!
//! ```no_run
//! # async fn f() -> Result<(), Box<dyn std::error::Error>> {
//! let nc = nuncio::context::load("production")?.connect()?.name("billing").await?;
//! # Ok(())
//! # }
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

mod entry;
mod error;
mod path;

pub use entry::Context;
pub use error::ContextError;

/// A context file is no larger than this.
const LARGEST: u64 = 1024 * 1024;

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

#[cfg(test)]
mod tests {
    use super::*;

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
