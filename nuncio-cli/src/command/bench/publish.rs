//! `nuncio bench pub`.

use clap::Args;
use nuncio::Client;

use super::load::{Cargo, Freight};
use super::send::{Share, Tally, measure};
use crate::command::Job;
use crate::exit::Failure;

/// Publish as fast as the server takes it.
///
/// The time ends when the server has processed the last message. `lost` counts what was, or may have been, lost with a
/// connection.
#[derive(Debug, Args)]
pub(crate) struct Syntax {
    #[command(flatten)]
    freight: Freight,
}

impl Syntax {
    pub(crate) fn resolve(self) -> Result<Job, Failure> {
        let cargo = self.freight.cargo()?;
        Ok(Job::new(async move |session| {
            measure(session, self.freight.load, 1, |_, nc, share| publish(nc, cargo.clone(), share)).await
        }))
    }
}

async fn publish(nc: Client, cargo: Cargo, share: Share) -> Result<Tally, Failure> {
    for _ in 0..share.take(u64::MAX) {
        let message = nc.publish(&*cargo.subject, &cargo.payload);
        if cargo.headers.is_empty() {
            message.await?;
        } else {
            message.headers(cargo.headers.clone()).await?;
        }
        share.count.add(1);
    }
    nc.flush().await?;
    let statistics = nc.statistics();
    Ok(Tally::lost(statistics.lost + statistics.maybe_lost))
}
