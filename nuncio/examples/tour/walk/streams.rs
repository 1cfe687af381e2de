//! JetStream, where the server has it.

use std::time::Duration;

use nuncio::jetstream::{
    AckPolicy, Consumer, ConsumerConfig, EnsureOutcome, Ensured, JetStream, StorageType, Stream, StreamConfig,
};

use super::{Result, Tour};

pub(super) async fn jetstream(tour: &mut Tour<'_>) -> Result {
    tour.title("JetStream");
    let js = tour.nc.jetstream();
    match js.account_info().await {
        Err(error) if error.is_no_jetstream() => tour.say("this server has none"),
        Err(error) => return Err(error.into()),
        Ok(_) => {
            // A name of its own, so that the tour disturbs nobody.
            let name = format!("TOUR_{}", nuncio::nuid());
            let done = stations(tour, &js, &name).await;
            js.delete_stream(&name).await?;
            done?;
        }
    }
    tour.nc.close().await;
    Ok(())
}

async fn stations(tour: &mut Tour<'_>, js: &JetStream, name: &str) -> Result {
    let stream = ensure(tour, js, name).await?;
    publish(tour, js, &stream).await?;
    let consumer = consume(tour, &stream).await?;
    acknowledge(tour, js, &consumer).await?;
    read(tour, &stream).await?;
    mistakes(tour, js, &stream).await
}

/// A stream as it is wanted, whether it is there or not.
async fn ensure(tour: &mut Tour<'_>, js: &JetStream, name: &str) -> Result<Stream> {
    let subjects = tour.at("log.>");
    let mut wanted = StreamConfig::new(name).subjects([subjects]).storage(StorageType::Memory);
    tell(tour, "wanted for the first time", &js.ensure_stream(wanted.clone()).await?);
    tell(tour, "wanted again", &js.ensure_stream(wanted.clone()).await?);
    wanted = wanted.max_messages(1000);
    let ensured = js.ensure_stream(wanted).await?;
    tell(tour, "wanted with a limit", &ensured);
    Ok(ensured.stream)
}

fn tell(tour: &mut Tour<'_>, what: &str, ensured: &Ensured) {
    match &ensured.outcome {
        EnsureOutcome::Created => tour.say(format!("{what}: created")),
        EnsureOutcome::Unchanged => tour.say(format!("{what}: unchanged")),
        EnsureOutcome::Updated { diff } | EnsureOutcome::Conflict { fields: diff } => {
            let changes: Vec<String> = diff.iter().map(ToString::to_string).collect();
            tour.say(format!("{what}: {}", changes.join(", ")));
        }
        other => tour.say(format!("{what}: {other:?}")),
    }
}

async fn publish(tour: &mut Tour<'_>, js: &JetStream, stream: &Stream) -> Result {
    let subject = tour.at("log.door");
    for _ in 0..2 {
        let ack = js.publish(&subject, "opened").message_id("once").await?;
        tour.say(format!("stored as {}, a duplicate: {}", ack.sequence, ack.duplicate));
    }
    match js.publish(&subject, "closed").expect_last_subject_sequence(0).await {
        Err(error) if error.is_wrong_last_sequence() => tour.say("not stored: somebody else was faster"),
        other => tour.say(format!("unexpected: {other:?}")),
    }
    // Up to 64 are in flight, and the flush tells of each that is not stored.
    let publisher = js.publisher().window(64).build();
    for count in 0..99 {
        drop(publisher.send(tour.at("log.meter"), count.to_string()).await?);
    }
    publisher.flush().await?;
    tour.say(format!("messages in the stream: {}", stream.info().await?.state.messages));
    Ok(())
}

async fn consume(tour: &mut Tour<'_>, stream: &Stream) -> Result<Consumer> {
    let config = ConsumerConfig::durable("worker").ack_policy(AckPolicy::Explicit);
    let consumer = stream.create_or_update_consumer(config).await?;
    let mut some = consumer.fetch(3).await?;
    while let Some(message) = some.next().await {
        let message = message?;
        tour.say(format!("fetched {}: {}", message.subject(), message.text()?));
        message.ack().await?;
    }
    let mut rest = consumer.consume().stop_after(96).await?;
    let mut consumed = 0;
    while let Some(message) = rest.next().await {
        message?.ack().await?;
        consumed += 1;
    }
    tour.say(format!("consumed {consumed}"));
    Ok(consumer)
}

async fn acknowledge(tour: &mut Tour<'_>, js: &JetStream, consumer: &Consumer) -> Result {
    let last = consumer.next().timeout(super::PATIENCE).await?.ok_or("the last message is missing")?;
    last.nak().await?;
    let again = consumer.next().timeout(super::PATIENCE).await?.ok_or("it does not come again")?;
    let deliveries = again.info().map_or(0, |info| info.delivered);
    tour.say(format!("refused, it comes again: delivery {deliveries}"));
    // The server confirms this one.
    again.double_ack().await?;
    if consumer.next().timeout(Duration::from_millis(20)).await?.is_none() {
        tour.say("and then there is nothing left");
    }
    js.publish(tour.at("log.door"), "locked").await?;
    Ok(())
}

async fn read(tour: &mut Tour<'_>, stream: &Stream) -> Result {
    let door = tour.at("log.door");
    let first = stream.get_message(1).await?;
    let last = stream.last_message(&door).await?;
    let (first, last) = (String::from_utf8_lossy(&first.payload), String::from_utf8_lossy(&last.payload));
    tour.say(format!("the door was first {first} and is now {last}"));
    // All from the beginning in order, without acknowledgements, whatever servers come and go.
    let mut ordered = stream.ordered_consumer().filter_subject(&door).stop_after(2).await?;
    while let Some(message) = ordered.next().await {
        let message = message?;
        let sequence = message.info().map_or(0, |info| info.stream_sequence);
        tour.say(format!("number {sequence}: {}", message.text()?));
    }
    Ok(())
}

async fn mistakes(tour: &mut Tour<'_>, js: &JetStream, stream: &Stream) -> Result {
    if let Err(error) = js.get_stream("two words").await {
        tour.say(format!("error: {error}"));
    }
    if let Err(error) = stream.consumer("nobody").await {
        tour.say(format!("error: {error}").replace(stream.name(), "TOUR"));
    }
    if let Err(error) = js.publish(tour.at("elsewhere"), "").await {
        tour.say(format!("error: {error}"));
    }
    Ok(())
}
