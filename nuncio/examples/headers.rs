//! Headers: several values, order, look-up, and a message whose headers are read only when asked for.

use std::error::Error;

use nuncio::HeaderMap;

mod common;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let target = common::target().await?;
    let nc = nuncio::connect(&target.url).await?;
    let mut orders = nc.subscribe("example.orders").max(3).await?;

    nc.publish("example.orders", "41").await?;
    nc.publish("example.orders", "42").header("Trace-Id", "abc").await?;

    let mut headers = HeaderMap::new();
    headers.append("Tag", "new")?.append("Tag", "urgent")?.append("Region", "eu")?;
    headers.insert("Region", "us")?;
    nc.publish("example.orders", "43").headers(headers).await?;

    while let Some(order) = orders.next().await {
        println!("order {}, headers: {}", order.text()?, order.has_headers());
        // A fault in the headers is this message's alone; its payload can be used all the same.
        match order.headers() {
            Ok(headers) => {
                headers.iter().for_each(|(name, value)| println!("  {name}: {value}"));
                println!("  {} tags", headers.get_all("Tag").count());
            }
            Err(error) => println!("  {error}"),
        }
        if let Some(trace) = order.header("trace-id") {
            println!("  traced as {trace}");
        }
    }

    // Names and values are checked before anything is sent.
    for (name, value) in [("two words", "1"), ("Note", "two\nlines"), ("", "1")] {
        if let Err(error) = nc.publish("example.orders", "").header(name, value).await {
            println!("{error}");
        }
    }
    nc.drain().await?;
    Ok(())
}
