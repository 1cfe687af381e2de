//! How far long work is, drawn on stderr where that is a terminal.

use std::fmt;
use std::io::{IsTerminal, stderr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

/// How often a bar that shows only the time is drawn.
const TICK: Duration = Duration::from_millis(120);

/// The one that is drawn at present, which lines on stderr must not go through.
static DRAWN: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Messages,
    Bytes,
    /// Nothing: only that it goes on is shown.
    Time,
}

impl Unit {
    fn template(self, has_end: bool) -> &'static str {
        match (self, has_end) {
            (Self::Messages, true) => "{bar:40} {percent:>3} %  {pos}/{len}  {rate}  {eta} left",
            (Self::Messages, false) => "{spinner} {msg}  {pos} messages  {rate}  {elapsed}",
            (Self::Bytes, true) => {
                "{bar:40} {percent:>3} %  {binary_bytes}/{binary_total_bytes}  {binary_bytes_per_sec}  {eta} left"
            }
            (Self::Bytes, false) => "{spinner} {msg}  {binary_bytes}  {binary_bytes_per_sec}  {elapsed}",
            (Self::Time, _) => "{spinner} {msg}  {elapsed}",
        }
    }
}

/// Shows how far work is. Dropping it takes it from the terminal.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Of so much, where that is known. `quiet` draws nothing, and so does a stderr that is no terminal.
    pub(crate) fn new(quiet: bool, what: &str, whole: Option<u64>, unit: Unit) -> Self {
        if quiet || !stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let Ok(style) = ProgressStyle::with_template(unit.template(whole.is_some())) else {
            return Self(ProgressBar::hidden());
        };
        let bar = ProgressBar::with_draw_target(whole, ProgressDrawTarget::stderr())
            .with_style(style.with_key("rate", rate))
            .with_message(what.to_owned());
        bar.tick();
        bar.enable_steady_tick(TICK);
        *drawn() = Some(bar.clone());
        Self(bar)
    }

    pub(crate) fn at(&self, position: u64) {
        self.0.set_position(position);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if !self.0.is_hidden() {
            *drawn() = None;
        }
        self.0.finish_and_clear();
    }
}

/// Writes to stderr without a bar in the way.
pub(crate) fn aside(write: impl FnOnce()) {
    let bar = drawn().clone();
    match bar {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

fn drawn() -> std::sync::MutexGuard<'static, Option<ProgressBar>> {
    DRAWN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn rate(state: &ProgressState, out: &mut dyn fmt::Write) {
    // Nobody can be told that a bar cannot be drawn.
    let _ = write!(out, "{:.0}/s", state.per_sec());
}
