//! nuncio.

use std::time::{Duration, Instant};

use bytes::Bytes;
use nuncio::Tls;

use super::{Failed, Memory, Meter};
use crate::streams::{DELETE, INFO, consumer, kept, stored, written};
use crate::wire::{HEADERS, Over};
use crate::work::{Figures, Job, Verb};

pub(super) async fn run(job: &Job) -> Result<Figures, Failed> {
    if job.verb == Verb::Connections {
        return connections(job).await;
    }
    let nc = connect(job).await?;
    match job.verb {
        Verb::Publish => publish(&nc, job).await,
        Verb::PublishMany => publish_many(nc, job).await,
        Verb::Subscribe => subscribe(&nc, job).await,
        Verb::Callback => callback(&nc, job).await,
        Verb::Request { in_flight } => request(nc, job, in_flight).await,
        Verb::Store { in_flight } => store(nc, job, in_flight).await,
        Verb::Ingest => ingest(nc, job).await,
        Verb::Consume { ack } => consume(nc, job, ack).await,
        Verb::Through => through(&nc, job).await,
        Verb::Subscriptions => subscriptions(&nc, job).await,
        Verb::Connections | Verb::Piece(_) | Verb::Build => Err("not a work of a connection".into()),
    }
}

async fn connect(job: &Job) -> Result<nuncio::Client, Failed> {
    let connect = nuncio::connect(job.url());
    Ok(match job.over {
        Over::Tls => connect.tls(Tls::required().ca_file(&job.ca)).await?,
        Over::Tcp | Over::WebSocket => connect.await?,
    })
}

async fn callback(nc: &nuncio::Client, job: &Job) -> Result<Figures, Failed> {
    let (done, mut all) = tokio::sync::mpsc::channel(1);
    let (wanted, mut delivered, mut bytes) = (job.messages, 0, 0);
    let _flooded = nc
        .subscribe("flooded")
        .callback(move |message| {
            bytes += message.payload().len();
            delivered += 1;
            if delivered == wanted {
                // There is room for the one.
                let _ = done.try_send(bytes);
            }
        })
        .await?;
    nc.flush().await?;
    nc.publish("flood", format!("{} {} {}", job.messages, job.size, job.headers)).await?;
    let meter = Meter::start();
    std::hint::black_box(all.recv().await);
    Ok(meter.stop(job.messages, job.messages))
}

async fn through(nc: &nuncio::Client, job: &Job) -> Result<Figures, Failed> {
    let other = connect(job).await?;
    let (messages, payload) = (job.messages, Bytes::from(vec![b'x'; job.size]));
    let mut orders = nc.subscribe("orders").confirmed().await?;
    let meter = Meter::start();
    let publisher = tokio::spawn(async move {
        for _ in 0..messages {
            other.publish("orders", &payload).await?;
        }
        other.flush().await?;
        Ok::<_, nuncio::Error>(())
    });
    let mut delivered = 0;
    while delivered < messages {
        let Some(message) = orders.next().await else { break };
        std::hint::black_box(message.payload());
        delivered += 1;
    }
    publisher.await??;
    Ok(meter.stop(messages, delivered))
}

