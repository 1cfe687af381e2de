//! `nuncio bench js-pub`.

use std::num::NonZeroUsize;
use std::time::Instant;

use clap::Args;
use nuncio::jetstream::{JetStream, PublishError, StreamConfig};

use super::load::{Cargo, Freight};
use super::send::{Share, Tally, measure};
use crate::command::{Job, Session};
use crate::exit::Failure;
use crate::jetstream::{Api, Named};
use crate::names;

/// How many messages each client has in flight unless told.
const WINDOW: usize = 256;
/// After how many messages the count is brought up to date where that is not done message by message.
const STEP: u64 = 64;

/// Publish to a stream, and measure until it has confirmed the last message.
///
/// Unless told otherwise each client has 256 messages in flight. With --serial each message is timed, with --batch each batch.
/// `lost` counts messages that were not confirmed in --timeout, or whose connection was lost.
#[derive(Debug, Args)]
pub(crate) struct Syntax {
    #[command(flatten)]
    freight: Freight,
    #[command(flatten)]
    way: Way,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    api: Api,
}

#[derive(Args, Clone, Copy, Debug)]
#[group(multiple = false)]
struct Way {
    /// Messages that each client has in flight.
    #[arg(long, value_name = "N")]
    window: Option<NonZeroUsize>,
    /// One message after the other.
    #[arg(long)]
    serial: bool,
    /// In batches of so many messages that are stored together, which needs nats-server 2.12.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1000))]
    batch: Option<u64>,
    /// By fast ingest, with few confirmations, which needs nats-server 2.14.
    #[arg(long)]
    fast: bool,
}

#[derive(Args, Debug)]
struct Target {
    /// Stream that --create and --purge are about.
    #[arg(long, value_name = "NAME", default_value = "BENCH", value_parser = names::stream)]
    stream: String,
    /// Make the stream first, with the subject; one that is there must have the same configuration. It is left.
    #[arg(long)]
    create: bool,
    /// Where the stream that is made keeps its messages. [default: file]
    #[arg(long, requires = "create", value_parser = ["file", "memory"])]
    storage: Option<String>,
    /// On how many servers of a cluster the stream that is made is. [default: 1]
    #[arg(long, value_name = "N", requires = "create")]
    replicas: Option<usize>,
    /// Remove all messages of the stream first.
    #[arg(long)]
    purge: bool,
}

impl Syntax {
    pub(crate) fn resolve(self) -> Result<Job, Failure> {
        let cargo = self.freight.cargo()?;
        Ok(Job::new(async move |session: Session| {
            session.stop.unless(self.prepare(&session)).await?;
            let (api, way) = (&self.api, self.way);
            measure(session, self.freight.load, 1, |settings, nc, share| {
                publish(api.over(&nc, settings), cargo.clone(), way, share)
            })
            .await
        }))
    }

    async fn prepare(&self, session: &Session) -> Result<(), Failure> {
        let Target { stream: name, create, purge, .. } = &self.target;
        if !create && !purge {
            return Ok(());
        }
        let js = self.api.connect(&session.settings).await?;
        let named = Named::stream(name);
        if *create {
            js.create_stream(self.config()).await.map_err(|error| {
                let in_use = error.is_name_in_use();
                let failure = named.about(error);
                if in_use { failure.mended("remove it, or leave --create out") } else { failure }
            })?;
        }
        if *purge {
            js.bind_stream(name)?.purge().await.map_err(|error| named.about(error))?;
        }
        js.client().close().await;
        Ok(())
    }

    fn config(&self) -> StreamConfig {
        let mut config = StreamConfig::new(&self.target.stream).subjects([&self.freight.subject]);
        if let Some(storage) = self.target.storage.as_deref() {
            config.storage = storage.into();
        }
        config.num_replicas = self.target.replicas.unwrap_or(config.num_replicas);
        config.allow_atomic_publish = self.way.batch.is_some();
        config.allow_batch_publish = self.way.fast;
        config
    }
}

