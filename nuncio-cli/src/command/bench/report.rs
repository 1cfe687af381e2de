//! What a measurement found.

use std::io::{self, Write};
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::plot;
use crate::output::Show;

#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Report {
    msgs: u64,
    seconds: f64,
    msgs_per_sec: f64,
    cpu_ns_per_msg: f64,
    /// Null where the system does not tell.
    rss_bytes: Option<u64>,
    #[serde(flatten)]
    latencies: Latencies,
    lost: u64,
    #[serde(skip)]
    rates: Vec<u64>,
}

/// In microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Latencies {
    p50_us: Option<f64>,
    p90_us: Option<f64>,
    p99_us: Option<f64>,
    p999_us: Option<f64>,
    max_us: Option<f64>,
}

impl Latencies {
    /// Of a histogram in nanoseconds.
    pub(crate) fn of(histogram: &Histogram<u64>) -> Self {
        if histogram.is_empty() {
            return Self::default();
        }
        let us = |nanos: u64| Some((nanos as f64 / 100.0).round() / 10.0);
        let at = |quantile| us(histogram.value_at_quantile(quantile));
        Self {
            p50_us: at(0.5),
            p90_us: at(0.9),
            p99_us: at(0.99),
            p999_us: at(0.999),
            max_us: us(histogram.max()),
        }
    }
}

impl Report {
    pub(crate) fn new(
        msgs: u64,
        seconds: f64,
        cpu: Duration,
        lost: u64,
        latencies: Option<Latencies>,
        rates: Vec<u64>,
    ) -> Self {
        let per_message = |total: f64| if msgs == 0 { 0.0 } else { total / msgs as f64 };
        Self {
            msgs,
            seconds,
            msgs_per_sec: if seconds > 0.0 { (msgs as f64 / seconds).round() } else { 0.0 },
            cpu_ns_per_msg: per_message(cpu.as_nanos() as f64).round(),
            rss_bytes: peak_rss(),
            latencies: latencies.unwrap_or_default(),
            lost,
            rates,
        }
    }
}

impl Show for Report {
    fn show(&self, out: &mut dyn Write) -> io::Result<()> {
        let (msgs, seconds) = (plot::grouped(self.msgs), self.seconds);
        writeln!(
            out,
            "{msgs} messages in {seconds:.2} s: {} a second",
            plot::grouped(self.msgs_per_sec as u64)
        )?;
        write!(out, "processor {} ns a message", self.cpu_ns_per_msg)?;
        if let Some(bytes) = self.rss_bytes {
            write!(out, ", memory {:.1} MiB at most", bytes as f64 / (1024.0 * 1024.0))?;
        }
        writeln!(out, ", lost {}", plot::grouped(self.lost))?;
        let Latencies { p50_us, p90_us, p99_us, p999_us, max_us } = self.latencies;
        let rows = [("p50", p50_us), ("p90", p90_us), ("p99", p99_us), ("p99.9", p999_us), ("max", max_us)];
        let longest = max_us.unwrap_or(1.0).max(1.0);
        for (name, us) in rows {
            if let Some(us) = us {
                writeln!(out, "{name:>6} {us:>10.1} µs  {}", plot::bar(us / longest))?;
            }
        }
        plot::rates(&self.rates).iter().try_for_each(|line| writeln!(out, "{line}"))
    }
}

/// As Linux counts it.
fn peak_rss() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(latencies: Option<Latencies>) -> Report {
        let mut report = Report::new(2_000_000, 0.5, Duration::from_millis(200), 3, latencies, Vec::new());
        report.rss_bytes = Some(5 * 1024 * 1024);
        report
    }

    #[test]
    fn the_figures_are_those_of_one_message() {
        let mut text = Vec::new();
        report(None).show(&mut text).unwrap();
        let expected = "2,000,000 messages in 0.50 s: 4,000,000 a second\n\
                        processor 100 ns a message, memory 5.0 MiB at most, lost 3\n";
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }

    #[test]
    fn the_json_has_every_key_and_null_where_nothing_is_timed() {
        let json = serde_json::to_value(report(None)).unwrap();
        let expected = serde_json::json!({
            "msgs": 2_000_000, "seconds": 0.5, "msgs_per_sec": 4_000_000.0, "cpu_ns_per_msg": 100.0,
            "rss_bytes": 5_242_880, "p50_us": null, "p90_us": null, "p99_us": null, "p999_us": null,
            "max_us": null, "lost": 3,
        });
        assert_eq!(json, expected);
    }

    #[test]
    fn latencies_are_percentiles_in_microseconds() {
        let mut histogram = Histogram::<u64>::new(3).unwrap();
        (1..=1000).for_each(|us| histogram.record(us * 1000).unwrap());
        let latencies = Latencies::of(&histogram);
        let near = |found: Option<f64>, wanted: f64| (found.unwrap() - wanted).abs() < wanted * 0.002;
        assert!(near(latencies.p50_us, 500.0) && near(latencies.p999_us, 999.0), "{latencies:?}");
        assert!(near(latencies.max_us, 1000.0), "{latencies:?}");
        let mut text = Vec::new();
        report(Some(latencies)).show(&mut text).unwrap();
        assert_eq!(String::from_utf8(text).unwrap().lines().count(), 7);
    }

    #[test]
    fn nothing_measured_is_zero_and_not_a_fault() {
        let report = Report::new(0, 0.0, Duration::ZERO, 0, None, Vec::new());
        assert_eq!((report.msgs_per_sec, report.cpu_ns_per_msg), (0.0, 0.0));
    }
}
