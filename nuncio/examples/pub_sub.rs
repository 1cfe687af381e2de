//! Publishing and subscribing, and a drain that loses nothing.

use std::error::Error;

mod common;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let target = common::target().await?;
    let nc = nuncio::connect(&target.url).await?;

    let mut greetings = nc.subscribe("example.hello").await?;
    let reader = tokio::spawn(async move {
        let mut count = 0;
        while let Some(message) = greetings.next().await {
            count += 1;
            println!("{count}: {}", String::from_utf8_lossy(message.payload()));
        }
        println!("the subscription is over");
    });

    nc.publish("example.hello", "world").await?;
    nc.publish("example.hello", "again").await?;
    // Nobody has to be there.
    nc.publish("example.nobody", "is anybody there?").await?;

    // Returns when everything that was published is sent, and everything that has arrived is handled.
    nc.drain().await?;
    reader.await?;
    Ok(())
}
