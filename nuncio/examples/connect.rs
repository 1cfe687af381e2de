//! Connecting: the target, some options, and what the server tells of itself.

use std::error::Error;
use std::time::Duration;

mod common;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let target = common::target().await?;
    let nc = nuncio::connect(&target.url)
        .name("connect example")
        .connect_timeout(Duration::from_secs(5))
        .max_reconnects(None)
        .await?;
    let info = nc.server_info();
    println!("{} says it is version {}", nc.server().unwrap_or_default(), info.version);
    println!("messages up to {} bytes, round trip {:?}", nc.max_payload(), nc.rtt().await?);
    nc.close().await;
    println!("{}", nc.closed().await);

    // Errors are values with a type for each verb; they name what is wrong and how to mend it.
    for wrong in ["nats://localhost:port", "nats://no-such-host.invalid", "http://localhost"] {
        if let Err(error) = nuncio::connect(wrong).await {
            println!("{wrong}: {error}");
        }
    }
    Ok(())
}
