//! A responder, a request, a request that nobody answers, and one with many replies.

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

    let mut replies = nc.request("example.upper", "all").many().stall(Duration::from_millis(100)).await?;
    while let Some(reply) = replies.next().await {
        println!("of many replies: {}", reply?.text()?);
    }

    match nc.request("example.nobody", "").await {
        Err(RequestError::NoResponders { subject }) => println!("nobody listens on {subject}"),
        other => println!("unexpected: {other:?}"),
    }

    // The drain lets the responder finish what has arrived, then ends its subscription.
    nc.drain().await?;
    responder.await?;
    Ok(())
}
