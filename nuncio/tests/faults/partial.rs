//! The session of [`session`](crate::session) on a connection that moves a few bytes at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nuncio_server::Server;

use crate::session::{self, through};
use crate::wire::Crumbs;

const LIMIT: Duration = Duration::from_millis(900);

async fn crumbs(seed: u64) {
    let label = format!("seed {seed}");
    let server = Arc::new(Server::builder().in_memory().seed(seed).start().await.unwrap());
    let most = [1, 2, 3, 7, 16, 64, 500, 5000][seed as usize % 8];
    let dials = AtomicU64::new(0);
    let (pipes, plain) = (Arc::clone(&server), Arc::clone(&server));
    let session = through(move || {
        let seed = seed ^ dials.fetch_add(1, Ordering::Relaxed) << 32;
        Box::new(Crumbs::new(pipes.pipe(), most, seed))
    });
    let witness = through(move || Box::new(plain.pipe()));
    session::run(session, witness, || {}, LIMIT, &label).await.check_whole(&label);
}

#[tokio::test(start_paused = true)]
async fn partial_reads_and_writes_change_nothing() {
    for seed in 0..200 {
        crumbs(seed).await;
    }
}
