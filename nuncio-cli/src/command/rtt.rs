//! `nuncio rtt`.

use std::io::{self, Write};
use std::time::Duration;

use clap::Args;
use serde::{Serialize, Serializer};

use crate::command::Session;
use crate::connect::connect;
use crate::exit::Failure;
use crate::output::Show;

/// Measure the round trip to the server.
///
/// With --json each round trip is one object (server, rtt_ms), and so is what follows them (server, count, min_ms,
/// avg_ms, max_ms).
#[derive(Debug, Args)]
pub(crate) struct Syntax {
    /// How many round trips, one after the other.
    #[arg(long, value_name = "N", default_value = "5", value_parser = clap::value_parser!(u32).range(1..))]
    count: u32,
}

pub(crate) struct Task {
    count: u32,
}

impl Syntax {
    pub(crate) fn resolve(self) -> Result<Task, Failure> {
        Ok(Task { count: self.count })
    }
}

#[derive(Serialize)]
struct Trip<'a> {
    server: &'a str,
    #[serde(serialize_with = "milliseconds")]
    rtt_ms: Duration,
}

impl Show for Trip<'_> {
    fn show(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}: {:.3} ms", self.server, ms(self.rtt_ms))
    }
}

#[derive(Debug, PartialEq, Serialize)]
struct Summary<'a> {
    server: &'a str,
    count: u32,
    #[serde(serialize_with = "milliseconds")]
    min_ms: Duration,
    #[serde(serialize_with = "milliseconds")]
    avg_ms: Duration,
    #[serde(serialize_with = "milliseconds")]
    max_ms: Duration,
}

impl<'a> Summary<'a> {
    /// `None` without any trip.
    fn of(server: &'a str, trips: &[Duration]) -> Option<Self> {
        let count = u32::try_from(trips.len()).ok()?;
        let avg_ms = trips.iter().sum::<Duration>().checked_div(count)?;
        Some(Self { server, count, min_ms: *trips.iter().min()?, avg_ms, max_ms: *trips.iter().max()? })
    }
}

impl Show for Summary<'_> {
    fn show(&self, out: &mut dyn Write) -> io::Result<()> {
        let (min, avg, max) = (ms(self.min_ms), ms(self.avg_ms), ms(self.max_ms));
        writeln!(out, "min {min:.3} ms, avg {avg:.3} ms, max {max:.3} ms")
    }
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// As milliseconds, to the microsecond.
fn milliseconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((ms(*duration) * 1000.0).round() / 1000.0)
}

impl Task {
    pub(crate) async fn run(self, session: Session) -> Result<(), Failure> {
        let Session { settings, mut out, stop } = session;
        stop.unless(async {
            let nc = connect(&settings).await?;
            let server = nc.server().unwrap_or_default();
            let mut trips = Vec::new();
            for _ in 0..self.count {
                let trip = nc.rtt().await.map_err(|error| Failure::from(error).about(&server))?;
                trips.push(trip);
                out.show(&Trip { server: &server, rtt_ms: trip })?;
                out.flush()?;
            }
            if let Some(summary) = Summary::of(&server, &trips) {
                out.show(&summary)?;
            }
            Ok(out.flush()?)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_has_the_least_the_mean_and_the_greatest() {
        let trips = [3, 1, 8].map(Duration::from_millis);
        let [min_ms, avg_ms, max_ms] = [1, 4, 8].map(Duration::from_millis);
        assert_eq!(Summary::of("s", &trips), Some(Summary { server: "s", count: 3, min_ms, avg_ms, max_ms }));
        assert_eq!(Summary::of("s", &[]), None);
    }
}
