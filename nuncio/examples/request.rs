//! Requests: one reply, several at once, no reply in time, many replies to one.

use std::error::Error;
use std::time::Duration;

use nuncio::RequestError;

mod common;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let target = common::target().await?;
    let nc = nuncio::connect(&target.url).await?;
    let mut questions = nc.subscribe("example.upper").await?;
    let responder = tokio::spawn(async move {
        while let Some(question) = questions.next().await {
            let answer = String::from_utf8_lossy(question.payload()).to_uppercase();
            if let Err(error) = question.respond(answer).await {
                eprintln!("no answer: {error}");
            }
        }
    });

    let reply = nc.request("example.upper", "hello").timeout(Duration::from_secs(2)).await?;
    println!("one reply: {}", reply.text()?);

    // Requests share one inbox, and each finds its own reply.
    let (a, b) = tokio::join!(nc.request("example.upper", "a"), nc.request("example.upper", "b"));
    println!("two at once: {} and {}", a?.text()?, b?.text()?);

    // Somebody listens, and nobody answers.
    let _silent = nc.subscribe("example.silent").await?;
    match nc.request("example.silent", "").timeout(Duration::from_millis(50)).await {
        Err(RequestError::Timeout { subject, after }) => println!("no reply on {subject} within {after:?}"),
        other => println!("unexpected: {other:?}"),
    }

    // Without a limit of their number, replies are awaited for the timeout, or until none comes for a while.
    let mut replies = nc.request("example.upper", "all").many().stall(Duration::from_millis(100)).await?;
    while let Some(reply) = replies.next().await {
        println!("of many replies: {}", reply?.text()?);
    }

    // The drain lets the responder finish what has arrived, then ends its subscription.
    nc.drain().await?;
    responder.await?;
    Ok(())
}