async fn subscriptions(nc: &nuncio::Client, job: &Job) -> Result<Figures, Failed> {
    nc.flush().await?;
    let memory = Memory::before();
    let mut held = Vec::new();
    for n in 0..job.messages {
        held.push(nc.subscribe(format!("bench.{n}")).await?);
    }
    nc.flush().await?;
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

async fn store(nc: nuncio::Client, job: &Job, in_flight: usize) -> Result<Figures, Failed> {
    make_stream(&nc, job).await?;
    let payload = Bytes::from(vec![b'x'; job.size]);
    let js = nc.jetstream();
    if in_flight == 1 {
        let mut meter = Meter::start();
        for _ in 0..job.messages {
            let start = Instant::now();
            js.publish("bench.subject", payload.clone()).await?;
            meter.note(start.elapsed());
        }
        return Ok(meter.stop(job.messages, job.messages));
    }
    let publisher = js.publisher().window(in_flight).build();
    let meter = Meter::start();
    for _ in 0..job.messages {
        drop(publisher.send("bench.subject", payload.clone()).await?);
    }
    publisher.flush().await?;
    Ok(meter.stop(job.messages, job.messages))
}

async fn make_stream(nc: &nuncio::Client, job: &Job) -> Result<(), Failed> {
    for (call, body) in written(job) {
        nc.request(call, body).timeout(Duration::from_secs(5)).await?;
    }
    Ok(())
}

async fn ingest(nc: nuncio::Client, job: &Job) -> Result<Figures, Failed> {
    make_stream(&nc, job).await?;
    let payload = Bytes::from(vec![b'x'; job.size]);
    let mut ingest = nc.jetstream().fast_ingest().begin().await?;
    let meter = Meter::start();
    for _ in 0..job.messages {
        ingest.send("bench.subject", payload.clone()).await?;
    }
    let done = ingest.finish("bench.subject").await?;
    Ok(meter.stop(job.messages, done.stored()))
}

async fn consume(nc: nuncio::Client, job: &Job, ack: bool) -> Result<Figures, Failed> {
    let (create, body) = kept(job);
    nc.request(create, body).timeout(Duration::from_secs(5)).await?;
    let payload = Bytes::from(vec![b'x'; job.size]);
    let filled = async || Ok::<_, Failed>(stored(nc.request(INFO, "").await?.payload()) >= job.messages);
    while !filled().await? {
        // No more at once than the server is ready to queue: it would drop the rest.
        for _ in 0..5_000 {
            nc.publish("kept.subject", &payload).await?;
        }
    }
    let _ = nc.request(DELETE, "").await?;
    let (create, body) = consumer(job);
    nc.request(create, body).await?;
    let consumer = nc.jetstream().get_stream("KEPT").await?.consumer("BENCH").await?;
    let meter = Meter::start();
    let mut messages = consumer.consume().await?;
    let mut delivered = 0;
    while delivered < job.messages {
        let Some(message) = messages.next().await else { break };
        let message = message?;
        std::hint::black_box(message.payload());
        if ack {
            message.ack().await?;
        }
        delivered += 1;
    }
    Ok(meter.stop(job.messages, delivered))
}

async fn publish(nc: &nuncio::Client, job: &Job) -> Result<Figures, Failed> {
    let payload = Bytes::from(vec![b'x'; job.size]);
    let meter = Meter::start();
    if job.headers == 0 {
        for _ in 0..job.messages {
            nc.publish("bench.subject", &payload).await?;
        }
    } else {
        let [(first, one), (second, two)] = HEADERS;
        for _ in 0..job.messages {
            nc.publish("bench.subject", &payload).header(first, one).header(second, two).await?;
        }
    }
    nc.flush().await?;
    Ok(meter.stop(job.messages, job.messages))
}

async fn publish_many(nc: nuncio::Client, job: &Job) -> Result<Figures, Failed> {
    let payload = Bytes::from(vec![b'x'; job.size]);
    let share = job.messages / 16;
    let meter = Meter::start();
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let (nc, payload) = (nc.clone(), payload.clone());
            tokio::spawn(async move {
                for _ in 0..share {
                    nc.publish("bench.subject", &payload).await?;
                }
                Ok::<(), nuncio::PublishError>(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    nc.flush().await?;
    Ok(meter.stop(share * 16, share * 16))
}

async fn subscribe(nc: &nuncio::Client, job: &Job) -> Result<Figures, Failed> {
    let mut flooded = nc.subscribe("flooded").await?;
    nc.flush().await?;
    nc.publish("flood", format!("{} {} {}", job.messages, job.size, job.headers)).await?;
    let meter = Meter::start();
    let (mut delivered, mut bytes) = (0, 0);
    while delivered < job.messages {
        let Some(message) = flooded.next().await else { break };
        bytes += message.payload().len();
        if job.read_header {
            bytes += message.header("tenant").map_or(0, str::len);
        }
        delivered += 1;
    }
    std::hint::black_box(bytes);
    Ok(meter.stop(job.messages, delivered))
}

async fn request(nc: nuncio::Client, job: &Job, in_flight: usize) -> Result<Figures, Failed> {
    let payload = Bytes::from(vec![b'x'; job.size]);
    // The subscription for replies is made by the first request.
    nc.request("bench.subject", &payload).timeout(Duration::from_secs(5)).await?;
    let share = job.messages / in_flight as u64;
    let mut meter = Meter::start();
    let tasks: Vec<_> = (0..in_flight)
        .map(|_| {
            let (nc, payload) = (nc.clone(), payload.clone());
            tokio::spawn(async move {
                let mut latencies = Vec::with_capacity(usize::try_from(share).unwrap_or(0));
                for _ in 0..share {
                    let start = Instant::now();
                    let reply = nc.request("bench.subject", &payload).timeout(Duration::from_secs(5)).await?;
                    std::hint::black_box(reply.payload());
                    latencies.push(start.elapsed());
                }
                Ok::<_, nuncio::RequestError>(latencies)
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
