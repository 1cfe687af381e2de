//! The smallest program worth timing.

use futures_util::StreamExt;

#[tokio::main]
async fn main() -> Result<(), async_nats::Error> {
    let nc = async_nats::connect("localhost").await?;
    let mut orders = nc.subscribe("orders").await?;
    nc.publish("orders", "42".into()).await?;
    if let Some(order) = orders.next().await {
        println!("{:?}", order.payload);
    }
    Ok(())
}
