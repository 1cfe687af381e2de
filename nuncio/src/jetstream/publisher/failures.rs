//! Errors that nobody has looked at yet.

use std::fmt;

use crate::jetstream::PublishError;

/// So many errors are kept with their texts; the rest is counted.
const KEPT: usize = 1024;

#[derive(Debug, Default)]
pub(super) struct Failures {
    errors: Vec<(u64, PublishError)>,
    more: u64,
}

impl Failures {
    pub(super) fn push(&mut self, number: u64, error: PublishError) {
        if self.errors.len() < KEPT {
            self.errors.push((number, error));
        } else {
            self.more += 1;
        }
    }

    pub(super) fn count(&self) -> u64 {
        self.errors.len() as u64 + self.more
    }

    /// All of them, once.
    pub(super) fn take(&mut self) -> Option<Unconfirmed> {
        if self.errors.is_empty() {
            return None;
        }
        let mut taken = std::mem::take(self);
        taken.errors.sort_by_key(|(number, _)| *number);
        Some(Unconfirmed { errors: taken.errors, more: taken.more })
    }
}

/// Messages of a [`Publisher`](crate::jetstream::Publisher) that no stream has confirmed, and whose handles were dropped
/// before they were asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unconfirmed {
    errors: Vec<(u64, PublishError)>,
    more: u64,
}

impl Unconfirmed {
    /// The numbers of the messages, in order, and what happened to each. At most 1024 are kept.
    pub fn errors(&self) -> &[(u64, PublishError)] {
        &self.errors
    }

    /// How many messages it is about, those included whose errors were not kept.
    pub fn count(&self) -> u64 {
        self.errors.len() as u64 + self.more
    }
}

impl fmt::Display for Unconfirmed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of the messages published are not confirmed", self.count())?;
        match self.errors.first() {
            Some((number, _)) => write!(f, "; the first is number {number}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Unconfirmed {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.errors.first().map(|(_, error)| error as _)
    }
}
