//! JetStream as the commands use it.

pub(crate) mod change;
pub(crate) mod listing;
mod named;
pub(crate) mod options;
pub(crate) mod removal;
pub(crate) mod target;
pub(crate) mod write;

use clap::Args;
use nuncio::context::Context;
use nuncio::jetstream::JetStream;
use serde::ser::Error;
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::connect::{Settings, connect};
use crate::exit::Failure;
use crate::names;
pub(crate) use named::Named;

/// Where JetStream's API is.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Api {
    /// JetStream domain to use. Default: the context's, if it has one.
    #[arg(long, value_name = "NAME", conflicts_with = "js_api_prefix", value_parser = names::domain)]
    js_domain: Option<String>,
    /// What the subjects of JetStream's API begin with, instead of $JS.API. Default: the context's, if it has one.
    #[arg(long, value_name = "PREFIX", value_parser = names::prefix)]
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

    /// Options are checked when they are read; this is for what a context says.
    fn check(&self) -> Result<(), Failure> {
        let wrong =
            |field: &str, problem: String| Failure::usage(format!("{field} of the context: {problem}"));
        if let Some(prefix) = &self.js_api_prefix {
            names::prefix(prefix).map_err(|problem| wrong("jetstream_api_prefix", problem))?;
        }
        if let Some(domain) = &self.js_domain {
            names::domain(domain).map_err(|problem| wrong("jetstream_domain", problem))?;
        }
        Ok(())
    }

    fn or_of<'a>(&'a self, settings: &'a Settings) -> &'a Self {
        let given = self.js_domain.is_some() || self.js_api_prefix.is_some();
        if given { self } else { &settings.api }
    }

    /// JetStream over a connection; each call may take as long as --timeout says.
    pub(crate) fn over(&self, client: &nuncio::Client, settings: &Settings) -> JetStream {
        let js = client.jetstream().timeout(settings.timeout);
        let api = self.or_of(settings);
        match (&api.js_api_prefix, &api.js_domain) {
            (Some(prefix), _) => js.prefix(prefix),
            (None, Some(domain)) => js.domain(domain),
            (None, None) => js,
        }
    }

    /// Connects, if JetStream can be there.
    pub(crate) async fn connect(&self, settings: &Settings) -> Result<JetStream, Failure> {
        self.or_of(settings).check()?;
        Ok(self.over(&connect(settings).await?, settings))
    }
}

/// Serializes what a server tells, with the words that it leaves out of the configuration for being the default.
pub(crate) fn with_defaults<S: Serializer>(
    info: &impl Serialize,
    words: &[(&str, &str)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut info = serde_json::to_value(info).map_err(S::Error::custom)?;
    if let Some(config) = info.get_mut("config") {
        fill(config, words);
    }
    info.serialize(serializer)
}

/// Adds to a configuration the words that it leaves out.
pub(crate) fn fill(config: &mut Value, words: &[(&str, &str)]) {
    if let Some(config) = config.as_object_mut() {
        for (field, word) in words {
            config.entry(*field).or_insert_with(|| Value::from(*word));
        }
    }
}