async fn publish(js: JetStream, cargo: Cargo, way: Way, share: Share) -> Result<Tally, Failure> {
    match way {
        Way { serial: true, .. } => serial(&js, &cargo, &share).await,
        Way { batch: Some(size), .. } => batches(&js, &cargo, size, &share).await,
        Way { fast: true, .. } => fast(&js, &cargo, &share).await,
        Way { window, .. } => pipelined(&js, &cargo, window.map_or(WINDOW, NonZeroUsize::get), &share).await,
    }
}

async fn serial(js: &JetStream, cargo: &Cargo, share: &Share) -> Result<Tally, Failure> {
    let mut tally = Tally::timed()?;
    while share.take(1) > 0 {
        let began = Instant::now();
        match js.publish(&*cargo.subject, &cargo.payload).headers(cargo.headers.clone()).await {
            Ok(_) => {
                tally.note(began.elapsed());
                share.count.add(1);
            }
            Err(error) => tally.lost += lost(error, 1)?,
        }
    }
    Ok(tally)
}

async fn batches(js: &JetStream, cargo: &Cargo, size: u64, share: &Share) -> Result<Tally, Failure> {
    let mut tally = Tally::timed()?;
    loop {
        let messages = share.take(size);
        if messages == 0 {
            return Ok(tally);
        }
        let began = Instant::now();
        match batch(js, cargo, messages).await {
            Ok(()) => {
                tally.note(began.elapsed());
                share.count.add(messages);
            }
            Err(error) => tally.lost += lost(error, messages)?,
        }
    }
}

async fn batch(js: &JetStream, cargo: &Cargo, messages: u64) -> Result<(), PublishError> {
    let mut batch = js.batch();
    for _ in 1..messages {
        batch.add(&*cargo.subject, &cargo.payload).headers(cargo.headers.clone()).await?;
    }
    batch.commit(&*cargo.subject, &cargo.payload).headers(cargo.headers.clone()).await?;
    Ok(())
}

async fn pipelined(js: &JetStream, cargo: &Cargo, window: usize, share: &Share) -> Result<Tally, Failure> {
    let mut tally = Tally::default();
    let publisher = js.publisher().window(window).build();
    let all = share.take(u64::MAX);
    for n in 0..all {
        match publisher.send(&*cargo.subject, &cargo.payload).headers(cargo.headers.clone()).await {
            // That there is no stream is told at once.
            Ok(handle) if n == 0 => {
                tally.lost += handle.await.map_or_else(|error| lost(error, 1), |_| Ok(0))?
            }
            Ok(handle) => drop(handle),
            Err(error) => tally.lost += lost(error, 1)?,
        }
        if n % STEP == 0 {
            share.count.set(n.saturating_sub(publisher.in_flight() as u64));
        }
    }
    if let Err(unconfirmed) = publisher.flush().await {
        for (_, error) in unconfirmed.errors() {
            lost(error.clone(), 1)?;
        }
        tally.lost += unconfirmed.count();
    }
    share.count.set(all.saturating_sub(tally.lost));
    Ok(tally)
}

async fn fast(js: &JetStream, cargo: &Cargo, share: &Share) -> Result<Tally, Failure> {
    let all = share.take(u64::MAX);
    let mut tally = Tally::default();
    if all == 0 {
        return Ok(tally);
    }
    let mut ingest = js.fast_ingest().begin().await?;
    for n in 0..all {
        ingest.send(&*cargo.subject, &cargo.payload).headers(cargo.headers.clone()).await?;
        if n % STEP == 0 {
            share.count.set(ingest.acked());
        }
    }
    let done = match ingest.finish(&cargo.subject).await {
        Err(PublishError::Broken { ack, .. }) => *ack,
        done => done?,
    };
    if let Some((_, error)) = done.refused.first() {
        return Err(Failure::error(format!("the stream refused a message: {error}")));
    }
    tally.lost = all.saturating_sub(done.stored());
    share.count.set(done.stored());
    Ok(tally)
}

/// So many messages, if they are only not confirmed; else why there is no use in going on.
fn lost(error: PublishError, messages: u64) -> Result<u64, Failure> {
    if error.is_timeout() || error.is_disconnected() || error.is_stored_unknown() {
        Ok(messages)
    } else {
        Err(error.into())
    }
}
