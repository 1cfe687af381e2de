//! Publishing and subscribing, with a wildcard and an end after three messages.

use std::error::Error;

mod common;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let target = common::target().await?;
    let nc = nuncio::connect(&target.url).await?;
    let mut weather = nc.subscribe("example.weather.*").max(3).await?;
    for (town, degrees) in [("oslo", "-4"), ("rome", "17"), ("lima", "21")] {
        nc.publish(format!("example.weather.{town}"), degrees).await?;
    }
    while let Some(message) = weather.next().await {
        println!("{}: {} °C", message.subject(), message.text()?);
    }
    nc.drain().await?;
    Ok(())
}
