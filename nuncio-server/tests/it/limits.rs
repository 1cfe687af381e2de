use std::time::Duration;

use nuncio_server::Server;

use crate::wire::{QUIET, Wire, memory, quiet, tcp};

#[tokio::test]
async fn a_connection_too_many_is_told_so_and_closed() {
    let server = Server::builder().in_memory().max_connections(2).start().await.unwrap();
    let first = quiet(&server).await;
    let _second = quiet(&server).await;
    let mut third = Wire::new(server.pipe());
    assert!(third.line().await.starts_with("INFO {"));
    assert_eq!(third.rest().await, "-ERR 'maximum connections exceeded'\r\n");
    drop(first);
    server.wait_for_connections(1).await;
    quiet(&server).await;
}

#[tokio::test]
async fn a_subscription_too_many_is_refused_and_the_connection_stays() {
    let server = Server::builder().in_memory().max_subscriptions(2).start().await.unwrap();
    let mut wire = quiet(&server).await;
    let over = "-ERR 'maximum subscriptions exceeded'\r\n";
    assert_eq!(
        wire.ask("SUB a 1\r\nSUB a 1\r\nSUB b 2\r\nSUB c 3\r\nSUB b 2\r\nSUB d..d 4\r\n").await,
        over.repeat(3)
    );
    assert_eq!(wire.ask("UNSUB 1\r\nSUB e 5\r\n").await, "");
}

#[tokio::test]
async fn the_payload_limit_counts_the_header_block() {
    let server = Server::builder().in_memory().max_payload(13).start().await.unwrap();
    for (sent, fits) in [
        ("PUB a 13\r\n1234567890123\r\nPING\r\n", true),
        ("PUB a 14\r\n", false),
        ("HPUB a 12 13\r\nNATS/1.0\r\n\r\nx\r\nPING\r\n", true),
        ("HPUB a 12 14\r\n", false),
    ] {
        let mut wire = quiet(&server).await;
        wire.send(sent).await;
        if fits {
            assert_eq!(wire.line().await, "PONG\r\n", "{sent:?}");
        } else {
            assert_eq!(wire.rest().await, "-ERR 'Maximum Payload Violation'\r\n", "{sent:?}");
        }
    }
}

#[tokio::test]
async fn no_payload_limit_is_announced_as_it_is() {
    let server = Server::builder().in_memory().max_payload(-1).start().await.unwrap();
    let mut wire = Wire::new(server.pipe());
    assert!(wire.line().await.contains("\"max_payload\":-1"));
    wire.send(format!("CONNECT {QUIET}\r\n")).await;
    let size = 3 << 20;
    wire.send(format!("PUB a {size}\r\n{}\r\n", "x".repeat(size))).await;
    assert_eq!(wire.ask("").await, "");
}

#[tokio::test]
async fn the_control_line_limit_holds_for_connect_too() {
    let server = Server::builder().in_memory().max_control_line(100).start().await.unwrap();
    let mut wire = Wire::new(server.pipe());
    wire.line().await;
    wire.send(format!("CONNECT {{\"name\":\"{}\"}}\r\n", "x".repeat(100))).await;
    assert_eq!(wire.rest().await, "-ERR 'maximum control line exceeded'\r\n");
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_off_without_a_word() {
    let server = Server::builder().in_memory().max_pending(1000).start().await.unwrap();
    let mut slow = Wire::new(server.pipe_with_capacity(512));
    slow.handshake(QUIET).await;
    slow.ask("SUB a 1\r\n").await;
    let mut publisher = quiet(&server).await;
    publisher.ask(format!("PUB a 100\r\n{}\r\n", "x".repeat(100)).repeat(20)).await;
    server.wait_for_connections(1).await;
    assert!(!slow.rest().await.contains("-ERR"));
}

#[tokio::test(start_paused = true)]
async fn a_write_that_takes_too_long_ends_the_connection() {
    let server = Server::builder().in_memory().write_deadline(Duration::from_secs(3)).start().await.unwrap();
    let mut slow = Wire::new(server.pipe_with_capacity(512));
    slow.handshake(QUIET).await;
    slow.ask("SUB a 1\r\n").await;
    let mut publisher = quiet(&server).await;
    publisher.ask(format!("PUB a 2000\r\n{}\r\n", "x".repeat(2000))).await;
    let began = tokio::time::Instant::now();
    server.wait_for_connections(1).await;
    assert_eq!(began.elapsed().as_secs(), 3);
    assert!(slow.rest().await.starts_with("MSG a 1 2000\r\nxxx"));
}

#[tokio::test]
async fn over_tcp_the_error_arrives_although_the_client_goes_on_sending() {
    let server = Server::builder().max_payload(10).start().await.unwrap();
    let mut wire = tcp(&server).await;
    wire.handshake(QUIET).await;
    wire.send(format!("PUB a 100000\r\n{}", "x".repeat(100_000))).await;
    assert_eq!(wire.rest().await, "-ERR 'Maximum Payload Violation'\r\n");
}

#[tokio::test]
async fn the_end_of_a_client_ends_its_subscriptions() {
    let server = memory().await;
    let mut wire = quiet(&server).await;
    wire.ask("SUB a 1\r\nSUB b q 2\r\n").await;
    assert_eq!(server.subscriptions_count(), 2);
    drop(wire);
    server.wait_for_connections(0).await;
    assert_eq!(server.subscriptions_count(), 0);
}
