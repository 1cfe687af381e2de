//! What can be wrong with contexts.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

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
    /// The context has an option with a value that cannot work.
    #[error("context \"{name}\": option \"{option}\": {problem}")]
    Value {
        /// The context.
        name: String,
        /// The option.
        option: &'static str,
        /// What is wrong with it. Never a secret.
        problem: String,
    },
    /// The context has an option that this version cannot honour.
    #[error("context \"{name}\": option \"{option}\" is not supported: {instead}")]
    Unsupported {
        /// The context.
        name: String,
        /// The option.
        option: &'static str,
        /// What to do instead.
        instead: &'static str,
    },
}
