//! No responders: a request that nobody listens to fails at once, one that nobody answers after its timeout.

use std::error::Error;
use std::time::Duration;

use nuncio::RequestError;

mod common;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let target = common::target().await?;
    let nc = nuncio::connect(&target.url).request_timeout(Duration::from_secs(1)).await?;
    let _listener = nc.subscribe("example.listened").await?;

    for subject in ["example.nobody", "example.listened"] {
        match nc.request(subject, "").await {
            Ok(reply) => println!("{subject}: {reply:?}"),
            Err(RequestError::NoResponders { subject }) => println!("{subject}: nobody listens"),
            Err(RequestError::Timeout { subject, .. }) => {
                println!("{subject}: somebody listens and is silent")
            }
            Err(error) => return Err(error.into()),
        }
    }

    // The same holds for requests with a subscription of their own, and for many replies.
    let own = nc.request("example.nobody", "").no_mux().await;
    println!("no_mux: {}", own.is_err_and(|error| error.is_no_responders()));
    let mut replies = nc.request("example.nobody", "").many().await?;
    let first = replies.next().await;
    println!("many: {}", matches!(first, Some(Err(error)) if error.is_no_responders()));
    nc.drain().await?;
    Ok(())
}
