//! Floods in which everything else gets its turn.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use nuncio::Client;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::evil::{Peer, Stage, script};

/// Requests in a flood.
const MANY: usize = 50_000;

/// Answers every request for `echo` at once.
async fn echo(mut peer: Peer) {
    let mut seen = Vec::new();
    while peer.io.read_buf(&mut seen).await.is_ok_and(|n| n > 0) {
        let end = seen.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        let mut out = Vec::new();
        for line in seen[..end].split(|b| *b == b'\n') {
            if line.starts_with(b"PING") {
                out.extend_from_slice(b"PONG\r\n");
            } else if let Some(rest) = line.strip_prefix(b"PUB echo ") {
                let reply = rest.split(|b| *b == b' ').next().unwrap();
                out.extend_from_slice(&[b"MSG ", reply, b" 1 0\r\n\r\n"].concat());
            }
        }
        seen.drain(..end);
        let _ = peer.io.write_all(&out).await;
    }
}

async fn ask(nc: Client, done: Arc<AtomicUsize>) {
    while done.load(Ordering::Relaxed) < MANY {
        nc.request("echo", "").timeout(Duration::from_secs(300)).await.unwrap();
        done.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn replies_that_never_end_do_not_stop_the_clock() {
    // With so many, each read brings more replies than are told of at once.
    for tasks in [200, 220] {
        let stage = Stage::new([script(|mut peer: Peer| async move {
            peer.shake_hands().await;
            echo(peer).await;
        })]);
        let nc = stage.await.capacity(1 << 20).client().await;
        let done = Arc::new(AtomicUsize::new(0));
        let all: Vec<_> = (0..tasks).map(|_| tokio::spawn(ask(nc.clone(), Arc::clone(&done)))).collect();
        while done.load(Ordering::Relaxed) < 2 * tasks {
            tokio::task::yield_now().await;
        }
        let silent = nc.request("silent", "").timeout(Duration::from_millis(20)).await;
        assert!(silent.unwrap_err().is_timeout());
        assert!(done.load(Ordering::Relaxed) < MANY, "only when there were no more replies");
        for task in all {
            task.await.unwrap();
        }
    }
}
