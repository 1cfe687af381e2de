//! Removing what cannot be brought back.

use std::io::{self, Write};

use serde::Serialize;

use crate::exit::Failure;
use crate::jetstream::Named;
use crate::output::Show;
use crate::printable::printable;

/// What is removed is gone, and the program never asks.
pub(crate) fn forced(force: bool, what: &str) -> Result<(), Failure> {
    if force {
        return Ok(());
    }
    Err(Failure::usage(format!("{what} cannot be undone; give --force to do it")))
}

/// Tells that something is gone.
#[derive(Serialize)]
pub(crate) struct Removed<'a> {
    #[serde(flatten)]
    what: &'a Named,
    removed: bool,
}

impl<'a> Removed<'a> {
    pub(crate) fn new(what: &'a Named) -> Self {
        Self { what, removed: true }
    }
}

impl Show for Removed<'_> {
    fn show(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "removed {}", printable(&self.what.to_string()))
    }
}
