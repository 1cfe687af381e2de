//! What hostile servers and slow consumers cost in memory, measured in a process of its own.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use nuncio_server::Server;

use crate::clock::pass;
use crate::evil::{Stage, limited, lost, script};
use crate::session::through;

const CASE: &str = "NUNCIO_FAULTS_MEMORY";

/// Runs the test `name` again as a process of its own, or is that process: then `case` runs and must not take more
/// than `most` kibibytes at its peak.
fn alone<F: Future>(name: &str, most: usize, case: impl FnOnce() -> F) {
    if std::env::var(CASE).is_ok_and(|case| case == name) {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let before = peak("VmRSS");
        runtime.block_on(case());
        let grown = peak("VmHWM") - before;
        assert!(grown <= most, "{grown} KiB more than at the beginning, {most} allowed");
        return;
    }
    let program = std::env::current_exe().unwrap();
    let output =
        Command::new(program).args(["--exact", &format!("memory::{name}")]).env(CASE, name).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

/// A figure of this process, in kibibytes.
fn peak(figure: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(figure)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn announced_bytes_cost_nothing_before_they_arrive() {
    alone("announced_bytes_cost_nothing_before_they_arrive", 16 << 10, async || {
        let mut clients = Vec::new();
        for _ in 0..50 {
            let stage = Stage::subscribed(|mut peer| async move {
                peer.say("MSG s 2 60000000\r\nthe first bytes").await;
                pass(Duration::from_secs(10)).await;
            })
            .await;
            let nc = stage.client().await;
            let events = nc.events();
            let s = nc.subscribe("s").await.unwrap();
            nc.publish("x", "").await.unwrap();
            clients.push((nc, s, events, stage));
        }
        for (_, _, events, _) in &mut clients {
            lost(events, "the end").await;
        }
    });
}

#[test]
fn a_flood_that_nobody_can_use_costs_no_memory() {
    alone("a_flood_that_nobody_can_use_costs_no_memory", 14 << 10, async || {
        const FLOODS: [&str; 6] = [
            "PING\r\n",
            "PONG\r\n",
            "+OK\r\n",
            "-ERR 'nonsense'\r\n",
            "MSG s 99 10\r\n0123456789\r\n",
            "INFO {\"connect_urls\":[\"a:1\",\"b:2\"],\"ldm\":true}\r\n",
        ];
        for flood in FLOODS {
            let stage = Stage::subscribed(move |mut peer| async move {
                let burst = flood.repeat(60_000 / flood.len());
                for _ in 0..50 {
                    peer.say(&burst).await;
                }
                peer.say("MSG s 2 4\r\nDONE\r\n").await;
                peer.listen().await;
            })
            .await;
            let nc = stage.client().await;
            let _unread = nc.events();
            let mut s = nc.subscribe("s").await.unwrap();
            assert_eq!(limited(flood, s.next()).await.unwrap().payload(), b"DONE");
        }
    });
}

#[test]
fn a_subscriber_that_never_reads_costs_its_limit_and_little_more() {
    // 100 MB for a queue of 4 MiB.
    alone("a_subscriber_that_never_reads_costs_its_limit_and_little_more", 20 << 10, async || {
        let server = Arc::new(Server::builder().in_memory().start().await.unwrap());
        let connect = || {
            let server = Arc::clone(&server);
            through(move || Box::new(server.pipe()))
        };
        let (nc, publisher) = (connect().await.unwrap(), connect().await.unwrap());
        let s = nc.subscribe("s").limits(usize::MAX, 4 << 20).await.unwrap();
        nc.flush().await.unwrap();
        for n in 0..100_000_u32 {
            publisher.publish("s", vec![0; 1000]).await.unwrap();
            if n % 500 == 0 {
                publisher.flush().await.unwrap();
                nc.flush().await.unwrap();
            }
        }
        publisher.flush().await.unwrap();
        nc.flush().await.unwrap();
        assert_eq!(s.stats().received, 100_000);
        assert!(s.stats().dropped > 90_000);
    });
}

#[test]
fn an_idle_connection_keeps_little() {
    // The server's ends and their tasks are in here as well.
    alone("an_idle_connection_keeps_little", 11 << 10, async || {
        let mut clients = Vec::new();
        for _ in 0..400 {
            let stage = Stage::new([script(|mut peer| async move {
                peer.shake_hands().await;
                peer.listen().await;
            })])
            .await;
            let nc = stage.client().await;
            clients.push((nc, stage));
        }
    });
}

/// Clients that got and sent much, once.
async fn busy_once(count: usize) -> Vec<impl Sized> {
    let mut clients = Vec::new();
    for _ in 0..count {
        let stage = Stage::new([script(|mut peer| async move {
            peer.shake_hands().await;
            peer.hear(b"SUB s 2\r\n").await;
            let burst = format!("MSG s 2 1000\r\n{}\r\n", "x".repeat(1000)).repeat(400);
            peer.say(burst).await;
            peer.listen().await;
        })])
        .await;
        let nc = stage.client().await;
        let mut s = nc.subscribe("s").await.unwrap();
        for _ in 0..400 {
            limited("the burst", s.next()).await.unwrap();
        }
        for _ in 0..400 {
            nc.publish("x", vec![0; 1000]).await.unwrap();
        }
        clients.push((nc, s, stage));
    }
    clients
}

#[test]
fn a_keepalive_gives_back_what_bursts_took() {
    alone("a_keepalive_gives_back_what_bursts_took", 64 << 10, async || {
        let start = peak("VmRSS");
        let _first = busy_once(40).await;
        let first = peak("VmRSS") - start;
        // The default interval has passed once: what is given back is there for others.
        pass(Duration::from_secs(150)).await;
        let start = peak("VmRSS");
        let _second = busy_once(40).await;
        let second = peak("VmRSS") - start;
        assert!(second < first / 2, "{first} KiB for the first, {second} for those behind them");
    });
}
