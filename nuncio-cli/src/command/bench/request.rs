//! `nuncio bench request`.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bytes::Bytes;
use clap::Args;
use hdrhistogram::Histogram;
use nuncio::{Client, HeaderMap, RequestError};
use tokio::task::JoinSet;

use super::load::{Load, Shape};
use super::meter::{Count, Meter};
use crate::command::Session;
use crate::exit::Failure;

/// The longest latency that is told apart from longer ones, in nanoseconds: an hour.
const LONGEST: u64 = 3_600_000_000_000;

/// Send requests and time the replies; `nuncio bench reply` answers.
///
/// `lost` counts requests without a reply in --timeout, or whose connection was lost.
#[derive(Debug, Args)]
pub(crate) struct Syntax {
    /// Subject of the requests.
    subject: String,
    #[command(flatten)]
    load: Load,
    #[command(flatten)]
    shape: Shape,
    /// Requests that each client has open at the same time.
    #[arg(long, value_name = "N", default_value = "1")]
    in_flight: NonZeroU32,
}

pub(crate) struct Task {
    subject: String,
    load: Load,
    in_flight: u32,
    payload: Bytes,
    headers: HeaderMap,
}

impl Syntax {
    pub(crate) fn resolve(self) -> Result<Task, Failure> {
        Ok(Task {
            subject: self.subject,
            load: self.load,
            in_flight: self.in_flight.get(),
            payload: self.shape.payload(),
            headers: self.shape.header_map()?,
        })
    }
}

impl Task {
    pub(crate) async fn run(self, session: Session) -> Result<(), Failure> {
        let Session { settings, mut out, stop } = session;
        stop.unless(async {
            let clients = self.load.connect(&settings).await?;
            let mut meter = Meter::new(clients.len(), self.load.msgs.get(), settings.json);
            let mut jobs = self.start(&clients, &meter);
            let done = meter.watch(async {
                let (mut all, mut lost) = (None::<Histogram<u64>>, 0);
                while let Some(done) = jobs.join_next().await {
                    let (one, missed) = done.map_err(|error| Failure::error(error.to_string()))??;
                    lost += missed;
                    match &mut all {
                        Some(all) => all.add(one).map_err(|error| Failure::error(error.to_string()))?,
                        none => *none = Some(one),
                    }
                }
                Ok::<_, Failure>((all, lost))
            });
            let (latencies, lost) = done.await?;
            out.show(&meter.report(lost, latencies.as_ref()))?;
            Ok(out.flush()?)
        })
        .await
    }

    fn start(&self, clients: &[Client], meter: &Meter) -> JoinSet<Result<(Histogram<u64>, u64), Failure>> {
        let mut jobs = JoinSet::new();
        for ((nc, count), share) in clients.iter().zip(meter.counts()).zip(self.load.shares()) {
            let left = Arc::new(AtomicU64::new(share));
            for _ in 0..self.in_flight {
                let job = Job {
                    subject: self.subject.clone(),
                    payload: self.payload.clone(),
                    headers: self.headers.clone(),
                    left: Arc::clone(&left),
                    count: count.clone(),
                };
                jobs.spawn(job.request(nc.clone()));
            }
        }
        jobs
    }
}

struct Job {
    subject: String,
    payload: Bytes,
    headers: HeaderMap,
    left: Arc<AtomicU64>,
    count: Count,
}

impl Job {
    async fn request(self, nc: Client) -> Result<(Histogram<u64>, u64), Failure> {
        let mut latencies = Histogram::<u64>::new_with_bounds(1, LONGEST, 3)
            .map_err(|error| Failure::error(error.to_string()))?;
        let mut lost = 0;
        let take = |left: u64| left.checked_sub(1);
        while self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
            let mut request = nc.request(&self.subject, &self.payload);
            if !self.headers.is_empty() {
                request = request.headers(self.headers.clone());
            }
            let began = Instant::now();
            match request.await {
                Ok(_) => {
                    let nanos = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
                    latencies.saturating_record(nanos);
                    self.count.add_shared(1);
                }
                Err(RequestError::Timeout { .. } | RequestError::Disconnected { .. }) => lost += 1,
                Err(error) => return Err(error.into()),
            }
        }
        Ok((latencies, lost))
    }
}
