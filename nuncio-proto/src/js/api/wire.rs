//! How fields are written that JSON has no type for.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use data_encoding::BASE64;
use serde::de::{self, DeserializeOwned};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::js::time::{from_nanos, to_nanos};

/// Whether a field has its default, which is not sent.
pub(crate) fn unset<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// `null` is the default.
pub(crate) fn nullable<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A text that is missing, `null` or empty is none.
pub(crate) fn filled<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty()))
}

/// What has another shape than expected is the default: for what is told for information, and changes with versions.
pub(crate) fn lenient<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned + Default,
{
    Ok(serde_json::from_value(Value::deserialize(deserializer)?).unwrap_or_default())
}

/// A limit: what is not positive is none.
pub(crate) mod limit {
    use super::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer, T: Serialize>(
        limit: &Option<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        limit.serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
    where
        D: Deserializer<'de>,
        T: TryFrom<i64>,
    {
        let limit = Option::<i64>::deserialize(deserializer)?.unwrap_or(0);
        // What does not fit is no limit either.
        Ok(if limit > 0 { T::try_from(limit).ok() } else { None })
    }
}

/// A list of durations in nanoseconds.
pub(crate) mod nanos_list {
    use super::{Deserialize, Deserializer, Duration, Serializer, from_nanos, to_nanos};

    pub(crate) fn serialize<S: Serializer>(list: &[Duration], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(list.iter().copied().map(to_nanos))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Duration>, D::Error> {
        let list = Option::<Vec<i64>>::deserialize(deserializer)?.unwrap_or_default();
        Ok(list.into_iter().map(from_nanos).collect())
    }
}

/// How long ago, in nanoseconds: -1 is never.
pub(crate) mod ago {
    use super::{Deserialize, Deserializer, Duration, Serializer, from_nanos, to_nanos};

    pub(crate) fn serialize<S: Serializer>(ago: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(ago.map_or(-1, to_nanos))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        let ago = Option::<i64>::deserialize(deserializer)?;
        Ok(ago.filter(|nanos| *nanos >= 0).map(from_nanos))
    }
}

/// Bytes in base64.
pub(crate) fn base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?.unwrap_or_default();
    BASE64.decode(text.as_bytes()).map_err(de::Error::custom)
}

/// Reads a word for the enums of the `words` macro.
pub(crate) struct WordVisitor<T>(PhantomData<T>);

impl<T> WordVisitor<T> {
    pub(crate) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T: for<'a> From<&'a str>> de::Visitor<'_> for WordVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a word")
    }

    fn visit_str<E: de::Error>(self, word: &str) -> Result<T, E> {
        Ok(word.into())
    }
}
