//! Consuming from a stream with acknowledgements: one, some, without end.

use std::error::Error;
use std::time::Duration;

use nuncio::jetstream::{ConsumerConfig, JsMessage, StorageType, StreamConfig};

mod common;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let target = common::target().await?;
    let nc = nuncio::connect(&target.url).await?;
    let js = nc.jetstream();
    if js.account_info().await.is_err_and(|error| error.is_no_jetstream()) {
        println!("this server has no JetStream: start `nats-server -js` and name it in NATS_URL");
        return Ok(());
    }
    let config =
        StreamConfig::new("EXAMPLE_CONSUME").subjects(["example.consume"]).storage(StorageType::Memory);
    let stream = js.create_or_update_stream(config).await?;
    for count in 1..=10 {
        js.publish("example.consume", count.to_string()).await?;
    }
    // The server remembers a durable consumer; several programs that use it share its messages.
    let config = ConsumerConfig::durable("worker").ack_wait(Duration::from_secs(10));
    let consumer = stream.create_or_update_consumer(config).await?;

    if let Some(message) = consumer.next().timeout(Duration::from_secs(2)).await? {
        println!("one: {}", message.text()?);
        message.ack().await?;
    }

    let mut some = consumer.fetch(3).await?;
    while let Some(message) = some.next().await {
        let message = message?;
        println!("some: {}", message.text()?);
        message.ack().await?;
    }

    // Asks for more before it runs dry, and goes on through restarts of servers. It ends when it is told to.
    let mut messages = consumer.consume().max_messages(100).await?;
    while let Some(message) = messages.next().await {
        if work(&message?).await? {
            messages.stop();
        }
    }
    let info = consumer.info().await?;
    println!("{} to be delivered, {} not acknowledged", info.num_pending, info.num_ack_pending);

    stream.delete().await?;
    nc.close().await;
    Ok(())
}

/// Works on a message, and says whether it was the last.
async fn work(message: &JsMessage) -> Result<bool, Box<dyn Error>> {
    let info = message.info().ok_or("it comes from no consumer")?;
    match (message.text()?, info.delivered) {
        // Delivered once more, at once or after a delay.
        ("6", 1) => message.nak().await?,
        // Never again.
        ("8", _) => message.term_reason("nobody likes 8").await?,
        (text, delivered) => {
            // Keeps the server from delivering it to somebody else, however long the work takes.
            message.keep_alive().during(tokio::task::yield_now()).await;
            println!("without end: {text}, delivery {delivered}");
            // Waits until the server has taken note; `ack` does not.
            message.double_ack().await?;
        }
    }
    // What was refused comes behind the others.
    Ok(info.delivered == 2)
}
