//! `nuncio bench request`.

use std::num::NonZeroU32;
use std::time::Instant;

use clap::Args;
use nuncio::{Client, RequestError};

use super::load::{Cargo, Freight};
use super::send::{Share, Tally, measure};
use crate::command::Job;
use crate::exit::Failure;

/// Send requests and time the replies; `nuncio bench reply` answers.
///
/// `lost` counts requests without a reply in --timeout, or whose connection was lost.
#[derive(Debug, Args)]
pub(crate) struct Syntax {
    #[command(flatten)]
    freight: Freight,
    /// Requests that each client has open at the same time.
    #[arg(long, value_name = "N", default_value = "1")]
    in_flight: NonZeroU32,
}

impl Syntax {
    pub(crate) fn resolve(self) -> Result<Job, Failure> {
        let cargo = self.freight.cargo()?;
        let in_flight = self.in_flight.get();
        Ok(Job::new(async move |session| {
            measure(session, self.freight.load, in_flight, |_, nc, share| request(nc, cargo.clone(), share))
                .await
        }))
    }
}

async fn request(nc: Client, cargo: Cargo, share: Share) -> Result<Tally, Failure> {
    let mut tally = Tally::timed()?;
    while share.take(1) > 0 {
        let mut request = nc.request(&*cargo.subject, &cargo.payload);
        if !cargo.headers.is_empty() {
            request = request.headers(cargo.headers.clone());
        }
        let began = Instant::now();
        match request.await {
            Ok(_) => {
                tally.note(began.elapsed());
                share.count.add_shared(1);
            }
            Err(RequestError::Timeout { .. } | RequestError::Disconnected { .. }) => tally.lost += 1,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(tally)
}
