//! Messages that the server sends on at a later time (ADR-51).

use std::fmt;
use std::time::Duration;

use crate::header::HeaderMap;
use crate::js::headers;
pub use crate::js::options::ScheduleError;
use crate::js::options::{OptionError, set};
use crate::js::time::Timestamp;
use crate::js::ttl::{GoDuration, Ttl};
use crate::subject;

/// When a message is sent on, and where to.
///
/// A message with a schedule stays where it was published and is stored under its [target](Self::new) each time the
/// schedule says so. The stream must allow it (`allow_msg_schedules`), and the target must be among its subjects. There is
/// one schedule a subject: publishing another one replaces it.
///
/// ```
/// use std::time::Duration;
/// use nuncio_proto::js::schedule::{Schedule, When};
///
/// let schedule = Schedule::new(When::Every(Duration::from_secs(60)), "orders.check").rollup();
/// assert_eq!(schedule.when().to_string(), "@every 1m0s");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Schedule {
    when: When,
    target: String,
    source: Option<String>,
    time_zone: Option<String>,
    ttl: Option<Ttl>,
    rollup: bool,
}

/// The times of a schedule. The server looks at them about four times a second.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum When {
    /// Once; at once, if that is past. Needs level 2 of the API (nats-server 2.12).
    At(Timestamp),
    /// Every so often: a second at least. Like all below it needs level 4 (nats-server 2.14).
    Every(Duration),
    /// On the hour.
    Hourly,
    /// At midnight.
    Daily,
    /// At midnight before Sunday.
    Weekly,
    /// At midnight on the first of a month.
    Monthly,
    /// At midnight on the first of January.
    Yearly,
    /// By a cron expression of six fields, the first of which are seconds.
    Cron(String),
}

/// The text of the header `Nats-Schedule`.
impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(time) => write!(f, "@at {time}"),
            Self::Every(interval) => write!(f, "@every {}", GoDuration(*interval)),
            Self::Hourly => f.write_str("@hourly"),
            Self::Daily => f.write_str("@daily"),
            Self::Weekly => f.write_str("@weekly"),
            Self::Monthly => f.write_str("@monthly"),
            Self::Yearly => f.write_str("@yearly"),
            Self::Cron(expression) => f.write_str(expression),
        }
    }
}

impl When {
    fn validate(&self) -> Result<(), ScheduleError> {
        match self {
            Self::Every(interval) if *interval < Duration::from_secs(1) => {
                Err(ScheduleError::Interval(*interval))
            }
            Self::Cron(expression) => match expression.split_whitespace().count() {
                6 => Ok(()),
                fields => Err(ScheduleError::Cron(expression.clone(), fields)),
            },
            _ => Ok(()),
        }
    }

    fn has_time_zone(&self) -> bool {
        !matches!(self, Self::At(_) | Self::Every(_))
    }
}

impl Schedule {
    /// A message for `target` at these times.
    pub fn new(when: When, target: impl Into<String>) -> Self {
        Self { when, target: target.into(), source: None, time_zone: None, ttl: None, rollup: false }
    }

    /// The times.
    pub fn when(&self) -> &When {
        &self.when
    }

    /// Sends the last message of this subject of the stream, instead of the one with the schedule. Needs level 4 of the
    /// API (nats-server 2.14).
    pub fn source(mut self, subject: impl Into<String>) -> Self {
        self.source = Some(subject.into());
        self
    }

    /// The IANA time zone, such as `Europe/Berlin`, that a cron expression is meant in; UTC unless set. Needs level 4 of
    /// the API (nats-server 2.14).
    pub fn time_zone(mut self, name: impl Into<String>) -> Self {
        self.time_zone = Some(name.into());
        self
    }

    /// How long each message that is sent is kept. The stream must allow it (`allow_msg_ttl`).
    pub fn ttl(mut self, ttl: impl Into<Ttl>) -> Self {
        self.ttl = Some(ttl.into());
        self
    }

    /// Each message that is sent replaces those that the target has. Needs level 4 of the API (nats-server 2.14).
    pub fn rollup(mut self) -> Self {
        self.rollup = true;
        self
    }

    /// Whether the first servers with schedules know all of it.
    pub(crate) fn is_plain(&self) -> bool {
        let once = matches!(self.when, When::At(_));
        once && self.source.is_none() && self.time_zone.is_none() && !self.rollup
    }

