//! watermelon.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::StreamExt;
use watermelon::core::Client;
use watermelon::proto::Subject;
use watermelon::proto::headers::{HeaderMap, HeaderName, HeaderValue};

use super::{Failed, Memory, Meter};
use crate::wire::HEADERS;
use crate::work::{Figures, Job, Verb};

fn subject() -> Subject {
    Subject::from_static("bench.subject")
}

pub(super) async fn run(job: &Job) -> Result<Figures, Failed> {
    if job.verb == Verb::Connections {
        return connections(job).await;
    }
    let nc = connect(job).await?;
    match job.verb {
        Verb::Publish => publish(&nc, job).await,
        Verb::PublishMany => publish_many(nc, job).await,
        Verb::Subscribe => subscribe(&nc, job).await,
        Verb::Request { in_flight } => request(nc, job, in_flight).await,
        _ => Err("not a work of this client".into()),
    }
}

async fn connect(job: &Job) -> Result<Client, Failed> {
    let builder = Client::builder().default_response_timeout(Duration::from_secs(5));
    Ok(builder.connect(job.url().parse()?).await?)
}

/// Closing waits until everything is written.
async fn settle(nc: &Client) {
    nc.close().await;
}

async fn publish(nc: &Client, job: &Job) -> Result<Figures, Failed> {
    let payload = Bytes::from(vec![b'x'; job.size]);
    let meter = Meter::start();
    for _ in 0..job.messages {
        let mut message = nc.publish(subject());
        if job.headers > 0 {
            let mut headers = HeaderMap::new();
            for (name, value) in HEADERS.iter().take(job.headers) {
                headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
            }
            message = message.headers(headers);
        }
        message.payload(payload.clone()).await?;
    }
    settle(nc).await;
    Ok(meter.stop(job.messages, job.messages))
}

async fn publish_many(nc: Client, job: &Job) -> Result<Figures, Failed> {
    let payload = Bytes::from(vec![b'x'; job.size]);
    let share = job.messages / 16;
    let meter = Meter::start();
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let (nc, payload) = (nc.clone(), payload.clone());
            tokio::spawn(async move {
                for _ in 0..share {
                    nc.publish(subject()).payload(payload.clone()).await?;
                }
                Ok::<_, watermelon::core::error::ClientClosedError>(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    settle(&nc).await;
    Ok(meter.stop(share * 16, share * 16))
}

/// Its subscriptions hold 256 messages, and what does not fit is dropped.
async fn subscribe(nc: &Client, job: &Job) -> Result<Figures, Failed> {
    let mut flooded = nc.subscribe(Subject::from_static("flooded"), None).await?;
    let order = format!("{} {} {}", job.messages, job.size, job.headers);
    nc.publish(Subject::from_static("flood")).payload(order.into()).await?;
    let meter = Meter::start();
    let (mut delivered, mut bytes) = (0, 0);
    while delivered < job.messages {
        let next = tokio::time::timeout(Duration::from_millis(500), flooded.next()).await;
        let Ok(Some(Ok(message))) = next else { break };
        bytes += message.base.payload.len();
        if job.read_header {
            let tenant = message.base.headers.get(&HeaderName::from_static("tenant"));
            bytes += tenant.map_or(0, |value| value.to_str().map_or(0, str::len));
        }
        delivered += 1;
    }
    std::hint::black_box(bytes);
    Ok(meter.stop(job.messages, delivered))
}

async fn request(nc: Client, job: &Job, in_flight: usize) -> Result<Figures, Failed> {
    let payload = Bytes::from(vec![b'x'; job.size]);
    nc.request(subject()).payload(payload.clone()).await?.await?;
    let share = job.messages / in_flight as u64;
    let mut meter = Meter::start();
    let tasks: Vec<_> = (0..in_flight)
        .map(|_| {
            let (nc, payload) = (nc.clone(), payload.clone());
            tokio::spawn(async move {
                let mut latencies = Vec::with_capacity(usize::try_from(share).unwrap_or(0));
                for _ in 0..share {
                    let start = Instant::now();
                    let reply = nc.request(subject()).payload(payload.clone()).await?.await?;
                    std::hint::black_box(&reply.base.payload);
                    latencies.push(start.elapsed());
                }
                Ok::<_, Failed>(latencies)
            })
        })
        .collect();
    for task in tasks {
        for latency in task.await?? {
            meter.note(latency);
        }
    }
    Ok(meter.stop(share * in_flight as u64, share * in_flight as u64))
}

async fn connections(job: &Job) -> Result<Figures, Failed> {
    let mut held = vec![connect(job).await?];
    let memory = Memory::before();
    for _ in 0..job.messages {
        held.push(connect(job).await?);
    }
    Ok(memory.each(job.messages))
}
