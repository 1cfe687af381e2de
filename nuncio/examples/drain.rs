//! Drain: the end of a subscription, and of a connection, that loses nothing.

use std::error::Error;

mod common;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let target = common::target().await?;
    let nc = nuncio::connect(&target.url).await?;

    // A subscription: the server sends no more, and what has arrived is still handed out.
    let mut jobs = nc.subscribe("example.jobs").await?;
    for job in 1..=3 {
        nc.publish("example.jobs", job.to_string()).await?;
    }
    jobs.drain().await?;
    nc.publish("example.jobs", "too late").await?;
    let mut done = Vec::new();
    while let Some(job) = jobs.next().await {
        done.push(job.text()?.to_owned());
    }
    println!("done: {done:?}, {:?}", jobs.ended());

    // The connection: handlers finish, and may still publish while they do.
    let mut orders = nc.subscribe("example.orders").await?;
    let mut receipts = nc.subscribe("example.receipts").await?;
    let clerk = nc.clone();
    let handler = tokio::spawn(async move {
        let mut handled = 0;
        while let Some(order) = orders.next().await {
            clerk.publish("example.archive", order.payload()).await?;
            handled += 1;
        }
        Ok::<_, nuncio::Error>(handled)
    });
    for order in 1..=100 {
        nc.publish("example.orders", order.to_string()).await?;
    }
    let report = nc.drain().await?;
    println!("handled: {}", handler.await??);
    println!("undelivered: {}, unanswered: {}", report.undelivered, report.unanswered);
    println!("flushed: {}, lost: {}", report.flushed, report.lost);
    println!("the other subscription: {:?}, {:?}", receipts.next().await.is_some(), receipts.ended());

    // From here on every verb says that the connection is closed.
    println!("{}", nc.closed().await);
    if let Err(error) = nc.publish("example.orders", "").await {
        println!("publish: {error}");
    }
    if let Err(error) = nc.drain().await {
        println!("drain: {error}");
    }
    Ok(())
}