    /// Sets the headers of a message that is published to `subject`.
    ///
    /// # Errors
    ///
    /// What the server would refuse without knowing the stream.
    pub fn apply(&self, map: &mut HeaderMap, subject: &[u8]) -> Result<(), OptionError> {
        self.when.validate()?;
        literal(&self.target)?;
        if self.target.as_bytes() == subject {
            return Err(ScheduleError::Itself(self.target.clone()).into());
        }
        set(map, headers::SCHEDULE, &self.when.to_string())?;
        set(map, headers::SCHEDULE_TARGET, &self.target)?;
        if let Some(source) = &self.source {
            literal(source)?;
            set(map, headers::SCHEDULE_SOURCE, source)?;
        }
        if let Some(zone) = &self.time_zone {
            if !self.when.has_time_zone() {
                return Err(ScheduleError::TimeZone.into());
            }
            set(map, headers::SCHEDULE_TIME_ZONE, zone)?;
        }
        if let Some(ttl) = self.ttl {
            set(map, headers::SCHEDULE_TTL, &ttl.validate()?.to_string())?;
        }
        if self.rollup {
            set(map, headers::SCHEDULE_ROLLUP, "sub")?;
        }
        Ok(())
    }
}

/// Ends the schedule of another subject, `schedule`, in the moment that this message is stored.
///
/// # Errors
///
/// If `schedule` is no literal subject.
pub fn cancel(map: &mut HeaderMap, schedule: &str) -> Result<(), OptionError> {
    literal(schedule)?;
    set(map, headers::SCHEDULER, schedule)?;
    set(map, headers::SCHEDULE_NEXT, "purge")
}

fn literal(subject: &str) -> Result<(), OptionError> {
    subject::validate_publish(subject.as_bytes())?;
    if subject::is_literal(subject.as_bytes()) {
        Ok(())
    } else {
        Err(ScheduleError::Wildcard(subject.into()).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(schedule: &Schedule) -> Result<HeaderMap, OptionError> {
        let mut map = HeaderMap::new();
        schedule.apply(&mut map, b"plan.a").map(|()| map)
    }

    fn problem(schedule: &Schedule) -> ScheduleError {
        match apply(schedule).unwrap_err() {
            OptionError::Schedule(error) => error,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_part_has_its_header() {
        let schedule = Schedule::new(When::Cron("0 30 9 * * MON-FRI".into()), "work")
            .source("last")
            .time_zone("Europe/Berlin")
            .ttl(Duration::from_secs(5))
            .rollup();
        assert_eq!(
            apply(&schedule).unwrap().iter().collect::<Vec<_>>(),
            [
                ("Nats-Schedule", "0 30 9 * * MON-FRI"),
                ("Nats-Schedule-Target", "work"),
                ("Nats-Schedule-Source", "last"),
                ("Nats-Schedule-Time-Zone", "Europe/Berlin"),
                ("Nats-Schedule-TTL", "5s"),
                ("Nats-Schedule-Rollup", "sub"),
            ]
        );
    }

    #[test]
    fn times_are_written_as_the_server_reads_them() {
        let at = |text: &str| When::At(text.parse().unwrap()).to_string();
        assert_eq!(at("2030-01-01T01:00:00.5+01:00"), "@at 2030-01-01T00:00:00.5Z");
        assert_eq!(When::Every(Duration::from_secs(3660)).to_string(), "@every 1h1m0s");
        let words = [When::Hourly, When::Daily, When::Weekly, When::Monthly, When::Yearly];
        assert_eq!(words.map(|when| when.to_string()).join(" "), "@hourly @daily @weekly @monthly @yearly");
    }

    #[test]
    fn what_the_server_would_refuse_is_refused() {
        let every = |ms| When::Every(Duration::from_millis(ms));
        assert!(matches!(problem(&Schedule::new(every(999), "b")), ScheduleError::Interval(_)));
        let five = Schedule::new(When::Cron("* * * * *".into()), "b");
        assert!(matches!(problem(&five), ScheduleError::Cron(_, 5)));
        assert!(matches!(problem(&Schedule::new(every(1000), "plan.a")), ScheduleError::Itself(_)));
        assert!(matches!(problem(&Schedule::new(every(1000), "b.*")), ScheduleError::Wildcard(_)));
        let source = Schedule::new(every(1000), "b").source("c.>");
        assert!(matches!(problem(&source), ScheduleError::Wildcard(_)));
        let zone = Schedule::new(every(1000), "b").time_zone("UTC");
        assert_eq!(problem(&zone), ScheduleError::TimeZone);
        let ttl = Schedule::new(every(1000), "b").ttl(Duration::ZERO);
        assert!(matches!(apply(&ttl), Err(OptionError::Ttl(_))));
        assert!(matches!(apply(&Schedule::new(every(1000), "")), Err(OptionError::Subject(_))));
    }

    #[test]
    fn a_schedule_is_cancelled_by_its_subject() {
        let mut map = HeaderMap::new();
        cancel(&mut map, "plan.a").unwrap();
        let entries: Vec<_> = map.iter().collect();
        assert_eq!(entries, [("Nats-Scheduler", "plan.a"), ("Nats-Schedule-Next", "purge")]);
        assert!(cancel(&mut map, "plan.*").is_err());
    }
}
