//! `nuncio bench reply`.

use clap::Args;
use nuncio::Subscription;
use tokio::task::JoinSet;

use super::load::{Load, Shape};
use super::meter::{Count, Meter};
use super::receive::finished;
use crate::command::{Job, Session};
use crate::exit::Failure;
use crate::names;

/// Answer requests until --msgs are answered, or until Ctrl-C.
#[derive(Debug, Args)]
pub(crate) struct Syntax {
    /// Subject to answer on; may hold wildcards.
    #[arg(value_parser = names::filter)]
    subject: String,
    #[command(flatten)]
    load: Load,
    /// Queue group that the clients share.
    #[arg(long, value_name = "NAME", default_value = "bench", value_parser = names::queue)]
    queue: String,
    /// Bytes of each reply. Default: the payload of the request.
    #[arg(long, value_name = "BYTES")]
    size: Option<usize>,
}

impl Syntax {
    pub(crate) fn resolve(self) -> Result<Job, Failure> {
        Ok(Job::new(async move |session| self.run(session).await))
    }

    async fn run(self, session: Session) -> Result<(), Failure> {
        let Session { settings, mut out, stop } = session;
        let clients = self.load.connect(&settings).await?;
        let expected = self.load.msgs.get();
        let mut meter = Meter::new(clients.len(), expected, settings.json);
        let mut jobs = JoinSet::new();
        let payload = self.size.map(|size| Shape { size, headers: 0 }.payload());
        for (nc, count) in clients.iter().zip(meter.counts()) {
            let subscription = nc.subscribe(&self.subject).queue(&self.queue).confirmed().await?;
            jobs.spawn(answer(subscription, count, payload.clone()));
        }
        let counts = meter.counts();
        let work = async {
            tokio::select! {
                done = finished(&mut jobs) => done,
                () = enough(&counts, expected) => Ok(()),
                () = stop.signal() => Ok(()),
            }
        };
        meter.watch(work).await?;
        jobs.shutdown().await;
        for nc in &clients {
            nc.drain().await.map_err(|error| Failure::error(error.to_string()))?;
        }
        out.show(&meter.report(0, None))?;
        Ok(out.flush()?)
    }
}

async fn enough(counts: &[Count], expected: u64) {
    let mut look = tokio::time::interval(std::time::Duration::from_millis(20));
    while counts.iter().map(Count::get).sum::<u64>() < expected {
        look.tick().await;
    }
}

async fn answer(
    mut requests: Subscription,
    count: Count,
    payload: Option<bytes::Bytes>,
) -> Result<(), Failure> {
    while let Some(request) = requests.next().await {
        if request.reply().is_none() {
            // Not a request.
            continue;
        }
        match &payload {
            Some(payload) => request.respond(payload).await?,
            None => request.respond(request.payload()).await?,
        }
        count.add(1);
    }
    Ok(())
}
