//! Points in time and durations as JetStream writes them.
//!
//! The server writes times as RFC 3339 with up to nine digits of a second, durations as nanoseconds, and Go's zero
//! time where there is none.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Seconds from the year 1, where Go's clock begins, to 1970.
const GO_ZERO: i64 = -62_135_596_800;

const NANOS: i128 = 1_000_000_000;

/// A point in time, to the nanosecond: between the years 1677 and 2262.
///
/// It prints as RFC 3339 in UTC, with as many digits of a second as it needs, and reads RFC 3339 with any offset. What is
/// beyond its range becomes [`Timestamp::MIN`] or [`Timestamp::MAX`].
///
/// ```
/// use nuncio_proto::js::time::Timestamp;
///
/// let t: Timestamp = "2024-05-01T12:00:00.000000001+02:00".parse()?;
/// assert_eq!(t.to_string(), "2024-05-01T10:00:00.000000001Z");
/// assert_eq!(Timestamp::from_nanos(t.as_nanos()), t);
/// # Ok::<(), nuncio_proto::js::time::TimestampError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// A text that is not a point in time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a time; write it like 2024-05-01T12:00:00Z: {problem}")]
pub struct TimestampError {
    text: String,
    problem: String,
}

impl Timestamp {
    /// The earliest.
    pub const MIN: Self = Self(i64::MIN);
    /// The latest.
    pub const MAX: Self = Self(i64::MAX);
    /// The first moment of 1970.
    pub const UNIX_EPOCH: Self = Self(0);

    /// From nanoseconds since [`UNIX_EPOCH`](Self::UNIX_EPOCH).
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since [`UNIX_EPOCH`](Self::UNIX_EPOCH).
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// The time now, by the system's clock.
    pub fn now() -> Self {
        SystemTime::now().into()
    }

    /// The point that lies `after` this one, at most [`MAX`](Self::MAX).
    pub fn saturating_add(self, after: Duration) -> Self {
        Self(self.0.saturating_add(to_nanos(after)))
    }

    /// The point that lies `before` this one, at least [`MIN`](Self::MIN).
    pub fn saturating_sub(self, before: Duration) -> Self {
        Self(self.0.saturating_sub(to_nanos(before)))
    }

    /// How long after `earlier` this is; zero if it is not.
    pub fn saturating_duration_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(u64::try_from(i128::from(self.0) - i128::from(earlier.0)).unwrap_or(0))
    }

    fn saturated(nanos: i128) -> Self {
        Self(i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX }))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The range of an i64 is well within that of the crate.
        let time = jiff::Timestamp::from_nanosecond(self.0.into()).map_err(|_| fmt::Error)?;
        fmt::Display::fmt(&time, f)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Nanoseconds since 1970.
fn parse(text: &str) -> Result<i128, TimestampError> {
    match text.parse::<jiff::Timestamp>() {
        Ok(time) => Ok(time.as_nanosecond()),
        // The crate ends a day before the year 10 000, with which many mean for ever.
        Err(_) if text.starts_with("9999-12-3") => Ok(i128::MAX),
        Err(error) => Err(TimestampError { text: text.into(), problem: error.to_string() }),
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        Ok(Self::saturated(parse(text)?))
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let nanos = |d: Duration| i128::try_from(d.as_nanos()).unwrap_or(i128::MAX);
        Self::saturated(match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => nanos(after),
            Err(before) => -nanos(before.duration()),
        })
    }
}

impl From<Timestamp> for SystemTime {
    fn from(time: Timestamp) -> Self {
        let length = Duration::from_nanos(time.0.unsigned_abs());
        let sum = if time.0 < 0 {
            Self::UNIX_EPOCH.checked_sub(length)
        } else {
            Self::UNIX_EPOCH.checked_add(length)
        };
        // Some systems count from 1601 at the earliest, which all of the range is after.
        sum.unwrap_or(Self::UNIX_EPOCH)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text).map(Self::saturated)
    }
}

struct Text;

impl de::Visitor<'_> for Text {
    type Value = i128;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time as in RFC 3339")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<i128, E> {
        parse(text).map_err(E::custom)
    }
}

/// A time that may be missing, for `#[serde(default, with = "…", skip_serializing_if = "Option::is_none")]`: `null` and
/// Go's zero time, `0001-01-01T00:00:00Z`, are `None`.
pub mod option {
    use super::{
        Deserialize, Deserializer, GO_ZERO, NANOS, Serialize, Serializer, Timestamp, de, fmt, parse,
    };

    /// Writes the time, or `null`.
    ///
    /// # Errors
    ///
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
        time.serialize(serializer)
    }

    /// Reads a time, `null` or Go's zero time.
    ///
    /// # Errors
    ///
    /// If it is something else.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
        Ok(Option::<Perhaps>::deserialize(deserializer)?.and_then(|Perhaps(time)| time))
    }

    struct Perhaps(Option<Timestamp>);

    impl<'de> Deserialize<'de> for Perhaps {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_str(PerhapsText)
        }
    }

    struct PerhapsText;

    impl de::Visitor<'_> for PerhapsText {
        type Value = Perhaps;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a time as in RFC 3339, or none")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Perhaps, E> {
            if text.is_empty() {
                return Ok(Perhaps(None));
            }
            let nanos = parse(text).map_err(E::custom)?;
            let zero = i128::from(GO_ZERO) * NANOS;
            Ok(Perhaps((nanos != zero).then(|| Timestamp::saturated(nanos))))
        }
    }
}

