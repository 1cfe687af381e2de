//! A walk through what the client does, with a line for each thing that happens.
//!
//! `cargo run --release --example tour` starts a server in this process; with `NATS_URL=nats://127.0.0.1:4222` the
//! same tour runs on a real one. All subjects begin with a prefix of their own, which is left out of the output.
//! Lines that begin with `~` differ from run to run.

use std::error::Error;
use std::io::Write;

#[path = "../common/mod.rs"]
mod common;
mod walk;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let target = common::target().await?;
    walk::walk(&target.url, &mut |line| {
        // Whoever reads may stop reading.
        let _ = writeln!(std::io::stdout(), "{line}");
    })
    .await
}
