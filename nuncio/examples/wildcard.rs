//! Wildcards: `*` stands for one token, `>` at the end for one or more.

use std::error::Error;

mod common;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let target = common::target().await?;
    let nc = nuncio::connect(&target.url).await?;

    let mut subscriptions = Vec::new();
    for pattern in ["example.help.*.system", "example.help.me.*", "example.help.>"] {
        subscriptions.push(nc.subscribe(pattern).await?);
    }
    for subject in ["example.help.me.system", "example.help.me.please", "example.help.you.and.me"] {
        nc.publish(subject, "").await?;
    }
    // After this round trip all of them have arrived.
    nc.flush().await?;

    for subscription in &mut subscriptions {
        println!("{}", subscription.subject());
        while let Some(message) = subscription.try_next() {
            println!("  {}", message.subject());
        }
    }
    if let Err(error) = nc.subscribe("example.>.help").await {
        println!("{error}");
    }
    nc.drain().await?;
    Ok(())
}
