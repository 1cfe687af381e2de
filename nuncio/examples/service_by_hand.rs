//! A service by hand: `time` answers with the time, `admin.*` tells how long it runs and stops it.

use std::error::Error;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use nuncio::{Client, Subscription};

mod common;

/// Answers with seconds since 1970.
async fn tell_time(mut requests: Subscription) -> Result<(), nuncio::Error> {
    while let Some(request) = requests.next().await {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        request.respond(now.as_secs().to_string()).await?;
    }
    Ok(())
}

/// The token behind `admin` is the command.
async fn administer(nc: Client, mut requests: Subscription) -> Result<(), nuncio::Error> {
    let started = Instant::now();
    while let Some(request) = requests.next().await {
        match request.subject().rsplit('.').next() {
            Some("uptime") => request.respond(format!("{} ms", started.elapsed().as_millis())).await?,
            Some("stop") => {
                request.respond("stopping").await?;
                // From within the loop, too: the answer goes out, both loops end, the connection closes.
                nc.drain().await?;
            }
            command => println!("the service ignores {command:?}"),
        }
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let target = common::target().await?;
    let service = nuncio::connect(&target.url).name("service by hand").await?;
    let time = tokio::spawn(tell_time(service.subscribe("example.time").confirmed().await?));
    let admin = service.subscribe("example.admin.*").confirmed().await?;
    let admin = tokio::spawn(administer(service.clone(), admin));

    let nc = nuncio::connect(&target.url).await?;
    let seconds: u64 = nc.request("example.time", "").await?.text()?.parse()?;
    println!("years since 1970: more than 50 is {}", seconds / (365 * 24 * 3600) > 50);
    let uptime = nc.request("example.admin.uptime", "").await?;
    println!("uptime in milliseconds: {}", uptime.text()?.ends_with(" ms"));
    nc.publish("example.admin.sing", "").await?;
    println!("{}", nc.request("example.admin.stop", "").await?.text()?);

    println!("the service is {}", service.closed().await);
    time.await??;
    admin.await??;
    nc.drain().await?;
    Ok(())
}
