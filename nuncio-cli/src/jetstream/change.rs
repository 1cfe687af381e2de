//! What making a configuration so has changed.

use std::collections::BTreeSet;
use std::io::{self, Write};

use nuncio::jetstream::{EnsureOutcome, FieldChange};
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::exit::Failure;
use crate::jetstream::Named;
use crate::output::{Output, Show};
use crate::printable::printable;

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

/// The fields in which two configurations differ, as the server tells of them, in the order of their names.
pub(crate) fn differences(before: &Value, after: &Value) -> Vec<FieldChange> {
    let fields =
        |config: &Value| config.as_object().into_iter().flatten().map(|(field, _)| field.clone()).collect();
    let mut all: BTreeSet<String> = fields(before);
    all.append(&mut fields(after));
    let value = |config: &Value, field: &str| config.get(field).cloned().unwrap_or(Value::Null);
    all.into_iter()
        .map(|field| (value(before, &field), value(after, &field), field))
        .filter(|(from, to, _)| from != to)
        .map(|(from, to, field)| FieldChange::new(field, from, to))
        .collect()
}

/// One field.
#[derive(Serialize)]
struct Field<'a> {
    field: &'a str,
    from: &'a Value,
    to: &'a Value,
    fixed: bool,
}

#[derive(Serialize)]
struct Changed<'a> {
    #[serde(flatten)]
    what: &'a Named,
    outcome: Outcome,
    #[serde(serialize_with = "fields")]
    changes: Vec<FieldChange>,
}

fn fields<S: Serializer>(changes: &[FieldChange], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(changes.iter().map(|change| {
        let FieldChange { field, from, to, fixed, .. } = change;
        Field { field, from, to, fixed: *fixed }
    }))
}

impl Show for Changed<'_> {
    fn show(&self, out: &mut dyn Write) -> io::Result<()> {
        let outcome = format!("{:?}", self.outcome).to_lowercase();
        writeln!(out, "{}: {outcome}", printable(&self.what.to_string()))?;
        self.changes.iter().try_for_each(|change| writeln!(out, "  {}", printable(&change.to_string())))
    }
}

/// Splits what the library says.
pub(crate) fn of_library(outcome: EnsureOutcome) -> (Outcome, Vec<FieldChange>) {
    match outcome {
        EnsureOutcome::Created => (Outcome::Created, Vec::new()),
        EnsureOutcome::Updated { diff } => (Outcome::Updated, diff),
        EnsureOutcome::Conflict { fields } => (Outcome::Conflict, fields),
        _ => (Outcome::Unchanged, Vec::new()),
    }
}

/// Prints what was done. A conflict is a failure besides.
pub(crate) fn show(
    what: &Named,
    outcome: Outcome,
    changes: Vec<FieldChange>,
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
