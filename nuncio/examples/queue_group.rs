//! A queue group: three workers share the messages of one subject.

use std::error::Error;

mod common;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let target = common::target().await?;
    let nc = nuncio::connect(&target.url).await?;
    let mut workers = Vec::new();
    for name in ["Ann", "Bob", "Cat"] {
        let mut jobs = nc.subscribe("example.jobs").queue("workers").await?;
        workers.push(tokio::spawn(async move {
            let mut done = 0;
            while jobs.next().await.is_some() {
                done += 1;
            }
            (name, done)
        }));
    }
    for job in 1..=300 {
        nc.publish("example.jobs", job.to_string()).await?;
    }
    // Everything that was published is worked on before this returns.
    nc.drain().await?;
    for worker in workers {
        let (name, done) = worker.await?;
        println!("{name} did {done} jobs");
    }
    Ok(())
}
