//! nats-server, with JetStream.

use std::io::{self, Write};

use nuncio_testkit::NatsServer;

/// Prints its port and runs until this process is killed, which ends the server too.
pub(super) fn serve() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let server = NatsServer::builder().jetstream().start().await.map_err(io::Error::other)?;
        println!("{}", server.port());
        io::stdout().flush()?;
        std::future::pending().await
    })
}
