//! async-nats.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use async_nats::{ConnectOptions, HeaderMap, Request};
use bytes::Bytes;
use futures_util::StreamExt;

use super::{Failed, Memory, Meter};
use crate::streams::{DELETE, INFO, consumer, kept, stored, written};
use crate::wire::{HEADERS, Over};
use crate::work::{Figures, Job, Verb};

/// With its default of 65,536 it drops most of a flood on one thread; this is high enough to lose nothing.
const CAPACITY: usize = 4_000_000;

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
        Verb::Store { in_flight } => store(nc, job, in_flight).await,
        Verb::Consume { ack } => consume(nc, job, ack).await,
        Verb::Through => through(&nc, job).await,
        Verb::Subscriptions => subscriptions(&nc, job).await,
        Verb::Callback | Verb::Ingest | Verb::Connections | Verb::Piece(_) | Verb::Build => {
            Err("not a work of this client".into())
        }
    }
}

async fn connect(job: &Job) -> Result<async_nats::Client, Failed> {
    let options = ConnectOptions::new().request_timeout(Some(Duration::from_secs(5)));
    // What is held is measured as it is without options.
    let options = match job.verb {
        Verb::Subscriptions | Verb::Connections => options,
        _ => options.subscription_capacity(CAPACITY),
    };
    // It takes the process's provider; it may be there from the connection before.
    let _ = nuncio::rustls::crypto::ring::default_provider().install_default();
    let options = match job.over {
        Over::Tls => options.require_tls(true).add_root_certificates(job.ca.clone().into()),
        Over::Tcp | Over::WebSocket => options,
    };
    Ok(options.connect(job.url()).await?)
}

async fn through(nc: &async_nats::Client, job: &Job) -> Result<Figures, Failed> {
    let other = connect(job).await?;
    let (messages, payload) = (job.messages, Bytes::from(vec![b'x'; job.size]));
    let mut orders = nc.subscribe("orders").await?;
    // Its flush does not wait for the server; a round trip does.
    let _ = nc.request("nobody", Bytes::new()).await;
    let meter = Meter::start();
    let publisher = tokio::spawn(async move {
        for _ in 0..messages {
            other.publish("orders", payload.clone()).await?;
        }
        settle(&other).await
    });
    let mut delivered = 0;
    while delivered < messages {
        let Ok(Some(message)) = tokio::time::timeout(Duration::from_secs(5), orders.next()).await else {
            break;
        };
        std::hint::black_box(&message.payload);
        delivered += 1;
    }
    publisher.await??;
    Ok(meter.stop(messages, delivered))
}

async fn subscriptions(nc: &async_nats::Client, job: &Job) -> Result<Figures, Failed> {
    settle(nc).await?;
    let memory = Memory::before();
    let mut held = Vec::new();
    for n in 0..job.messages {
        held.push(nc.subscribe(format!("bench.{n}")).await?);
    }
    settle(nc).await?;
    Ok(memory.each(held.len() as u64))
}

async fn connections(job: &Job) -> Result<Figures, Failed> {
    let mut held = vec![connect(job).await?];
    let memory = Memory::before();
    for _ in 0..job.messages {
        held.push(connect(job).await?);
    }
    Ok(memory.each(job.messages))
}

/// Its flush does not wait for the server, as ours does: the round trip at the end is in nuncio's figures alone.
async fn settle(nc: &async_nats::Client) -> Result<(), Failed> {
    nc.flush().await?;
    Ok(())
}

async fn store(nc: async_nats::Client, job: &Job, in_flight: usize) -> Result<Figures, Failed> {
    for (call, body) in written(job) {
        nc.request(call, body.into()).await?;
    }
    let payload = Bytes::from(vec![b'x'; job.size]);
    let js = async_nats::jetstream::new(nc);
    let mut meter = Meter::start();
    if in_flight == 1 {
        for _ in 0..job.messages {
            let start = Instant::now();
            js.publish("bench.subject", payload.clone()).await?.await?;
            meter.note(start.elapsed());
        }
        return Ok(meter.stop(job.messages, job.messages));
    }
    let mut acks = VecDeque::with_capacity(in_flight);
    for _ in 0..job.messages {
        if acks.len() == in_flight
            && let Some(oldest) = acks.pop_front()
        {
            std::future::IntoFuture::into_future(oldest).await?;
        }
        acks.push_back(js.publish("bench.subject", payload.clone()).await?);
    }
    for ack in acks {
        ack.await?;
    }
    Ok(meter.stop(job.messages, job.messages))
}

