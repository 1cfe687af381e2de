//! `nuncio context`.

use std::collections::BTreeMap;
use std::io::{self, Write};

use clap::{Args, Subcommand};
use nuncio::context::{Context, Contexts};
use serde::Serialize;

use crate::command::Session;
use crate::exit::Failure;
use crate::output::Show;
use crate::printable::printable;

/// List, select and show NATS contexts.
///
/// A context is a file with connection options, nats/context/NAME.json below $XDG_CONFIG_HOME or ~/.config. The selected
/// one is used by every command that is given neither --server nor --context.
#[derive(Debug, Args)]
pub(crate) struct Syntax {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List all contexts; with --json one object each (name, selected, description, usable).
    ///
    /// A star marks the selected one. What keeps nuncio from using one is told by `nuncio context show`.
    Ls,
    /// Select a context, for every program that uses the selected one; with --json prints an object (selected).
    Select {
        /// Its name.
        name: String,
    },
    /// Show a context, secrets left out; with --json as one object (name, selected, options, problem).
    ///
    /// The problem is what keeps nuncio from connecting by it, null if nothing does as far as the context itself goes.
    Show {
        /// Its name. Default: the selected one.
        name: Option<String>,
    },
}

pub(crate) struct Task {
    action: Action,
}

impl Syntax {
    pub(crate) fn resolve(self) -> Result<Task, Failure> {
        Ok(Task { action: self.action })
    }
}

#[derive(Serialize)]
struct Line {
    name: String,
    selected: bool,
    description: Option<String>,
    usable: bool,
}

impl Show for Line {
    fn show(&self, out: &mut dyn Write) -> io::Result<()> {
        let mark = if self.selected { "*" } else { " " };
        let name = printable(&self.name);
        write!(out, "{mark} {name}")?;
        if let Some(text) = &self.description {
            write!(out, "  {}", printable(text))?;
        }
        writeln!(out, "{}", if self.usable { "" } else { "  (cannot be used)" })
    }
}

#[derive(Serialize)]
struct Whole {
    name: String,
    selected: bool,
    options: BTreeMap<String, String>,
    problem: Option<String>,
}

impl Show for Whole {
    fn show(&self, out: &mut dyn Write) -> io::Result<()> {
        let selected = if self.selected { " (selected)" } else { "" };
        writeln!(out, "{}{selected}", printable(&self.name))?;
        for (name, text) in &self.options {
            writeln!(out, "  {}: {}", printable(name), printable(text))?;
        }
        if let Some(problem) = &self.problem {
            writeln!(out, "cannot be used: {}", printable(problem))?;
        }
        Ok(())
    }
}

#[derive(Serialize)]
struct Selected {
    selected: String,
}

impl Show for Selected {
    /// Nothing: that it was done goes without saying.
    fn show(&self, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}

impl Task {
    // As all commands are, though nothing is awaited.
    #[allow(clippy::unused_async)]
    pub(crate) async fn run(self, session: Session) -> Result<(), Failure> {
        let mut out = session.out;
        let contexts = Contexts::of_user()?;
        match self.action {
            Action::Ls => {
                let selected = contexts.selected()?;
                for name in contexts.names()? {
                    // One that cannot be read is listed all the same.
                    let context = contexts.load(&name).ok();
                    let description = context.as_ref().and_then(Context::description).map(str::to_owned);
                    let usable = context.is_some_and(|context| context.connect().is_ok());
                    let selected = selected.as_ref() == Some(&name);
                    out.show(&Line { name, selected, description, usable })?;
                }
            }
            Action::Select { name } => {
                contexts.select(&name)?;
                out.show(&Selected { selected: name })?;
            }
            Action::Show { name } => {
                let context = contexts.load(&name.unwrap_or_default())?;
                let selected = contexts.selected()?.as_deref() == Some(context.name());
                let options = context.shown().map(|(name, text)| (name.to_owned(), text)).collect();
                let problem = context.connect().err().map(|error| error.to_string());
                out.show(&Whole { name: context.name().to_owned(), selected, options, problem })?;
            }
        }
        Ok(out.flush()?)
    }
}
