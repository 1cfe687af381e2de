//! Options of each verb: of publishing, of subscriptions, of requests.

use std::error::Error;
use std::time::Duration;

mod common;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let target = common::target().await?;
    let nc = nuncio::connect(&target.url).await?;

    // Publish: where responses go, and headers.
    let inbox = nc.new_inbox();
    let mut responses = nc.subscribe(&inbox).max(1).await?;
    let mut questions = nc.subscribe("example.question").max(1).await?;
    nc.publish("example.question", "why?").reply(&inbox).header("Urgent", "yes").await?;
    if let Some(question) = questions.next().await {
        println!("{}, urgent: {:?}", question.text()?, question.header("urgent"));
        question.respond("because").await?;
    }
    if let Some(response) = responses.next().await {
        println!("{}", response.text()?);
    }

    // A subscription that ends after two messages.
    let mut few = nc.subscribe("example.few").max(2).await?;
    for number in 1..=3 {
        nc.publish("example.few", number.to_string()).await?;
    }
    while let Some(message) = few.next().await {
        println!("few: {}", message.text()?);
    }
    println!("few: {:?}", few.ended());

    // One that gives up when its first message does not come in time.
    let mut idle = nc.subscribe("example.idle").first_message_timeout(Duration::from_millis(50)).await?;
    println!("idle: {:?}, {:?}", idle.next().await.is_some(), idle.ended());

    // One that calls a function, which runs where the connection is read and must not block.
    let (heard, mut words) = tokio::sync::mpsc::unbounded_channel();
    let mut callback = nc
        .subscribe("example.words")
        .callback(move |message| {
            let _ = heard.send(String::from_utf8_lossy(message.payload()).into_owned());
        })
        .await?;
    nc.publish("example.words", "psst").await?;
    println!("callback: {:?}", words.recv().await);
    callback.unsubscribe();

    // One with a queue of its own size, which ends when its reader is too slow.
    let small = nc.subscribe("example.flood").limits(2, 1024).on_full(nuncio::OnFull::Close).await?;
    for _ in 0..3 {
        nc.publish("example.flood", "").await?;
    }
    nc.flush().await?;
    println!("small queue: {:?}, {} wait", small.ended(), small.stats().pending);

    // A request with a subscription and a reply subject of its own.
    let mut bar = nc.subscribe("example.q").max(1).await?;
    let responder = tokio::spawn(async move {
        match bar.next().await {
            Some(m) => m.respond(format!("reply to {}", m.reply().unwrap_or_default())).await,
            None => Ok(()),
        }
    });
    let reply = nc
        .request("example.q", "")
        .no_mux()
        .reply("example.bar")
        .header("Trace-Id", "1")
        .timeout(Duration::from_secs(2))
        .await?;
    println!("no_mux: {} on {}", reply.text()?, reply.subject());
    responder.await??;

    if let Err(error) = nc.request("example.q", "").reply("example.bar").await {
        println!("{error}");
    }
    nc.drain().await?;
    Ok(())
}
