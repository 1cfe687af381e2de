//! What making a configuration so has changed.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::time::Duration;

use nuncio::jetstream::{EnsureOutcome, FieldChange};
use serde::Serialize;
use serde_json::Value;

use crate::exit::Failure;
use crate::jetstream::Named;
use crate::output::{Output, Show};
use crate::printable::printable;

/// Fields that hold nanoseconds.
const TIMES: [&str; 8] = [
    "max_age",
    "duplicate_window",
    "subject_delete_marker_ttl",
    "ack_wait",
    "inactive_threshold",
    "idle_heartbeat",
    "max_expires",
    "priority_timeout",
];

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Outcome {
    Created,
    Unchanged,
    Updated,
    /// Nothing, since something cannot be changed.
    Conflict,
}

/// One field.
#[derive(Debug, Serialize)]
pub(crate) struct Change {
    field: String,
    from: Value,
    to: Value,
    fixed: bool,
}

impl From<FieldChange> for Change {
    fn from(change: FieldChange) -> Self {
        let FieldChange { field, from, to, fixed, .. } = change;
        Self { field, from, to, fixed }
    }
}

/// The fields in which two configurations differ, as the server tells of them, in the order of their names.
pub(crate) fn differences(before: &Value, after: &Value) -> Vec<Change> {
    let fields =
        |config: &Value| config.as_object().into_iter().flatten().map(|(field, _)| field.clone()).collect();
    let mut all: BTreeSet<String> = fields(before);
    all.append(&mut fields(after));
    let value = |config: &Value, field: &str| config.get(field).cloned().unwrap_or(Value::Null);
    all.into_iter()
        .map(|field| (value(before, &field), value(after, &field), field))
        .filter(|(from, to, _)| from != to)
        .map(|(from, to, field)| Change { field, from, to, fixed: false })
        .collect()
}

#[derive(Serialize)]
struct Changed<'a> {
    #[serde(flatten)]
    what: &'a Named,
    outcome: Outcome,
    changes: Vec<Change>,
}

impl Show for Changed<'_> {
    fn show(&self, out: &mut dyn Write) -> io::Result<()> {
        let outcome = format!("{:?}", self.outcome).to_lowercase();
        writeln!(out, "{}: {outcome}", printable(&self.what.to_string()))?;
        for Change { field, from, to, fixed } in &self.changes {
            let mark = if *fixed { " (cannot be changed)" } else { "" };
            let line = format!("{field}: {} -> {}{mark}", shown(field, from), shown(field, to));
            writeln!(out, "  {}", printable(&line))?;
        }
        Ok(())
    }
}

/// A value as people read it.
fn shown(field: &str, value: &Value) -> String {
    match (value, value.as_u64()) {
        (Value::Null, _) => "unset".into(),
        (_, Some(nanos)) if TIMES.contains(&field) => format!("{:?}", Duration::from_nanos(nanos)),
        _ => value.to_string(),
    }
}

/// Splits what the library says.
pub(crate) fn of_library(outcome: EnsureOutcome) -> (Outcome, Vec<Change>) {
    let (outcome, changes) = match outcome {
        EnsureOutcome::Created => (Outcome::Created, Vec::new()),
        EnsureOutcome::Updated { diff } => (Outcome::Updated, diff),
        EnsureOutcome::Conflict { fields } => (Outcome::Conflict, fields),
        _ => (Outcome::Unchanged, Vec::new()),
    };
    (outcome, changes.into_iter().map(Change::from).collect())
}

/// Prints what was done. A conflict is a failure besides.
pub(crate) fn show(
    what: &Named,
    outcome: Outcome,
    changes: Vec<Change>,
    out: &mut Output,
) -> Result<(), Failure> {
    let fixed: Vec<String> =
        changes.iter().filter(|change| change.fixed).map(|change| change.field.clone()).collect();
    out.show(&Changed { what, outcome, changes })?;
    if outcome != Outcome::Conflict {
        return Ok(());
    }
    out.flush()?;
    Err(Failure::error(format!(
        "{what} is left as it is, since this cannot be changed: {}; leave it out, or make another one",
        fixed.join(", ")
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_that_are_set_changed_or_gone_are_differences() {
        let (before, after) = (json!({"a": 1, "b": 2, "d": 4}), json!({"a": 1, "b": 3, "c": 5}));
        let changes = differences(&before, &after);
        let told: Vec<_> = changes.iter().map(|c| (c.field.as_str(), &c.from, &c.to)).collect();
        let null = Value::Null;
        assert_eq!(told, [("b", &json!(2), &json!(3)), ("c", &null, &json!(5)), ("d", &json!(4), &null)]);
    }
}
