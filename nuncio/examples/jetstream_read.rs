//! Reading a stream without acknowledgements: single messages, the last of each subject, all in order.

use std::error::Error;

use nuncio::jetstream::{DeliverPolicy, StorageType, StreamConfig};

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
    // Direct reads are answered by any server that has the stream.
    let config = StreamConfig::new("EXAMPLE_READ")
        .subjects(["example.read.*"])
        .storage(StorageType::Memory)
        .allow_direct(true);
    let stream = js.create_or_update_stream(config).await?;
    for (subject, degrees) in [("attic", "25"), ("cellar", "12"), ("attic", "27"), ("cellar", "11")] {
        js.publish(format!("example.read.{subject}"), degrees).await?;
    }

    let second = stream.direct_get(2).await?;
    println!("number 2 is {} on {}", String::from_utf8_lossy(&second.payload), second.subject);
    match stream.direct_get(99).await {
        Err(error) if error.is_message_not_found() => println!("there is no number 99"),
        other => println!("unexpected: {other:?}"),
    }

    // The last message of every subject, by one request for many of them.
    let mut last = stream.last_for(["example.read.*"]);
    while let Some(message) = last.next().await {
        let message = message?;
        println!("last on {}: {}", message.subject, String::from_utf8_lossy(&message.payload));
    }

    // All in order and each once. It is made again wherever its server goes, and goes on at the next message.
    let mut ordered = stream
        .ordered_consumer()
        .filter_subject("example.read.attic")
        .deliver_policy(DeliverPolicy::All)
        .stop_after(2)
        .await?;
    while let Some(message) = ordered.next().await {
        let message = message?;
        println!("in order: {}", message.text()?);
    }

    stream.delete().await?;
    nc.close().await;
    Ok(())
}
