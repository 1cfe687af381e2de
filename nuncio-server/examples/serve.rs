//! Serves NATS clients on the given port, or on 4222, until the program is ended.
//!
//! ```text
//! cargo run -p nuncio-server --example serve -- 4333
//! ```

use nuncio_server::Server;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let port = std::env::args().nth(1).unwrap_or_else(|| "4222".to_owned());
    let server = Server::builder().bind(format!("127.0.0.1:{port}")).start().await?;
    println!("serving {}", server.url());
    tokio::signal::ctrl_c().await?;
    server.shutdown().await;
    Ok(())
}
