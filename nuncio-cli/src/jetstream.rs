//! JetStream as the commands use it.

use std::path::Path;
use std::time::Duration;

use clap::Args;
use nuncio::context::Context;
use nuncio::jetstream::{JetStream, Timestamp};
use serde::de::DeserializeOwned;
use serde::ser::Error;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::connect::{Settings, connect};
use crate::exit::{Failure, tell};

/// Where JetStream's API is.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Api {
    /// JetStream domain to use. Default: the context's, if it has one.
    #[arg(long, value_name = "NAME", conflicts_with = "js_api_prefix")]
    js_domain: Option<String>,
    /// What the subjects of JetStream's API begin with, instead of $JS.API. Default: the context's, if it has one.
    #[arg(long, value_name = "PREFIX")]
    js_api_prefix: Option<String>,
}

impl Api {
    /// As a context says it; the prefix goes before the domain.
    pub(crate) fn of_context(context: &Context) -> Self {
        Self {
            js_domain: context.jetstream_domain().map(str::to_owned),
            js_api_prefix: context.jetstream_api_prefix().map(str::to_owned),
        }
    }

    fn given(&self) -> bool {
        self.js_domain.is_some() || self.js_api_prefix.is_some()
    }

    fn of(&self, js: JetStream) -> JetStream {
        match (&self.js_api_prefix, &self.js_domain) {
            (Some(prefix), _) => js.prefix(prefix),
            (None, Some(domain)) => js.domain(domain),
            (None, None) => js,
        }
    }

    /// Connects; each call may take as long as --timeout says.
    pub(crate) async fn connect(&self, settings: &Settings) -> Result<JetStream, Failure> {
        let api = if self.given() { self } else { &settings.api };
        Ok(api.of(connect(settings).await?.jetstream().timeout(settings.timeout)))
    }
}

/// What is removed is gone, and the program never asks.
pub(crate) fn forced(force: bool, what: &str) -> Result<(), Failure> {
    if force {
        return Ok(());
    }
    Err(Failure::usage(format!("{what} cannot be undone; give --force to do it")))
}

/// Tells of those that a list lacks.
pub(crate) fn tell_missing<'a>(
    kind: &str,
    missing: &[String],
    offline: impl IntoIterator<Item = (&'a String, &'a String)>,
) {
    for name in missing {
        tell(&format!("{kind} \"{name}\" did not answer and is not listed"));
    }
    for (name, reason) in offline {
        tell(&format!("{kind} \"{name}\" is offline: {reason}"));
    }
}

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

/// Serializes what a server tells, with the words that it leaves out of the configuration for being the default.
pub(crate) fn with_defaults<S: Serializer>(
    info: &impl Serialize,
    words: &[(&str, &str)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut info = serde_json::to_value(info).map_err(S::Error::custom)?;
    if let Some(config) = info.get_mut("config").and_then(Value::as_object_mut) {
        for (field, word) in words {
            config.entry(*field).or_insert_with(|| Value::from(*word));
        }
    }
    info.serialize(serializer)
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
