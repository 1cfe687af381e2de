//! Connecting: to one server or to one of several, what the server tells of itself, and what goes wrong.

use std::error::Error;
use std::time::Duration;

use nuncio::ConnectError;

mod common;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let target = common::target().await?;

    // An address, or several: nothing listens at the first one here. The list may also be one text with commas.
    let lists: [Vec<&str>; 2] = [vec![&target.url], vec!["127.0.0.1:1", &target.url]];
    for servers in lists {
        let count = servers.len();
        let nc = nuncio::connect(servers)
            .name("connect example")
            .connect_timeout(Duration::from_secs(5))
            .keep_server_order(true)
            .await?;
        println!("connected to 1 of {count}: {}", nc.server().is_some());
        println!("messages may have {} bytes", nc.max_payload());

        // Any clone can wait for the end of the connection, and is told why it came.
        let watcher = nc.clone();
        let end = tokio::spawn(async move { watcher.closed().await });
        nc.close().await;
        println!("the end: {}", end.await?);
    }

    // Errors are values with a type for each verb; they name what is wrong and how to mend it.
    for wrong in ["nats://localhost:port", "http://localhost", "127.0.0.1:1"] {
        match nuncio::connect(wrong).await {
            Err(ConnectError::Io { server, kind, .. }) => println!("{server} cannot be reached: {kind}"),
            Err(error) => println!("{error}"),
            Ok(_) => println!("{wrong} works"),
        }
    }
    Ok(())
}
