//! Typed payloads: a struct goes out as JSON and comes back as a struct.

use std::error::Error;

use nuncio::Json;
use serde::{Deserialize, Serialize};

mod common;

#[derive(Debug, Serialize, Deserialize)]
struct Order {
    item: String,
    pieces: u32,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let target = common::target().await?;
    let nc = nuncio::connect(&target.url).await?;
    let mut orders = nc.subscribe("example.orders").max(2).await?;

    nc.publish("example.orders", Json(Order { item: "tea".into(), pieces: 3 })).await?;
    nc.publish("example.orders", r#"{"item":"milk"}"#).await?;

    while let Some(message) = orders.next().await {
        println!("{}", message.text()?);
        // What cannot be read is an error of this message alone.
        match message.json::<Order>() {
            Ok(order) => println!("  {} pieces of {}", order.pieces, order.item),
            Err(error) => println!("  {error}"),
        }
    }
    nc.drain().await?;
    Ok(())
}