/// The nanoseconds of a duration, at most those of an `i64`, which are 292 years.
pub fn to_nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// The duration of so many nanoseconds; zero for a negative number.
pub fn from_nanos(nanos: i64) -> Duration {
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
}

/// A duration in nanoseconds, for `#[serde(with = "…")]`: a negative number is zero.
pub mod nanos {
    use super::{Deserialize, Deserializer, Duration, Serializer, from_nanos, to_nanos};

    /// Writes nanoseconds.
    ///
    /// # Errors
    ///
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(to_nanos(*duration))
    }

    /// Reads nanoseconds.
    ///
    /// # Errors
    ///
    /// If it is not an integer.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        i64::deserialize(deserializer).map(from_nanos)
    }
}

/// A duration in nanoseconds that may be missing, for `#[serde(default, with = "…", skip_serializing_if =
/// "Option::is_none")]`: `null`, zero and negative numbers are `None`, as the server takes them.
pub mod nanos_option {
    use super::{Deserialize, Deserializer, Duration, Serialize, Serializer, from_nanos, to_nanos};

    /// Writes nanoseconds, or `null`.
    ///
    /// # Errors
    ///
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        duration.map(to_nanos).serialize(serializer)
    }

    /// Reads nanoseconds or `null`.
    ///
    /// # Errors
    ///
    /// If it is something else.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<i64>::deserialize(deserializer)?.map(from_nanos).filter(|d| !d.is_zero()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Sample {
        #[serde(default, with = "option", skip_serializing_if = "Option::is_none")]
        time: Option<Timestamp>,
        #[serde(default, with = "nanos_option", skip_serializing_if = "Option::is_none")]
        age: Option<Duration>,
    }

    fn sample(text: &str) -> Sample {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn nanoseconds_survive_the_way_there_and_back() {
        for text in
            ["2026-11-24T10:45:00.960046944Z", "1969-12-31T23:59:59.000000001Z", "2000-02-29T00:00:00Z"]
        {
            let time: Timestamp = text.parse().unwrap();
            assert_eq!(time.to_string(), text);
            assert_eq!(Timestamp::from(SystemTime::from(time)), time);
        }
        assert_eq!("1970-01-01T00:00:00.5Z".parse(), Ok(Timestamp(500_000_000)));
        for extreme in [Timestamp::MIN, Timestamp::MAX] {
            assert_eq!(extreme.to_string().parse(), Ok(extreme));
        }
    }

    #[test]
    fn an_offset_is_only_another_way_to_write_the_same_time() {
        let offset: Timestamp = "2024-01-01T00:00:00.123456789+02:00".parse().unwrap();
        assert_eq!(offset.to_string(), "2023-12-31T22:00:00.123456789Z");
        assert_eq!("2024-01-01T00:00:00-00:00".parse(), "2024-01-01T00:00:00Z".parse::<Timestamp>());
    }

    #[test]
    fn times_beyond_the_range_saturate() {
        assert_eq!("9999-12-31T00:00:00Z".parse(), Ok(Timestamp::MAX));
        assert_eq!("0001-01-01T00:00:00Z".parse(), Ok(Timestamp::MIN));
        assert_eq!(Timestamp::MAX.saturating_add(Duration::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::MAX.saturating_duration_since(Timestamp::MIN).as_nanos(), u128::from(u64::MAX));
        assert_eq!(Timestamp::MIN.saturating_duration_since(Timestamp::MAX), Duration::ZERO);
    }

    #[test]
    fn what_is_no_time_is_an_error_with_the_text() {
        for text in [
            "",
            "yesterday",
            "2024-13-01T00:00:00Z",
            "2024-01-01T00:00:00",
            "2024-01-01T00:00:00.1234567890Z",
        ] {
            let error = text.parse::<Timestamp>().unwrap_err();
            assert!(error.to_string().starts_with(&format!("{text:?} is not a time")), "{error}");
        }
    }

    #[test]
    fn zero_times_and_nulls_are_none() {
        for none in [
            r#"{}"#,
            r#"{"time":null,"age":null}"#,
            r#"{"time":"0001-01-01T00:00:00Z","age":0}"#,
            r#"{"time":"","age":-1}"#,
        ] {
            assert_eq!(sample(none), Sample { time: None, age: None }, "{none}");
        }
        assert_eq!(serde_json::to_string(&sample("{}")).unwrap(), "{}");
        let full = r#"{"time":"2026-01-01T00:00:00.1Z","age":9223372036854775807}"#;
        assert_eq!(serde_json::to_string(&sample(full)).unwrap(), full);
        assert!(serde_json::from_str::<Sample>(r#"{"time":1}"#).is_err());
        assert!(serde_json::from_str::<Sample>(r#"{"age":1.5}"#).is_err());
    }

    #[test]
    fn long_durations_saturate() {
        assert_eq!(to_nanos(Duration::MAX), i64::MAX);
        assert_eq!(from_nanos(-5), Duration::ZERO);
    }
}
