//! Publishing to a stream: confirmed, without doubles, on a condition, many in flight, all or none.

use std::error::Error;

use nuncio::jetstream::{StorageType, StreamConfig};

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
    let config = StreamConfig::new("EXAMPLE_PUBLISH")
        .subjects(["example.publish.*"])
        .storage(StorageType::Memory)
        .allow_atomic_publish(true);
    let stream = js.create_or_update_stream(config).await?;

    // When this is complete, the message is stored.
    let ack = js.publish("example.publish.a", "first").await?;
    println!("stored in {} as {}", ack.stream, ack.sequence);

    // A message with an id is stored once, however often it is sent; so it may be sent again when the answer is lost.
    for _ in 0..2 {
        let ack = js.publish("example.publish.a", "second").message_id("order 7").await?;
        println!("stored as {}, a duplicate: {}", ack.sequence, ack.duplicate);
    }

    // Only if nobody else has written since.
    let taken = js.publish("example.publish.a", "third").expect_last_subject_sequence(1).await;
    if let Err(error) = taken {
        println!("{error}");
    }

    // Up to 256 messages wait for their answers at once. The flush tells of each that was not stored.
    let publisher = js.publisher().window(256).ids().build();
    for count in 0..1000 {
        drop(publisher.send("example.publish.b", count.to_string()).await?);
    }
    publisher.flush().await?;
    println!("{} messages", stream.info().await?.state.messages);

    // All of these or none of them.
    let mut batch = js.batch();
    batch.add("example.publish.c", "-10").await?;
    let ack = batch.commit("example.publish.d", "+10").await?;
    println!("both are stored, the last as {}", ack.sequence);

    stream.delete().await?;
    nc.close().await;
    Ok(())
}
