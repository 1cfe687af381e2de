//! Streams and consumers: made, looked at, changed, purged, deleted.

use std::error::Error;
use std::time::Duration;

use nuncio::jetstream::{ConsumerConfig, EnsureOutcome, StorageType, StreamConfig};

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

    // What is not said here is the server's default.
    let config = StreamConfig::new("EXAMPLE_MANAGE")
        .subjects(["example.manage.*"])
        .storage(StorageType::Memory)
        .max_age(Duration::from_secs(3600));
    let stream = js.create_or_update_stream(config.clone()).await?;
    println!("subjects: {:?}", stream.info().await?.config.subjects);
    println!("found by a subject: {}", js.stream_by_subject("example.manage.a").await?);

    // A deployment says what it wants, and learns what had to be done.
    let ensured = js.ensure_stream(config.max_messages(10)).await?;
    if let EnsureOutcome::Updated { diff } = &ensured.outcome {
        diff.iter().for_each(|change| println!("changed: {change}"));
    }

    for subject in ["example.manage.a", "example.manage.b", "example.manage.a", "example.manage.b"] {
        js.publish(subject, "").await?;
    }
    let state = stream.info().await?.state;
    println!("{} messages, from {} to {}", state.messages, state.first_sequence, state.last_sequence);
    for (subject, messages) in stream.subjects(">").await? {
        println!("  {subject}: {messages}");
    }

    stream.delete_message(3).await?;
    let purged = stream.purge().filter("example.manage.b").await?;
    println!("purged {purged}, {} left", stream.info().await?.state.messages);

    stream.create_consumer(ConsumerConfig::durable("worker").filter_subject("example.manage.a")).await?;
    for consumer in stream.consumers().all().await? {
        println!("consumer {} waits for {} messages", consumer.name, consumer.num_pending);
    }
    stream.delete_consumer("worker").await?;

    match js.get_stream("EXAMPLE_NONE").await {
        Err(error) if error.is_stream_not_found() => println!("there is no stream EXAMPLE_NONE"),
        other => println!("unexpected: {other:?}"),
    }
    stream.delete().await?;
    nc.close().await;
    Ok(())
}
