//! Names and values that streams and consumers carry for their owners.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};

use serde::{Deserialize, Serialize, Serializer};

/// Keys that only the server writes begin with this (ADR-33).
const RESERVED: &str = "_nats.";

/// Names and values. Those that the server adds, which begin with `_nats.`, can be read; they are neither compared nor
/// sent.
///
/// ```
/// use nuncio_proto::js::api::metadata::Metadata;
///
/// let read: Metadata = serde_json::from_str(r#"{"_nats.ver":"2.15.1","team":"blue"}"#)?;
/// assert_eq!(read.get("_nats.ver").map(String::as_str), Some("2.15.1"));
/// assert_eq!(read, Metadata::from_iter([("team", "blue")]));
/// assert_eq!(serde_json::to_string(&read)?, r#"{"team":"blue"}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct Metadata(BTreeMap<String, String>);

impl Metadata {
    /// The entries of the caller's, without the server's.
    pub fn own(&self) -> impl Iterator<Item = (&str, &str)> {
        let all = self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        all.filter(|(key, _)| !key.starts_with(RESERVED))
    }
}

impl Deref for Metadata {
    type Target = BTreeMap<String, String>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Metadata {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl PartialEq for Metadata {
    fn eq(&self, other: &Self) -> bool {
        self.own().eq(other.own())
    }
}

impl Eq for Metadata {}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Metadata {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        Self(entries.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
    }
}

impl Serialize for Metadata {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.own())
    }
}
