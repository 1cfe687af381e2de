//! How long a message is kept (ADR-43), and durations as Go writes them.

use std::fmt::{self, Write};
use std::str::FromStr;
use std::time::Duration;

/// How long a message is kept.
///
/// ```
/// use std::time::Duration;
/// use nuncio_proto::js::ttl::Ttl;
///
/// assert_eq!(Ttl::from(Duration::from_millis(90_500)).to_string(), "1m30.5s");
/// assert_eq!("1h".parse(), Ok(Ttl::After(Duration::from_secs(3600))));
/// assert_eq!("never".parse(), Ok(Ttl::Never));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ttl {
    /// It goes after so long: a second at least. The server drops fractions of a second.
    After(Duration),
    /// It stays, whatever age the stream allows.
    Never,
}

/// A time to live that the server would refuse.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TtlError {
    /// It is shorter than a second.
    #[error("a time to live of {0:?} is too short: the server counts in seconds, so give it one at least")]
    TooShort(Duration),
    /// The text is no time to live.
    #[error("{0:?} is no time to live; write \"never\", whole seconds, or a duration such as 1h30m")]
    Text(String),
}

impl Ttl {
    /// Checks what the server would refuse.
    ///
    /// # Errors
    ///
    /// If it is shorter than a second.
    pub fn validate(self) -> Result<Self, TtlError> {
        match self {
            Self::After(duration) if duration < Duration::from_secs(1) => Err(TtlError::TooShort(duration)),
            ttl => Ok(ttl),
        }
    }
}

impl From<Duration> for Ttl {
    fn from(duration: Duration) -> Self {
        Self::After(duration)
    }
}

/// The text of the header `Nats-TTL`.
impl fmt::Display for Ttl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::After(duration) => GoDuration(*duration).fmt(f),
            Self::Never => f.write_str("never"),
        }
    }
}

impl FromStr for Ttl {
    type Err = TtlError;

    fn from_str(text: &str) -> Result<Self, TtlError> {
        if text == "never" {
            return Ok(Self::Never);
        }
        let seconds = || text.parse().ok().map(Duration::from_secs);
        let duration = seconds().or_else(|| text.parse().ok().map(|GoDuration(duration)| duration));
        duration.map(Self::After).ok_or_else(|| TtlError::Text(text.into()))
    }
}

/// A duration as Go prints and reads it: `1h2m3.5s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GoDuration(pub Duration);

/// Nanoseconds of each unit that Go knows.
const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

impl fmt::Display for GoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        if seconds >= 3600 {
            write!(f, "{}h", seconds / 3600)?;
        }
        if seconds >= 60 {
            write!(f, "{}m", seconds / 60 % 60)?;
        }
        write!(f, "{}", seconds % 60)?;
        let nanos = self.0.subsec_nanos();
        if nanos > 0 {
            let digits = format!("{nanos:09}");
            write!(f, ".{}", digits.trim_end_matches('0'))?;
        }
        f.write_char('s')
    }
}

impl FromStr for GoDuration {
    type Err = TtlError;

    fn from_str(text: &str) -> Result<Self, TtlError> {
        parse(text).map(Self).ok_or_else(|| TtlError::Text(text.into()))
    }
}

fn parse(text: &str) -> Option<Duration> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    if rest.is_empty() {
        return None;
    }
    let mut sum = Duration::ZERO;
    while !rest.is_empty() {
        let (whole, after) = digits(rest);
        let (fraction, after) = match after.strip_prefix('.') {
            Some(after) => digits(after),
            None => ("", after),
        };
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let unit = after.split_once(|c: char| c.is_ascii_digit() || c == '.').map_or(after, |(unit, _)| unit);
        let (_, nanos) = UNITS.iter().find(|(name, _)| *name == unit)?;
        let part = part(whole, fraction, *nanos)?;
        sum = sum.checked_add(part)?;
        rest = after.strip_prefix(unit)?;
    }
    Some(sum)
}

fn digits(text: &str) -> (&str, &str) {
    let end = text.bytes().take_while(u8::is_ascii_digit).count();
    text.split_at_checked(end).unwrap_or((text, ""))
}

fn part(whole: &str, fraction: &str, unit: u64) -> Option<Duration> {
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let whole = whole.checked_mul(unit)?;
    let mut place = unit;
    let mut below = 0;
    for digit in fraction.bytes() {
        place /= 10;
        below += u64::from(digit - b'0') * place;
    }
    Some(Duration::from_nanos(whole.checked_add(below)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn go(text: &str) -> Option<Duration> {
        text.parse().ok().map(|GoDuration(duration)| duration)
    }

    #[test]
    fn durations_are_read_as_go_does() {
        let ms = Duration::from_millis;
        for (text, wanted) in [
            ("1m0s", ms(60_000)),
            ("1.5s", ms(1500)),
            ("1h2m3s", ms(3_723_000)),
            ("100ms", ms(100)),
            ("0", ms(0)),
            (".5s", ms(500)),
            ("1.s", ms(1000)),
            ("+2s", ms(2000)),
            ("1500\u{b5}s", Duration::from_micros(1500)),
            ("2s3s", ms(5000)),
        ] {
            assert_eq!(go(text), Some(wanted), "{text}");
        }
        for bad in ["", "1", "1d", "s", ".s", "-1s", "1 s", "1s ", "+", "99999999999999h", "1e3s"] {
            assert_eq!(go(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_time_to_live_is_never_seconds_or_a_duration() {
        assert_eq!("60".parse(), Ok(Ttl::After(Duration::from_secs(60))));
        assert_eq!("1m0s".parse(), Ok(Ttl::After(Duration::from_secs(60))));
        assert!(matches!("soon".parse::<Ttl>(), Err(TtlError::Text(_))));
    }

    #[test]
    fn less_than_a_second_is_refused() {
        let short = Ttl::After(Duration::from_millis(999));
        assert!(short.validate().unwrap_err().to_string().contains("999ms is too short"));
        assert!(Ttl::After(Duration::from_secs(1)).validate().is_ok());
        assert!(Ttl::Never.validate().is_ok());
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(nanos: u64) {
            let duration = Duration::from_nanos(nanos);
            prop_assert_eq!(go(&GoDuration(duration).to_string()), Some(duration));
        }
    }
}
