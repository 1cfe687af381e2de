//! Events: what happens to a connection, told to whoever listens.

use std::error::Error;

use nuncio::Event;

mod common;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let target = common::target().await?;
    let nc = nuncio::connect(&target.url).await?;
    let mut events = nc.events();
    let listener = tokio::spawn(async move {
        while let Some(event) = events.next().await {
            match event {
                Event::Disconnected { server, cause, kept, .. } => {
                    println!("lost {server}: {cause}; {kept} messages wait for the next connection");
                }
                Event::Reconnected { server } => println!("back on {server}"),
                Event::SlowConsumer { subject, .. } => println!("messages on {subject} are being dropped"),
                Event::Closed { reason } => println!("over: {reason}"),
                other => println!("{other:?}"),
            }
        }
    });
    let mut again = nc.events();
    nc.force_reconnect();
    while let Some(event) = again.next().await {
        if matches!(event, Event::Reconnected { .. }) {
            break;
        }
    }
    nc.drain().await?;
    listener.await?;
    Ok(())
}
