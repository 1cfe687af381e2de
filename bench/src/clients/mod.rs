//! The clients, each through its public API as its own documentation shows it.

#[cfg(feature = "peers")]
mod async_nats;
mod nuncio;
#[cfg(feature = "peers")]
mod watermelon;

use std::time::{Duration, Instant};

use cpu_time::ProcessTime;
use tokio::runtime;

use crate::pieces;
use crate::wire::Over;
use crate::work::{Figures, Job, Verb, Work};

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// Clients of this build that do such a work.
pub(crate) fn names(work: &Work) -> Vec<&'static str> {
    let mut names = vec!["nuncio"];
    if work.verb == Verb::Build {
        names.push("async-nats");
    } else if cfg!(feature = "peers") && !matches!(work.verb, Verb::Piece(_)) {
        if !matches!(work.verb, Verb::Callback | Verb::Ingest) {
            names.push("async-nats");
        }
        let plain = matches!(
            work.verb,
            Verb::Publish | Verb::PublishMany | Verb::Subscribe | Verb::Request { .. } | Verb::Connections
        );
        if plain && work.over == Over::Tcp {
            names.push("watermelon");
        }
    }
    names
}

pub(crate) fn run(job: &Job) -> Result<Figures, String> {
    if let Verb::Piece(piece) = job.verb {
        return pieces::run(piece, job).map_err(|e| e.to_string());
    }
    let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    let done = match job.client.as_str() {
        "nuncio" => runtime.block_on(nuncio::run(job)),
        #[cfg(feature = "peers")]
        "async-nats" => runtime.block_on(async_nats::run(job)),
        #[cfg(feature = "peers")]
        "watermelon" => runtime.block_on(watermelon::run(job)),
        other => Err(format!("no client {other:?} in this build").into()),
    };
    done.map_err(|e| e.to_string())
}

/// Measures from its making to [`Meter::stop`].
struct Meter {
    start: Instant,
    cpu: ProcessTime,
    latencies: Vec<u32>,
}

impl Meter {
    fn start() -> Self {
        Self { start: Instant::now(), cpu: ProcessTime::now(), latencies: Vec::new() }
    }

    fn note(&mut self, latency: Duration) {
        self.latencies.push(u32::try_from(latency.as_nanos()).unwrap_or(u32::MAX));
    }

    fn stop(mut self, messages: u64, delivered: u64) -> Figures {
        let (seconds, cpu) = (self.start.elapsed().as_secs_f64(), self.cpu.elapsed().as_secs_f64());
        self.latencies.sort_unstable();
        let percentile = |p: usize| {
            let at = self.latencies.len() * p / 100;
            self.latencies.get(at).map_or(0.0, |nanos| f64::from(*nanos) / 1000.0)
        };
        Figures {
            messages,
            delivered,
            seconds,
            cpu_seconds: cpu,
            peak_rss: peak_rss(),
            p50_us: percentile(50),
            p99_us: percentile(99),
            ..Figures::default()
        }
    }
}

/// Memory before something is held, for what each of it takes.
struct Memory(u64);

impl Memory {
    fn before() -> Self {
        Self(resident("VmRSS:"))
    }

    fn each(self, count: u64) -> Figures {
        let more = resident("VmRSS:").saturating_sub(self.0);
        Figures {
            messages: count,
            delivered: count,
            peak_rss: peak_rss(),
            bytes_each: more as f64 / count as f64,
            ..Figures::default()
        }
    }
}

fn peak_rss() -> u64 {
    resident("VmHWM:")
}

/// Bytes, as Linux counts them; 0 elsewhere.
fn resident(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
}
