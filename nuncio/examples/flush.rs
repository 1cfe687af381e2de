//! Flush: a round trip to the server, behind everything that was sent before.

use std::error::Error;

mod common;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let target = common::target().await?;
    let one = nuncio::connect(&target.url).await?;
    let other = nuncio::connect(&target.url).await?;

    // Without the flush the server might see the message of the other connection before this subscription.
    let mut news = one.subscribe("example.news").await?;
    one.flush().await?;
    other.publish("example.news", "the server knew the subscription").await?;
    if let Some(message) = news.next().await {
        println!("{}", message.text()?);
    }

    // The same in one step; a denial by the server is an error here.
    let mut more = one.subscribe("example.more").confirmed().await?;
    other.publish("example.more", "and confirmed this one").await?;
    if let Some(message) = more.next().await {
        println!("{}", message.text()?);
    }

    for number in 0..1000 {
        one.publish("example.load", number.to_string()).await?;
    }
    let took = one.flush().await?;
    println!("the server has processed all of them, which took some time: {}", !took.is_zero());
    println!("{} wait to be written", one.statistics().buffered);

    one.close().await;
    if let Err(error) = one.flush().await {
        println!("{error}");
    }
    other.drain().await?;
    Ok(())
}
