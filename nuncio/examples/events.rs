//! Events: what happens to a connection, told to whoever listens.

use std::error::Error;

use nuncio::Event;

mod common;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let target = common::target().await?;
    let nc = nuncio::connect(&target.url).await?;
    let mut events = nc.events();
    // Any number of listeners; each gets everything.
    let mut end = nc.events();
    nc.force_reconnect();

    while let Some(event) = events.next().await {
        match event {
            Event::Disconnected { cause, lost, maybe_lost, kept, .. } => {
                println!("lost the server: {cause}");
                println!("messages: {lost} lost, {maybe_lost} maybe lost, {kept} kept for the next one");
            }
            Event::Reconnecting { attempt, .. } => println!("attempt {attempt}"),
            Event::ConnectFailed { error, .. } => println!("it failed: {error}"),
            Event::Reconnected { .. } => {
                println!("back, with all subscriptions");
                nc.drain().await?;
            }
            Event::ServersChanged { added, removed } => println!("servers: {added:?} came, {removed:?} went"),
            Event::LameDuck { server } => println!("{server} will shut down soon"),
            Event::SlowConsumer { subject, .. } => println!("messages on {subject} are being dropped"),
            Event::SlowConsumerRecovered { subject, dropped, .. } => println!("{subject}: {dropped} dropped"),
            Event::ServerError(error) => println!("the server says: {error}"),
            Event::Closed { reason } => println!("over: {reason}"),
            other => println!("{other:?}"),
        }
    }

    let mut seen = 0;
    while end.next().await.is_some() {
        seen += 1;
    }
    println!("the other listener has seen them too: {}", seen > 2);
    Ok(())
}
