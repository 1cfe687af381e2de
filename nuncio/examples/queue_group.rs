//! Queue groups: each message goes to one member of each group, and to every subscription without a group.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use nuncio::Subscription;
use tokio::task::JoinSet;

mod common;

/// Answers with the name of the group; returns how many requests came here.
async fn echo(group: &'static str, mut requests: Subscription) -> Result<(&'static str, u32), nuncio::Error> {
    let mut handled = 0;
    while let Some(request) = requests.next().await {
        request.respond(request.payload()).await?;
        handled += 1;
    }
    Ok((group, handled))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let target = common::target().await?;
    let mut members = JoinSet::new();
    let mut connections = Vec::new();
    // An empty name means no group.
    for group in ["echo", "echo", "echo", "other-echo", "other-echo", ""] {
        let nc = nuncio::connect(&target.url).name(format!("member of {group:?}")).await?;
        members.spawn(echo(group, nc.subscribe("example.echo").queue(group).confirmed().await?));
        connections.push(nc);
    }

    let nc = nuncio::connect(&target.url).request_timeout(Duration::from_secs(5)).await?;
    for number in 1..=30 {
        // Three answer; the first reply wins.
        let reply = nc.request("example.echo", number.to_string()).await?;
        assert_eq!(reply.text()?, number.to_string());
    }
    println!("30 requests, 30 replies");
    nc.drain().await?;

    for nc in connections {
        nc.drain().await?;
    }
    let mut handled = BTreeMap::new();
    while let Some(member) = members.join_next().await {
        let (group, count) = member??;
        *handled.entry(group).or_insert(0) += count;
    }
    println!("handled by group: {handled:?}");
    Ok(())
}
