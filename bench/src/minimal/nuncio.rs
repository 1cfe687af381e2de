//! The smallest program worth timing.

#[tokio::main]
async fn main() -> Result<(), nuncio::Error> {
    let nc = nuncio::connect("localhost").await?;
    let mut orders = nc.subscribe("orders").await?;
    nc.publish("orders", "42").await?;
    if let Some(order) = orders.next().await {
        println!("{:?}", order.payload());
    }
    Ok(())
}
