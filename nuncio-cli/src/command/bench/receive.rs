//! What all measurements that receive have: from the first message to the last, or until none comes any more.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::meter::{Count, Meter};
use crate::exit::Failure;
use crate::output::Output;
use crate::stop::Stop;

/// How many messages are to come.
#[derive(Clone, Debug)]
pub(crate) enum Expected {
    /// To each of those who receive.
    Each(u64),
    /// To all of them together; what is left.
    Together(Arc<AtomicU64>),
}

impl Expected {
    pub(crate) fn together(messages: u64) -> Self {
        Self::Together(Arc::new(AtomicU64::new(messages)))
    }
}

/// What one of those who receive counts with.
pub(crate) struct Intake {
    count: Count,
    expected: Expected,
    begun: Option<watch::Sender<bool>>,
    over: watch::Sender<bool>,
    latencies: Arc<Mutex<Option<Histogram<u64>>>>,
}

impl Intake {
    /// Whether none is to come.
    pub(crate) fn is_full(&self) -> bool {
        match &self.expected {
            Expected::Each(left) => *left == 0,
            Expected::Together(left) => left.load(Ordering::Relaxed) == 0,
        }
    }

    /// Counts a message; whether more are to come.
    pub(crate) fn one(&mut self) -> bool {
        let left = match &mut self.expected {
            Expected::Each(left) => {
                *left = left.saturating_sub(1);
                *left
            }
            Expected::Together(left) => {
                let take = |left: u64| left.checked_sub(1);
                match left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take) {
                    Ok(before) => before - 1,
                    // Another one had the last.
                    Err(_) => return false,
                }
            }
        };
        self.count.add(1);
        if let Some(begun) = self.begun.take() {
            begun.send_replace(true);
        }
        if left == 0 && matches!(self.expected, Expected::Together(_)) {
            self.over.send_replace(true);
        }
        left > 0
    }

    /// Notes how long something took, of those that are timed.
    pub(crate) fn note(&self, took: Duration) {
        let mut latencies = self.latencies.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(latencies) = &mut *latencies {
            latencies.saturating_record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
        }
    }
}

/// Those who receive.
pub(crate) struct Receivers {
    meter: Meter,
    counts: Vec<Count>,
    total: u64,
    expected: Expected,
    begun: watch::Sender<bool>,
    over: watch::Sender<bool>,
    latencies: Arc<Mutex<Option<Histogram<u64>>>>,
    jobs: JoinSet<Result<(), Failure>>,
}

impl Receivers {
    /// So many; `latencies` are given where something is timed.
    pub(crate) fn new(
        receivers: usize,
        expected: Expected,
        latencies: Option<Histogram<u64>>,
        quiet: bool,
    ) -> Self {
        let total = match &expected {
            Expected::Each(messages) => messages.saturating_mul(receivers as u64),
            Expected::Together(messages) => messages.load(Ordering::Relaxed),
        };
        let meter = Meter::new(receivers, total, quiet);
        Self {
            counts: meter.counts(),
            meter,
            total,
            expected,
            begun: watch::channel(false).0,
            over: watch::channel(false).0,
            latencies: Arc::new(Mutex::new(latencies)),
            jobs: JoinSet::new(),
        }
    }

    /// Starts the next one.
    pub(crate) fn spawn<F>(&mut self, receive: impl FnOnce(Intake) -> F)
    where
        F: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        let count = self.counts.get(self.jobs.len()).cloned().unwrap_or_default();
        let intake = Intake {
            count,
            expected: self.expected.clone(),
            begun: Some(self.begun.clone()),
            over: self.over.clone(),
            latencies: Arc::clone(&self.latencies),
        };
        self.jobs.spawn(receive(intake));
    }

    /// Measures until all messages have come, none has for so long, or a signal; prints what it took.
    pub(crate) async fn measure(
        mut self,
        longest: Duration,
        stop: &Stop,
        out: &mut Output,
    ) -> Result<(), Failure> {
        let (mut begun, mut over) = (self.begun.subscribe(), self.over.subscribe());
        tokio::select! {
            _ = begun.wait_for(|begun| *begun) => {}
            done = finished(&mut self.jobs) => done?,
            () = stop.signal() => {}
        }
        self.meter.restart();
        let work = async {
            tokio::select! {
                done = finished(&mut self.jobs) => done,
                _ = over.wait_for(|over| *over) => Ok(()),
                () = idle(&self.counts, longest) => Ok(()),
                () = stop.signal() => Ok(()),
            }
        };
        self.meter.watch(work).await?;
        let received: u64 = self.counts.iter().map(Count::get).sum();
        let latencies = self.latencies.lock().unwrap_or_else(PoisonError::into_inner).take();
        let report = self.meter.report(self.total.saturating_sub(received), latencies.as_ref());
        self.jobs.shutdown().await;
        out.show(&report)?;
        Ok(out.flush()?)
    }
}

/// Ends with the last of them, or the first that fails.
pub(crate) async fn finished(jobs: &mut JoinSet<Result<(), Failure>>) -> Result<(), Failure> {
    while let Some(done) = jobs.join_next().await {
        done.map_err(|error| Failure::error(error.to_string()))??;
    }
    Ok(())
}

/// Ends when none has come for so long.
async fn idle(counts: &[Count], longest: Duration) {
    let total = || counts.iter().map(Count::get).sum::<u64>();
    let mut before = total();
    let step = (longest / 20).max(Duration::from_millis(1));
    let mut still = Duration::ZERO;
    while still < longest {
        tokio::time::sleep(step.min(longest)).await;
        let now = total();
        still = if now == before { still + step } else { Duration::ZERO };
        before = now;
    }
}
