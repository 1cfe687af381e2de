//! Counting while the work is done, and what it took.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cpu_time::ProcessTime;
use hdrhistogram::Histogram;

use super::report::{Latencies, Report};
use crate::exit::Failure;
use crate::progress::{Progress, Unit};

/// How often the bar is drawn.
const FRAME: Duration = Duration::from_millis(200);

/// The longest latency that is told apart from longer ones, in nanoseconds: an hour.
const LONGEST: u64 = 3_600_000_000_000;

/// Room for what is timed.
pub(crate) fn latencies() -> Result<Histogram<u64>, Failure> {
    Histogram::new_with_bounds(1, LONGEST, 3).map_err(|error| Failure::error(error.to_string()))
}

/// One client's messages so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Count(Arc<AtomicU64>);

impl Count {
    /// For a client that is one task, whose counting costs next to nothing that way.
    #[inline]
    pub(crate) fn add(&self, n: u64) {
        self.0.store(self.0.load(Ordering::Relaxed) + n, Ordering::Relaxed);
    }

    /// For a client of several tasks.
    pub(crate) fn add_shared(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// For a client that counts otherwise.
    pub(crate) fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Measures from its making, or from [`Meter::restart`], to [`Meter::report`].
pub(crate) struct Meter {
    counts: Vec<Count>,
    expected: u64,
    quiet: bool,
    start: Instant,
    cpu: ProcessTime,
    rates: Vec<u64>,
}

impl Meter {
    /// For so many clients that are to have so many messages in all; `quiet` draws no bar.
    pub(crate) fn new(clients: usize, expected: u64, quiet: bool) -> Self {
        Self {
            counts: (0..clients).map(|_| Count::default()).collect(),
            expected,
            quiet,
            start: Instant::now(),
            cpu: ProcessTime::now(),
            rates: Vec::new(),
        }
    }

    pub(crate) fn counts(&self) -> Vec<Count> {
        self.counts.clone()
    }

    /// Begins anew: what was before does not count.
    pub(crate) fn restart(&mut self) {
        self.start = Instant::now();
        self.cpu = ProcessTime::now();
        self.rates.clear();
    }

    fn total(&self) -> u64 {
        self.counts.iter().map(Count::get).sum()
    }

    /// Does the work, and meanwhile draws the bar and notes each second's messages.
    pub(crate) async fn watch<T>(&mut self, work: impl Future<Output = T>) -> T {
        let bar = Progress::new(self.quiet, "measuring", Some(self.expected), Unit::Messages);
        let mut frames = tokio::time::interval(FRAME);
        let (mut second, mut before) = (self.start + Duration::from_secs(1), self.total());
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                _ = frames.tick() => {}
            }
            let total = self.total();
            bar.at(total);
            if Instant::now() >= second {
                self.rates.push(total - before);
                (second, before) = (second + Duration::from_secs(1), total);
            }
        }
    }

    pub(crate) fn report(self, lost: u64, latencies: Option<&Histogram<u64>>) -> Report {
        let (seconds, cpu) = (self.start.elapsed().as_secs_f64(), self.cpu.elapsed());
        Report::new(self.total(), seconds, cpu, lost, latencies.map(Latencies::of), self.rates)
    }
}