async fn consume(nc: async_nats::Client, job: &Job, ack: bool) -> Result<Figures, Failed> {
    let (create, body) = kept(job);
    nc.request(create, body.into()).await?;
    let payload = Bytes::from(vec![b'x'; job.size]);
    let filled =
        async || Ok::<_, Failed>(stored(&nc.request(INFO, "".into()).await?.payload) >= job.messages);
    while !filled().await? {
        // No more at once than the server is ready to queue: it would drop the rest.
        for _ in 0..5_000 {
            nc.publish("kept.subject", payload.clone()).await?;
        }
    }
    let _ = nc.request(DELETE, "".into()).await?;
    let (create, body) = consumer(job);
    nc.request(create, body.into()).await?;
    let stream = async_nats::jetstream::new(nc).get_stream("KEPT").await?;
    let consumer: async_nats::jetstream::consumer::PullConsumer = stream.get_consumer("BENCH").await?;
    let meter = Meter::start();
    let mut messages = consumer.messages().await?;
    let mut delivered = 0;
    while delivered < job.messages {
        let Some(message) = messages.next().await else { break };
        let message = message?;
        std::hint::black_box(&message.payload);
        if ack {
            message.ack().await?;
        }
        delivered += 1;
    }
    Ok(meter.stop(job.messages, delivered))
}

async fn publish(nc: &async_nats::Client, job: &Job) -> Result<Figures, Failed> {
    let payload = Bytes::from(vec![b'x'; job.size]);
    let meter = Meter::start();
    for _ in 0..job.messages {
        if job.headers == 0 {
            nc.publish("bench.subject", payload.clone()).await?;
        } else {
            let mut headers = HeaderMap::new();
            for (name, value) in HEADERS.iter().take(job.headers) {
                headers.insert(*name, *value);
            }
            nc.publish_with_headers("bench.subject", headers, payload.clone()).await?;
        }
    }
    settle(nc).await?;
    Ok(meter.stop(job.messages, job.messages))
}

async fn publish_many(nc: async_nats::Client, job: &Job) -> Result<Figures, Failed> {
    let payload = Bytes::from(vec![b'x'; job.size]);
    let share = job.messages / 16;
    let meter = Meter::start();
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let (nc, payload) = (nc.clone(), payload.clone());
            tokio::spawn(async move {
                for _ in 0..share {
                    nc.publish("bench.subject", payload.clone()).await?;
                }
                Ok::<(), async_nats::PublishError>(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    settle(&nc).await?;
    Ok(meter.stop(share * 16, share * 16))
}

async fn subscribe(nc: &async_nats::Client, job: &Job) -> Result<Figures, Failed> {
    let mut flooded = nc.subscribe("flooded").await?;
    nc.flush().await?;
    nc.publish("flood", format!("{} {} {}", job.messages, job.size, job.headers).into()).await?;
    let meter = Meter::start();
    let (mut delivered, mut bytes) = (0, 0);
    while delivered < job.messages {
        let Ok(Some(message)) = tokio::time::timeout(Duration::from_secs(5), flooded.next()).await else {
            break;
        };
        bytes += message.payload.len();
        if job.read_header {
            bytes += message.headers.as_ref().and_then(|h| h.get("tenant")).map_or(0, |v| v.as_str().len());
        }
        delivered += 1;
    }
    std::hint::black_box(bytes);
    Ok(meter.stop(job.messages, delivered))
}

async fn request(nc: async_nats::Client, job: &Job, in_flight: usize) -> Result<Figures, Failed> {
    let payload = Bytes::from(vec![b'x'; job.size]);
    nc.send_request("bench.subject", Request::new().payload(payload.clone())).await?;
    let share = job.messages / in_flight as u64;
    let mut meter = Meter::start();
    let tasks: Vec<_> = (0..in_flight)
        .map(|_| {
            let (nc, payload) = (nc.clone(), payload.clone());
            tokio::spawn(async move {
                let mut latencies = Vec::with_capacity(usize::try_from(share).unwrap_or(0));
                for _ in 0..share {
                    let start = Instant::now();
                    let reply = nc.request("bench.subject", payload.clone()).await?;
                    std::hint::black_box(&reply.payload);
                    latencies.push(start.elapsed());
                }
                Ok::<_, async_nats::RequestError>(latencies)
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
