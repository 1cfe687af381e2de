//! `nuncio bench pub`.

use bytes::Bytes;
use clap::Args;
use nuncio::{Client, HeaderMap};
use tokio::task::JoinSet;

use super::load::{Load, Shape};
use super::meter::{Count, Meter};
use crate::command::Session;
use crate::exit::Failure;

/// Publish as fast as the server takes it.
///
/// The time ends when the server has processed the last message. `lost` counts what was, or may have been, lost with a
/// connection.
#[derive(Debug, Args)]
pub(crate) struct Syntax {
    /// Subject to publish to.
    subject: String,
    #[command(flatten)]
    load: Load,
    #[command(flatten)]
    shape: Shape,
}

pub(crate) struct Task {
    subject: String,
    load: Load,
    payload: Bytes,
    headers: HeaderMap,
}

impl Syntax {
    pub(crate) fn resolve(self) -> Result<Task, Failure> {
        Ok(Task {
            subject: self.subject,
            load: self.load,
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
            let mut jobs = JoinSet::new();
            for ((nc, count), share) in clients.iter().zip(meter.counts()).zip(self.load.shares()) {
                let job = Job { subject: self.subject.clone(), payload: self.payload.clone(), share, count };
                jobs.spawn(job.publish(nc.clone(), self.headers.clone()));
            }
            let done = meter.watch(async {
                while let Some(done) = jobs.join_next().await {
                    done.map_err(|error| Failure::error(error.to_string()))??;
                }
                Ok::<_, Failure>(())
            });
            done.await?;
            let lost = clients.iter().map(Client::statistics).map(|all| all.lost + all.maybe_lost).sum();
            out.show(&meter.report(lost, None))?;
            Ok(out.flush()?)
        })
        .await
    }
}

struct Job {
    subject: String,
    payload: Bytes,
    share: u64,
    count: Count,
}

impl Job {
    async fn publish(self, nc: Client, headers: HeaderMap) -> Result<(), Failure> {
        for _ in 0..self.share {
            let message = nc.publish(&self.subject, &self.payload);
            if headers.is_empty() {
                message.await?;
            } else {
                message.headers(headers.clone()).await?;
            }
            self.count.add(1);
        }
        nc.flush().await?;
        Ok(())
    }
}
