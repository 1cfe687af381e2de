//! What all measurements that send have: messages shared among clients, and among what each client has open.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hdrhistogram::Histogram;
use nuncio::Client;
use tokio::task::JoinSet;

use super::load::Load;
use super::meter::{Count, Meter, latencies};
use crate::command::Session;
use crate::connect::Settings;
use crate::exit::Failure;

/// What one of those who send has to do.
pub(crate) struct Share {
    left: Arc<AtomicU64>,
    pub(crate) count: Count,
}

impl Share {
    /// Takes so many of the messages that are left, or all that are. None: it is done.
    pub(crate) fn take(&self, most: u64) -> u64 {
        let take = |left: u64| Some(left.saturating_sub(most));
        let before = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        before.unwrap_or_default().min(most)
    }
}

/// What one of them found.
#[derive(Default)]
pub(crate) struct Tally {
    latencies: Option<Histogram<u64>>,
    pub(crate) lost: u64,
}

impl Tally {
    /// One that times.
    pub(crate) fn timed() -> Result<Self, Failure> {
        Ok(Self { latencies: Some(latencies()?), lost: 0 })
    }

    /// One that has only lost so many.
    pub(crate) fn lost(lost: u64) -> Self {
        Self { latencies: None, lost }
    }

    pub(crate) fn note(&mut self, took: Duration) {
        if let Some(latencies) = &mut self.latencies {
            latencies.saturating_record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
        }
    }

    fn add(&mut self, other: Self) -> Result<(), Failure> {
        self.lost += other.lost;
        match (&mut self.latencies, other.latencies) {
            (Some(all), Some(more)) => all.add(more).map_err(|error| Failure::error(error.to_string())),
            (none, more) => {
                *none = none.take().or(more);
                Ok(())
            }
        }
    }
}

/// Lets each client send its share, in so many tasks, and prints what it took.
pub(crate) async fn measure<F>(
    session: Session,
    load: Load,
    tasks: u32,
    start: impl Fn(&Settings, Client, Share) -> F,
) -> Result<(), Failure>
where
    F: Future<Output = Result<Tally, Failure>> + Send + 'static,
{
    let Session { settings, mut out, stop } = session;
    stop.unless(async {
        let clients = load.connect(&settings).await?;
        let mut meter = Meter::new(clients.len(), load.msgs.get(), settings.json);
        let mut jobs = JoinSet::new();
        for ((nc, count), share) in clients.iter().zip(meter.counts()).zip(load.shares()) {
            let left = Arc::new(AtomicU64::new(share));
            for _ in 0..tasks {
                let share = Share { left: Arc::clone(&left), count: count.clone() };
                jobs.spawn(start(&settings, nc.clone(), share));
            }
        }
        let tally = meter.watch(all(&mut jobs)).await?;
        out.show(&meter.report(tally.lost, tally.latencies.as_ref()))?;
        Ok(out.flush()?)
    })
    .await
}

async fn all(jobs: &mut JoinSet<Result<Tally, Failure>>) -> Result<Tally, Failure> {
    let mut all = Tally::default();
    while let Some(done) = jobs.join_next().await {
        all.add(done.map_err(|error| Failure::error(error.to_string()))??)?;
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_taken_up_to_its_end_and_not_beyond() {
        let share = Share { left: Arc::new(AtomicU64::new(5)), count: Count::default() };
        assert_eq!([2, 2, 2, 2].map(|most| share.take(most)), [2, 2, 1, 0]);
        assert_eq!(share.take(u64::MAX), 0);
    }

    #[test]
    fn tallies_add_up_whether_they_are_timed_or_not() {
        let mut all = Tally::default();
        for lost in [1, 2] {
            let mut one = Tally::timed().unwrap();
            one.note(Duration::from_micros(lost));
            one.lost = lost;
            all.add(one).unwrap();
        }
        all.add(Tally::lost(4)).unwrap();
        assert_eq!((all.lost, all.latencies.unwrap().len()), (7, 2));
    }
}
