//! Configurations as options, and the files that hold them.

use std::path::Path;
use std::time::Duration;

use nuncio::jetstream::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::exit::Failure;

/// A limit, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit<T>(pub(crate) Option<T>);

/// A number, with KiB, MiB, GiB or TiB behind it if it counts bytes; "none" for no limit.
pub(crate) fn limit(text: &str) -> Result<Limit<u64>, String> {
    if text == "none" {
        return Ok(Limit(None));
    }
    let units = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40)];
    let found = units.iter().find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, *shift)));
    let (number, shift) = found.unwrap_or((text, 0));
    let number: Option<u64> = number.trim().parse().ok();
    match number.and_then(|number| number.checked_mul(1 << shift)) {
        Some(0) => Err("must be more than nothing; write \"none\" for no limit".into()),
        Some(number) => Ok(Limit(Some(number))),
        None => Err("is no number; write it as 1000 or 64MiB, or \"none\" for no limit".into()),
    }
}

/// A duration, "none" for no limit.
pub(crate) fn age(text: &str) -> Result<Limit<Duration>, String> {
    match text {
        "none" => Ok(Limit(None)),
        text => crate::syntax::duration(text).map(Some).map(Limit),
    }
}

/// A moment as 2030-01-31T12:00:00Z.
pub(crate) fn moment(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|error| format!("{error}; write it as 2030-01-31T12:00:00Z"))
}

/// The JSON object in a file; an empty one without a file.
pub(crate) fn object(path: Option<&Path>) -> Result<Map<String, Value>, Failure> {
    let Some(path) = path else { return Ok(Map::new()) };
    let fault = |problem: String| Failure::usage(format!("{}: {problem}", path.display()));
    let text = std::fs::read(path).map_err(|error| fault(error.to_string()))?;
    serde_json::from_slice(&text)
        .map_err(|error| fault(format!("it is no JSON object with a configuration: {error}")))
}

/// A configuration with the fields of a file.
pub(crate) fn overlaid<T: Serialize + DeserializeOwned>(
    base: T,
    file: &Map<String, Value>,
) -> Result<T, Failure> {
    if file.is_empty() {
        return Ok(base);
    }
    let fault = |error: serde_json::Error| Failure::usage(format!("--config: {error}"));
    let Value::Object(mut map) = serde_json::to_value(&base).map_err(fault)? else { return Ok(base) };
    map.extend(file.clone());
    serde_json::from_value(Value::Object(map)).map_err(fault)
}

/// Sets a field to what an option says, if it is given.
pub(crate) fn set<T, O>(field: &mut T, option: Option<O>, value: impl FnOnce(O) -> T) {
    if let Some(option) = option {
        *field = value(option);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_number_with_or_without_a_unit_or_none() {
        assert_eq!(limit("none"), Ok(Limit(None)));
        assert_eq!(limit("12"), Ok(Limit(Some(12))));
        assert_eq!(limit("2MiB"), Ok(Limit(Some(2 << 20))));
        for wrong in ["", "0", "-1", "MiB", "99999999TiB", "2 parsecs"] {
            assert!(limit(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_age_needs_a_unit() {
        assert_eq!(age("none"), Ok(Limit(None)));
        assert_eq!(age("1h"), Ok(Limit(Some(Duration::from_secs(3600)))));
        assert!(age("5").is_err());
    }
}
