use std::time::Duration;

use nuncio_server::Server;
use tokio::time::Instant;

use crate::wire::{Wire, connected, quiet};

#[tokio::test(start_paused = true)]
async fn the_first_ping_comes_after_two_seconds_and_the_next_after_silence() {
    let server = Server::builder().in_memory().start().await.unwrap();
    let mut wire = quiet(&server).await;
    let began = Instant::now();
    assert_eq!(wire.line().await, "PING\r\n");
    assert_eq!(began.elapsed().as_secs(), 2);
    wire.send("PONG\r\n").await;
    assert_eq!(wire.line().await, "PING\r\n");
    assert_eq!(began.elapsed().as_secs(), 122);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_answers_no_ping_is_stale() {
    let server = Server::builder()
        .in_memory()
        .ping_interval(Duration::from_secs(1))
        .max_pings_out(2)
        .start()
        .await
        .unwrap();
    let mut wire = quiet(&server).await;
    let began = Instant::now();
    assert_eq!(wire.rest().await, "PING\r\nPING\r\n-ERR 'Stale Connection'\r\n");
    assert_eq!(began.elapsed().as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_answers_stays() {
    let server = Server::builder().in_memory().ping_interval(Duration::from_secs(1)).start().await.unwrap();
    let mut wire = quiet(&server).await;
    for _ in 0..10 {
        assert_eq!(wire.line().await, "PING\r\n");
        wire.send("PONG\r\n").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_says_something_is_not_pinged() {
    let server = Server::builder().in_memory().ping_interval(Duration::from_secs(10)).start().await.unwrap();
    let mut wire = quiet(&server).await;
    assert_eq!(wire.line().await, "PING\r\n");
    wire.send("PONG\r\n").await;
    for _ in 0..20 {
        tokio::time::advance(Duration::from_secs(4)).await;
        assert_eq!(wire.ask("").await, "");
    }
}

#[tokio::test(start_paused = true)]
async fn silence_where_credentials_are_wanted_times_out() {
    let server =
        Server::builder().in_memory().token("t").auth_timeout(Duration::from_secs(1)).start().await.unwrap();
    let mut wire = Wire::new(server.pipe());
    wire.line().await;
    let began = Instant::now();
    assert_eq!(wire.rest().await, "-ERR 'Authentication Timeout'\r\n");
    assert_eq!(began.elapsed().as_secs(), 1);
    let mut wire = connected(&server, r#"{"verbose":false,"auth_token":"t"}"#).await;
    tokio::time::advance(Duration::from_millis(1500)).await;
    assert_eq!(wire.ask("").await, "");
}

#[tokio::test(start_paused = true)]
async fn a_delay_holds_for_every_byte_to_the_client() {
    let server = Server::builder().in_memory().start().await.unwrap();
    let mut wire = quiet(&server).await;
    server.faults().delay(Duration::from_millis(300));
    let began = Instant::now();
    wire.ask("").await;
    assert_eq!(began.elapsed().as_millis(), 300);
    // Delays do not add up: what is sent while something is under way arrives just as much later.
    wire.send("PING\r\n").await;
    tokio::time::advance(Duration::from_millis(100)).await;
    wire.send("PING\r\n").await;
    wire.line().await;
    wire.line().await;
    assert_eq!(began.elapsed().as_millis(), 700);
}

#[tokio::test(start_paused = true)]
async fn a_muted_server_says_nothing_and_loses_nothing() {
    let server = Server::builder().in_memory().start().await.unwrap();
    let mut wire = quiet(&server).await;
    server.faults().mute(true);
    wire.send("SUB a 1\r\nPUB a 1\r\nx\r\nPING\r\n").await;
    let silent = tokio::time::timeout(Duration::from_secs(10), wire.line()).await;
    assert!(silent.is_err());
    let mut new = Wire::new(server.pipe());
    assert!(tokio::time::timeout(Duration::from_secs(10), new.line()).await.is_err());
    server.faults().mute(false);
    assert!(wire.until("PONG\r\n").await.starts_with("MSG a 1 1\r\nx\r\n"));
    assert!(new.line().await.starts_with("INFO"));
}

#[tokio::test(start_paused = true)]
async fn a_run_in_memory_is_the_same_each_time() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let server = Server::builder()
            .in_memory()
            .seed(7)
            .ping_interval(Duration::from_secs(1))
            .max_pings_out(9)
            .start()
            .await
            .unwrap();
        let mut seen = String::new();
        let mut wires = Vec::new();
        for _ in 0..4 {
            let mut wire = Wire::new(server.pipe());
            seen += &wire.line().await;
            wire.send("CONNECT {\"verbose\":false}\r\nSUB a.* q 1\r\nSUB > 2\r\n").await;
            wires.push(wire);
        }
        for round in 0..10 {
            tokio::time::advance(Duration::from_millis(350)).await;
            let index = round % wires.len();
            wires[index].send("PUB a.b 1\r\nx\r\n".repeat(5)).await;
        }
        for wire in &mut wires {
            seen += &wire.ask("").await;
        }
        runs.push(seen);
    }
    assert_eq!(runs[0], runs[1]);
}
