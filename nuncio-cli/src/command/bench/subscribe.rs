//! `nuncio bench sub`.

use std::time::Duration;

use clap::Args;
use nuncio::Subscription;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::load::Load;
use super::meter::{Count, Meter};
use crate::command::Session;
use crate::exit::Failure;
use crate::syntax::duration;

/// Receive, and measure from the first message to the last.
///
/// It waits for the first message for as long as it takes, and ends when all have come, when none has come for --idle, or
/// with Ctrl-C. `lost` counts those that did not come.
#[derive(Debug, Args)]
pub(crate) struct Syntax {
    /// Subject to subscribe to; may hold wildcards.
    subject: String,
    #[command(flatten)]
    load: Load,
    /// Queue group that the clients share: --msgs is then what all receive together, else what each receives.
    #[arg(long, value_name = "NAME")]
    queue: Option<String>,
    /// End when no message has come for so long after the first.
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = duration)]
    idle: Duration,
}

pub(crate) struct Task(Syntax);

impl Syntax {
    pub(crate) fn resolve(self) -> Task {
        Task(self)
    }

    fn expected(&self) -> u64 {
        let each = if self.queue.is_some() { 1 } else { u64::from(self.load.clients.get()) };
        self.load.msgs.get().saturating_mul(each)
    }
}

impl Task {
    pub(crate) async fn run(self, session: Session) -> Result<(), Failure> {
        let Session { settings, mut out, stop } = session;
        let options = self.0;
        let clients = options.load.connect(&settings).await?;
        let expected = options.expected();
        let mut meter = Meter::new(clients.len(), expected, settings.json);
        let (first, begun) = watch::channel(false);
        let mut jobs = JoinSet::new();
        for (nc, count) in clients.iter().zip(meter.counts()) {
            let mut wanted = nc.subscribe(&options.subject);
            if let Some(queue) = &options.queue {
                wanted = wanted.queue(queue);
            }
            let subscription = wanted.confirmed().await?;
            let limit = options.queue.is_none().then_some(options.load.msgs.get());
            jobs.spawn(receive(subscription, count, limit, first.clone()));
        }
        let stopped = tokio::select! {
            () = begins(begun) => false,
            () = stop.signal() => true,
        };
        meter.restart();
        let all = meter.counts();
        let work = async {
            tokio::select! {
                () = finished(&mut jobs) => {}
                () = idle(&all, expected, options.idle) => {}
                () = stop.signal() => {}
            }
        };
        if stopped {
            drop(work);
        } else {
            meter.watch(work).await;
        }
        let received: u64 = all.iter().map(Count::get).sum();
        jobs.shutdown().await;
        out.show(&meter.report(expected.saturating_sub(received), None))?;
        Ok(out.flush()?)
    }
}

async fn begins(mut begun: watch::Receiver<bool>) {
    // The senders live in the jobs, which end only after their first message.
    let _ = begun.wait_for(|begun| *begun).await;
}

async fn finished(jobs: &mut JoinSet<()>) {
    while jobs.join_next().await.is_some() {}
}

/// Ends when all have come, or none for so long.
async fn idle(counts: &[Count], expected: u64, longest: Duration) {
    let total = || counts.iter().map(Count::get).sum::<u64>();
    let mut before = total();
    let step = (longest / 20).max(Duration::from_millis(1));
    let mut still = Duration::ZERO;
    while before < expected && still < longest {
        tokio::time::sleep(step.min(longest)).await;
        let now = total();
        still = if now == before { still + step } else { Duration::ZERO };
        before = now;
    }
}

async fn receive(
    mut subscription: Subscription,
    count: Count,
    limit: Option<u64>,
    first: watch::Sender<bool>,
) {
    let mut left = limit.unwrap_or(u64::MAX);
    if left > 0 && subscription.next().await.is_some() {
        count.add(1);
        left -= 1;
        let _ = first.send(true);
    }
    while left > 0 && subscription.next().await.is_some() {
        count.add(1);
        left -= 1;
    }
}
